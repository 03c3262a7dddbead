//! Answers that break off, or whose end is in doubt.

use crate::at_once::{each, while_held};
use crate::case::Case;
use crate::client::{Answer, h2};
use crate::origin::{Cut, Recipe};
use crate::verdict::{Checked, Finding, Tried, all_clean, clean, wanted};

/// The size of the page that is cut, by which the cuts below are placed.
const SIZE: usize = 1000;

/// Answers that are not whole, whoever looks.
fn cuts() -> Vec<(String, Recipe)> {
    let page = || Recipe::new().padded(SIZE);
    let mut cuts = Vec::new();
    for (how, cut) in [("closed", Cut::Close), ("reset", Cut::Reset)] {
        for at in [0, 1, 500, 999] {
            cuts.push((
                format!("{at} of {SIZE} bytes, {how}"),
                page().cut_at(at, cut),
            ));
        }
        // A chunk of 100 bytes takes 106; ten of them, and the last one takes 5.
        for at in [0, 1, 3, 4, 50, 104, 105, 106, 1060, 1061, 1063, 1064] {
            let chunked = page().chunked(100).cut_at(at, cut);
            cuts.push((format!("{at} of 1065 bytes in chunks, {how}"), chunked));
        }
        let trailers = page().trailers(&["X-Trailer: x"]).cut_at(1015, cut);
        cuts.push((format!("inside the trailers, {how}"), trailers));
        let old = page().status_line("HTTP/1.0 200 OK").cut_at(500, cut);
        cuts.push((format!("half of what HTTP/1.0 announced, {how}"), old));
        cuts.push((
            format!("before the head, {how}"),
            page().cut_before_head(cut),
        ));
        let large = Recipe::new().endless(9 << 20).cut_at(8_900_000, cut);
        cuts.push((format!("too large to be stored, {how}"), large));
    }
    let version = |version: &str| page().status_line(version).until_close();
    for line in ["HTTP/1.1 200 OK", "HTTP/1.0 200 OK"] {
        let cut = version(line).cut_at(500, Cut::Reset);
        cuts.push((format!("{line} until close, reset"), cut));
    }
    for (name, body) in [
        ("no size", "zz\r\nhello\r\n0\r\n\r\n"),
        ("a signed size", "-5\r\nhello\r\n0\r\n\r\n"),
        ("a size in another notation", "0x5\r\nhello\r\n0\r\n\r\n"),
        (
            "a size that overflows",
            "FFFFFFFFFFFFFFFF5\r\nhello\r\n0\r\n\r\n",
        ),
        ("a chunk longer than its size", "5\r\nhelloXX\r\n0\r\n\r\n"),
        ("a chunk without its end", "5\r\nhello0\r\n\r\n"),
        ("a chunk shorter than its size", "50\r\nhello\r\n0\r\n\r\n"),
        ("no last chunk", "5\r\nhello\r\n"),
    ] {
        let chunked = Recipe::new().line("Transfer-Encoding: chunked").told();
        let length = body.len() as u64;
        cuts.push((
            name.to_owned(),
            chunked.body(body).cut_at(length, Cut::Close),
        ));
    }
    cuts
}

pub(super) async fn incomplete(case: &Case) -> Finding {
    let attempt = |case: Case, (name, recipe): (String, Recipe)| async move {
        let found = never_whole(&case, &recipe).await;
        (name, found)
    };
    let mut tried = each(case, cuts(), attempt).await;
    let attempt = |case: Case, (name, recipe): (String, Recipe)| async move {
        let found = harmless(&case, &recipe).await;
        (name, found)
    };
    tried.append(each(case, doubtful(), attempt).await);
    tried.append(whole_after_all(case).await);
    tried.sum()
}

