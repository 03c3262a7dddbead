//! How a row is judged: small questions that return evidence, and their sum.

use std::fmt::Display;

use crate::case::Case;
use crate::client::{Answer, Request};
use crate::origin::{Page, Recipe};
use crate::wire::{End, contains, readable};

/// What one try has shown, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The promise was broken.
    Unsafe,
    /// The subject does not cache even what it should, so that nothing can be concluded.
    NoControl,
    /// The promise was kept.
    Safe,
    /// The subject cannot be tried in this way.
    NotApplicable,
}

/// What was shown, and what was seen of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    pub(crate) evidence: String,
}

impl Finding {
    pub(crate) fn new(kind: Kind, evidence: impl Into<String>) -> Self {
        let evidence = evidence.into();
        Self { kind, evidence }
    }

    pub(crate) fn safe(how: impl Into<String>) -> Self {
        Self::new(Kind::Safe, how)
    }

    pub(crate) fn bad(how: impl Into<String>) -> Self {
        Self::new(Kind::Unsafe, how)
    }

    pub(crate) fn no_control(why: impl Into<String>) -> Self {
        Self::new(Kind::NoControl, why)
    }

    pub(crate) fn not_applicable(why: impl Into<String>) -> Self {
        Self::new(Kind::NotApplicable, why)
    }

    /// Safe if it holds; what was seen is told in both cases.
    pub(crate) fn of(holds: bool, seen: impl Into<String>) -> Self {
        let kind = if holds { Kind::Safe } else { Kind::Unsafe };
        Self::new(kind, seen)
    }

    pub(crate) fn is_safe(&self) -> bool {
        self.kind == Kind::Safe
    }

    /// Left by `?` where it is not safe.
    pub(crate) fn checked(self) -> Checked {
        if self.is_safe() { Ok(self) } else { Err(self) }
    }

    /// With what was tried in front of what was seen.
    pub(crate) fn within(self, what: impl Display) -> Self {
        let evidence = format!("{what}: {}", self.evidence);
        Self::new(self.kind, evidence)
    }

    /// Both, where both are safe; else the one that is not.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self.is_safe(), other.is_safe()) {
            (true, true) => Self::safe(format!("{}; {}", self.evidence, other.evidence)),
            (true, false) => other,
            _ => self,
        }
    }
}

/// A finding that is safe, or one that ends the attempt.
pub(crate) type Checked = Result<Finding, Finding>;

impl From<Checked> for Finding {
    fn from(checked: Checked) -> Self {
        checked.unwrap_or_else(|bad| bad)
    }
}

/// The variants of a row, each with its finding.
#[derive(Debug, Default)]
pub(crate) struct Tried(Vec<(String, Finding)>);

impl Tried {
    pub(crate) fn note(&mut self, variant: impl AsRef<[u8]>, finding: impl Into<Finding>) {
        self.0.push((readable(variant.as_ref()), finding.into()));
    }

    pub(crate) fn append(&mut self, mut more: Self) {
        self.0.append(&mut more.0);
    }

    /// The worst of all. The evidence names every variant, the worst first, and those together
    /// that went the same way.
    pub(crate) fn sum(mut self) -> Finding {
        self.0.sort_by_key(|(_, finding)| finding.kind);
        let Some((_, worst)) = self.0.first() else {
            return Finding::no_control("nothing was tried");
        };
        let mut groups: Vec<(&Finding, Vec<&str>)> = Vec::new();
        for (variant, finding) in &self.0 {
            match groups.iter_mut().find(|(known, _)| *known == finding) {
                Some((_, variants)) => variants.push(variant),
                None => groups.push((finding, vec![variant])),
            }
        }
        let line = |(finding, variants): (&Finding, Vec<&str>)| {
            format!("{}: [{}]", finding.evidence, variants.join("] ["))
        };
        let lines: Vec<String> = groups.into_iter().map(line).collect();
        Finding::new(worst.kind, lines.join(" | "))
    }
}

/// The control: the same request twice, of which the second must be a hit. `shape` makes the
/// requests from a plain GET.
pub(crate) async fn control(case: &Case, shape: impl Fn(Request) -> Request) -> Finding {
    let page = case.page();
    let first = case.ask(&shape(case.get(&page.path))).await;
    let second = case.ask(&shape(case.get(&page.path))).await;
    if page.count() == 1 && first.status == 200 && second.serial() == first.serial() {
        return Finding::safe("control: the second of two is a hit");
    }
    Finding::no_control(format!(
        "control: two requests reached the origin {} times, answers {} and {}",
        page.count(),
        first.summary(),
        second.summary()
    ))
}

/// The control for what an origin's answer must look like to be a hit at all: without what
/// makes the row, it would be shared.
pub(crate) async fn control_with(
    case: &Case,
    recipe: Recipe,
    shape: impl Fn(Request) -> Request,
) -> Finding {
    let page = case.page();
    page.script(recipe);
    case.ask(&shape(case.get(&page.path))).await;
    case.ask(&shape(case.get(&page.path))).await;
    match page.count() {
        1 => Finding::safe("control: the second of two is a hit"),
        n => Finding::no_control(format!(
            "control: two requests reached the origin {n} times"
        )),
    }
}

