//! A second memory beside the cache, which forgets nothing and minds nothing.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use floodwall::engine::OriginBody;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Full};

use super::Sabotage;
use crate::client::{Ask, Fields, Method};
use crate::history::Serial;
use crate::site::{X_BODY, bytes_of};
use crate::world::World;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// What the cache has answered so far.
#[derive(Default)]
pub(super) struct Hoard(Mutex<Vec<Piece>>);

struct Piece {
    page: usize,
    fields: Fields,
    at: Duration,
    purges: usize,
    headers: HeaderMap,
}

impl Hoard {
    /// What is answered in place of what the cache says.
    pub(super) fn answer(
        &self,
        does: Sabotage,
        world: &World,
        ask: &Ask,
        mut answer: Response<OriginBody>,
    ) -> Response<OriginBody> {
        let is_plain = ask.method == Method::Get && answer.status() == StatusCode::OK;
        if !is_plain {
            return answer;
        }
        if does == Sabotage::EmptyHand && ask.knows.is_none() {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
            return answer;
        }
        let now = world.runtime.elapsed();
        let purges = world.recorder.look(|history| history.purges.len());
        let mut pieces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_wrong = |piece: &&Piece| {
            let is_same = piece.page == ask.page && piece.fields == ask.fields;
            let is_another = piece.page == ask.page
                && piece.fields.identity.is_known()
                && piece.fields.identity != ask.fields.identity;
            match does {
                Sabotage::Cross => is_another,
                Sabotage::Resurrect => is_same && piece.purges < purges,
                Sabotage::GoBack => is_same,
                Sabotage::Expire => is_same && now > piece.at + Duration::from_secs(3),
                _ => false,
            }
        };
        if let Some(answer) = pieces
            .iter()
            .find(is_wrong)
            .and_then(|piece| piece.answer(world))
        {
            return answer;
        }
        pieces.push(Piece {
            page: ask.page,
            fields: ask.fields,
            at: now,
            purges,
            headers: answer.headers().clone(),
        });
        answer
    }
}

impl Piece {
    /// The whole answer once more, as a hit.
    fn answer(&self, world: &World) -> Option<Response<OriginBody>> {
        let serial = self.headers.get(X_BODY)?.to_str().ok()?.parse().ok()?;
        let serial = Serial(serial);
        let length = world
            .recorder
            .look(|history| history.call(serial).body.length);
        let body = Full::new(bytes_of(serial, 0, length)).map_err(|never| match never {});
        let mut answer = Response::new(body.boxed_unsync());
        *answer.headers_mut() = self.headers.clone();
        let hit = HeaderValue::from_static("floodwall; hit");
        answer.headers_mut().insert(CACHE_STATUS, hit);
        Some(answer)
    }
}
