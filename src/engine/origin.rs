//! Whatever is behind the layer.

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;

use crate::error::BoxError;

/// The body of an origin's response.
pub type OriginBody = UnsyncBoxBody<Bytes, BoxError>;

/// One fetch's view of the handler.
///
/// The request is a GET without a body, or a QUERY to be sent with the
/// [`QueryContent`](crate::policy::QueryContent) in its extensions, and without the client's conditions and
/// ranges; when a stored response is to be validated, it has our own
/// `If-None-Match` and `If-Modified-Since`.
#[async_trait]
pub trait Origin: Send {
    /// Asks the handler.
    ///
    /// The future may be dropped before it is ready: the deadline has passed. A
    /// panic in it ends the fetch and nothing else.
    ///
    /// # Errors
    /// Any error means that there was no response: stale copies may be served.
    async fn fetch(&mut self, request: Request<()>) -> Result<Response<OriginBody>, BoxError>;
}

/// Makes an [`Origin`] for each fetch that a request turns out to need.
pub trait Origins: Send {
    /// A fresh view of the same handler.
    fn origin(&mut self) -> Box<dyn Origin>;
}
