//! Fields that say to some caches what `Cache-Control` says to all (RFC 9213).

use http::{HeaderMap, HeaderName};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use super::directives::{Directive, ResponseDirectives};
use super::fields;

impl ResponseDirectives {
    /// What a response says to a cache that obeys `targets`, the first one first: the
    /// first of these fields that is a Dictionary with members (RFC 9651 §3.2) takes the
    /// place of `Cache-Control` and `Expires`. One that is not is ignored as a whole
    /// (RFC 9213 §2.2).
    #[must_use]
    pub fn targeted(headers: &HeaderMap, targets: &[HeaderName]) -> Self {
        let mut said = targets.iter().filter_map(|name| targeted(headers, name));
        said.next().unwrap_or_else(|| Self::read(headers))
    }
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
