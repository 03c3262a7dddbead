//! Code of the application that panics: handlers, bodies, what they hold, wakers.
//! One request is lost, or one fetch; nothing else is.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::panic::panic_any;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::{BoxFuture, join_all};
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceExt};

use crate::setting::{EVERYONE, FRESH, NOMINAL, builder, eventually, nominal, text};
use crate::support::{Answer, Site, all, get, is_quiet, page};

/// Why a handler of these tests panics.
struct AsTheTestWants;

fn boom() -> ! {
    panic_any(AsTheTestWants)
}

/// A body whose drop panics, as a body that flushes something may.
struct PanicsWhenDropped(Body);

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            boom();
        }
    }
}

impl http_body::Body for PanicsWhenDropped {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }
}

/// The first call panics where it is told to, all others answer.
fn panicking(place: &'static str) -> Site {
    Site::with(builder(), move |call| {
        let first = call.number == 0;
        if first && place == "call" {
            boom();
        }
        async move {
            sleep(NOMINAL).await;
            match place {
                "head" if first => boom(),
                "body" if first => {
                    let half = stream::once(async { Ok::<_, Infallible>(Bytes::from("half")) });
                    let rest = stream::once(async { boom() });
                    page(&[FRESH], Body::from_stream(half.chain(rest)))
                }
                "drop" if first => {
                    let body = Body::from(text(call.number));
                    page(&[FRESH], Body::new(PanicsWhenDropped(body)))
                }
                _ => page(&[FRESH], text(call.number)),
            }
        }
    })
}

#[tokio::test(start_paused = true)]
async fn f05_a_handler_that_panics_spoils_one_fetch_and_no_more() {
    for (place, answered, calls) in [
        // Without an answer they try once more, together.
        ("call", Ok(text(1)), 2),
        ("head", Ok(text(1)), 2),
        // They have had the head of this one.
        ("body", Err("half".to_owned()), 1),
        // All of it had come.
        ("drop", Ok(text(0)), 1),
    ] {
        let site = panicking(place);
        let answers = join_all(site.crowd("/", EVERYONE)).await;
        for answer in answers {
            let answer = answer.expect("no request panics");
            let whole = answered.clone().map(Bytes::from).map_err(Bytes::from);
            assert_eq!(answer.body, whole, "{place}");
        }
        assert_eq!(site.calls(), calls, "{place}");
        site.until_quiet().await;
        let next = site.get("/").await;
        let expected = if place == "drop" { 0 } else { 1 };
        assert_eq!(next.text(), text(expected), "{place}");
        assert_eq!(next.is_hit(), place != "body", "{place}");
    }
}

#[tokio::test(start_paused = true)]
async fn f05_a_handler_that_always_panics_is_called_twice_for_a_crowd() {
    let site = Site::with(builder(), |_| async move {
        sleep(NOMINAL).await;
        boom()
    });
    let start = Instant::now();
    for answer in all(site.crowd("/", EVERYONE)).await {
        assert_eq!(answer.status, 500);
        assert!(answer.cache_status().ends_with("detail=lost"));
    }
    assert_eq!(start.elapsed(), 2 * NOMINAL);
    assert_eq!(site.calls(), 2);
    site.until_quiet().await;
}

/// Where the code of an application panics, once it is armed; then never again.
#[derive(Clone)]
struct Trap(Arc<(&'static str, AtomicBool)>);

impl Trap {
    fn new(place: &'static str) -> Self {
        Self(Arc::new((place, AtomicBool::new(false))))
    }

    fn arm(&self) {
        self.0.1.store(true, Ordering::SeqCst);
    }

    /// Whether it is armed and for this place; it is not any more then.
    fn springs(&self, place: &str) -> bool {
        let (armed_for, armed) = &*self.0;
        *armed_for == place && armed.swap(false, Ordering::SeqCst)
    }

    fn spring(&self, place: &str) {
        if self.springs(place) {
            boom();
        }
    }
}

/// A service, its error, its body and what else it hands out, each with the trap.
struct Trapped {
    trap: Trap,
    calls: Arc<AtomicUsize>,
}

impl Clone for Trapped {
    fn clone(&self) -> Self {
        self.trap.spring("the service's clone");
        let (trap, calls) = (self.trap.clone(), Arc::clone(&self.calls));
        Self { trap, calls }
    }
}

impl Service<Request<Body>> for Trapped {
    type Response = Response<TrappedBody>;
    type Error = TrappedError;
    type Future = BoxFuture<'static, Result<Response<TrappedBody>, TrappedError>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), TrappedError>> {
        self.trap.spring("poll_ready");
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: Request<Body>) -> Self::Future {
        self.trap.spring("call");
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let trap = self.trap.clone();
        Box::pin(async move {
            sleep(NOMINAL).await;
            trap.spring("the future");
            if number == 0 && trap.0.0.starts_with("the error's") {
                return Err(TrappedError(trap));
            }
            let body = TrappedBody(trap.clone(), Body::from(text(number)));
            let mut response = page(&[FRESH], "").map(|_| body);
            response.extensions_mut().insert(TrappedExtension(trap));
            Ok(response)
        })
    }
}

struct TrappedError(Trap);

impl fmt::Debug for TrappedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TrappedError")
    }
}

impl fmt::Display for TrappedError {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        boom()
    }
}

