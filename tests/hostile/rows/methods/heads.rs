//! HEAD before, behind and beside the GET of one page.

use crate::at_once::{each, while_held};
use crate::case::{Case, OVER};
use crate::client::{Answer, Request, h2};
use crate::origin::{Gate, Page, Recipe};
use crate::verdict::{Checked, Finding, all_clean, clean, wanted};

/// What an origin may answer to a HEAD while its GET answers well.
fn heads() -> Vec<(&'static str, Recipe)> {
    let told = |line: &str| Recipe::new().line(line).told();
    let status = |status| Recipe::fresh("public, max-age=60").status(status);
    vec![
        ("the same", Recipe::new()),
        ("fresher", Recipe::fresh("public, s-maxage=3600, immutable")),
        ("chunked", Recipe::new().chunked(16)),
        ("until close", Recipe::new().until_close()),
        ("no length", told("")),
        ("length 0", told("Content-Length: 0")),
        ("length 5", told("Content-Length: 5")),
        ("a huge length", told("Content-Length: 9999999999")),
        ("404", status(404)),
        ("405", status(405)),
        ("500", status(500)),
        ("301", status(301).line("Location: /elsewhere")),
        ("204", status(204).told()),
        (
            "206",
            told("Content-Range: bytes 0-0/9\r\nContent-Length: 1"),
        ),
        // Bytes that look like the answer to whatever is asked next over this connection.
        (
            "with a body",
            told("Content-Length: 4\r\n\r\nevil").without("ETag"),
        ),
        (
            "with another answer behind it",
            told(
                "Content-Length: 4\r\n\r\nHTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\
                 Content-Length: 4\r\n\r\nevil",
            ),
        ),
    ]
}

pub(super) async fn head_fills_get(case: &Case) -> Finding {
    let lines = ["", "Range: bytes=0-0", "If-None-Match: *"];
    let variants = heads().into_iter().flat_map(|(label, recipe)| {
        lines.map(|line| (format!("{label} {line}"), recipe.clone(), line))
    });
    let attempt = |case: Case, (label, recipe, line): (String, Recipe, &'static str)| async move {
        let page = case.page();
        page.script(recipe.when_method("HEAD"));
        let head = case.get(&page.path).method("HEAD").line(line);
        let found = before_get(&case, &page, &head).await;
        (label, found)
    };
    let mut tried = each(case, variants.collect(), attempt).await;
    for (label, recipe) in heads() {
        for head_leads in [true, false] {
            let found = beside_get(case, recipe.clone(), head_leads).await;
            let order = if head_leads { "before" } else { "behind" };
            tried.note(format!("{label}, {order} a GET under way"), found);
        }
    }
    tried.note("over HTTP/2", head_over_h2(case).await);
    tried.sum()
}

/// A HEAD and then GETs, over one connection and others.
async fn before_get(case: &Case, page: &Page, head: &Request) -> Checked {
    let get = || case.get(&page.path);
    let mut connection = case.connect().await;
    let asked = connection.ask(head).await;
    if !asked.body.bytes.is_empty() {
        let seen = asked.summary();
        return Err(Finding::bad(format!("a HEAD has a body: {seen}")));
    }
    if asked.reusable {
        let same = connection.ask(&get()).await;
        clean(&same, page.path.as_bytes(), &["evil"]).checked()?;
    }
    let victims = case.ask_all(&[get(), get(), get()]).await;
    let neighbour = case.get(page.with("/x"));
    let other = case.ask(&neighbour).await;
    clean(&other, &neighbour.target, &["evil"]).checked()?;
    all_clean(&victims, page.path.as_bytes(), &["evil"])
}

