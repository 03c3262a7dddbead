//! What was made, for whom, and what came of it.

use http::header::ETAG;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::model::{Policy, Prohibition};
use crate::people::{Ask, User};

/// A response that the origin made. Whatever of it can carry text carries its
/// [`canary`].
#[derive(Clone, Debug)]
pub(crate) struct Made {
    /// The request for which it was made.
    pub(crate) ask: usize,
    /// Whose page it is.
    pub(crate) user: User,
    pub(crate) status: u16,
    /// `Cache-Control`, if it says any.
    pub(crate) said: Option<Vec<&'static str>>,
    /// `Vary`, if it says any.
    pub(crate) vary: Option<Vec<&'static str>>,
    pub(crate) sets_cookie: bool,
    pub(crate) is_coded: bool,
    /// For a 304: which response it says is still good.
    pub(crate) renews: Option<usize>,
}

/// What a response says, with what a 304 leaves as it was.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) cache_control: Vec<&'static str>,
    pub(crate) vary: Vec<&'static str>,
    pub(crate) sets_cookie: bool,
    pub(crate) is_coded: bool,
}

/// The mark of one response: the sign of the user, its number, an end.
pub(crate) fn canary(user: User, number: usize) -> String {
    format!("{}{number}!", user.sign())
}

/// What somebody was sent.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// Those of the trailers as well.
    pub(crate) headers: HeaderMap,
    /// As much of it as came.
    pub(crate) body: Vec<u8>,
    /// What the handler put beside the head.
    pub(crate) extension: Option<String>,
}

/// How an answer came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nothing of it was made by the origin.
    Ours,
    /// All of it was made for this request.
    Own,
    /// It was made for another request of the same user.
    Shared,
    /// It was made for another user, and may be had by this one.
    Crossed,
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It was made for another who did not share it.
    Forbidden(Prohibition),
    /// It sets the cookie of another.
    AnothersCookie,
    /// It is made of two responses.
    Mixed,
    /// It has a piece of a page, and nothing says whose.
    Torn,
}

/// An answer that nobody may have been sent.
#[derive(Debug)]
pub(crate) struct Crossing {
    pub(crate) why: Wrong,
    /// The responses that it is made of.
    pub(crate) made: Vec<usize>,
}

/// Everything that was asked and made in one world, by number.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) asked: Vec<Ask>,
    pub(crate) made: Vec<Made>,
}

impl Ledger {
    /// Whether the request with this number may have been sent this answer.
    pub(crate) fn check(
        &self,
        policy: &Policy,
        ask: usize,
        answer: &Answer,
    ) -> Result<Source, Crossing> {
        let mut made = Vec::new();
        let asked = &self.asked[ask];
        // Whoever names a tag is told no more by being sent it.
        let is_news = |name: &HeaderName, value: &HeaderValue| name != ETAG || !asked.names(value);
        let fields = answer.headers.iter();
        let fields = fields.filter(|(name, value)| is_news(name, value));
        let fields = fields.map(|(_, value)| value.as_bytes());
        let beside = answer.extension.iter().map(String::as_bytes);
        let texts = fields.chain(beside).chain([&answer.body[..]]);
        texts.for_each(|text| canaries(text, &mut made));
        made.sort_unstable();
        made.dedup();
        let crossing = |why| {
            let made = made.clone();
            Err(Crossing { why, made })
        };
        if !self.knows_fragments(&answer.body, &made) {
            return crossing(Wrong::Torn);
        }
        let mut cookies = Vec::new();
        for cookie in answer.headers.get_all("set-cookie") {
            canaries(cookie.as_bytes(), &mut cookies);
        }
        if cookies.iter().any(|cookie| self.made[*cookie].ask != ask) {
            return crossing(Wrong::AnothersCookie);
        }
        let Some(newest) = made.last() else {
            return Ok(Source::Ours);
        };
        if made.iter().all(|made| self.made[*made].ask == ask) {
            return Ok(Source::Own);
        }
        let chain = self.chain(*newest);
        if !made.iter().all(|made| chain.contains(made)) {
            return crossing(Wrong::Mixed);
        }
        let maker = &self.asked[self.made[*newest].ask];
        match policy.permits(&self.said(&chain), maker, &self.asked[ask]) {
            Err(why) => crossing(Wrong::Forbidden(why)),
            Ok(())
                if made
                    .iter()
                    .all(|made| self.made[*made].user == self.asked[ask].user) =>
            {
                Ok(Source::Shared)
            }
            Ok(()) => Ok(Source::Crossed),
        }
    }

    /// Whether every sign in a body is that of one for whom a known part of the
    /// answer was made; of a canary that was cut in two there may be no more.
    fn knows_fragments(&self, body: &[u8], made: &[usize]) -> bool {
        let signs = body
            .iter()
            .filter_map(|byte| User::of_sign(char::from(*byte)));
        let known = |user| made.iter().any(|made| self.made[*made].user == user);
        signs.into_iter().all(known)
    }

    /// A response and those that it renews, the newest first.
    fn chain(&self, newest: usize) -> Vec<usize> {
        std::iter::successors(Some(newest), |made| self.made[*made].renews).collect()
    }

    /// Whether `asker` may have the response with this number, or a renewed one.
    pub(crate) fn permits(
        &self,
        policy: &Policy,
        made: usize,
        asker: &Ask,
    ) -> Result<(), Prohibition> {
        let maker = &self.asked[self.made[made].ask];
        policy.permits(&self.said(&self.chain(made)), maker, asker)
    }

    /// What a renewed response says now: of each field the newest word, but the
    /// status, the coding and the cookie of the one that brought the body.
    fn said(&self, chain: &[usize]) -> Said {
        let links = || chain.iter().map(|link| &self.made[*link]);
        let body = &self.made[chain[chain.len() - 1]];
        Said {
            status: body.status,
            cache_control: links()
                .find_map(|link| link.said.clone())
                .unwrap_or_default(),
            vary: links()
                .find_map(|link| link.vary.clone())
                .unwrap_or_default(),
            sets_cookie: body.sets_cookie,
            is_coded: body.is_coded,
        }
    }
}

/// Adds the numbers of the responses whose canaries a text contains.
pub(crate) fn canaries(text: &[u8], found: &mut Vec<usize>) {
    for (at, byte) in text.iter().enumerate() {
        if User::of_sign(char::from(*byte)).is_none() {
            continue;
        }
        let rest = &text[at + 1..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if rest.get(digits) == Some(&b'!') {
            let number = std::str::from_utf8(&rest[..digits]).ok();
            found.extend(number.and_then(|digits| digits.parse::<usize>().ok()));
        }
    }
}
