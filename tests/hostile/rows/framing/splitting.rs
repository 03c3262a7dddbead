//! S13. Origins that put what they were asked into a field, undone of its escapes.

use super::{SMUGGLED, smuggled, tried};
use crate::case::Case;
use crate::client::Answer;
use crate::origin::{Recipe, Seen};
use crate::verdict::{Finding, wanted};
use crate::wire::readable;

const EVIL: &str = "evil";

pub(super) async fn splitting(case: &Case) -> Finding {
    let cookies = tried(case, COOKIES.map(|injected| (injected, injected)), cookie).await;
    let seconds = SECONDS.map(|injected| (injected, injected));
    let seconds = tried(case, seconds, second_answer).await;
    let judged = cookies.sum().and(seconds.sum()).and(unasked(case).await);
    judged.and(early(case).await).and(interim(case).await)
}

/// What is put behind `x=`: a field of the attacker's making.
const COOKIES: [&str; 6] = [
    "%0d%0aSet-Cookie:%20sid=evil",
    "%0aSet-Cookie:%20sid=evil",
    "%0dSet-Cookie:%20sid=evil",
    "%0d%0aSet-Cookie:%20sid=evil%0d%0aCache-Control:%20public,%20max-age=600",
    "%0d%0a%20Set-Cookie:%20sid=evil%0d%0aSet-Cookie:%20sid=evil",
    "%00%0d%0aSet-Cookie:%20sid=evil",
];

/// The end of the answer, and `SECOND` for a whole one behind it.
const SECONDS: [&str; 4] = [
    "%0d%0aContent-Length:%200%0d%0a%0d%0aSECOND",
    "%0d%0aContent-Length:%200%0d%0a%0d%0aSECONDSECOND",
    "%0d%0aConnection:%20keep-alive%0d%0aContent-Length:%2010%0d%0a%0d%0a0123456789SECOND",
    "%0d%0aTransfer-Encoding:%20chunked%0d%0a%0d%0a0%0d%0a%0d%0aSECOND",
];

const SECOND: &str =
    "HTTP/1.1%20200%20OK%0d%0aCache-Control:%20max-age=60%0d%0aContent-Length:%204%0d%0a%0d%0aevil";

/// The query behind `x=`, its escapes undone.
fn decoded(seen: &Seen) -> Vec<u8> {
    let at = seen.target.windows(2).position(|two| two == b"x=");
    let mut rest = seen
        .target
        .get(at.unwrap_or_default() + 2..)
        .unwrap_or_default();
    let mut bytes = Vec::new();
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail.get(..2).filter(|_| first == b'%');
        let code =
            code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    bytes
}

fn reflects(recipe: Recipe) -> Recipe {
    recipe.reflect(|seen| [b"X-Asked: ", &decoded(seen)[..]].concat())
}

/// The cookie is the origin's, as far as a cache can see; so the answer is not to be shared.
async fn cookie(case: Case, injected: &str) -> Finding {
    let page = case.page();
    page.script(reflects(Recipe::new()));
    let target = page.with(format!("?x={injected}"));
    let attack = case.ask(&case.get(&target)).await;
    let between = page.count();
    let victim = case.ask(&case.get(&target)).await;
    let own = page.count() > between || victim.status >= 500;
    let shared = victim.serial().is_some() && victim.serial() == attack.serial();
    if own && !shared {
        return Finding::safe("not stored");
    }
    let cookie = victim.lines.all("set-cookie");
    Finding::of(
        cookie.is_empty() && !attack.lines.lists("set-cookie", "sid=evil"),
        format!("stored, with the cookies {cookie:?}"),
    )
}

/// What the origin sends behind the answer that was asked for is nobody's answer: not at once,
/// not over the same connection, not from the store. Tried often, because it is a race between
/// those bytes and the next request.
async fn second_answer(case: Case, injected: &str) -> Finding {
    let injected = injected.replace("SECOND", SECOND);
    for _ in 0..10 {
        let page = case.page();
        // Nothing but the head, so that all of it comes in one write.
        let recipe = reflects(Recipe::new().body("").told());
        page.script(recipe.when(|seen| seen.target_has("?x=")));
        let attack = case.get(page.with(format!("?x={injected}")));
        let victims: Vec<_> = (0..8)
            .map(|n| case.get(page.with(format!("/victim{n}"))))
            .collect();
        let mut requests = vec![attack.clone()];
        requests.extend(victims.iter().cloned());
        // Side by side, in one write, and one after the other.
        let mut answers = case.ask_all(&requests).await;
        let bytes: Vec<u8> = requests
            .iter()
            .flat_map(|request| request.bytes())
            .collect();
        let mut connection = case.send(bytes).await;
        for _ in &requests {
            answers.push(connection.answer("GET").await);
        }
        answers.push(case.ask(&attack).await);
        for (answer, request) in answers.iter().zip(requests.iter().cycle()) {
            let judged = bystander(answer, &request.target, &attack.target);
            if !judged.is_safe() {
                return judged;
            }
        }
    }
    Finding::safe("nobody's answer")
}

