//! The wall: floodwall around an HTTP client, a tier of its own between the crowd and the site.
//! It speaks to the site over real sockets, so a reset, a hang and a site that is gone are to it
//! what they are in the world. (An application may as well wrap its own handlers; then there is no
//! socket to lose.)

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::uri::{Authority, PathAndQuery, Scheme};
use axum::http::{Request, Response, StatusCode, Uri};
use axum::response::IntoResponse;
use floodwall::Cache;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::TokioExecutor;
use tower::{Layer, Service, ServiceExt};

use crate::server::{Port, Server};

/// A render takes a quarter of a second. A fetch that takes eight times that is not coming back.
const FETCH_DEADLINE: Duration = Duration::from_secs(2);

/// Far more than the site weighs.
const CAPACITY: u64 = 64 << 20;

#[derive(Debug)]
pub(crate) struct Wall {
    cache: Cache,
    server: Server,
}

impl Wall {
    pub(crate) fn raise(origin: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let cache = Cache::builder()
            .capacity(CAPACITY)
            .fetch_deadline(FETCH_DEADLINE)
            .build()?;
        let cached = cache.layer().layer(Forward::to(origin)?);
        let service = service_fn(move |request: Request<Incoming>| {
            let cached = cached.clone();
            async move {
                let answer = cached.oneshot(request.map(Body::new)).await;
                let response = answer.map_or_else(bad_gateway, |it| it.map(Body::new));
                Ok::<_, Infallible>(response)
            }
        });
        let server = Port::any()?.serve(service)?;
        Ok(Self { cache, server })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }
}

/// What a visitor sees when the site is gone and there is no copy to show.
fn bad_gateway(_: legacy::Error) -> Response<Body> {
    StatusCode::BAD_GATEWAY.into_response()
}

/// Sends a request on to the site. The crowd sends no hop-by-hop fields and the site none back;
/// a proxy for the open world would have to strip them.
#[derive(Clone, Debug)]
struct Forward {
    client: Client<HttpConnector, Body>,
    origin: Authority,
}

impl Forward {
    fn to(origin: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let origin = Authority::try_from(origin.to_string())?;
        Ok(Self { client, origin })
    }

    fn uri(&self, asked: &Uri) -> Uri {
        let slash = PathAndQuery::from_static("/");
        let path = asked.path_and_query().cloned().unwrap_or(slash);
        let uri = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.origin.clone());
        uri.path_and_query(path)
            .build()
            .expect("three valid parts make a valid address")
    }
}

impl Service<Request<Body>> for Forward {
    type Response = Response<Incoming>;
    type Error = legacy::Error;
    type Future = legacy::ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        *request.uri_mut() = self.uri(request.uri());
        self.client.request(request)
    }
}
