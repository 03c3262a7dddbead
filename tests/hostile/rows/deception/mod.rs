//! D: web cache deception. A page of one user's own is asked for under a name that looks static.

mod lifetimes;
mod targets;

use super::{Row, row};
use crate::at_once::{each, shared_while_held, while_held};
use crate::case::Case;
use crate::client::{Answer, Request, h2};
use crate::origin::{Page, Recipe};
use crate::verdict::{Checked, Finding, Tried, control_with, own, split};

pub(super) const ROWS: &[Row] = &[
    row!(
        D01,
        C,
        "G1",
        "a user's page under a suffix that looks static",
        static_suffixes
    ),
    row!(
        D03,
        C,
        "G1 G3",
        "a delimiter that only one of cache and origin decodes",
        encoded_delimiters
    ),
    row!(
        D04,
        C,
        "G1 G3",
        "a way out of a static directory that only the origin follows",
        out_of_static
    ),
    row!(
        D05,
        C,
        "G1 G3",
        "a way into a static name that only the cache follows",
        into_static
    ),
    row!(
        D06,
        C,
        "G2",
        "an operator's lifetime against what the answer says",
        lifetimes::operator_lifetime
    ),
    row!(
        D07,
        C,
        "G1",
        "a page under a name of another type, with armour against that",
        lifetimes::type_armour
    ),
    row!(
        D08,
        C,
        "G2",
        "an answer that says nothing of its lifetime",
        lifetimes::no_lifetime
    ),
];

/// What the origin says of the user's page: nothing, `no-store`, `private`, and forms of these.
const MARKS: [&str; 9] = [
    "",
    "Cache-Control: no-store",
    "Cache-Control: private",
    "Cache-Control: private, max-age=60",
    "Cache-Control: max-age=60\r\nCache-Control: no-store",
    "Cache-Control: PRIVATE=\"set-cookie\", max-age=60",
    "Cache-Control: s-maxage=60, no-store, public",
    "Cache-Control: no-cache, no-store\r\nPragma: no-cache\r\nExpires: 0",
    "Content-Type: text/css\r\nCache-Control: private, immutable, max-age=31536000",
];

/// How the user is known, where it matters.
const USERS: [&str; 2] = ["Cookie: sid=owner", "Authorization: Bearer owner"];

/// How others look for what a cache may have kept: anonymously, as someone else, in part, by
/// conditions that any stored page would meet, and by asking for what is stored only.
const LOOKS: [&str; 10] = [
    "",
    "Cookie: sid=curious",
    "Cookie: sid=",
    "Authorization: Bearer curious",
    "Range: bytes=0-20",
    "If-None-Match: *",
    "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT",
    "Cache-Control: max-stale=31536000",
    "Cache-Control: only-if-cached",
    "Cache-Control: only-if-cached, max-stale",
];

async fn static_suffixes(case: &Case) -> Finding {
    let mut tried = deceive(case, &targets::STATIC_SUFFIXES).await;
    tried.note("/account/x.css over HTTP/2", over_h2(case).await);
    tried.sum()
}

async fn encoded_delimiters(case: &Case) -> Finding {
    let mut tried = deceive(case, &targets::ENCODED_DELIMITERS).await;
    tried.append(apart(case, &targets::NEAR_DELIMITERS).await);
    tried.sum()
}

async fn out_of_static(case: &Case) -> Finding {
    let mut tried = deceive(case, &targets::OUT_OF_STATIC).await;
    tried.append(apart(case, &targets::NEAR_STATIC).await);
    tried.sum()
}

async fn into_static(case: &Case) -> Finding {
    let mut tried = deceive(case, &targets::INTO_STATIC).await;
    tried.append(apart(case, &targets::NEAR_NAMES).await);
    tried.sum()
}

/// The page of a user, marked like this. Its name for the user is also in the head, so that an
/// answer without a body shows whose it is.
fn account(mark: &str) -> Recipe {
    let changed = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT";
    Recipe::fresh("")
        .line(changed)
        .line("X-For: {nonce}")
        .line(mark)
}

/// The target that a template means for a page: `{}` stands for its path.
fn at(page: &Page, template: &str) -> String {
    template.replace("{}", page.path.trim_start_matches('/'))
}