fn bystander(answer: &Answer, target: &[u8], attack: &[u8]) -> Finding {
    if answer.body.bytes == EVIL.as_bytes() {
        let target = readable(target);
        return Finding::bad(format!("{target} was answered {EVIL:?}"));
    }
    // The attacker's own answer may be anything else; a connection that broke is no answer.
    if target == attack || answer.status == 0 {
        return Finding::safe("the attacker's own");
    }
    wanted(answer, target)
}

/// Bytes behind the body that its length has told.
async fn unasked(case: &Case) -> Finding {
    let answer =
        format!("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\n{EVIL}");
    // In one write with the head: bytes that come later than the next request could not be told
    // from the answer to that.
    let told = |lines: &str, body: &str| {
        let text = format!("{lines}\r\n\r\n{body}{answer}");
        Recipe::new().line(text).body("").told()
    };
    let not_modified = Recipe::not_modified("\"x\"").line(format!("X: y\r\n\r\n{answer}"));
    let variants = [
        ("behind a length", told("Content-Length: 5", "hello")),
        (
            "behind chunks",
            told("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"),
        ),
        ("behind nothing", told("Content-Length: 0", "")),
        (
            "behind garbage",
            told("Content-Length: 5", "hello\0\0\0\r\n\r\n"),
        ),
        ("behind a 304", not_modified),
        ("behind a 204", told("X: y", "").status(204)),
        (
            "behind an answer to HEAD",
            told("Content-Length: 0", "").when_method("HEAD"),
        ),
    ];
    tried(case, variants, behind).await.sum()
}

async fn behind(case: Case, recipe: Recipe) -> Finding {
    for _ in 0..10 {
        let page = case.page();
        page.script(recipe.clone().when(|seen| !seen.target_has("/victim")));
        for method in ["GET", "HEAD", "OPTIONS"] {
            let attack = case.ask(&case.get(&page.path).method(method)).await;
            if attack.shows(EVIL) {
                return Finding::bad(format!("in the answer itself: {}", attack.summary()));
            }
        }
        let target = page.with("/victim");
        let victim = wanted(&case.ask(&case.get(&target)).await, &target);
        if !victim.is_safe() {
            return victim;
        }
    }
    Finding::safe("nobody's answer")
}

/// The origin answers a POST when it has seen the head alone, and takes the rest for what it
/// likes. The rest must not be taken for a request that the proxy vouches for.
async fn early(case: &Case) -> Finding {
    let page = case.page();
    let hidden = smuggled(&page);
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: good.test\r\nContent-Length: {}\r\n\r\n",
        page.path,
        hidden.len()
    );
    let mut connection = case.send(head).await;
    // Half of the body, then nothing: then the client leaves.
    connection.send(&hidden[..10]).await;
    connection.finish().await;
    let answer = connection.answer("POST").await;
    let target = page.with("/victim");
    let victim = wanted(&case.ask(&case.get(&target)).await, &target);
    let reached = page.seen().iter().any(|seen| seen.target_has(SMUGGLED));
    let told = Finding::of(answer.status != 200 || !answer.reusable, answer.summary());
    let apart = Finding::of(
        !reached,
        "a broken request ends its connection to the origin",
    );
    if !told.is_safe() {
        return told;
    }
    apart.and(victim)
}

/// Interim answers are not the answer, and none of their fields are its fields.
async fn interim(case: &Case) -> Finding {
    const BEFORE: [&str; 4] = [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nSet-Cookie: sid=evil\r\nCache-Control: max-age=9\r\n\r\n",
        "HTTP/1.1 102 Processing\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 199 X\r\nTransfer-Encoding: chunked\r\n\r\n",
    ];
    tried(case, BEFORE.map(|before| (before, before)), skipped)
        .await
        .sum()
}

async fn skipped(case: Case, before: &str) -> Finding {
    let page = case.page();
    page.script(Recipe::new().status_line(format!("{before}HTTP/1.1 200 OK")));
    for _ in 0..2 {
        let answer = case.ask(&case.get(&page.path)).await;
        let right = wanted(&answer, page.path.as_bytes()).is_safe() || answer.status == 502;
        if !right || answer.shows("sid=evil") {
            return Finding::bad(answer.summary());
        }
    }
    Finding::safe("skipped")
}
