use crate::client::Ask;
use crate::history::*;
use crate::site::Leader;
use crate::world::World;
use bytes::Bytes;
use floodwall::engine::{OriginBody, Pass};
use floodwall::{BoxError, Stats};
use http::{Request, Response};
use http_body::Frame;
use std::future::Future;
use std::sync::Arc;

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Sabotage {
    Mix,
}
pub(crate) fn self_test(_: u64) -> bool {
    true
}
#[derive(Default)]
pub(crate) struct Saboteur;
type NextFrame = Option<Result<Frame<Bytes>, BoxError>>;
impl Saboteur {
    pub(crate) fn new(_: Option<Sabotage>) -> Self {
        Self
    }
    pub(crate) fn stats(&self, stats: Stats) -> Stats {
        stats
    }
    pub(crate) fn double_fetch(&self, _: &Arc<World>, _: Caller, _: &Request<()>) {}
    pub(crate) fn spread_panic(&self, _: &World, _: &usize) {}
    pub(crate) fn refresh_twice(&self, _: &Leader) {}
    pub(crate) fn after_call(&self, _: &Arc<World>, _: RequestId, _: &Ask) {}
    pub(crate) async fn before_waiting(&self, _: &Arc<World>) {}
    pub(crate) async fn waiting<T>(&self, settle: impl Future<Output = T>) -> T {
        settle.await
    }
    pub(crate) fn after_waiting(&self, _: &Arc<World>, _: RequestId, _: &Ask) {}
    pub(crate) async fn before_passing(&self, _: &Arc<World>, _: &Pass, _: RequestId, _: &Ask) {}
    pub(crate) fn replace(
        &self,
        _: &World,
        _: &Ask,
        response: Response<OriginBody>,
    ) -> Response<OriginBody> {
        response
    }
    pub(crate) fn read(&self, next: NextFrame) -> NextFrame {
        next
    }
    pub(crate) fn mix(&self, _: &World, chunk: Bytes) -> Bytes {
        chunk
    }
    pub(crate) fn end(&self, end: ReadEnd) -> ReadEnd {
        end
    }
    pub(crate) fn keep(&self, _: &World, _: OriginBody) {}
}
