//! What does it cost to read a head that was written to be dear?
//!
//! ```sh
//! cargo bench --bench parsers                    # all of it, about 2 min
//! cargo bench --bench parsers -- if-none-match   # one group
//! ```
//!
//! Each row is a reader of the crate and a field of so many KiB that repeats what is
//! hardest for it. Reading is linear, and takes less than 16 µs per KiB; a run ends
//! with an error where that is not so. As a test (`cargo test --benches`) it asks only
//! whether reading is linear.

// A bench is what reads the clock.
#![allow(clippy::disallowed_methods)]

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use criterion::{BenchmarkId, Criterion, Throughput};
use floodwall::policy::{
    Ranges, RequestDirectives, RequestFacts, ResponseDirectives, ResponseHead, Rules, Variant,
    VaryNames, end_to_end, if_range_holds, is_not_modified, judge, named_targets, updated,
    validates,
};
use floodwall::{Cache, KeyRules, Moment, Purge};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};

const KIB: usize = 1024;

/// What may be spent on one KiB.
const PER_KIB: Duration = Duration::from_micros(16);

/// How long a reader may try to show that it keeps to that.
const PATIENCE: Duration = Duration::from_secs(5);

/// A reader, and what is repeated for it.
struct Row {
    reader: &'static str,
    fields: &'static [&'static str],
    patterns: &'static [&'static str],
    read: fn(&HeaderMap),
}

const ROWS: [Row; 9] = [
    Row {
        reader: "response",
        fields: &["cache-control"],
        patterns: &[
            " ",
            ",",
            "\"",
            "a=a=",
            "no-store;",
            "max-age=1,",
            "\\\"",
            "a\"b,",
            "x=\"a\"b;private ",
            "1",
        ],
        read: |head| {
            black_box(ResponseDirectives::read(head));
        },
    },
    Row {
        reader: "request",
        fields: &["cache-control", "pragma"],
        patterns: &[
            " ",
            ",",
            "\"",
            "a=a=",
            "max-stale=1,",
            "a\"b,",
            "no-cach,",
            "(no-cach",
        ],
        read: |head| {
            black_box(RequestDirectives::read(head));
        },
    },
    Row {
        reader: "vary",
        fields: &["vary", "content-encoding"],
        patterns: &[" ", ",", "\"", "a", "a,", "x-v, "],
        read: |head| drop(black_box(VaryNames::read(head, &Rules::default()))),
    },
    Row {
        reader: "if-none-match",
        fields: &["if-none-match", "if-range", "etag"],
        patterns: &[" ", ",", "\"", "\"a\",", "W/\"", "W/,", "\"a\"x,", "a"],
        read: |head| {
            let stored = HeaderMap::from_iter([tag()]);
            black_box(is_not_modified(head, &stored));
            black_box(if_range_holds(head, &stored));
            black_box(validates(head, &stored));
        },
    },
    Row {
        reader: "range",
        fields: &["range"],
        patterns: &[" ", ",", "bytes=0-0,", "-", "1", "bytes="],
        read: |head| drop(black_box(Ranges::read(head, 1 << 30, 16))),
    },
    Row {
        reader: "variant",
        fields: &["accept-encoding", "accept-language"],
        patterns: &[" ", ",", "gzip;q=0,", "a"],
        read: |head| {
            let vary = [(
                http::header::VARY,
                value("accept-encoding, accept-language"),
            )];
            let names = VaryNames::read(&HeaderMap::from_iter(vary), &Rules::default());
            let variant = Variant::of(&names.expect("two names"), head);
            assert!(black_box(variant.matches(head)));
        },
    },
    Row {
        reader: "verdict",
        fields: &[
            "surrogate-key",
            "cache-tag",
            "cache-groups",
            "content-type",
            "age",
            "expires",
        ],
        patterns: &[
            " ",
            ",",
            "\"",
            "a",
            "1,",
            "\"a\", ",
            "\\\"",
            "text/event-stream",
        ],
        read: judged,
    },
    Row {
        reader: "stored",
        fields: &["connection"],
        patterns: &[" ", ",", "\"", "a,", "x-a, "],
        read: |head| drop(black_box(updated(head, head))),
    },
    Row {
        reader: "location",
        fields: &["location", "content-location"],
        patterns: &[" ", "/", "/..", "/a/..", "../", "#", "?"],
        read: |head| drop(black_box(named_targets("good.test", "/a/b", head))),
    },
];

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500))
        .configure_from_args();
    for row in &ROWS {
        for field in row.fields {
            measure(&mut criterion, row, field);
        }
    }
    names(&mut criterion);
    key(&mut criterion);
    criterion.final_summary();
}

