//! Purges, as a count and a few rules.
//!
//! Every purge gets the next number. A fetch knows how many purges had been made
//! when it began, and so does what it stored: a response is gone if a purge that
//! names it has a higher number. Making a purge therefore costs the same however
//! much is stored, and wins over every fetch that is under way.
//!
//! A hit pays one comparison: a response that was checked against all purges so
//! far is not checked again until there is another one.
//!
//! What clients change by unsafe methods is marked in a table of fixed size, where
//! two pages may share a place: whoever can POST to endlessly many URIs takes along
//! a page now and then, and cannot make the table grow.
//!
//! Rules are bounded. When there are too many, the oldest half is folded into
//! "whatever began before that": more is purged than was asked, never less.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use super::purge::{Page, Purge, Target};
use crate::clock::Moment;
use crate::entry::{Began, Entry};
use crate::hash::HashMap;
use crate::key::{Key, KeyMaker};
use crate::policy::Tags;
use crate::sync::Mutex;

/// How many rules are kept apart before the older half is folded.
const MOST_RULES: usize = 8192;
/// How many rules by prefix; a check compares with each.
const MOST_PREFIXES: usize = 256;
/// What clients change is kept in so many rows of so many bits of places, 8 bytes
/// each: half a MiB in all, and one page in forty is taken along by 8,000 changes.
const CHANGED_ROWS: usize = 4;
const CHANGED_BITS: usize = 14;

/// What a purge may name of a response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) key: &'a Key,
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
    rules: Mutex<Rules>,
}

#[derive(Debug, Default)]
struct Rules {
    everything: Marks,
    pages: HashMap<Vec<u8>, Marks>,
    prefixes: HashMap<Vec<u8>, Marks>,
    tags: HashMap<Vec<u8>, Marks>,
    changed: Changed,
}

/// When pages were last changed by clients, by the hash of the page.
///
/// Four rows, in each of which a page has a place; of the four numbers the lowest
/// counts, so that two pages are taken for one only if they share all four.
#[derive(Debug, Default)]
struct Changed {
    hasher: RandomState,
    /// Row after row; made at the first change.
    numbers: Box<[u64]>,
}

impl Changed {
    fn mark(&mut self, page: &[u8], number: u64) {
        if self.numbers.is_empty() {
            self.numbers = vec![0; CHANGED_ROWS << CHANGED_BITS].into();
        }
        for place in self.places(page) {
            self.numbers[place] = number;
        }
    }

    fn validity(&self, page: &[u8], began: u64) -> Validity {
        if self.numbers.is_empty() {
            return Validity::Valid;
        }
        let last = self.places(page).map(|place| self.numbers[place]).min();
        match last {
            Some(number) if number > began => Validity::Gone,
            _ => Validity::Valid,
        }
    }

    /// A page's place in each row: from one hash, a slice of bits for each.
    fn places(&self, page: &[u8]) -> impl Iterator<Item = usize> + use<> {
        let hash = self.hasher.hash_one(page);
        (0..CHANGED_ROWS).map(move |row| {
            let bits = (hash >> (row * CHANGED_BITS)) as usize;
            (row << CHANGED_BITS) + (bits & ((1 << CHANGED_BITS) - 1))
        })
    }
}

/// The last purges of one kind and name.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    hard: u64,
    soft: u64,
    soft_at: Moment,
}

impl Marks {
    fn join(&mut self, other: Self) {
        self.hard = self.hard.max(other.hard);
        if other.soft > self.soft {
            self.soft = other.soft;
            self.soft_at = other.soft_at;
        }
    }

    fn validity(&self, began: u64) -> Validity {
        if self.hard > began {
            Validity::Gone
        } else if self.soft > began {
            Validity::Stale(self.soft_at)
        } else {
            Validity::Valid
        }
    }
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

    /// Makes a purge. When this returns, nothing that began before is valid.
    pub(crate) fn make(&self, purge: &Purge, keys: &KeyMaker, now: Moment) {
        let mut rules = self.rules.lock();
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
        // Published under the lock and after the rule: whoever sees the number
        // finds the rule.
        self.made.store(number, Ordering::Release);
    }

