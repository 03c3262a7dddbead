//! A tower service as the engine's origin.

use std::marker::PhantomData;

use async_trait::async_trait;
use bytes::{Buf, Bytes};
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use tower_service::Service;

use super::ResponseBody;
use super::future::Oneshot;
use crate::engine::{Origin, OriginBody, Origins};
use crate::error::BoxError;

/// The inner service, from which a clone is made for each fetch.
pub(super) struct Inner<S, ReqB> {
    service: S,
    body: PhantomData<fn() -> ReqB>,
}

impl<S: Clone, ReqB> Inner<S, ReqB> {
    pub(super) fn new(service: &S) -> Self {
        Self {
            service: service.clone(),
            body: PhantomData,
        }
    }

    pub(super) fn into_service(self) -> S {
        self.service
    }
}

impl<S, ReqB> Origins for Inner<S, ReqB>
where
    Self: Origin + 'static,
    S: Clone,
{
    fn origin(&mut self) -> Box<dyn Origin> {
        Box::new(Self::new(&self.service))
    }
}

#[async_trait]
impl<S, ReqB, ResB> Origin for Inner<S, ReqB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    ReqB: Default + Send + 'static,
    ResB: Body + Send + 'static,
    ResB::Data: Buf,
    ResB::Error: Into<BoxError>,
{
    async fn fetch(&mut self, request: Request<()>) -> Result<Response<OriginBody>, BoxError> {
        let request = request.map(|()| ReqB::default());
        let called = Oneshot::new(self.service.clone(), request);
        let response = called.await.map_err(Into::into)?;
        Ok(response.map(|body| ResponseBody::passed(body, None).boxed_unsync()))
    }
}

/// Costs nothing where the data are `Bytes` already.
pub(super) fn into_bytes(mut data: impl Buf) -> Bytes {
    data.copy_to_bytes(data.remaining())
}