/// The one whose answer is cut sees that it is, over HTTP/1 and HTTP/2; so do those who waited
/// for it; and those who come later get the page.
async fn never_whole(case: &Case, recipe: &Recipe) -> Checked {
    for (over_h2, kind) in [(false, ""), (true, ""), (false, "no-cache")] {
        for crowd in [false, true] {
            let page = super::page_with(case, kind).await;
            let unlucky = case.get(&page.path);
            page.script_first(recipe.clone().when_nonce(&unlucky.nonce));
            let waiting = [case.get(&page.path), case.get(&page.path)];
            let mut cut = Vec::new();
            if over_h2 {
                let mut connection = case.connect_h2().await;
                cut.push(connection.ask(&h2::fields_of(&unlucky)).await);
            } else if crowd {
                let (first, others) = while_held(
                    case,
                    &page,
                    std::slice::from_ref(recipe),
                    &unlucky,
                    &waiting,
                )
                .await;
                // They may have asked for themselves.
                let whole = |answer: &Answer| wanted(answer, page.path.as_bytes()).is_safe();
                cut.extend(others.into_iter().filter(|answer| !whole(answer)));
                cut.push(first);
            } else {
                cut.push(case.ask(&unlucky).await);
            }
            let clean_end = |answer: &&Answer| answer.is_whole() && answer.status < 500;
            if let Some(bad) = cut.iter().find(clean_end) {
                let seen = bad.summary();
                return Err(Finding::bad(format!("passed off as whole: {seen}")));
            }
            let victims = case.ask_all(&waiting).await;
            all_clean(&victims, page.path.as_bytes(), &[&unlucky.nonce])?;
        }
    }
    Ok(Finding::safe("seen to be cut, and not stored"))
}

/// Answers whose end, or whose beginning, may be taken for another.
fn doubtful() -> Vec<(String, Recipe)> {
    let said = |line: &str| Recipe::fresh("no-store").line(line);
    let mut all = Vec::new();
    for length in [
        "5\r\nContent-Length: 6",
        "5, 6",
        "+5",
        "-5",
        "0x5",
        "5_0",
        "5 5",
        "5;",
        "a",
        "",
        "18446744073709551616",
        "99999999999999999999",
        "0\r\nContent-Length: 5",
    ] {
        let recipe = said(&format!("Content-Length: {length}")).told();
        let recipe = recipe.body("evil!").cut_at(5, Cut::Close);
        all.push((format!("Content-Length: {length}"), recipe));
    }
    for coding in [
        "gzip, chunked",
        "identity",
        "chunked, chunked",
        "xchunked",
        "chunked, identity",
        "chunked;q=1",
        "\"chunked\"",
        "chunked\r\nTransfer-Encoding: identity",
        "",
    ] {
        let recipe = said(&format!("Transfer-Encoding: {coding}")).told();
        let recipe = recipe.body("4\r\nevil\r\n0\r\n\r\n").cut_at(14, Cut::Close);
        all.push((format!("Transfer-Encoding: {coding}"), recipe));
    }
    let behind = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\nevil";
    for (name, line, body) in [
        (
            "longer than its length",
            "Content-Length: 5",
            format!("hello{behind}"),
        ),
        (
            "a length of nothing",
            "Content-Length: 0",
            behind.to_owned(),
        ),
        (
            "both framings",
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            format!("0\r\n\r\n{behind}"),
        ),
        (
            "both, the other way",
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
            format!("0\r\n\r\n{behind}"),
        ),
        (
            "more after the last chunk",
            "Transfer-Encoding: chunked",
            format!("5\r\nhello\r\n0\r\n\r\n{behind}"),
        ),
        (
            "HTTP/1.0 in chunks",
            "Transfer-Encoding: chunked",
            format!("5\r\nhello\r\n0\r\n\r\n{behind}"),
        ),
    ] {
        let recipe = said(line).told().body(body);
        let old = name.starts_with("HTTP/1.0");
        let recipe = if old {
            recipe.status_line("HTTP/1.0 200 OK")
        } else {
            recipe
        };
        all.push((name.to_owned(), recipe));
    }
    for (name, line) in [
        ("HTTP/9.9", "HTTP/9.9 200 OK"),
        ("HTTP/2", "HTTP/2 200 OK"),
        ("two digits", "HTTP/1.1 20 OK"),
        ("four digits", "HTTP/1.1 2000 OK"),
        ("status 0", "HTTP/1.1 000 OK"),
        ("another protocol", "ICY 200 OK"),
        ("no status line", "evil"),
        ("an empty line first", "\r\nHTTP/1.1 200 OK"),
        ("a field without a colon", "HTTP/1.1 200 OK\r\nevil"),
        ("a folded field", "HTTP/1.1 200 OK\r\nX-A: b\r\n evil"),
        ("a NUL", "HTTP/1.1 200 OK\r\nX-Evil: \0"),
        ("a bare CR", "HTTP/1.1 200 OK\r\nX-A: a\rX-Evil: b"),
        ("a space before the colon", "HTTP/1.1 200 OK\r\nX-Evil : b"),
        (
            "101 unasked",
            "HTTP/1.1 101 Switching\r\nUpgrade: evil\r\nConnection: upgrade",
        ),
    ] {
        let recipe = Recipe::fresh("no-store").status_line(line).body("evil");
        all.push((name.to_owned(), recipe));
    }
    let huge = format!("HTTP/1.1 200 OK\r\nX-Evil: {}", "x".repeat(2 << 20));
    all.push((
        "a field of 2 MB".to_owned(),
        Recipe::fresh("no-store").status_line(huge),
    ));
    for (interim, count) in [
        ("100 Continue", 1),
        ("102 Processing", 10),
        ("103 Early Hints", 1000),
        ("199 Lab", 20_000),
    ] {
        let one = format!("HTTP/1.1 {interim}\r\nLink: <evil>\r\n\r\n");
        let line = format!("{}HTTP/1.1 200 OK", one.repeat(count));
        let recipe = Recipe::fresh("no-store").status_line(line);
        all.push((format!("{count} x {interim}"), recipe));
    }
    all
}

