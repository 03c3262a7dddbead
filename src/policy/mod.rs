//! What HTTP allows: the rules, and nothing else.
//!
//! A request's head, a response's head, stored facts, and the time go in;
//! decisions with their reasons come out. Nothing here does I/O, reads a clock,
//! spawns, locks, or knows a runtime or a framework; nothing here imports from
//! `engine`, `flight`, `store` or a shell.
//!
//! The questions, in the order in which a request meets them:
//!
//! 1. [`RequestFacts::read`]: is this a request that a cache may answer?
//! 2. [`Variant::matches`], [`Equivalent::covers`]: is a stored response the one that it
//!    selects (RFC 9111 §4.1, No-Vary-Search)?
//! 3. [`Shareable::prove`]: may it have a response that another caused (§3.5)?
//! 4. [`Lifetime::reuse`]: may it have it now, without asking the origin (§4.2)?
//! 5. [`is_not_modified`], [`if_range_holds`], [`Ranges::read`]: in which form?
//! 6. [`judge`]: a response arrives; who may have it, and may it be stored (§3)?
//! 7. [`validates`], [`updated`]: a 304 arrives; whose is it, and what does it
//!    change (§4.3.4)?
//! 8. [`Lifetime::serves_on_error`]: the origin failed; may the old one be
//!    served (RFC 5861 §4)?
//! 9. [`changes_target`]: something was changed; what is invalid now (§4.4)?
//!
//! # In doubt
//!
//! A field that cannot be read to its end never makes a response more storable,
//! fresher or more shareable than its most restrictive readable part.

mod coding;
mod conditional;
mod date;
mod directives;
pub(crate) mod fields;
mod freshness;
mod invalidate;
mod offer;
mod post;
mod query;
mod range;
mod reason;
mod request;
mod response;
mod role;
mod rules;
mod selector;
mod sharing;
mod status;
mod stored;
mod tags;
mod targeted;
mod url_variation;
mod vary;

pub(crate) use conditional::{describes, validators};
pub use conditional::{if_range_holds, is_not_modified, validates};
pub use directives::{RequestDirectives, ResponseDirectives};
pub use freshness::{Lifetime, Reuse, Standing};
pub use invalidate::{changes_target, named_targets};
pub(crate) use post::says_it_stands_for_get;
pub use query::{QueryContent, content_is_keyed};
pub(crate) use query::{is_metadata, is_query};
pub use range::Ranges;
pub use reason::Reason;
pub use request::{RequestFacts, RequestHead, is_safe};
pub use response::{Remember, ResponseFacts, ResponseHead, Verdict, judge};
pub(crate) use response::{content_length, head_size};
pub(crate) use role::Role;
pub use rules::{Authorization, Cookies, Rules, SetCookie, Statuses};
pub(crate) use selector::Asked;
pub use sharing::{Permission, Shareable};
pub use status::is_failure;
pub(crate) use stored::{CONTENT_DIGEST, REPR_DIGEST};
pub use stored::{end_to_end, hide_tags, updated};
pub use tags::{Tags, invalid_groups};
pub(crate) use url_variation::without;
pub use url_variation::{Equivalent, UrlVariation};
pub use vary::{Variant, VaryNames};