/// CLEAN: the victim has a whole 200 for the target it asked for, and no byte of the attacker's.
pub(crate) fn clean(victim: &Answer, target: &[u8], marks: &[&str]) -> Finding {
    if let Some(mark) = marks.iter().find(|mark| victim.shows(mark)) {
        let seen = victim.summary();
        return Finding::bad(format!("the victim sees {mark:?}: {seen}"));
    }
    wanted(victim, target)
}

/// CLEAN for each of them.
pub(crate) fn all_clean<'a>(
    victims: impl IntoIterator<Item = &'a Answer>,
    target: &[u8],
    marks: &[&str],
) -> Checked {
    for victim in victims {
        clean(victim, target, marks).checked()?;
    }
    Ok(Finding::safe("everyone else gets the page"))
}

/// A whole 200 that the origin made for this target.
pub(crate) fn wanted(answer: &Answer, target: &[u8]) -> Finding {
    let asked = answer.asked_for().unwrap_or_default();
    let named = asked.split(' ').nth(1) == Some(&target.escape_ascii().to_string());
    if answer.status == 200 && answer.is_whole() && named {
        return Finding::safe("the victim's answer is clean");
    }
    let (target, seen) = (readable(target), answer.summary());
    Finding::bad(format!("not the 200 for {target}: {seen}"))
}

/// SPLIT: the second request reaches the origin although the first has been answered, and each
/// gets the answer made for it.
pub(crate) async fn split(case: &Case, page: &Page, first: &Request, second: &Request) -> Finding {
    let before = page.count();
    let one = case.ask(first).await;
    let two = case.ask(second).await;
    let calls = page.count() - before;
    let own = own(&one, first).and(own(&two, second));
    if calls == 2 {
        return own.and(Finding::safe("split"));
    }
    let (one, two) = (one.summary(), two.summary());
    Finding::bad(format!("{calls} origin calls for two: {one} and {two}"))
}

/// The canary: an answer that was made for the one who got it.
pub(crate) fn own(answer: &Answer, request: &Request) -> Finding {
    match answer.made_for() {
        Some(nonce) if nonce == request.nonce => Finding::safe("own answer"),
        _ => {
            let (nonce, seen) = (&request.nonce, answer.summary());
            Finding::bad(format!("{nonce} got what is not its own: {seen}"))
        }
    }
}

/// NOSTORE: a request like those before reaches the origin, and gets an answer of its own.
pub(crate) async fn not_stored(case: &Case, page: &Page, request: &Request) -> Finding {
    let before = page.count();
    let answer = case.ask(request).await;
    if page.count() == before {
        let seen = answer.summary();
        return Finding::bad(format!("stored: served without the origin: {seen}"));
    }
    match answer.made_for() {
        Some(nonce) if nonce != request.nonce => {
            let seen = answer.summary();
            Finding::bad(format!("not its own answer: {seen}"))
        }
        _ => Finding::safe("not stored"),
    }
}

/// REJ: the subject answers these bytes itself with an error (or hangs up on them), the origin
/// is not called, and the connection ends where `close` demands it.
pub(crate) async fn refused(case: &Case, page: &Page, bytes: &[u8], close: bool) -> Finding {
    let before = page.count();
    let mut connection = case.send(bytes).await;
    let answer = connection.answer("GET").await;
    let calls = page.count() - before;
    if calls > 0 {
        let raw = page.last().map(|seen| readable(&seen.raw));
        return Finding::bad(format!("the origin got {}", raw.unwrap_or_default()));
    }
    match (answer.status, &answer.end) {
        (0, End::Cut | End::Reset) => Finding::safe("hung up on"),
        (400..=499 | 501 | 505, _) if !close => Finding::safe("refused"),
        (400..=499 | 501 | 505, _) => {
            let closed = !answer.reusable && connection.is_closed().await;
            Finding::of(
                closed,
                if closed {
                    "refused"
                } else {
                    "refused, but left open"
                },
            )
        }
        _ => Finding::bad(format!("not refused: {}", answer.summary())),
    }
}

/// BOUND: something measured stays inside its limit.
pub(crate) fn bound(what: &str, measured: f64, limit: f64, unit: &str) -> Finding {
    let seen = format!("{what} {measured:.1} {unit} (limit {limit:.1})");
    Finding::of(measured <= limit, seen)
}

/// An attacker's request, then a victim's. CLEAN, and how it came about.
pub(crate) async fn poison(
    case: &Case,
    page: &Page,
    attack: &Request,
    victim: &Request,
    marks: &[&str],
) -> Finding {
    let before = page.count();
    let attacked = case.ask(attack).await;
    let between = page.count();
    let answer = case.ask(victim).await;
    let judged = clean(&answer, &victim.target, marks);
    if !judged.is_safe() {
        return judged;
    }
    let forwarded = |mark: &&str| {
        let seen = page.seen();
        seen.last().is_some_and(|seen| contains(&seen.raw, mark))
    };
    Finding::safe(match (between - before, page.count() - between) {
        (0, _) if attacked.status >= 400 => "the attack was refused",
        (0, _) => "the attack never reached the origin",
        (_, 0) if marks.iter().any(forwarded) => "shared, but nothing of the attack shows",
        (_, 0) => "the attack was stripped",
        _ => "the victim's request reached the origin",
    })
}