/// A HEAD and a GET of which one comes while the other is under way.
async fn beside_get(case: &Case, recipe: Recipe, head_leads: bool) -> Finding {
    let page = case.page();
    page.script(recipe.clone().when_method("HEAD"));
    let head = case.get(&page.path).method("HEAD");
    let get = case.get(&page.path);
    let (first, second, held) = if head_leads {
        (&head, &get, recipe)
    } else {
        (&get, &head, Recipe::new())
    };
    let (one, others) = while_held(case, &page, &[held], first, std::slice::from_ref(second)).await;
    let (of_head, of_get) = if head_leads {
        (&one, &others[0])
    } else {
        (&others[0], &one)
    };
    if !of_head.body.bytes.is_empty() {
        return Finding::bad(format!("a HEAD has a body: {}", of_head.summary()));
    }
    let found = clean(of_get, &get.target, &["evil"]);
    found.and(wanted(&case.ask(&get).await, &get.target))
}

async fn head_over_h2(case: &Case) -> Finding {
    let page = case.page();
    let mut connection = case.connect_h2().await;
    let head = case.get(&page.path).method("HEAD");
    let asked = connection.ask(&h2::fields_of(&head)).await;
    let get = case.get(&page.path);
    let victim = connection.ask(&h2::fields_of(&get)).await;
    if asked.body.length > 0 {
        return Finding::bad(format!("a HEAD has a body: {}", asked.summary()));
    }
    wanted(&victim, &get.target)
}

pub(super) async fn get_then_head(case: &Case) -> Finding {
    let gzip = "Content-Encoding: gzip\r\nVary: Accept-Encoding";
    let recipes = [
        ("plain", Recipe::new()),
        ("chunked", Recipe::new().chunked(16)),
        ("trailers", Recipe::new().trailers(&["X-Trailer: 1"])),
        ("until close", Recipe::new().until_close()),
        ("empty", Recipe::new().body("")),
        ("large", Recipe::new().padded(300_000)),
        ("coded", Recipe::new().line(gzip)),
        ("301", Recipe::new().status(301).line("Location: /x")),
        ("300", Recipe::new().status(300)),
    ];
    let lines = [
        "",
        "Range: bytes=0-0",
        "Range: bytes=999999999-",
        "Range: bytes=0-0\r\nIf-Range: \"e\"",
        "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
        "Cache-Control: only-if-cached",
    ];
    let variants = recipes.into_iter().flat_map(|(label, recipe)| {
        lines.map(|line| (format!("{label} {line}"), recipe.clone(), line))
    });
    let attempt = |case: Case, (label, recipe, line): (String, Recipe, &'static str)| async move {
        let page = case.page();
        page.script(recipe);
        let get = case.ask(&case.get(&page.path)).await;
        let head = case.get(&page.path).method("HEAD").line(line);
        let found = hit_like(&case, &page, &head, &get).await;
        (label, found)
    };
    let mut tried = each(case, variants.collect(), attempt).await;
    tried.note("while the GET is under way", head_of_live(case).await);
    tried.sum()
}

/// A HEAD that is served what a GET got before, without its body, and leaves the connection fit
/// for more.
async fn hit_like(case: &Case, page: &Page, head: &Request, get: &Answer) -> Finding {
    let mut connection = case.connect().await;
    let answer = connection.ask(head).await;
    let calls = page.count();
    let again = connection.ask(&case.get(&page.path)).await;
    let length = get.body.length.to_string();
    let fields = ["etag", "content-encoding", "location", "cache-control"];
    let alike = fields
        .iter()
        .all(|name| answer.header(name) == get.header(name));
    if calls > 1 {
        return Finding::safe("asked the origin");
    }
    let seen = format!("{:?} {:?}", answer.summary(), answer.lines);
    if answer.status != get.status || !alike || !answer.body.bytes.is_empty() {
        return Finding::bad(format!("unlike the GET: {seen}"));
    }
    if answer.lines.all("content-length") != [length] {
        return Finding::bad(format!("another length than the GET: {seen}"));
    }
    let whole = again.is_whole() && again.body.bytes == get.body.bytes;
    Finding::of(whole, "a hit, like the GET")
}

