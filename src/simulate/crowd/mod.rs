//! Who asks, for what, and when.

mod drawn;
mod pages;
mod rate;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Method;

use drawn::Drawn;

/// One request of a crowd.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arrival {
    /// When it comes.
    pub at: Duration,
    /// For which page.
    pub page: u32,
    /// If it has a query string of its own, which; the content is the page's.
    pub query: Option<u64>,
    /// Its method. What is neither GET nor HEAD passes the cache.
    pub method: Method,
    /// How long the site takes for it at full speed, if it is the one that is fetched
    /// for, and if that is not the page's own time.
    pub takes: Option<Duration>,
}

impl Arrival {
    /// A GET for a page.
    #[must_use]
    pub const fn new(at: Duration, page: u32) -> Self {
        Self {
            at,
            page,
            query: None,
            method: Method::GET,
            takes: None,
        }
    }

    /// The same with a query string.
    #[must_use]
    pub const fn query(mut self, query: u64) -> Self {
        self.query = Some(query);
        self
    }

    /// The same with another method.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// The same, with the time that the site takes for it.
    #[must_use]
    pub const fn takes(mut self, time: Duration) -> Self {
        self.takes = Some(time);
        self
    }
}

/// A crowd: when requests come and for which pages. It is drawn anew for each seed, and
/// is the same for the same seed whatever answers it.
///
/// ```
/// use std::time::Duration;
/// use floodwall::simulate::{Arrival, Crowd};
///
/// let hour = Duration::from_secs(3600);
/// // A calm hour over a thousand pages, some of them much more wanted than others,
/// let readers = Crowd::poisson(50.0, hour).zipf(1000, 0.9);
/// // and from the half hour on someone who makes up query strings.
/// let minute = |n: u64| Duration::from_secs(60 * n);
/// let attack = Crowd::constant(200.0, minute(10)).page(3).unique_queries(1.0).after(minute(30));
/// let crowd = readers.and(attack);
/// assert!(crowd.arrivals(1).eq(crowd.arrivals(1)));
/// ```
#[derive(Clone)]
#[must_use = "a crowd does nothing until a trial is run with it"]
pub struct Crowd(Source);

#[derive(Clone)]
enum Source {
    List(Arc<[Arrival]>),
    Drawn(Drawn),
    Both(Arc<(Crowd, Crowd)>),
}

/// The requests of a crowd in order of time.
pub type Arrivals = Box<dyn Iterator<Item = Arrival> + Send>;

impl Crowd {
    /// These requests, in any order.
    pub fn list(arrivals: impl IntoIterator<Item = Arrival>) -> Self {
        let mut arrivals: Vec<Arrival> = arrivals.into_iter().collect();
        arrivals.sort_by_key(|arrival| arrival.at);
        Self(Source::List(arrivals.into()))
    }

    /// So many requests a second at equal distances, for so long; all for page 0.
    pub fn constant(rate: f64, lasting: Duration) -> Self {
        Self(Source::Drawn(Drawn::new(rate, lasting, true)))
    }

    /// So many requests a second on average, independent of each other, for so long; all
    /// for page 0.
    pub fn poisson(rate: f64, lasting: Duration) -> Self {
        Self(Source::Drawn(Drawn::new(rate, lasting, false)))
    }

    /// Multiplies the rate over time, since the crowd begins: by the factors at these
    /// moments, and in between by what lies between them.
    ///
    /// This and the setters below are for drawn crowds, and change nothing of a list
    /// or of two crowds in one.
    pub fn curve(self, points: impl IntoIterator<Item = (Duration, f64)>) -> Self {
        let mut points: Vec<_> = points.into_iter().collect();
        points.sort_by_key(|(at, _)| *at);
        self.drawn(|drawn| drawn.curve = points)
    }

    /// All requests are for this page.
    pub fn page(self, page: u32) -> Self {
        self.drawn(|drawn| drawn.pages.only(page))
    }

    /// Requests are for so many pages, from number 0 on, the first one most: number `n`
    /// is wanted in proportion to `(n + 1)^-exponent`. 0 is all alike; the pages of web
    /// sites mostly show 0.7 to 1.1.
    pub fn zipf(self, pages: u32, exponent: f64) -> Self {
        self.drawn(|drawn| drawn.pages.zipf(pages, exponent))
    }

    /// Has the pages begin at this number instead of 0.
    pub fn first_page(self, page: u32) -> Self {
        self.drawn(|drawn| drawn.pages.first = page)
    }

    /// Gives so large a share of the requests a query string that nobody else has.
    /// Default 0; at most 1.
    pub fn unique_queries(self, share: f64) -> Self {
        self.drawn(|drawn| drawn.unique = share)
    }

    /// Has the crowd come later.
    pub fn after(self, span: Duration) -> Self {
        self.drawn(|drawn| drawn.begins += span)
    }

    /// Both crowds in one.
    pub fn and(self, other: Self) -> Self {
        Self(Source::Both(Arc::new((self, other))))
    }

    /// The requests, in order of time.
    #[must_use]
    pub fn arrivals(&self, seed: u64) -> Arrivals {
        match &self.0 {
            Source::List(arrivals) => {
                let arrivals = Arc::clone(arrivals);
                Box::new((0..arrivals.len()).map(move |at| arrivals[at].clone()))
            }
            Source::Drawn(drawn) => Box::new(drawn.arrivals(seed)),
            Source::Both(both) => {
                let (one, other) = (both.0.arrivals(seed), both.1.arrivals(!seed));
                Box::new(in_order(one, other))
            }
        }
    }

    fn drawn(mut self, set: impl FnOnce(&mut Drawn)) -> Self {
        if let Source::Drawn(drawn) = &mut self.0 {
            set(drawn);
        }
        self
    }
}

/// Two crowds by time; of two requests at once the first crowd's is first.
fn in_order(one: Arrivals, other: Arrivals) -> impl Iterator<Item = Arrival> + Send {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    std::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some(first), Some(second)) if second.at < first.at => other.next(),
        (Some(_), _) => one.next(),
        (None, _) => other.next(),
    })
}

impl fmt::Debug for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::List(list) => f.debug_tuple("Crowd::list").field(&list.len()).finish(),
            Source::Drawn(drawn) => drawn.fmt(f),
            Source::Both(both) => f.debug_list().entries([&both.0, &both.1]).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_crowds_come_in_order() {
        let at = |seconds| Duration::from_secs(seconds);
        let list = |moments: &[u64], page| {
            Crowd::list(
                moments
                    .iter()
                    .map(move |s| Arrival::new(at(*s), page))
                    .collect::<Vec<_>>(),
            )
        };
        let both = list(&[5, 1], 0).and(list(&[1, 3, 9], 1));
        let came: Vec<_> = both.arrivals(1).map(|a| (a.at.as_secs(), a.page)).collect();
        assert_eq!(came, [(1, 0), (1, 1), (3, 1), (5, 0), (9, 1)]);
    }
}