/// One field of 64 KiB, for each pattern.
fn measure(criterion: &mut Criterion, row: &Row, field: &str) {
    let mut group = criterion.benchmark_group(format!("{}/{field}", row.reader));
    for pattern in row.patterns {
        let head = |size| HeaderMap::from_iter([(name(field), value(&repeated(pattern, size)))]);
        let (quarter, all) = (head(16 * KIB), head(64 * KIB));
        is_linear(
            &format!("{field}: {pattern:?}"),
            64,
            || (row.read)(&quarter),
            || (row.read)(&all),
        );
        group.throughput(Throughput::Bytes(64 * KIB as u64));
        group.bench_function(
            BenchmarkId::from_parameter(format!("{pattern:?}")),
            |bencher| {
                bencher.iter(|| (row.read)(&all));
            },
        );
    }
    group.finish();
}

/// A head of many names, all of which `Connection` names.
fn names(criterion: &mut Criterion) {
    let head = |size: usize| {
        let names: Vec<String> = (0..size / 16).map(|n| format!("x-{n:05}")).collect();
        let fields = names.iter().map(|name| (self::name(name), value("")));
        let listed = (http::header::CONNECTION, value(&names.join(",")));
        fields.chain([listed]).collect::<HeaderMap>()
    };
    let (quarter, all) = (head(16 * KIB), head(64 * KIB));
    let read = |head: &HeaderMap| {
        black_box(updated(head, head));
        black_box(end_to_end(head, true, &Rules::default(), wall()));
    };
    is_linear("names", 64, || read(&quarter), || read(&all));
    let mut group = criterion.benchmark_group("stored/names");
    group.throughput(Throughput::Bytes(64 * KIB as u64));
    group.bench_function("64 KiB", |bencher| bencher.iter(|| read(&all)));
    group.finish();
}

/// A request whose key is nearly as long as a key may be, and a purge of it.
fn key(criterion: &mut Criterion) {
    let rules = (0..16).fold(KeyRules::new(), |rules, n| {
        rules.drop_query(format!("utm_{n}"))
    });
    let cache = Cache::builder().key(rules).build().expect("legal settings");
    let request = |size| {
        let query = repeated("utm_15=1&a=b&", size);
        Request::get(format!("http://good.test/?{query}"))
            .body(())
            .expect("legal")
    };
    let (quarter, all) = (request(14 * KIB / 4), request(14 * KIB));
    let read = |request: &Request<()>| {
        black_box(cache.explain(request));
        drop(black_box(Purge::uri(&request.uri().to_string())));
    };
    is_linear("key", 14, || read(&quarter), || read(&all));
    let mut group = criterion.benchmark_group("key");
    group.throughput(Throughput::Bytes(14 * KIB as u64));
    group.bench_function("14 KiB", |bencher| bencher.iter(|| read(&all)));
    group.finish();
}

/// Checks that all takes about four times as long as a quarter of it, and not too
/// long; what is read in the square of its length would take sixteen times as long.
/// Others use the machine too, so the quickest of many tries counts.
fn is_linear(what: &str, kib: u32, quarter: impl Fn(), all: impl Fn()) {
    let time = |read: &dyn Fn()| {
        let start = Instant::now();
        read();
        start.elapsed()
    };
    // As a test it runs on any machine, however slow.
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let most = if is_bench {
        PER_KIB * kib
    } else {
        Duration::MAX
    };
    // What is read in no time cannot be compared.
    let least = Duration::from_micros(5);
    let mut quickest = (Duration::MAX, Duration::MAX);
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        let (part, whole) = quickest;
        quickest = (part.min(time(&quarter)), whole.min(time(&all)));
        let (part, whole) = quickest;
        if whole < most && whole < part.max(least) * 8 {
            return;
        }
    }
    panic!("{what}: a quarter and all of {kib} KiB take {quickest:?}");
}

fn judged(head: &HeaderMap) {
    let request = Request::new(());
    let rules = Rules::default();
    let asked = RequestFacts::read((&request).into(), false, &rules).expect("a plain GET");
    let response = ResponseHead {
        status: StatusCode::OK,
        headers: head,
        length: None,
        received: Moment::default(),
        wall: wall(),
    };
    drop(black_box(judge(
        (&request).into(),
        &asked,
        response,
        &rules,
    )));
}

fn wall() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn repeated(pattern: &str, size: usize) -> String {
    let mut text = pattern.repeat(size / pattern.len() + 1);
    text.truncate(size);
    text
}

fn name(name: &str) -> HeaderName {
    name.parse().expect("a legal name")
}

fn value(value: &str) -> HeaderValue {
    value.parse().expect("a legal value")
}

fn tag() -> (HeaderName, HeaderValue) {
    (http::header::ETAG, value("\"zz\""))
}
