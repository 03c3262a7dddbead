//! The innermost service: one request over one HTTP/1.1 connection to the origin.
//!
//! It returns failures as errors, so that the cache around it can answer from a stale copy, and
//! hands over a response only once its head is fit to be stored. The body streams; if the
//! origin cuts it short the body ends in an error, and the client sees a cut response too.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use http::header::{CONTENT_LENGTH, IF_MODIFIED_SINCE, IF_NONE_MATCH, VIA};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use tower::Service;

use super::error::ProxyError;
use super::exchange::Exchange;
use super::options::Options;
use super::{framing, hops};

/// Who is asking; kept beside the request, out of the cache's sight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

#[derive(Clone, Debug)]
pub(crate) struct Origin {
    exchange: Exchange,
    authority: Authority,
    forwarded: bool,
}

impl Origin {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            exchange: Exchange::new(options),
            authority: options.origin.clone(),
            forwarded: options.forwarded,
        }
    }

    async fn fetch(self, mut request: Request<Body>) -> Result<Response<Incoming>, ProxyError> {
        *request.uri_mut() = self.locate(request.uri())?;
        *request.version_mut() = Version::HTTP_11;
        add_via(request.headers_mut());
        if self.forwarded {
            add_forwarded_for(&mut request);
        }
        let conditional = asks_whether_modified(request.headers());
        let mut response = self.exchange.answer(request).await?;
        // RFC 9110, section 15.4.5: to someone who has nothing it says nothing.
        if response.status() == StatusCode::NOT_MODIFIED && !conditional {
            return Err(ProxyError::Malformed("a 304 that nobody asked for"));
        }
        clean(&mut response)?;
        Ok(response)
    }

    /// The same target at the origin. The client connects by this authority and sends only the
    /// path; the `Host` field stays the one the visitor asked for.
    fn locate(&self, target: &Uri) -> Result<Uri, ProxyError> {
        let path = target
            .path_and_query()
            .cloned()
            .unwrap_or_else(|| PathAndQuery::from_static("/"));
        Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .map_err(|_| ProxyError::ClientBroken)
    }
}

impl Service<Request<Body>> for Origin {
    type Response = Response<Incoming>;
    type Error = ProxyError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ProxyError>> + Send>>;

    /// Always ready: how many may ask the origin at once is the cache's `origin_limit`.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ProxyError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().fetch(request))
    }
}

/// With strict forwarding the cache drops the `Via` that came with the request, yet every request
/// to the origin must carry one (RFC 9110, section 7.6.3).
fn add_via(headers: &mut HeaderMap) {
    headers
        .entry(VIA)
        .or_insert(HeaderValue::from_static("1.1 floodwall"));
}

/// Appends the visitor's address. This happens below the cache, so it must not change a shared
/// answer: a fetch for many carries the address of the first, a background refresh none.
fn add_forwarded_for(request: &mut Request<Body>) {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
    let value = peer.and_then(|ip| HeaderValue::try_from(ip.to_string()).ok());
    if let Some(value) = value {
        let name = HeaderName::from_static("x-forwarded-for");
        request.headers_mut().append(name, value);
    }
}

fn asks_whether_modified(headers: &HeaderMap) -> bool {
    headers.contains_key(IF_NONE_MATCH) || headers.contains_key(IF_MODIFIED_SINCE)
}

/// Makes the head fit to be stored and sent on, or refuses it.
fn clean(response: &mut Response<Incoming>) -> Result<(), ProxyError> {
    // Nobody asked to switch protocols: Upgrade was removed. Other interim answers hyper skips.
    if response.status().is_informational() {
        return Err(ProxyError::Malformed("it switches protocols unasked"));
    }
    if response.status() == StatusCode::NO_CONTENT {
        // RFC 9110, section 8.6.
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    settle_framing(response.headers_mut())?;
    hops::clean_response(response.headers_mut());
    *response.version_mut() = Version::HTTP_11;
    Ok(())
}

fn settle_framing(headers: &mut HeaderMap) -> Result<(), ProxyError> {
    framing::settle(headers).map_err(|flaw| {
        ProxyError::Malformed(match flaw {
            framing::Flaw::Coding => "its transfer coding is not chunked",
            framing::Flaw::Both => "both Content-Length and Transfer-Encoding",
            framing::Flaw::Length => "its Content-Length is not one number",
        })
    })
}
