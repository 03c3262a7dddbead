//! One hit after another, for `scripts/instructions` to count what they take.
//!
//! ```sh
//! scripts/instructions            # instructions for each hit, as it is
//! scripts/instructions COMMIT     # and beside it, as it was then
//! ```
//!
//! `hits KIND COUNT` stores a page of 1 KiB, and asks for it so often on one thread; the
//! request is made and the answer read each time. Of two counts the difference is that of
//! the hits alone. Without arguments each kind is asked for a few times.

use std::convert::Infallible;

use bytes::Bytes;
use floodwall::Cache;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, service_fn};

const KINDS: [&str; 3] = ["plain", "vary", "not-modified"];

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    match given.as_slice() {
        [kind, count] if KINDS.contains(&kind.as_str()) => {
            run(kind, count.parse().expect("a count"));
        }
        _ => KINDS.iter().for_each(|kind| run(kind, 10)),
    }
}

fn run(kind: &str, count: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let cache = Cache::builder().build().expect("the defaults are legal");
        let varies = kind == "vary";
        let origin =
            service_fn(
                move |_: Request<Full<Bytes>>| async move { Ok::<_, Infallible>(page(varies)) },
            );
        let mut service = cache.layer().layer(origin);
        for asked in 0..=count {
            let kind = if asked == 0 { "" } else { kind };
            let answer = service.call(request(kind)).await.expect("answered");
            let body = answer.into_body().collect().await.expect("whole");
            std::hint::black_box(body.to_bytes());
            while asked == 0 && cache.stats().flights > 0 {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(cache.stats().hits, count as u64);
    });
}

fn page(varies: bool) -> Response<Full<Bytes>> {
    let mut page = Response::builder()
        .header("cache-control", "max-age=600")
        .header("content-type", "text/html")
        .header("etag", "\"1\"");
    if varies {
        page = page.header("vary", "accept-language");
    }
    let body = Full::new(Bytes::from(vec![b'x'; 1024]));
    page.body(body).expect("a legal response")
}

fn request(kind: &str) -> Request<Full<Bytes>> {
    let mut request = Request::get("/page?a=1&b=2")
        .header("host", "good.test")
        .header("accept", "*/*")
        .header("user-agent", "curl/8")
        .header("accept-encoding", "gzip, br")
        .header("accept-language", "en");
    if kind == "not-modified" {
        request = request.header("if-none-match", "\"1\"");
    }
    request.body(Full::default()).expect("a legal request")
}
