//! Why the origin gave no usable answer, and how a client is told.
//!
//! The cache needs the failure as an error, because that is what lets it serve a stale copy
//! (RFC 9111, section 4.2.4, RFC 5861, section 4). Only a request that never went through a
//! shared fetch has its error turned into a response here.

use std::error::Error as _;
use std::io;

use axum::body::Body;
use http::{Response, StatusCode};
use hyper_util::client::legacy;

use super::refusal::{Close, plain};

#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyError {
    #[error("the origin cannot be reached")]
    Unreachable(#[source] legacy::Error),
    #[error("the origin did not accept a connection in time")]
    ConnectTimeout(#[source] legacy::Error),
    #[error("the origin closed the connection before answering")]
    Closed(#[source] legacy::Error),
    #[error("the origin's answer is not HTTP")]
    NotHttp(#[source] legacy::Error),
    #[error("the origin's answer is malformed: {0}")]
    Malformed(&'static str),
    #[error("the origin did not answer in time")]
    Timeout,
    #[error("the request's body stopped arriving")]
    ClientStalled,
    #[error("the request's body is broken")]
    ClientBroken,
}

impl ProxyError {
    /// Sorts what the HTTP client reports.
    pub(crate) fn from_client(error: legacy::Error) -> Self {
        if error.is_connect() {
            return if is_io(&error, io::ErrorKind::TimedOut) {
                Self::ConnectTimeout(error)
            } else {
                Self::Unreachable(error)
            };
        }
        let hyper = error
            .source()
            .and_then(|e| e.downcast_ref::<hyper::Error>());
        match hyper {
            Some(e) if e.is_parse() => Self::NotHttp(error),
            _ => Self::Closed(error),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::ConnectTimeout(_) | Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Self::ClientStalled => StatusCode::REQUEST_TIMEOUT,
            Self::ClientBroken => StatusCode::BAD_REQUEST,
            _ => StatusCode::BAD_GATEWAY,
        }
    }

    /// The answer to a request that was passed to the origin alone.
    pub(crate) fn to_response(&self) -> Response<Body> {
        // After a body that was not read to its end the connection cannot carry another request.
        let close = match self {
            Self::ClientStalled | Self::ClientBroken => Close::Yes,
            _ => Close::No,
        };
        plain(self.status(), &self.to_string(), close)
    }
}

/// Whether an I/O error of this kind is anywhere in the chain of causes.
fn is_io(error: &legacy::Error, kind: io::ErrorKind) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error
            .downcast_ref::<io::Error>()
            .is_some_and(|io| io.kind() == kind)
        {
            return true;
        }
        cause = error.source();
    }
    false
}
