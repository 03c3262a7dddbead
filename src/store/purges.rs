//! Purges, as a count and a few rules.
//!
//! Every purge gets the next number. A fetch knows how many purges had been made
//! when it began, and so does what it stored: a response is gone if a purge that
//! names it has a higher number. Making a purge therefore costs the same however
//! much is stored, and wins over every fetch that is under way.
//!
//! A hit pays one comparison: a response that was checked against all purges so
//! far is not checked again until there is another one, and then against those that
//! are newer, under a lock that hits share.
//!
//! What clients change by unsafe methods is marked in a table of fixed size, where
//! two pages may share a place: whoever can POST to endlessly many URIs takes along
//! a page now and then, and cannot make the table grow.
//!
//! Rules are bounded. When there are too many, the oldest half is folded into
//! "whatever began before that": more is purged than was asked, never less.

mod changed;
mod marks;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use smallvec::SmallVec;

use changed::Changed;
use marks::{Marks, Named};

use super::purge::{Page, Purge, Target};
use crate::clock::Moment;
use crate::entry::{Began, Entry};
use crate::key::{KeyMaker, group_of, is_varied};
use crate::policy::Tags;
use crate::sync::RwLock;

/// How many rules are kept apart before the older half is folded.
const MOST_RULES: usize = 8192;
/// How many rules by prefix; a check compares with each.
const MOST_PREFIXES: usize = 256;

/// What a purge may name of a response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// See [`Key::page`](crate::key::Key::page).
    pub(crate) page: &'a [u8],
    /// Nothing while the response's head has not arrived.
    pub(crate) tags: Option<&'a Tags>,
}

/// What the purges leave of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    /// No purge names it.
    Valid,
    /// It counts as stale since then.
    Stale(Moment),
    /// It is gone.
    Gone,
}

/// The purges of one cache.
#[derive(Debug, Default)]
pub(crate) struct Purges {
    made: AtomicU64,
    /// Whether there may be pages of which parts of the query do not count.
    variations: AtomicBool,
    rules: RwLock<Rules>,
}

#[derive(Debug, Default)]
struct Rules {
    everything: Marks,
    pages: Named,
    prefixes: Named,
    tags: Named,
    changed: Changed,
    /// How many purges had been made when pages came up of which parts of the query do
    /// not count. Purges after that name them too.
    varied_after: Option<u64>,
}

impl Validity {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Gone, _) | (_, Self::Gone) => Self::Gone,
            (Self::Stale(a), Self::Stale(b)) => Self::Stale(a.min(b)),
            (Self::Stale(at), Self::Valid) | (Self::Valid, Self::Stale(at)) => Self::Stale(at),
            (Self::Valid, Self::Valid) => Self::Valid,
        }
    }
}

impl Purges {
    /// How many purges have been made: what a fetch notes when it begins.
    pub(crate) fn made(&self) -> u64 {
        self.made.load(Ordering::Acquire)
    }

    /// Whether there may be pages of which parts of the query do not count.
    pub(crate) fn tell_variations(&self) -> bool {
        self.variations.load(Ordering::Relaxed)
    }

    /// From now on there may be: what is purged by its URI may be one of them. To be called
    /// before the first is stored.
    pub(crate) fn mark_variations(&self) {
        if self.tell_variations() {
            return;
        }
        let mut rules = self.rules.write();
        let made = self.made.load(Ordering::Relaxed);
        rules.varied_after.get_or_insert(made);
        self.variations.store(true, Ordering::Release);
    }

    /// Makes a purge. When this returns, nothing that began before is valid. Says whether
    /// older rules had to make room.
    pub(crate) fn make(&self, purge: &Purge, keys: &KeyMaker, now: Moment) -> bool {
        let mut rules = self.rules.write();
        let number = self.made.load(Ordering::Relaxed) + 1;
        let marks = if purge.soft {
            Marks {
                hard: 0,
                soft: number,
                soft_at: now,
            }
        } else {
            Marks {
                hard: number,
                ..Marks::default()
            }
        };
        rules.note(&purge.target, marks, keys);
        let folded = rules.fold();
        // Published under the lock and after the rule: whoever sees the number
        // finds the rule.
        self.made.store(number, Ordering::Release);
        folded
    }

    /// What the purges leave of a response whose fetch began at `began`.
    pub(crate) fn validity(&self, subject: Subject<'_>, began: Began) -> Validity {
        if self.made() == began.purges {
            return Validity::Valid;
        }
        self.rules.read().validity(subject, began.purges)
    }

