//! Other ways to write a head: the same in another form, or something that is not
//! well formed. A change is one number drawn for each choice that it has to make,
//! so that it fits whatever head it is made to.

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::{Strategy, any};
use proptest::sample::{Index, select};

/// What a field is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Grammar {
    /// Members between commas; their case and order mean nothing.
    Words,
    /// Members between commas, whose case counts.
    Names,
    /// Members between spaces, whose case counts.
    Keys,
    /// One value.
    One,
}

impl Grammar {
    const fn separator(self) -> &'static [u8] {
        match self {
            Self::Keys => b" ",
            _ => b",",
        }
    }
}

fn grammar(field: &str) -> Grammar {
    match field {
        "cache-control" | "vary" | "content-encoding" | "pragma" => Grammar::Words,
        "cache-tag" | "if-none-match" => Grammar::Names,
        "surrogate-key" => Grammar::Keys,
        _ => Grammar::One,
    }
}

/// Ways to write the same.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Same {
    Upper,
    Lower,
    Space,
    EmptyMembers,
    EmptyLine,
    Lines,
    OneLine,
    Reversed,
    Repeated,
    Extended,
    /// A field that says the contrary, and that is for others.
    ForOthers,
}

/// Ways to write it badly.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bad {
    /// A line of junk, before the others or after.
    Line { first: bool },
    /// A member of junk between two others.
    Member,
    /// A line that says something else than those before it.
    Another,
    /// A member in quotes, or its value.
    Quoted { whole: bool },
    /// Bytes between the words of a line.
    Torn,
    /// Another separator than the grammar's.
    Separator,
}

/// A change to one of the fields that a head has.
#[derive(Clone, Debug)]
pub(crate) struct Change<How> {
    pub(crate) field: Index,
    pub(crate) how: How,
    /// Where it is made, and with what, as far as there is a choice.
    place: Index,
    with: Index,
}

fn change<How: Clone + std::fmt::Debug + 'static>(
    ways: Vec<How>,
) -> impl Strategy<Value = Change<How>> {
    let numbers = any::<(Index, Index, Index)>();
    (numbers, select(ways)).prop_map(|((field, place, with), how)| Change {
        field,
        how,
        place,
        with,
    })
}

pub(crate) fn same() -> impl Strategy<Value = Change<Same>> {
    use Same::{
        EmptyLine, EmptyMembers, Extended, ForOthers, Lines, Lower, OneLine, Repeated, Reversed,
        Space, Upper,
    };
    change(vec![
        Upper,
        Lower,
        Space,
        EmptyMembers,
        EmptyLine,
        Lines,
        OneLine,
        Reversed,
        Repeated,
        Extended,
        ForOthers,
    ])
}

pub(crate) fn bad() -> impl Strategy<Value = Change<Bad>> {
    let before = Bad::Line { first: true };
    let after = Bad::Line { first: false };
    let quoted = [true, false].map(|whole| Bad::Quoted { whole });
    let mut ways = vec![before, after, Bad::Member, Bad::Another, Bad::Torn];
    ways.extend(quoted);
    ways.push(Bad::Torn);
    ways.push(Bad::Separator);
    change(ways)
}

/// The lines of one field.
type Lines = Vec<Vec<u8>>;

fn lines(head: &HeaderMap, field: &str) -> Lines {
    let lines = head.get_all(field).iter();
    lines.map(|line| line.as_bytes().to_vec()).collect()
}

fn write(head: &mut HeaderMap, field: &str, lines: Lines) {
    let name = HeaderName::from_bytes(field.as_bytes()).expect("a field name");
    head.remove(&name);
    for line in lines {
        let value = HeaderValue::from_bytes(&line).expect("no byte of a change is a control");
        head.append(&name, value);
    }
}

/// The members of all lines, by the grammar of the field.
fn members(lines: &Lines, grammar: Grammar) -> Lines {
    let mut quoted = false;
    let mut escaped = false;
    let mut separates = |byte: &u8| {
        quoted ^= *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && quoted && !escaped;
        grammar.separator() == [*byte] && !quoted
    };
    let line = lines.join(grammar.separator());
    let members = line.split(&mut separates).map(<[u8]>::trim_ascii);
    let members = members.filter(|member| !member.is_empty());
    members.map(<[u8]>::to_vec).collect()
}

fn pick<'a>(fields: &[&'a str], head: &HeaderMap, at: Index) -> Option<&'a str> {
    let present: Vec<&str> = fields
        .iter()
        .copied()
        .filter(|field| head.contains_key(*field))
        .collect();
    (!present.is_empty()).then(|| *at.get(&present))
}

impl Change<Same> {
    /// Makes the change to one of `fields` in `head`, if it has one of them and
    /// the field can be written so.
    pub(crate) fn make(&self, head: &mut HeaderMap, fields: &[&str]) {
        if matches!(self.how, Same::ForOthers) {
            let (name, said) = self.with.get(&FOR_OTHERS);
            write(head, name, vec![said.as_bytes().to_vec()]);
        } else if let Some(field) = pick(fields, head, self.field) {
            if let Some(changed) = self.rewritten(&lines(head, field), field) {
                write(head, field, changed);
            }
        }
    }

