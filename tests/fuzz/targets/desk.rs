//! A cache on one thread: requests are asked one after the other, tasks run when
//! somebody waits for them, and time stands still until it is moved.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use floodwall::engine::{Lookup, Origin, OriginBody, Origins, Settled};
use floodwall::{BoxError, Cache, CacheBuilder, Clock, Moment, Runtime, Task};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode, request};
use http_body::Body;
use http_body_util::{BodyExt, Full};

use super::text;

/// What the handler does: a response for a request.
pub(crate) type Handler = Arc<dyn Fn(&Request<()>) -> Response<Bytes> + Send + Sync>;

/// The cache, and what it needs of a runtime.
pub(crate) struct Desk {
    pub(crate) cache: Cache,
    time: Arc<Time>,
    handler: Handler,
}

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// The handler answered it itself.
    pub(crate) passed: bool,
}

#[derive(Default)]
struct Time {
    seconds: AtomicU64,
    tasks: Mutex<Vec<Task>>,
}

struct Handle(Arc<Time>);

impl Clock for Handle {
    fn now(&self) -> Moment {
        Moment::new(Duration::from_secs(self.0.seconds.load(Ordering::Relaxed)))
    }

    fn wall(&self) -> SystemTime {
        text::wall() + self.now().since_start()
    }
}

impl Runtime for Handle {
    fn sleep(&self, span: Duration) -> Task {
        let (time, end) = (Self(Arc::clone(&self.0)), self.now().plus(span));
        Box::pin(std::future::poll_fn(move |_| match time.now() < end {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }))
    }

    fn spawn(&self, task: Task) {
        self.0.tasks.lock().expect("no task panics").push(task);
    }
}

impl Time {
    /// Polls every task once.
    fn run(&self, cx: &mut Context<'_>) {
        let tasks = std::mem::take(&mut *self.tasks.lock().expect("no task panics"));
        for mut task in tasks {
            if task.as_mut().poll(cx).is_pending() {
                self.tasks.lock().expect("no task panics").push(task);
            }
        }
    }
}

struct Fetch(Handler);

impl Origins for Fetch {
    fn origin(&mut self) -> Box<dyn Origin> {
        Box::new(Self(Arc::clone(&self.0)))
    }
}

#[async_trait::async_trait]
impl Origin for Fetch {
    async fn fetch(&mut self, request: Request<()>) -> Result<Response<OriginBody>, BoxError> {
        let whole = |body| {
            Full::new(body)
                .map_err(|never| match never {})
                .boxed_unsync()
        };
        Ok((self.0)(&request).map(whole))
    }
}

impl Desk {
    pub(crate) fn new(builder: CacheBuilder, handler: Handler) -> Self {
        Self::if_legal(builder, handler).expect("the settings are legal")
    }

    /// A desk, if the settings are legal.
    pub(crate) fn if_legal(builder: CacheBuilder, handler: Handler) -> Option<Self> {
        let time = Arc::new(Time::default());
        let builder = builder.runtime(Handle(Arc::clone(&time)));
        Some(Self {
            cache: builder.build().ok()?,
            time,
            handler,
        })
    }

    /// Lets so many seconds pass.
    pub(crate) fn pass(&self, seconds: u64) {
        self.time.seconds.fetch_add(seconds, Ordering::Relaxed);
        self.wait(std::future::ready(()));
    }

    /// Asks, as a shell does.
    pub(crate) fn ask(&self, parts: &request::Parts) -> Told {
        let engine = self.cache.engine();
        let mut origins = Fetch(Arc::clone(&self.handler));
        let pass = match engine.lookup(parts.into(), false) {
            Lookup::Reply(reply, refresh) => {
                if let Some(refresh) = refresh {
                    refresh.start(origins.origin(), parts);
                }
                return self.told(*reply, false);
            }
            Lookup::Pass(pass) => pass,
            Lookup::Wait(wait) => match self.wait(engine.settle(wait, parts, &mut origins)) {
                Settled::Reply(reply) => return self.told(*reply, false),
                Settled::Pass(pass) => pass,
            },
        };
        let mut response = (self.handler)(&Request::from_parts(parts.clone(), ()));
        pass.finish(&mut response, None);
        self.told(response.map(Full::new), true)
    }

    fn told<B: Body<Data = Bytes>>(&self, response: Response<B>, passed: bool) -> Told {
        let (head, body) = response.into_parts();
        let body = self
            .wait(body.collect())
            .map(|body| body.to_bytes().to_vec());
        Told {
            status: head.status,
            headers: head.headers,
            body: body.unwrap_or_default(),
            passed,
        }
    }

    fn wait<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..1000 {
            let polled: Poll<F::Output> = Pin::new(&mut future).poll(&mut cx);
            self.time.run(&mut cx);
            if let Poll::Ready(output) = polled {
                return output;
            }
        }
        panic!("nothing comes of it, and nothing is left to wait for");
    }
}

/// A request from a block: its target in the first line, then its fields; those that
/// are not among `kept` are left out.
pub(crate) fn asked(block: &[u8], kept: impl Fn(&HeaderName) -> bool) -> Option<request::Parts> {
    let target = text::lines(block).next().unwrap_or_default();
    let mut request = Request::builder().uri(target).body(()).ok()?;
    let fields = text::head(block);
    let fields = fields.iter().filter(|(name, _)| kept(name));
    *request.headers_mut() =
        text::append(fields.map(|(name, value)| (name.clone(), value.clone())));
    Some(request.into_parts().0)
}