    /// What the purges leave of a stored response.
    pub(crate) fn check(&self, page: &[u8], entry: &Entry) -> Validity {
        let made = self.made();
        let known = entry.checked();
        if known < made {
            let subject = Subject {
                page,
                tags: Some(&entry.head.facts.tags),
            };
            let left = self.rules.read().validity(subject, known);
            match left {
                Validity::Gone => return Validity::Gone,
                Validity::Stale(at) => entry.mark_checked(made, Some(at)),
                Validity::Valid => entry.mark_checked(made, None),
            }
        }
        entry.stale_since().map_or(Validity::Valid, Validity::Stale)
    }

    /// Whether a stored response has to be looked at again.
    pub(crate) fn is_news_to(&self, entry: &Entry) -> bool {
        entry.checked() < self.made()
    }
}

impl Rules {
    fn note(&mut self, target: &Target, marks: Marks, keys: &KeyMaker) {
        let bytes = |page: &Page| keys.purge_page(&page.scheme, &page.authority, &page.path);
        self.note_varied(target, marks, keys);
        match target {
            Target::Everything => {
                // It covers every rule made before.
                if marks.hard > 0 {
                    self.pages.clear();
                    self.prefixes.clear();
                    self.tags.clear();
                }
                self.everything.join(marks);
            }
            Target::Changed(page) => self.changed.mark(&bytes(page), marks.hard),
            Target::ChangedGroup(group) => {
                let bytes = keys.purge_group(&group.scheme, &group.authority, &group.name);
                self.changed.mark(&bytes, marks.hard);
            }
            Target::Page(page) => self.pages.note(bytes(page), marks),
            Target::Prefix(page) => {
                let mut prefix = bytes(page);
                prefix.pop();
                self.prefixes.note(prefix, marks);
            }
            Target::Tag(tag) => self.tags.note(tag.clone(), marks),
        }
    }

    /// A page that is told from others by a part of its query is named by no URI alone: a
    /// purge of one URI takes all pages of its path that are so.
    fn note_varied(&mut self, target: &Target, marks: Marks, keys: &KeyMaker) {
        if self.varied_after.is_none() {
            return;
        }
        let bytes = |page: &Page| keys.purge_varied(&page.scheme, &page.authority, &page.path);
        match target {
            Target::Page(page) => self.pages.note(bytes(page), marks),
            Target::Changed(page) => self.changed.mark(&bytes(page), marks.hard),
            Target::Prefix(page) if page.path.contains('?') => self.pages.note(bytes(page), marks),
            _ => {}
        }
    }

    /// Folds what is too much; says whether anything was.
    fn fold(&mut self) -> bool {
        let everything = &mut self.everything;
        let pages = self.pages.fold(MOST_RULES, everything);
        let prefixes = self.prefixes.fold(MOST_PREFIXES, everything);
        let tags = self.tags.fold(MOST_RULES, everything);
        pages || prefixes || tags
    }

    /// What the purges after those `known` leave.
    fn validity(&self, subject: Subject<'_>, known: u64) -> Validity {
        let Subject { page, tags } = subject;
        if is_varied(page) && self.varied_after.is_some_and(|made| known < made) {
            return Validity::Gone;
        }
        let mut left = self.everything.validity(known);
        if self.changed.has_news(known) {
            left = left.and(self.changed.validity(page, known));
            for name in tags.into_iter().flat_map(Tags::groups) {
                left = left.and(self.changed.validity(&group_of(page, name), known));
            }
        }
        if self.pages.has_news(known) || self.prefixes.has_news(known) {
            let anywhere = without_authority(page);
            let is_below = |prefix: &[u8]| is_below(page, prefix) || is_below(&anywhere, prefix);
            left = left
                .and(self.pages.validity(page, known))
                .and(self.pages.validity(&anywhere, known))
                .and(self.prefixes.validity_where(known, is_below));
        }
        if self.tags.has_news(known) {
            for tag in tags.into_iter().flat_map(Tags::iter) {
                left = left.and(self.tags.validity(tag, known));
            }
        }
        left
    }
}

/// Page bytes with the authority left out, as a purge of a bare path has them.
fn without_authority(page: &[u8]) -> SmallVec<[u8; 192]> {
    let mut parts = page.splitn(3, |byte| *byte == 0);
    let namespace = parts.next().unwrap_or_default();
    let path = parts.nth(1).unwrap_or_default();
    let mut anywhere = SmallVec::from_slice(namespace);
    anywhere.extend_from_slice(b"\0\0");
    anywhere.extend_from_slice(path);
    anywhere
}