    fn rewritten(&self, lines: &Lines, field: &str) -> Option<Lines> {
        let grammar = grammar(field);
        let mut members = members(lines, grammar);
        let separator = grammar.separator();
        let any_case = grammar == Grammar::Words || field == "content-type";
        Some(match self.how {
            Same::Upper if any_case => each(lines, |line| line.to_ascii_uppercase()),
            Same::Lower if any_case => each(lines, |line| line.to_ascii_lowercase()),
            Same::Space if grammar == Grammar::One => {
                each(lines, |line| [b" ", &line[..], b"\t "].concat())
            }
            _ if grammar == Grammar::One => return None,
            Same::Space => {
                let wide = [b" \t", separator, b"\t  "].concat();
                vec![[b"\t ", &members.join(&wide[..])[..], b" "].concat()]
            }
            Same::EmptyMembers => {
                let wide = [separator, b" ", separator, separator].concat();
                vec![[separator, &members.join(&wide[..]), separator].concat()]
            }
            Same::EmptyLine => [lines.clone(), vec![Vec::new()]].concat(),
            Same::Lines => members,
            Same::OneLine => vec![members.join(separator)],
            Same::Reversed => {
                members.reverse();
                vec![members.join(separator)]
            }
            Same::Repeated if !members.is_empty() => {
                let again = self.place.get(&members).clone();
                [lines.clone(), vec![again]].concat()
            }
            Same::Extended if field == "cache-control" => {
                let extension = self.with.get(&EXTENSIONS);
                vec![[*extension, b", ", &members.join(&b", "[..])].concat()]
            }
            _ => return None,
        })
    }
}

fn each(lines: &Lines, change: impl Fn(&Vec<u8>) -> Vec<u8>) -> Lines {
    lines.iter().map(change).collect()
}

const EXTENSIONS: [&[u8]; 4] = [
    br#"x="a, no-store, \", private""#,
    b"x=\"\xff, max-age=0\"",
    b"x=max-age",
    b"x",
];

/// Fields that other caches read.
const FOR_OTHERS: [(&str, &str); 5] = [
    ("cdn-cache-control", "no-store"),
    ("cdn-cache-control", "public, max-age=99999"),
    ("surrogate-control", "max-age=99999"),
    ("surrogate-control", "no-store"),
    ("x-accel-expires", "99999"),
];

impl Change<Bad> {
    /// Makes the change to one of `fields` in `head`, as `plain` has it, and says
    /// to which; nothing if that cannot be written so.
    ///
    /// No field is changed twice: two quotation marks would make text of whatever
    /// stands between them, and that is well formed.
    pub(crate) fn spoil<'a>(
        &self,
        head: &mut HeaderMap,
        plain: &HeaderMap,
        fields: &[&'a str],
    ) -> Option<&'a str> {
        let field = match self.how {
            Bad::Line { .. } if !fields.is_empty() => *self.field.get(fields),
            _ => pick(fields, plain, self.field)?,
        };
        write(head, field, self.spoilt(lines(plain, field), field)?);
        Some(field)
    }

    fn spoilt(&self, mut lines: Lines, field: &str) -> Option<Lines> {
        match self.how {
            Bad::Line { first: true } => lines.insert(0, self.junk(field)),
            Bad::Line { first: false } => lines.push(self.junk(field)),
            Bad::Another => lines.push(self.another(field, &lines)?),
            Bad::Torn => {
                let at = self.place.index(lines.len());
                let line = &mut lines[at];
                let place = *self.with.get(&between_words(line));
                let bytes = *self.place.get(&SPLINTERS);
                line.splice(place..place, bytes.iter().copied());
            }
            Bad::Member | Bad::Quoted { .. } | Bad::Separator => {
                return self.spoilt_list(&lines, field);
            }
        }
        Some(lines)
    }

    fn spoilt_list(&self, lines: &Lines, field: &str) -> Option<Lines> {
        let grammar = grammar(field);
        let mut members = members(lines, grammar);
        if grammar == Grammar::One || members.is_empty() {
            return None;
        }
        let mut separator = grammar.separator();
        let at = self.place.index(members.len());
        match self.how {
            Bad::Quoted { whole } => members[at] = quoted(&members[at], whole),
            Bad::Separator => separator = *self.with.get(&SEPARATORS),
            _ => members.insert(at, self.junk(field)),
        }
        Some(vec![members.join(separator)])
    }

    fn junk(&self, field: &str) -> Vec<u8> {
        self.with.get(junk(field)).to_vec()
    }

    /// One more line, that says something else.
    fn another(&self, field: &str, lines: &Lines) -> Option<Vec<u8>> {
        if field == "cache-control" {
            let members = members(lines, Grammar::Words);
            let member = members.get(self.place.index(members.len().max(1)))?;
            return Some(contradicted(member, self.with));
        }
        let said = others(field);
        (!said.is_empty()).then(|| self.with.get(&said).clone().into_bytes())
    }

    /// Whether nothing may be left of `field` that can be read.
    pub(crate) fn ruins(&self, field: &str) -> bool {
        matches!(self.how, Bad::Torn) && grammar(field) == Grammar::One
    }
}

