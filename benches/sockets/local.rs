//! A server in this process, on a thread of its own: where the origin's clock
//! and the client's have to be the same, or the cache is to be looked at.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use tokio::runtime::{Builder, Runtime};

use crate::server::listen;

/// A server, until it is dropped.
#[derive(Debug)]
pub(crate) struct Local {
    runtime: Option<Runtime>,
    pub(crate) address: SocketAddr,
}

impl Local {
    pub(crate) async fn start(app: Router, workers: u32) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(workers as usize)
            .enable_all()
            .build()?;
        let serving = runtime.spawn(async move {
            let listener = listen()?;
            let address = listener.local_addr()?;
            let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
                if let Err(error) = stream.set_nodelay(true) {
                    eprintln!("a connection keeps its delay: {error}");
                }
            });
            tokio::spawn(axum::serve(listener, app).into_future());
            io::Result::Ok(address)
        });
        Ok(Self {
            address: serving.await??,
            runtime: Some(runtime),
        })
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // Waiting for its tasks is not allowed where other tasks run.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