/// Whether a page is at or below a prefix: after it comes nothing, a query, or
/// another segment.
fn is_below(page: &[u8], prefix: &[u8]) -> bool {
    let Some(rest) = page.strip_prefix(prefix) else {
        return false;
    };
    prefix.ends_with(b"/") || matches!(rest.first(), None | Some(0 | b'/' | b'?'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, KeyRules};
    use crate::policy::{RequestHead, UrlVariation};
    use http::Request;
    use std::time::Duration;

    fn maker() -> KeyMaker {
        KeyRules::new().compile("app").expect("legal rules")
    }

    fn key(uri: &str) -> Key {
        let request = Request::builder().uri(uri).body(()).expect("legal");
        let key = maker().key(RequestHead::from(&request), &UrlVariation::default());
        key.expect("keyed").to_key()
    }

    fn at(second: u64) -> Moment {
        Moment::new(Duration::from_secs(second))
    }

    fn after(purge: &Purge, uri: &str) -> Validity {
        let purges = Purges::default();
        let began = Began {
            at: at(0),
            purges: purges.made(),
        };
        purges.make(purge, &maker(), at(1));
        let key = key(uri);
        let later = Began {
            at: at(2),
            purges: purges.made(),
        };
        let subject = Subject {
            page: key.page(),
            tags: None,
        };
        assert_eq!(purges.validity(subject, later), Validity::Valid);
        purges.validity(subject, began)
    }

    #[test]
    fn a_purge_names_exactly_what_it_names() {
        let uri = |text| Purge::uri(text).expect("legal");
        let prefix = |text| Purge::prefix(text).expect("legal");
        for (purge, page, gone) in [
            (uri("http://a.test/x"), "http://a.test/x", true),
            (uri("https://A.test:443/x"), "http://a.test/x", true),
            (uri("http://a.test/x"), "http://a.test/x?q", false),
            (uri("http://a.test/x"), "http://b.test/x", false),
            (uri("/x"), "http://b.test/x", true),
            (uri("/x?q=1"), "http://b.test/x", false),
            (uri("/"), "http://b.test", true),
            (uri("http://b.test?q"), "http://b.test/?q", true),
            (uri("/?q"), "http://b.test?q", true),
            (prefix("/a"), "http://b.test/a", true),
            (prefix("/a"), "http://b.test/a/b?q", true),
            (prefix("/a"), "http://b.test/a?q", true),
            (prefix("/a"), "http://b.test/ab", false),
            (prefix("/a/"), "http://b.test/a/b", true),
            (prefix("/"), "http://b.test/ab", true),
            (prefix("http://a.test/"), "http://b.test/ab", false),
            (Purge::everything(), "http://b.test/ab", true),
            (Purge::tag("x"), "http://b.test/ab", false),
        ] {
            let expected = if gone {
                Validity::Gone
            } else {
                Validity::Valid
            };
            assert_eq!(after(&purge, page), expected, "{purge:?} {page}");
            let expected = if gone {
                Validity::Stale(at(1))
            } else {
                Validity::Valid
            };
            assert_eq!(after(&purge.soft(), page), expected);
        }
    }

    #[test]
    fn changes_by_clients_leave_other_pages_alone() {
        let purges = Purges::default();
        let began = Began {
            at: at(0),
            purges: 0,
        };
        for page in 0..8_000 {
            let purge = Purge::changed("http", "a.test", &format!("/{page}"));
            purges.make(&purge, &maker(), at(1));
        }
        let validity = |page: &str| {
            let key = key(page);
            let subject = Subject {
                page: key.page(),
                tags: None,
            };
            purges.validity(subject, began)
        };
        let gone = |page: &str| validity(page) == Validity::Gone;
        assert!((0..8_000).all(|page| gone(&format!("http://a.test/{page}"))));
        let others = (0..1000).filter(|page| gone(&format!("http://a.test/other/{page}")));
        assert!(
            others.count() < 100,
            "places are shared, but seldom all four"
        );
    }

    #[test]
    fn names_are_bounded_in_bytes_as_well() {
        let purges = Purges::default();
        let tag = |at: usize| Purge::tag(format!("{at}{}", "x".repeat(100_000)));
        let folds = (0..100).filter(|at| purges.make(&tag(*at), &maker(), self::at(1)));
        assert!((5..50).contains(&folds.count()));
    }

    #[test]
    fn folded_rules_purge_more_and_never_less() {
        let purges = Purges::default();
        let began = Began {
            at: at(0),
            purges: 0,
        };
        for page in 0..=MOST_RULES {
            let purge = Purge::uri(&format!("/{page}")).expect("legal");
            let folded = purges.make(&purge, &maker(), at(1));
            assert_eq!(folded, page == MOST_RULES);
        }
        for page in ["/0", "/4000", "/8192", "/never-named"] {
            let key = key(page);
            let subject = Subject {
                page: key.page(),
                tags: None,
            };
            assert_eq!(purges.validity(subject, began), Validity::Gone, "{page}");
        }
        let later = Began {
            at: at(1),
            purges: purges.made() - 1,
        };
        let key = key("/never-named");
        let subject = Subject {
            page: key.page(),
            tags: None,
        };
        assert_eq!(purges.validity(subject, later), Validity::Valid);
    }
}
