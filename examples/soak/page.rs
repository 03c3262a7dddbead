//! The pages: for whom each is made, what it says about caching, and how its bytes tell where they
//! came from.

use std::fmt;

use bytes::Bytes;
use rand::RngExt;
use rand::rngs::StdRng;

/// Carries for whom an answer was made.
pub(crate) const FOR: &str = "x-for";
/// Carries the number of the handler call that made an answer.
pub(crate) const SERIAL: &str = "x-serial";
/// Carries the length of the whole body.
pub(crate) const LENGTH: &str = "x-length";
/// Names the visitor, on pages that vary on it.
pub(crate) const USER: &str = "x-user";
/// For whom the public pages are made.
pub(crate) const EVERYONE: &str = "all";

const CHUNK: usize = 16 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// For everyone, fresh for a second.
    Public,
    /// One for each language.
    Language,
    /// Says `private`.
    Private,
    /// Made for who has the cookie, and says nothing about it.
    Account,
    /// Sets a cookie, and says that it is fresh.
    Session,
    /// Says `public`, and varies on who asks.
    Department,
    /// For everyone or for one, as it comes.
    Turning,
    /// So large that some of it is not stored.
    Large,
}

impl Kind {
    const ALL: [(Self, &'static str); 8] = [
        (Self::Public, "public"),
        (Self::Language, "language"),
        (Self::Private, "private"),
        (Self::Account, "account"),
        (Self::Session, "session"),
        (Self::Department, "department"),
        (Self::Turning, "turning"),
        (Self::Large, "large"),
    ];

    /// Half of the visits go to public pages, a few to large ones.
    pub(crate) fn draw(dice: &mut StdRng) -> Self {
        match dice.random_range(0..100) {
            0..50 => Self::Public,
            50..60 => Self::Language,
            60..68 => Self::Private,
            68..74 => Self::Account,
            74..80 => Self::Session,
            80..88 => Self::Department,
            88..98 => Self::Turning,
            _ => Self::Large,
        }
    }

    pub(crate) fn of(path: &str) -> Option<Self> {
        let name = path.trim_start_matches('/').split('/').next()?;
        let named = Self::ALL.iter().find(|(_, each)| *each == name);
        named.map(|(kind, _)| *kind)
    }

    /// The kinds that only one visitor may ever see.
    pub(crate) const fn is_personal(self) -> bool {
        matches!(
            self,
            Self::Private | Self::Account | Self::Session | Self::Department
        )
    }

    pub(crate) const fn cache_control(self) -> Option<&'static str> {
        match self {
            Self::Public | Self::Turning => {
                Some("max-age=1, stale-while-revalidate=2, stale-if-error=10")
            }
            Self::Language | Self::Large => Some("max-age=2, stale-if-error=5"),
            Self::Private => Some("private, max-age=60"),
            Self::Account => None,
            Self::Session => Some("max-age=60"),
            Self::Department => Some("public, max-age=2, stale-while-revalidate=2"),
        }
    }

    pub(crate) const fn vary(self) -> Option<&'static str> {
        match self {
            Self::Language => Some("accept-language"),
            Self::Department => Some(USER),
            _ => None,
        }
    }

    pub(crate) fn length(self, dice: &mut StdRng) -> usize {
        match self {
            Self::Large => dice.random_range((1 << 20)..(12 << 20)),
            _ => dice.random_range(0..(48 << 10)),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::ALL.iter().find(|(kind, _)| kind == self);
        f.write_str(named.map_or("?", |(_, name)| name))
    }
}

/// A page's bytes: all of them follow from who made it and for whom, so that no two pages can be
/// mixed, and none cut, without being noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(u64);

impl Pattern {
    pub(crate) fn of(serial: u64, whom: &str) -> Self {
        let start = serial.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self(whom.bytes().fold(start, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    fn byte(self, offset: usize) -> u8 {
        let word = self.0 ^ (offset as u64 >> 3).wrapping_mul(0xd6e8_feb8_6659_fd93);
        (word >> (8 * (offset & 7))) as u8
    }

    /// The bytes from `offset`, at most one chunk of them.
    pub(crate) fn chunk(self, offset: usize, length: usize) -> Bytes {
        let end = length.min(offset + CHUNK);
        (offset..end).map(|at| self.byte(at)).collect()
    }

    pub(crate) fn fits(self, offset: usize, bytes: &[u8]) -> bool {
        (offset..)
            .zip(bytes)
            .all(|(at, byte)| self.byte(at) == *byte)
    }
}