/// Whatever becomes of the answer itself, nobody else sees anything of it: not on this page, and
/// not as the answer to what is asked next.
async fn harmless(case: &Case, recipe: &Recipe) -> Checked {
    for _ in 0..5 {
        let page = case.page();
        let unlucky = case.get(&page.path);
        page.script(recipe.clone().when_nonce(&unlucky.nonce));
        case.ask(&unlucky).await;
        let neighbours = ["/a", "/b", "/c"].map(|rest| case.get(page.with(rest)));
        let answers = case.ask_all(&neighbours).await;
        for (neighbour, answer) in neighbours.iter().zip(&answers) {
            clean(answer, &neighbour.target, &["evil"]).checked()?;
        }
        let others = [case.get(&page.path), case.get(&page.path)];
        let served = case.ask_all(&others).await;
        let marks = [&unlucky.nonce[..], "evil"];
        all_clean(&served, page.path.as_bytes(), &marks)?;
    }
    Ok(Finding::safe("nobody else sees anything of it"))
}

/// The control: what ends where it says is whole, whatever becomes of the connection.
async fn whole_after_all(case: &Case) -> Tried {
    let mut tried = Tried::default();
    let page = || Recipe::new().padded(SIZE);
    for (name, recipe) in [
        (
            "all of a length, closed",
            page().cut_at(SIZE as u64, Cut::Close),
        ),
        (
            "all chunks, closed",
            page().chunked(100).cut_at(1065, Cut::Close),
        ),
        ("until close, closed", page().until_close()),
        (
            "HTTP/1.0 until close",
            page().status_line("HTTP/1.0 200 OK").until_close(),
        ),
    ] {
        let page = case.page();
        page.script(recipe);
        let answer = case.ask(&case.get(&page.path)).await;
        let whole = wanted(&answer, page.path.as_bytes()).is_safe() && answer.body.length == 1000;
        let seen = answer.summary();
        let found = if whole {
            Finding::safe("control: whole")
        } else {
            Finding::no_control(format!("not whole: {seen}"))
        };
        tried.note(name, found);
    }
    tried
}
