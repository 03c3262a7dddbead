//! `Accept-Encoding`: which codings it accepts, and which requests may therefore have
//! the same coded response.

use floodwall::policy::{Rules, Variant, VaryNames};
use http::{HeaderMap, HeaderValue};

use super::{naive, text};

pub(crate) const WORDS: &[&str] = &[
    "gzip",
    "X-Gzip",
    "br",
    "zstd",
    "deflate",
    "identity",
    "*",
    ";q=0",
    ";q=0.",
    ";q=1",
    "; Q = 0.001",
    ";level=9",
    "0",
    ", ",
    ",",
    ";",
    "\"",
    "\n",
    "\n\n",
];

/// Which of [`KNOWN`] is accepted, and whether a response without any is.
pub(crate) type Accepted = ([bool; KNOWN.len()], bool);

/// The codings that are told apart, by all their names.
const KNOWN: [&[&str]; 3] = [&["gzip", "x-gzip"], &["br"], &["zstd"]];

/// Two requests that speak of codings, and the codings of a response to the first.
pub(crate) fn check(data: &[u8]) {
    let mut blocks = text::blocks(data);
    let mut block = |name| text::field(name, blocks.next().unwrap_or_default());
    let (one, other) = (block("accept-encoding"), block("accept-encoding"));
    let response = block("content-encoding");
    let names = VaryNames::read(&response, &Rules::default()).expect("nothing is named");
    let coded = codings_of(&response)
        .iter()
        .any(|coding| coding != "identity");
    assert_eq!(names.is_empty(), !coded);
    if !coded {
        return;
    }
    let said = |head| text::joined(head, "accept-encoding");
    let codings = |head| said(head).map(|value| accepted(&value));
    let same = codings(&one) == codings(&other);
    let variant = Variant::of(&names, &one);
    assert!(variant.matches(&one));
    assert_eq!(variant.matches(&other), same, "{variant:?}");
    assert_eq!(Variant::of(&names, &other).matches(&one), same);
    let variant = Variant::of_response(&names, &one, &response);
    assert!(variant.matches(&one));
    let asked_for = codings(&one).is_none_or(|codings| covers(codings, &response));
    let same = if asked_for {
        same
    } else {
        said(&one) == said(&other)
    };
    assert_eq!(variant.matches(&other), same, "{variant:?}");
    form_means_nothing(&one, &variant, asked_for);
}

/// Case, white space around members, empty ones, and codings that nobody knows.
fn form_means_nothing(request: &HeaderMap, variant: &Variant, asked_for: bool) {
    let Some(value) = text::joined(request, "accept-encoding").filter(|_| asked_for) else {
        return;
    };
    let members: Vec<&[u8]> = value.split(|byte| *byte == b',').collect();
    let padded = members.join(&b" ,\t, "[..]).to_ascii_uppercase();
    let more = [&padded[..], b", x-none, x-other;q=0"].concat();
    for written in [padded, more] {
        let written = HeaderValue::from_bytes(&written).expect("its bytes are those of a value");
        let head = HeaderMap::from_iter([(http::header::ACCEPT_ENCODING, written)]);
        assert!(variant.matches(&head), "{head:?}");
    }
}

/// In lower case; one that nobody knows in place of what cannot be read.
fn codings_of(response: &HeaderMap) -> Vec<String> {
    let lines = text::values(response, "content-encoding").into_iter();
    let members =
        lines.flat_map(|line| naive::members(line).unwrap_or_else(|| vec![String::new()]));
    members.collect()
}

/// Whether a request that accepts these can read a response.
fn covers((known, _): Accepted, response: &HeaderMap) -> bool {
    codings_of(response).iter().all(|coding| {
        let at = KNOWN
            .iter()
            .position(|names| names.contains(&coding.as_str()));
        coding == "identity" || at.is_some_and(|at| known[at])
    })
}

/// RFC 9110 §12.5.3; of two weights for one coding the refusal counts, and one that
/// cannot be read is a refusal.
pub(crate) fn accepted(value: &[u8]) -> Accepted {
    let text = naive::text(value).to_ascii_lowercase();
    let says = |names: &[&str]| {
        let members = text.split(',').map(|member| {
            let (name, weight) = member.split_once(';').unwrap_or((member, "q=1"));
            (naive::trim(name), is_above_zero(weight))
        });
        let own = members.filter(|(name, _)| names.contains(name));
        own.map(|(_, accepts)| accepts)
            .reduce(|all, accepts| all && accepts)
    };
    let rest = says(&["*"]);
    let known = KNOWN.map(|names| says(names).or(rest).unwrap_or(false));
    (known, says(&["identity"]).or(rest).unwrap_or(true))
}

fn is_above_zero(weight: &str) -> bool {
    let Some((name, weight)) = weight.split_once('=') else {
        return false;
    };
    let weight = naive::trim(weight);
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    let legal = fraction.len() <= 3 && fraction.chars().all(|c| c.is_ascii_digit());
    let thousandths = format!("{whole}{fraction:0<3}").parse::<u16>();
    naive::trim(name) == "q"
        && legal
        && ["0", "1"].contains(&whole)
        && thousandths.is_ok_and(|weight| (1..=1000).contains(&weight))
}