/// What breaks a word where it is put before one or after; nothing of it can be
/// part of one.
const SPLINTERS: [&[u8]; 10] = [
    b"\xff\xfe",
    b"\"",
    b"\"\"",
    b"; ",
    b";ext=\"a, ",
    b";ext=\"a\"b;",
    b"\\",
    b"(",
    b" x ",
    "\u{a0}".as_bytes(),
];

const SEPARATORS: [&[u8]; 6] = [b";", b" ", b"; ", b"\t", b"\" ,", b"\xff"];

/// The places at the ends of a line and of the words in it.
fn between_words(line: &[u8]) -> Vec<usize> {
    let is_word = |at: usize| line[at].is_ascii_alphanumeric() || b"-_.".contains(&line[at]);
    let inside = (1..line.len()).filter(|at| is_word(*at) != is_word(at - 1));
    [0, line.len()].into_iter().chain(inside).collect()
}

fn quoted(member: &[u8], whole: bool) -> Vec<u8> {
    let sign = member.iter().position(|byte| *byte == b'=');
    let at = sign.filter(|_| !whole).map_or(0, |sign| sign + 1);
    [&member[..at], b"\"", &member[at..], b"\""].concat()
}

/// Junk: what no grammar takes, or what permits something and is not well formed.
fn junk(field: &str) -> &'static [&'static [u8]] {
    match field {
        "cache-control" => &[
            b"publicly",
            b"public=\"x\"",
            b"public=1",
            b"\"public\"",
            b"s-maxage",
            b"s-maxage=",
            b"s-maxage=x",
            b"s-maxage=\"600\"",
            b"s-maxage=-1",
            b"max-age=x",
            b"max-age",
            b"must-revalidate=x",
            b"must-revalidate=\"\"",
            b"stale-if-error=x",
            b"stale-while-revalidate=1.5",
            b"max-stale=x",
            b"\"max-stale\"",
            b"max-stale;x",
            b"\"stale-if-error\"",
            b"=",
            b"\"",
            b"\xff\x80, \"\xff\", x",
        ],
        "vary" => &[
            b"\xff",
            b"a b",
            b"*",
            b"\"cookie\"",
            b"x;y",
            b"x-v\x80",
            b"\"",
        ],
        "content-encoding" => &[b"\xff", b"gzip;q=0", b"\""],
        "content-type" => &[b"x", b"\xff", b"text/event-stream;x", b"text/html, x"],
        "etag" => &[b"x", b"\"", b"W/", b"\"a", b"a\"", b"\xff", b"\"\"\""],
        "if-none-match" => &[
            b"x", b"\"", b"W/", b"\"a", b"\xff", b"*", b"a,b", b"w/\"a\"",
        ],
        "age" => &[
            b"x", b"-1", b"1.5", b"\xff", b"\"0\"", b"0x10", b"\"", b",,", b"+0",
        ],
        "date" | "expires" | "last-modified" => &[
            b"0",
            b"-1",
            b"\xff",
            b"Sun, 06 Nov 1994 08:49:37 UTC",
            b"Sun, 06 Nov 1994",
            b"Thu, 31 Nov 1994 08:49:37 GMT",
        ],
        _ => &[b"x", b"", b"\xff", b"\"", b"=", b"bytes", b"0"],
    }
}

/// A directive with another value.
fn contradicted(member: &[u8], with: Index) -> Vec<u8> {
    let name = member
        .split(|byte| *byte == b'=')
        .next()
        .unwrap_or_default();
    let values = ["=0", "=x", "=99999999999999999999", "=\"", "", "= 60"];
    // Without a value it would be another directive, and permit more.
    let value = match name {
        b"max-stale" => "=0",
        _ => with.get(&values),
    };
    [name, value.as_bytes()].concat()
}

/// Well-formed values of a field that has one, or of one that only restricts.
fn others(field: &str) -> Vec<String> {
    let given: &[&str] = match field {
        "etag" | "if-range" => &["\"a\"", "W/\"a\"", "\"b\"", "\"\""],
        "age" => &["0", "59", "86400"],
        "range" => &["bytes=0-0", "bytes=50-"],
        "vary" => &["x-other", "*"],
        "date" | "expires" | "last-modified" | "if-modified-since" => {
            return [-7200, -600, -60, 0, 60, 7200].map(super::date).into();
        }
        _ => &[],
    };
    given.iter().map(|&one| one.to_owned()).collect()
}
