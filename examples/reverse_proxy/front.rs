//! One request from the client's side: vetted, handed to the cache, and always answered.

use std::net::SocketAddr;

use axum::body::Body;
use floodwall::{Cache, QueryService};
use http::uri::Authority;
use http::{Request, Response};
use hyper::body::Incoming;
use tower::{Layer, ServiceExt};

use super::options::Options;
use super::origin::{Origin, Peer};
use super::{max_forwards, vet};

#[derive(Clone, Debug)]
pub(crate) struct Front {
    wall: QueryService<Origin>,
    authority: Authority,
}

impl Front {
    pub(crate) fn new(cache: &Cache, options: &Options) -> Self {
        Self {
            wall: cache.layer().with_queries().layer(Origin::new(options)),
            authority: options.origin.clone(),
        }
    }

    pub(crate) async fn answer(
        self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Body> {
        let request = request.map(Body::new);
        let mut request = match vet::vet(request, &self.authority) {
            Ok(request) => request,
            Err(refusal) => return refusal.to_response(),
        };
        match max_forwards::settle(&mut request) {
            Ok(None) => {}
            Ok(Some(response)) => return response,
            Err(refusal) => return refusal.to_response(),
        }
        request.extensions_mut().insert(Peer(peer));
        match self.wall.oneshot(request).await {
            Ok(response) => response.map(Body::new),
            Err(error) => error.to_response(),
        }
    }
}