impl Error for TrappedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.spring("the error's source");
        None
    }
}

impl Drop for TrappedError {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.0.spring("the error's drop");
        }
    }
}

struct TrappedBody(Trap, Body);

impl http_body::Body for TrappedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.1).poll_frame(cx)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.spring("the body's size hint");
        self.1.size_hint()
    }
}

#[derive(Clone)]
struct TrappedExtension(Trap);

impl Drop for TrappedExtension {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.0.spring("the extension's drop");
        }
    }
}

/// What a layer further out may have put into a request.
struct TrappedInRequest(Trap);

impl Clone for TrappedInRequest {
    fn clone(&self) -> Self {
        self.0.spring("the request's extension");
        Self(self.0.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn f37_code_that_panics_is_one_request_or_one_fetch_lost() {
    // What becomes of the one who comes first, and of the others; and how often
    // the handler answers.
    for (place, first, others, calls) in [
        ("the service's clone", None, 200, 1),
        ("the request's extension", None, 200, 1),
        ("poll_ready", Some(200), 200, 1),
        ("call", Some(200), 200, 1),
        ("the future", Some(200), 200, 2),
        ("the body's size hint", Some(200), 200, 2),
        ("the extension's drop", Some(200), 200, 1),
        ("the error's source", Some(200), 200, 2),
        ("the error's drop", Some(502), 502, 1),
    ] {
        let trap = Trap::new(place);
        let answered = Arc::new(AtomicUsize::new(0));
        let cache = builder().build().expect("legal settings");
        let service = cache.layer().layer(Trapped {
            trap: trap.clone(),
            calls: Arc::clone(&answered),
        });
        let requests = (0..EVERYONE).map(|at| {
            let (mut service, trap) = (service.clone(), trap.clone());
            tokio::spawn(async move {
                let mut request = get("/");
                if at == 0 {
                    request.extensions_mut().insert(TrappedInRequest(trap));
                }
                let response = service.call(request).await.expect("no error");
                Answer::read(response.map(Body::new)).await
            })
        });
        let requests: Vec<_> = requests.collect();
        trap.arm();
        let mut answers = join_all(requests).await.into_iter();
        let status = |answer: Result<Answer, _>| answer.ok().map(|got| got.status.as_u16());
        assert_eq!(answers.next().map(status), Some(first), "{place}");
        for answer in answers {
            assert_eq!(status(answer), Some(others), "{place}");
        }
        assert_eq!(answered.load(Ordering::SeqCst), calls, "{place}");
        assert!(!trap.springs(place), "{place} was not tried");
        // The cache goes on.
        let next = service.clone().oneshot(get("/")).await.expect("no error");
        assert_eq!(next.status(), 200, "{place}");
        drop(next);
        eventually(&cache, is_quiet).await;
    }
}

/// A waker that panics.
struct Alarm;

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        boom();
    }
}

#[tokio::test(start_paused = true)]
async fn f37_a_waker_that_panics_keeps_nobody_asleep() {
    // The one who panics waits before, amid and behind the others.
    for before in [0, 25, EVERYONE - 1] {
        let (site, gauge) = nominal(builder(), &[FRESH]);
        let mut crowd = site.crowd("/", before);
        site.until(|now| now.waiting == before as u64).await;
        let mut alarmed = pin!(site.app.clone().call(get("/")));
        let waker = Waker::from(Arc::new(Alarm));
        let polled = alarmed.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        crowd.extend(site.crowd("/", EVERYONE - 1 - before));
        let start = Instant::now();
        for answer in all(crowd).await {
            assert_eq!(answer.text(), text(0));
        }
        assert_eq!(start.elapsed(), NOMINAL);
        let late = alarmed.await.unwrap_or_else(|never| match never {});
        assert_eq!(Answer::read(late).await.text(), text(0));
        assert_eq!((site.calls(), gauge.most()), (1, 1));
        site.until_quiet().await;
    }
}

/// Memory whose owner panics when it is let go.
struct PanickingOwner(Vec<u8>, Trap);

impl AsRef<[u8]> for PanickingOwner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for PanickingOwner {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.1.spring("the memory");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn f37_memory_that_panics_when_it_is_let_go_leaves_the_books_right() {
    // A body that is not stored is let go piece by piece as it is read.
    let trap = Trap::new("the memory");
    let armed = trap.clone();
    let site = Site::with(builder(), move |_| {
        let trap = trap.clone();
        async move {
            let chunks = stream::iter(0..10).then(move |number| {
                let owner = PanickingOwner(text(number).into_bytes(), trap.clone());
                async move {
                    sleep(NOMINAL).await;
                    Ok::<_, Infallible>(Bytes::from_owner(owner))
                }
            });
            page(&[], Body::from_stream(chunks))
        }
    });
    let readers = site.crowd("/", EVERYONE);
    site.until(|now| now.waiting == EVERYONE as u64).await;
    sleep(3 * NOMINAL).await;
    armed.arm();
    let whole: String = (0..10).map(text).collect();
    for answer in all(readers).await {
        // The fetch let it go, and was lost by that.
        let read = answer.body.expect_err("cut");
        assert!(whole.as_bytes().starts_with(&read));
    }
    assert!(!armed.springs("the memory"), "it was not tried");
    site.until_quiet().await;
    assert_eq!(site.get("/").await.text(), whole);
    site.until_quiet().await;
}
