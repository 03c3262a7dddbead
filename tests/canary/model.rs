//! Who may have what was made for another: the promise, written down once more, in
//! strings and without a look at the rules that it is held against.
//!
//! Where what a response says is in doubt, this reads it as a prohibition.

use crate::ledger::Said;
use crate::people::Ask;

/// The settings that say who may have what.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    /// Requests with a cookie share nothing.
    pub(crate) cookies_pass: bool,
    /// A cookie is no credential here.
    pub(crate) cookies_ignored: bool,
    /// Requests with `Authorization` share nothing.
    pub(crate) authorization_passes: bool,
    /// A response that sets a cookie is shared without it.
    pub(crate) cookies_stripped: bool,
    /// Answers of status 400 and above may be stored if they say so.
    pub(crate) errors_stored: bool,
    /// What names no lifetime has one.
    pub(crate) fresh_by_default: bool,
    /// Only what is fresh on arrival, and may be stored, is shared.
    pub(crate) strict: bool,
}

/// Why one may not have what was made for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prohibition {
    AnotherPage,
    NoGet,
    Private,
    SetsCookie,
    OfOneRequest,
    NotFresh,
    ForCookies,
    ForSignedIn,
    UnknownVariant,
    AnotherVariant,
}

use Prohibition::{
    AnotherPage, AnotherVariant, ForCookies, ForSignedIn, NoGet, NotFresh, OfOneRequest, Private,
    SetsCookie, UnknownVariant,
};

impl Prohibition {
    pub(crate) const ALL: [Self; 10] = [
        AnotherPage,
        NoGet,
        Private,
        SetsCookie,
        OfOneRequest,
        NotFresh,
        ForCookies,
        ForSignedIn,
        UnknownVariant,
        AnotherVariant,
    ];
}

impl Policy {
    /// Whether `asker` may have a response that says this, and that was made for
    /// `maker`.
    pub(crate) fn permits(&self, said: &Said, maker: &Ask, asker: &Ask) -> Result<(), Prohibition> {
        let directives = Directives::of(&said.cache_control);
        let is_get = |one: &Ask| ["GET", "HEAD"].contains(&one.method);
        let forbidden = [
            (AnotherPage, maker.path != asker.path),
            (NoGet, !is_get(maker) || !is_get(asker)),
            (Private, directives.refuse),
            (SetsCookie, said.sets_cookie && !self.cookies_stripped),
            (OfOneRequest, !self.is_of_the_page(said.status, &directives)),
            (NotFresh, self.strict && !self.is_fresh(said, &directives)),
        ];
        if let Some((why, _)) = forbidden.into_iter().find(|(_, yes)| *yes) {
            return Err(why);
        }
        for one in [maker, asker] {
            self.permits_credentials(&directives, one)?;
        }
        selects(said, maker, asker)
    }

    fn permits_credentials(&self, said: &Directives, one: &Ask) -> Result<(), Prohibition> {
        let cookie = one.value("cookie").is_some() && !self.cookies_ignored;
        let signed = one.value("authorization").is_some();
        if cookie && (self.cookies_pass || !said.for_all) {
            return Err(ForCookies);
        }
        if signed && (self.authorization_passes || !(said.for_all || said.for_signed)) {
            return Err(ForSignedIn);
        }
        Ok(())
    }

    fn is_of_the_page(&self, status: u16, said: &Directives) -> bool {
        let stored_error = self.errors_stored && status >= 400 && said.lifetime > Some(0);
        match status {
            206 | 304 => false,
            200..=399 | 404 | 410 | 500 | 502..=504 => true,
            _ => stored_error,
        }
    }

    fn is_fresh(&self, said: &Said, directives: &Directives) -> bool {
        let storable = match said.status {
            200 | 301 | 302 => true,
            status => status >= 400 && self.errors_stored,
        };
        let fresh = directives
            .lifetime
            .map_or(self.fresh_by_default, |seconds| seconds > 0);
        storable && fresh && !directives.no_cache
    }
}

/// Whether two requests are one as far as the response varies.
fn selects(said: &Said, maker: &Ask, asker: &Ask) -> Result<(), Prohibition> {
    let coding = said.is_coded.then_some("accept-encoding");
    let lines = said.vary.iter().flat_map(|line| line.split(','));
    let names = lines.map(str::trim).filter(|name| !name.is_empty());
    for name in names.chain(coding) {
        let name = name.to_lowercase();
        if !name.chars().all(|c| c.is_ascii_lowercase() || c == '-') {
            return Err(UnknownVariant);
        }
        if maker.value(&name) != asker.value(&name) {
            return Err(AnotherVariant);
        }
    }
    Ok(())
}

/// What `Cache-Control` says.
struct Directives {
    /// `private`, `no-store`, or perhaps one of them.
    refuse: bool,
    no_cache: bool,
    /// `public`, or `s-maxage`.
    for_all: bool,
    /// `must-revalidate`
    for_signed: bool,
    lifetime: Option<u64>,
}

impl Directives {
    fn of(lines: &[&str]) -> Self {
        let text = lines.join(",").to_lowercase();
        let torn = lines.iter().any(|line| line.matches('"').count() % 2 == 1);
        let members: Vec<&str> = text.split(',').map(str::trim).collect();
        let seconds = |name: &str| {
            let values = members
                .iter()
                .filter_map(|member| member.strip_prefix(name));
            values.map(|value| value.parse().unwrap_or(0)).min()
        };
        let read = |member: &&str| {
            let value = member.strip_prefix("s-maxage=");
            value.is_some_and(|value| value.parse::<u64>().is_ok())
        };
        Self {
            refuse: torn || text.contains("private") || text.contains("no-store"),
            no_cache: text.contains("no-cache"),
            for_all: members.contains(&"public") || members.iter().any(read),
            for_signed: members.contains(&"must-revalidate"),
            lifetime: seconds("s-maxage=").or(seconds("max-age=")),
        }
    }
}
