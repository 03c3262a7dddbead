//! A cache that keeps everything and forgets one rule.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response, response};
use http_body_util::BodyExt;
use tower::service_fn;
use tower::util::BoxCloneService;

use crate::ledger::{Ledger, canaries};
use crate::model::{Policy, Prohibition};
use crate::origin::Origin;
use crate::people;
use crate::walk::Front;

/// What it keeps: the number of a response, and the response.
type Kept = Arc<Mutex<Vec<(usize, response::Parts, Bytes)>>>;

/// Asks `origin`, and gives to others what `policy` permits, and what it forbids for
/// this one reason.
pub(crate) fn front(origin: &Arc<Origin>, policy: &Policy, forgotten: Prohibition) -> Front {
    let (origin, policy) = (Arc::clone(origin), policy.clone());
    let kept = Kept::default();
    BoxCloneService::new(service_fn(move |request: Request<Body>| {
        let (origin, kept) = (Arc::clone(&origin), Arc::clone(&kept));
        let asker = people::number_of(&request);
        let may_have = |ledger: &mut Ledger, made: usize| {
            let verdict = ledger.permits(&policy, made, &ledger.asked[asker]);
            verdict.is_ok() || verdict == Err(forgotten)
        };
        let mut found = None;
        for (made, head, body) in kept.lock().expect("nothing panics under the lock").iter() {
            if origin.with_ledger(|ledger| may_have(ledger, *made)) {
                let body = Body::from(body.clone());
                found = Some(Response::from_parts(head.clone(), body));
            }
        }
        async move {
            if let Some(found) = found {
                return Ok(found);
            }
            let (mut head, body) = origin.answer(request).await?.into_parts();
            let body = body
                .collect()
                .await
                .map_err(std::io::Error::other)?
                .to_bytes();
            let answer = Response::from_parts(head.clone(), Body::from(body.clone()));
            head.headers.remove("set-cookie");
            let mut made = Vec::new();
            canaries(head.headers["x-canary"].as_bytes(), &mut made);
            let mut kept = kept.lock().expect("nothing panics under the lock");
            kept.push((made[0], head, body));
            Ok(answer)
        }
    }))
}