/// The GET's head has arrived, half of its body has not.
async fn head_of_live(case: &Case) -> Finding {
    let page = case.page();
    let gate = Gate::shut();
    page.script(Recipe::new().padded(2000).gate_at(1000, &gate));
    let mut get = case.send(case.get(&page.path).bytes()).await;
    page.arrived(1).await;
    let _ = get.sip(1).await;
    let head = case.get(&page.path).method("HEAD");
    let asking = async {
        let answer = case.ask(&head).await;
        gate.open();
        answer
    };
    let answer = asking.await;
    let length = answer.header("content-length");
    let right = length.is_none_or(|length| length == "2000");
    if !answer.body.bytes.is_empty() || !right || answer.status != 200 {
        return Finding::bad(format!("unlike the GET: {}", answer.summary()));
    }
    let after = case.ask(&case.get(&page.path)).await;
    Finding::of(after.body.length == 2000, "like the GET")
}

/// What a HEAD is told that is not true of the page, each with a mark that must not be seen on it.
const LIES: [(u16, &str); 19] = [
    (404, ""),
    (410, ""),
    (403, "Cache-Control: max-age=60"),
    (500, ""),
    (503, "Retry-After: 60"),
    (301, "Location: http://evil.test/"),
    (204, ""),
    (206, "Content-Range: bytes 0-0/1"),
    (304, "ETag: \"lie\""),
    (200, "Content-Length: 0"),
    (200, "Content-Length: 99999999"),
    (200, "ETag: \"lie\""),
    (200, "Cache-Control: private"),
    (200, "Cache-Control: no-store"),
    (200, "Cache-Control: max-age=31536000\r\nAge: 0"),
    (200, "Set-Cookie: lie=1"),
    (200, "Content-Encoding: br"),
    (200, "Content-Type: text/evil"),
    (200, "Vary: *"),
];

/// Ways to make a HEAD reach the origin although the page is stored.
const PUSHES: [&str; 10] = [
    "",
    "Cache-Control: no-cache",
    "Cache-Control: max-age=0",
    "Cache-Control: no-store",
    "Pragma: no-cache",
    "Cookie: a=b",
    "Authorization: Bearer x",
    "If-Match: \"x\"",
    "If-None-Match: \"x\"",
    "Range: bytes=0-0",
];

pub(super) async fn head_lies(case: &Case) -> Finding {
    let lies = |kind: &'static str| LIES.map(|(status, line)| (kind, status, line));
    let attempt = |case: Case, (kind, status, line): (&'static str, u16, &'static str)| async move {
        let found = lied_to(&case, kind, status, line).await;
        (format!("{kind}: {status} {line}"), found)
    };
    let both = ["a fresh page", "a stale page"].map(lies).concat();
    each(case, both, attempt).await.sum()
}

async fn lied_to(case: &Case, kind: &str, status: u16, line: &str) -> Checked {
    let lie = Recipe::new()
        .status(status)
        .without("ETag")
        .line("X-Lie: lie");
    let lie = lie.line(line).told().when_method("HEAD");
    let pages: Vec<Page> = PUSHES.iter().map(|_| case.page()).collect();
    for page in &pages {
        page.script(lie.clone());
        if kind == "a stale page" {
            page.script(Recipe::fresh("max-age=1"));
        }
        case.ask(&case.get(&page.path)).await;
    }
    if kind == "a stale page" {
        case.let_pass(OVER).await;
    }
    for (page, push) in pages.iter().zip(PUSHES) {
        let head = case.get(&page.path).method("HEAD").line(push);
        case.ask(&head).await;
        let others = [case.get(&page.path), case.get(&page.path)];
        let served = case.ask_all(&others).await;
        let found = all_clean(&served, page.path.as_bytes(), &["lie", "evil"]);
        let what = format!("after a HEAD with {push:?}");
        Finding::from(found).within(what).checked()?;
    }
    Ok(Finding::safe("GETs get the page"))
}