    /// What the purges leave of a response whose fetch began at `began`.
    pub(crate) fn validity(&self, subject: Subject<'_>, began: Began) -> Validity {
        if self.made() == began.purges {
            return Validity::Valid;
        }
        self.rules.lock().validity(subject, began.purges)
    }

    /// What the purges leave of a stored response.
    pub(crate) fn check(&self, key: &Key, entry: &Entry) -> Validity {
        let made = self.made();
        if entry.checked() < made {
            let subject = Subject {
                key,
                tags: Some(&entry.head.facts.tags),
            };
            let began = entry.head.began.purges;
            match self.rules.lock().validity(subject, began) {
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
            Target::Page(page) => self.pages.entry(bytes(page)).or_default().join(marks),
            Target::Prefix(page) => {
                let mut prefix = bytes(page);
                prefix.pop();
                self.prefixes.entry(prefix).or_default().join(marks);
            }
            Target::Tag(tag) => self.tags.entry(tag.clone()).or_default().join(marks),
        }
        fold(&mut self.pages, MOST_RULES, &mut self.everything);
        fold(&mut self.prefixes, MOST_PREFIXES, &mut self.everything);
        fold(&mut self.tags, MOST_RULES, &mut self.everything);
    }

    fn validity(&self, subject: Subject<'_>, began: u64) -> Validity {
        let page = subject.key.page();
        let anywhere = without_authority(page);
        let of = |map: &HashMap<Vec<u8>, Marks>, name: &[u8]| {
            map.get(name)
                .map_or(Validity::Valid, |marks| marks.validity(began))
        };
        let mut left = self.everything.validity(began);
        left = left.and(self.changed.validity(page, began));
        left = left
            .and(of(&self.pages, page))
            .and(of(&self.pages, &anywhere));
        for (prefix, marks) in &self.prefixes {
            if is_below(page, prefix) || is_below(&anywhere, prefix) {
                left = left.and(marks.validity(began));
            }
        }
        for tag in subject.tags.into_iter().flat_map(Tags::iter) {
            left = left.and(of(&self.tags, tag));
        }
        left
    }
}

/// When there are too many rules, the older half becomes one.
fn fold(rules: &mut HashMap<Vec<u8>, Marks>, most: usize, everything: &mut Marks) {
    if rules.len() <= most {
        return;
    }
    let mut numbers: Vec<u64> = rules.values().map(|m| m.hard.max(m.soft)).collect();
    let middle = numbers.len() / 2;
    let (_, median, _) = numbers.select_nth_unstable(middle);
    let median = *median;
    rules.retain(|_, marks| {
        let newer = marks.hard.max(marks.soft) > median;
        if !newer {
            everything.join(*marks);
        }
        newer
    });
}

/// Page bytes with the authority left out, as a purge of a bare path has them.
fn without_authority(page: &[u8]) -> Vec<u8> {
    let mut parts = page.splitn(3, |byte| *byte == 0);
    let namespace = parts.next().unwrap_or_default();
    let path = parts.nth(1).unwrap_or_default();
    [namespace, b"\0\0", path].concat()
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
    use crate::key::KeyRules;
    use crate::policy::RequestHead;
    use http::Request;
    use std::time::Duration;

    fn maker() -> KeyMaker {
        KeyRules::new().compile("app").expect("legal rules")
    }

    fn key(uri: &str) -> Key {
        let request = Request::builder().uri(uri).body(()).expect("legal");
        let key = maker().key(RequestHead::from(&request));
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
            key: &key,
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
                key: &key,
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
    fn folded_rules_purge_more_and_never_less() {
        let purges = Purges::default();
        let began = Began {
            at: at(0),
            purges: 0,
        };
        for page in 0..=MOST_RULES {
            let purge = Purge::uri(&format!("/{page}")).expect("legal");
            purges.make(&purge, &maker(), at(1));
        }
        assert!(purges.rules.lock().pages.len() <= MOST_RULES / 2 + 1);
        for page in ["/0", "/4000", "/8192", "/never-named"] {
            let key = key(page);
            let subject = Subject {
                key: &key,
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
            key: &key,
            tags: None,
        };
        assert_eq!(purges.validity(subject, later), Validity::Valid);
    }
}
