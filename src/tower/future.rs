use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::ResponseBody;
use crate::engine::{Pass, Reply};
use crate::policy::content_length;

type Answer<B, E> = Result<Response<ResponseBody<B>>, E>;

pin_project! {
    /// The response to come.
    ///
    /// A hit is ready at once. Dropping the future takes this request off the
    /// fetch that it waits for, and changes nothing for others; a request that
    /// passes is dropped with its call of the handler.
    pub struct ResponseFuture<S, ReqB, ResB>
    where
        S: Service<Request<ReqB>>,
    {
        #[pin]
        state: State<S, ReqB, ResB>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, ReqB, ResB>
    where
        S: Service<Request<ReqB>>,
    {
        Ready { reply: Option<Box<Reply>> },
        Pass { passing: Pin<Box<Passing<S, ReqB>>> },
        Wait { answer: Pin<Box<dyn Future<Output = Answer<ResB, S::Error>> + Send>> },
    }
}

pin_project! {
    /// A call of the handler by a request that passes. Boxed, so that those who
    /// wait do not keep room for it: it is larger than all of the rest.
    struct Passing<S, ReqB>
    where
        S: Service<Request<ReqB>>,
    {
        #[pin]
        call: Oneshot<S, Request<ReqB>>,
        pass: Option<Pass>,
    }
}

impl<S, ReqB, ResB> ResponseFuture<S, ReqB, ResB>
where
    S: Service<Request<ReqB>>,
{
    pub(super) const fn ready(reply: Box<Reply>) -> Self {
        let reply = Some(reply);
        Self {
            state: State::Ready { reply },
        }
    }

    pub(super) fn pass(call: Oneshot<S, Request<ReqB>>, pass: Pass) -> Self {
        let pass = Some(pass);
        let passing = Box::pin(Passing { call, pass });
        Self {
            state: State::Pass { passing },
        }
    }

    pub(super) fn wait(
        answer: impl Future<Output = Answer<ResB, S::Error>> + Send + 'static,
    ) -> Self {
        Self {
            state: State::Wait {
                answer: Box::pin(answer),
            },
        }
    }
}

impl<S, ReqB, ResB> Future for ResponseFuture<S, ReqB, ResB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: Body,
{
    type Output = Answer<ResB, S::Error>;

    // Polling on after the answer is a bug of the caller, as with any future.
    #[allow(clippy::expect_used)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Ready { reply } => {
                let reply = reply.take().expect("polled after it was ready");
                Poll::Ready(Ok((*reply).map(ResponseBody::ours)))
            }
            StateProj::Wait { answer } => answer.as_mut().poll(cx),
            StateProj::Pass { passing } => {
                let passing = passing.as_mut().project();
                let response = ready!(passing.call.poll(cx))?;
                let pass = passing.pass.take().expect("polled after it was ready");
                Poll::Ready(Ok(finished(pass, response)))
            }
        }
    }
}

/// The handler's own answer to a request that passed.
pub(super) fn finished<B: Body>(
    pass: Pass,
    mut response: Response<B>,
) -> Response<ResponseBody<B>> {
    let said = content_length(response.headers());
    let length = said.or_else(|| response.body().size_hint().exact());
    let recording = pass.finish(&mut response, length);
    response.map(|body| ResponseBody::passed(body, recording))
}

impl<S, ReqB, ResB> fmt::Debug for ResponseFuture<S, ReqB, ResB>
where
    S: Service<Request<ReqB>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Ready { .. } => "ready",
            State::Pass { .. } => "pass",
            State::Wait { .. } => "wait",
        };
        f.debug_tuple("ResponseFuture").field(&state).finish()
    }
}

pin_project! {
    /// Drives one clone of a service to readiness and calls that same clone.
    pub(super) struct Oneshot<S, R>
    where
        S: Service<R>,
    {
        service: S,
        request: Option<R>,
        #[pin]
        called: Option<S::Future>,
    }
}

impl<S, R> Oneshot<S, R>
where
    S: Service<R>,
{
    pub(super) const fn new(service: S, request: R) -> Self {
        Self {
            service,
            request: Some(request),
            called: None,
        }
    }
}

impl<S, R> Future for Oneshot<S, R>
where
    S: Service<R>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            if let Some(called) = this.called.as_mut().as_pin_mut() {
                return called.poll(cx);
            }
            ready!(this.service.poll_ready(cx))?;
            match this.request.take() {
                Some(request) => this.called.set(Some(this.service.call(request))),
                None => return Poll::Pending,
            }
        }
    }
}
