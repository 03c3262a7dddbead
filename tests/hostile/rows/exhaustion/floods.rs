//! More pages, or more variants of one, than there is room for.

use super::gauge::{Allowed, CAPACITY, Gauge};
use super::load::{Tally, flood};
use super::probe::Probe;
use crate::case::Case;
use crate::origin::Recipe;
use crate::verdict::{Finding, Tried};

/// What a flood's own connections cost the subject, generously.
const CONNECTIONS: Allowed = Allowed::and(4 << 20, "the flood's connections");

/// X01.
pub(super) async fn urls(case: &Case) -> Finding {
    let (large, small) = if case.full {
        (1_000_000, 200_000)
    } else {
        (30_000, 10_000)
    };
    let names = |count: usize| (0..count).map(|n| format!("X-{n}"));
    let fields: Vec<String> = names(80).map(|name| name + ": 1").collect();
    let vary: Vec<String> = names(16).collect();
    let tags: Vec<String> = (0..256).map(|n| format!("{n:x}")).collect();
    let stored = || Recipe::fresh("max-age=600");
    // Of most answers little is body: what is not counted would show.
    let (fields, vary) = (fields.join("\r\n"), format!("Vary: {}", vary.join(", ")));
    let tags = format!("Surrogate-Key: {}", tags.join(" "));
    // Of some nothing is stored, for what is remembered of that.
    let memos = CONNECTIONS.storing(CAPACITY / 32);
    let mut tried = Tried::default();
    for (what, count, recipe, allowed) in [
        ("of 2 KB", large, stored().padded(2048), CONNECTIONS),
        (
            "of 80 short fields",
            small,
            stored().line(fields).body(""),
            CONNECTIONS,
        ),
        (
            "that vary on 16 fields",
            large,
            stored().line(vary).body(""),
            CONNECTIONS,
        ),
        (
            "of 256 short tags",
            small,
            stored().line(tags).body(""),
            CONNECTIONS,
        ),
        (
            "not stored",
            small,
            Recipe::fresh("no-store").body("x"),
            memos,
        ),
        (
            "that fail",
            small,
            Recipe::new().status(500).body("x"),
            memos,
        ),
    ] {
        tried.note(
            format!("{count} targets {what}"),
            pages(case, count, recipe, allowed).await,
        );
    }
    tried.sum()
}

/// A flood of so many targets, all answered alike.
async fn pages(case: &Case, count: u64, recipe: Recipe, allowed: Allowed) -> Finding {
    let case = &case.alone(&[]).await;
    let page = case.page();
    page.script(recipe);
    let gauge = Gauge::start_for_flood(case).await;
    let tally = flood(case, count, |n| case.get(page.with(format!("?r={n}")))).await;
    let answered = answered(&tally, count);
    let quiet = gauge.quiet().await;
    gauge.finish(allowed).await.and(answered).and(quiet)
}

/// Everyone was answered, with the page or its error.
fn answered(tally: &Tally, count: u64) -> Finding {
    let good = tally.of(200) + tally.of(500);
    Finding::of(good == count, tally.told())
}

/// The default of `max_variants`.
const VARIANTS: u64 = 32;

/// X02. Whoever can name a variant can make one more; the visitor's own is among the first.
pub(super) async fn variants(case: &Case) -> Finding {
    let mut tried = Tried::default();
    let count = if case.full { 100_000 } else { 3_000 };
    for vary in ["User-Agent", "Accept-Encoding, User-Agent, X-A, X-B"] {
        let finding = variants_by(case, vary, count).await;
        tried.note(format!("{count} variants by {vary}"), finding);
    }
    tried.note(
        format!("{count} spellings of Accept-Encoding"),
        spellings(case, count).await,
    );
    tried.sum()
}