/// Tries every target with every mark and every kind of user, in store and window.
async fn deceive(case: &Case, targets: &[&'static str]) -> Tried {
    let mut tried = Tried::default();
    for user in USERS {
        let open = || Recipe::fresh("public, max-age=60");
        let stored = control_with(case, open(), |request| request.line(user)).await;
        let shared = shared_while_held(case, open(), |request| request.line(user)).await;
        tried.note(format!("control ({user})"), stored.and(shared));
    }
    tried.append(each(case, targets.to_vec(), unstored).await);
    tried.append(each(case, targets.to_vec(), unshared).await);
    let found = marked(case, targets[0], &LOOKS).await;
    tried.note(format!("{}, in every way", targets[0]), found);
    tried
}

/// Targets that are nearly the same must not share even what is for everyone: else one may be
/// stored by the rules of the other.
async fn apart(case: &Case, neighbours: &[(&'static str, &'static str)]) -> Tried {
    let both = neighbours.iter().flat_map(|&(a, b)| [(a, b), (b, a)]);
    let both = both.collect();
    let attempt = |case: Case, (one, two): (&'static str, &'static str)| async move {
        let page = case.page();
        let (first, second) = (case.get(at(&page, one)), case.get(at(&page, two)));
        let finding = split(&case, &page, &first, &second).await;
        (format!("{one} / {two}"), finding)
    };
    each(case, both, attempt).await
}

/// The user looks at the page, however it is marked, and nobody else gets anything of it later.
async fn unstored(case: Case, target: &'static str) -> (String, Checked) {
    (target.to_owned(), marked(&case, target, &LOOKS[..2]).await)
}

async fn marked(case: &Case, target: &str, looks: &[&str]) -> Checked {
    let by_cookie = MARKS.iter().map(|mark| (mark, USERS[0]));
    let by_credential = MARKS[..3].iter().map(|mark| (mark, USERS[1]));
    for (mark, user) in by_cookie.chain(by_credential) {
        let found = looked_for(case, target, mark, user, looks).await;
        found.within(format!("{mark} ({user})")).checked()?;
    }
    let how = "refused, or nothing of the owner's is kept";
    Ok(Finding::safe(how))
}

async fn looked_for(case: &Case, target: &str, mark: &str, user: &str, looks: &[&str]) -> Finding {
    let page = case.page();
    page.script(account(mark));
    let owner = case.get(at(&page, target)).line(user);
    let shown = case.ask(&owner).await;
    if page.count() == 0 {
        let refused = shown.status == 0 || shown.status >= 400;
        return Finding::of(refused, "answered without the origin");
    }
    own(&shown, &owner).and(all_blind(case, &page, &owner, looks).await)
}

/// Everyone looks for what was made for the owner. Only the first can tell by the origin's not
/// being asked: after that, an answer to one of the curious may be stored.
async fn all_blind(case: &Case, page: &Page, owner: &Request, looks: &[&str]) -> Finding {
    let get = |look: &&str| case.get(&owner.target).line(look);
    let heads = looks.iter().take(2).map(|look| get(look).method("HEAD"));
    for (at, look) in looks.iter().map(get).chain(heads).enumerate() {
        let before = page.count();
        let answer = case.ask(&look).await;
        let served = page.count() == before && (200..400).contains(&answer.status);
        if at == 0 && served || answer.shows(&owner.nonce) {
            let seen = answer.summary();
            return Finding::bad(format!("someone else is served the owner's page: {seen}"));
        }
    }
    Finding::safe("nothing of the owner's is kept")
}

/// Others ask while the user's page is being made, and the user while another's is.
async fn unshared(case: Case, target: &'static str) -> (String, Checked) {
    (target.to_owned(), never_raced(&case, target).await)
}

async fn never_raced(case: &Case, target: &str) -> Checked {
    for mark in &MARKS[..3] {
        for leader in [0, 1] {
            let found = raced(case, target, mark, leader).await;
            found.within(mark).checked()?;
        }
    }
    Ok(Finding::safe("nothing is shared while it is made"))
}

/// All at once; `leader` says who is first, the owner (0) or another.
async fn raced(case: &Case, target: &str, mark: &str, leader: usize) -> Finding {
    let page = case.page();
    page.script(account(mark));
    let owner = case.get(at(&page, target)).line(USERS[0]);
    let curious = LOOKS[..5].iter();
    let curious = curious.map(|look| case.get(at(&page, target)).line(look));
    let mut asked: Vec<Request> = std::iter::once(owner.clone()).chain(curious).collect();
    asked.swap(0, leader);
    let (first, others) = while_held(case, &page, &[account(mark)], &asked[0], &asked[1..]).await;
    let answers = std::iter::once(&first).chain(&others);
    let leak = |(request, answer): &(&Request, &Answer)| leaks(answer, request, &owner);
    match asked.iter().zip(answers).find(leak) {
        Some((_, seen)) => Finding::bad(format!("shared while it was made: {}", seen.summary())),
        None => Finding::safe("nothing is shared while it is made"),
    }
}

/// Whether someone sees the owner's page, or the owner someone else's.
fn leaks(answer: &Answer, request: &Request, owner: &Request) -> bool {
    if request.nonce == owner.nonce {
        answer.status == 200 && !own(answer, owner).is_safe()
    } else {
        answer.shows(&owner.nonce)
    }
}

/// The user's cookie in crumbs, as HTTP/2 allows it.
async fn over_h2(case: &Case) -> Finding {
    let page = case.page();
    page.script(account(MARKS[0]));
    let owner = case.get(page.with("/account/x.css"));
    let mut connection = case.connect_h2().await;
    let mut fields = h2::fields_of(&owner);
    for crumb in ["theme=dark", "sid=owner"] {
        fields.push((b"cookie".to_vec(), crumb.as_bytes().to_vec()));
    }
    let shown = connection.ask(&fields).await;
    if shown.status == 0 {
        return Finding::safe("refused");
    }
    own(&shown, &owner).and(all_blind(case, &page, &owner, &LOOKS).await)
}
