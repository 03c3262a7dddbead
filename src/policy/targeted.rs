//! Fields that say to some caches what `Cache-Control` says to all: targeted ones
//! (RFC 9213), and `Surrogate-Control` (Edge Architecture Specification 1.0).

use http::{HeaderMap, HeaderName};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use super::directives::{Directive, ResponseDirectives};
use super::fields;
use super::rules::Rules;
use super::tags::SURROGATE_CONTROL;

impl ResponseDirectives {
    /// What a response says to a cache with these rules.
    ///
    /// Of the [`targets`](Rules::targets) the first that is a Dictionary with members
    /// (RFC 9651 §3.2) takes the place of `Cache-Control` and `Expires`; one that is not
    /// is ignored as a whole (RFC 9213 §2.2). After them comes `Surrogate-Control`, if
    /// the rules read it.
    #[must_use]
    pub fn targeted(headers: &HeaderMap, rules: &Rules) -> Self {
        let mut said = rules.targets.iter();
        said.find_map(|name| targeted(headers, name))
            .or_else(|| rules.surrogate_control.then(|| surrogate(headers))?)
            .unwrap_or_else(|| Self::read(headers))
    }
}

/// What `Surrogate-Control` says: for how long, and `+` for how much longer while it is
/// refreshed or the origin fails; or `no-store`. What is for a device with a name is not
/// for us. Only `private` and `public` are left to `Cache-Control`: that a page is for
/// one person is true for every cache.
fn surrogate(headers: &HeaderMap) -> Option<ResponseDirectives> {
    let all = ResponseDirectives::read(headers);
    let mut said = ResponseDirectives {
        targeted: true,
        private: all.private,
        public: all.public,
        shares: all.public,
        ..ResponseDirectives::default()
    };
    for member in fields::list(headers, &SURROGATE_CONTROL) {
        said.malformed |= member.unclosed;
        let mut parts = member.text.splitn(2, |byte| *byte == b'=');
        let (name, value) = (parts.next()?.trim_ascii(), parts.next());
        said.no_store |= name.eq_ignore_ascii_case(b"no-store");
        if name.eq_ignore_ascii_case(b"max-age") && !member.text.contains(&b';') {
            let mut spans = value.unwrap_or_default().splitn(2, |byte| *byte == b'+');
            let mut span = || {
                spans
                    .next()
                    .map(<[u8]>::trim_ascii)
                    .and_then(fields::seconds)
            };
            let (lasts, longer) = (span(), span());
            let lasts = lasts.unwrap_or_default();
            said.max_age = Some(said.max_age.map_or(lasts, |before| before.min(lasts)));
            said.stale_while_revalidate = longer;
            said.stale_if_error = longer;
        }
    }
    (said.no_store || said.max_age.is_some()).then_some(said)
}

fn targeted(headers: &HeaderMap, name: &HeaderName) -> Option<ResponseDirectives> {
    let value = fields::joined(headers, name)?;
    let members: Dictionary = Parser::new(&value).parse().ok()?;
    let mut said = ResponseDirectives {
        targeted: true,
        ..ResponseDirectives::default()
    };
    for (name, member) in &members {
        let integer;
        let value = match member {
            ListEntry::Item(item) => match item.bare_item {
                // Said not to be so.
                BareItem::Boolean(false) => continue,
                BareItem::Boolean(true) => None,
                BareItem::Integer(seconds) => {
                    integer = seconds.to_string();
                    Some(integer.as_bytes())
                }
                _ => Some(&b""[..]),
            },
            ListEntry::InnerList(_) => Some(&b""[..]),
        };
        let name = name.as_str().as_bytes();
        said.note(&Directive::new(name, value));
    }
    (!members.is_empty()).then_some(said)
}