async fn variants_by(case: &Case, vary: &str, count: u64) -> Finding {
    let case = &case.alone(&[]).await;
    let page = case.page();
    page.script(
        Recipe::fresh("max-age=3600")
            .line(format!("Vary: {vary}"))
            .padded(2048),
    );
    let path = page.path.clone();
    let odd = |n: u64| {
        let request = case.get(&path).line(format!("User-Agent: agent-{n}"));
        request.line(format!("Accept-Encoding: x-{n}"))
    };
    let visitor = case.get(&path).line("User-Agent: visitor");
    let probe = Probe::of(case, page, visitor).await;
    let gauge = Gauge::with(case, probe).await.beside_hits().await;
    let tally = flood(case, count, odd).await;
    // Those that are stored need no origin.
    let before = gauge.probe.refetched();
    let again = count.min(1_000);
    flood(case, again, odd).await;
    let stored = again.saturating_sub(gauge.probe.refetched() - before);
    let told = format!("{stored} of the first {again} stored");
    let capped = Finding::of(stored > 0 && stored < VARIANTS, told);
    let quiet = gauge.quiet().await;
    let bounded = gauge.finish(CONNECTIONS.nothing_stored()).await;
    bounded.and(answered(&tally, count)).and(capped).and(quiet)
}

/// However it is written what a client accepts, few things can be meant, and each is stored.
async fn spellings(case: &Case, count: u64) -> Finding {
    let case = &case.alone(&[]).await;
    let page = case.page();
    let varying = Recipe::fresh("max-age=3600").line("Vary: Accept-Encoding");
    page.script(varying.padded(2048));
    let path = page.path.clone();
    let gauge = Gauge::start_for_flood(case).await;
    let odd = |n: u64| {
        let coding = |at: u32, name: &str| match n >> (2 * at) & 3 {
            0 => String::new(),
            1 => format!("{name}, "),
            2 => format!("{name};q=0.{n}, "),
            _ => format!("{name};q=0, "),
        };
        let known = ["gzip", "br", "zstd", "identity", "*"];
        let said: String = (0..)
            .zip(known)
            .map(|(at, name)| coding(at, name))
            .collect();
        case.get(&path)
            .line(format!("Accept-Encoding: {said}x-{n}"))
    };
    let tally = flood(case, count, odd).await;
    let asked = page.count();
    let told = format!("{asked} fetches for {count} spellings");
    let few = Finding::of(asked < VARIANTS, told);
    let quiet = gauge.quiet().await;
    let bounded = gauge.finish(CONNECTIONS.nothing_stored()).await;
    bounded.and(answered(&tally, count)).and(few).and(quiet)
}

/// X16. A hot set is asked for all the time, and one pass is made over far more pages than there
/// is room for.
pub(super) async fn scan(case: &Case) -> Finding {
    // Between two visits of a hot page come so many others that there is no room for all.
    let (capacity, hot_pages, cold) = if case.full {
        (CAPACITY, 6_800, 10_000_000)
    } else {
        (8 << 20, 850, 16_000)
    };
    let case = &case.alone(&[&format!("--capacity={capacity}")]).await;
    let (hot, scanned) = (case.page(), case.page());
    for page in [&hot, &scanned] {
        page.script(Recipe::fresh("max-age=3600").padded(2048));
    }
    let visit = |n: u64| case.get(hot.with(format!("?r={}", n * 7919 % hot_pages)));
    let gauge = Gauge::start_for_flood(case).await;
    flood(case, 8 * hot_pages, visit).await;
    let warm = hot.count();
    let pass = |n: u64| case.get(scanned.with(format!("?r={n}")));
    let both = |n: u64| if n % 2 == 0 { visit(n / 2) } else { pass(n) };
    let tally = flood(case, 2 * cold, both).await;
    let missed = (hot.count() - warm) as f64;
    let points = missed * 100.0 / cold as f64;
    let told = format!("{points:.1} of 100 hot requests missed (limit 5)");
    let kept = Finding::of(points < 5.0, told).and(answered(&tally, 2 * cold));
    gauge.finish(CONNECTIONS.storing(capacity)).await.and(kept)
}
