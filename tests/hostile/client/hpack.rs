//! As much of HPACK (RFC 7541) as the lab needs.
//!
//! What we send is never compressed: each field is a literal, so that names and values may hold
//! any byte. What we receive is decoded whole, except for the dynamic table, which our SETTINGS
//! set to size 0.

use std::sync::LazyLock;

/// Names and values of the static table (RFC 7541, appendix A), those that have values.
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// The lengths of the Huffman codes of all 256 bytes and of the end of the string, `A` for 5
/// bits, `B` for 6 and so on. The code is canonical, so its lengths are all there is to know.
const CODE_LENGTHS: &[u8; 257] = b"ISXXXXXXXTZXXZXXXXXXXXZXXXXXXXXXBFFHIBDGFFDGDBBBAAABBBBBBB\
CDKBHFIBCCCCCCCCCCCCCCCCCCCCCCDCDIOIJBKABABABBBACCBBBABCBAABCCCCCKGJIXPRPPRRRSRSSSSSTSTTRSTSSS\
SQRSRSSTRQPRRSSQSRRTQRSSQQRQSRSSPRRRSRRSVVPORSRUVVVWWVTUOQVWWVWTQQVVXWWWPTPQRQQSRRUUTTVSVWVVWW\
WWWXWWWWWVZ";

/// One field as a literal that is never indexed, its name and value uncompressed.
pub(super) fn encode(name: &[u8], value: &[u8], block: &mut Vec<u8>) {
    block.push(0x10);
    for text in [name, value] {
        encode_length(text.len(), block);
        block.extend_from_slice(text);
    }
}

/// A number with a prefix of seven bits (RFC 7541, section 5.1).
fn encode_length(mut length: usize, block: &mut Vec<u8>) {
    const MOST: usize = 0x7f;
    if length < MOST {
        block.push(length as u8);
        return;
    }
    block.push(MOST as u8);
    length -= MOST;
    while length >= 0x80 {
        block.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    block.push(length as u8);
}

/// The fields of a block, or nothing if it is not HPACK, or uses the dynamic table.
pub(super) fn decode(mut block: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut fields = Vec::new();
    while let Some(&first) = block.first() {
        if first & 0x80 != 0 {
            let index = number(&mut block, 7)?;
            let (name, value) = entry(index)?;
            fields.push((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        } else if first & 0xe0 == 0x20 {
            number(&mut block, 5)?;
        } else {
            let prefix = if first & 0x40 != 0 { 6 } else { 4 };
            let name = match number(&mut block, prefix)? {
                0 => string(&mut block)?,
                index => entry(index)?.0.as_bytes().to_vec(),
            };
            fields.push((name, string(&mut block)?));
        }
    }
    Some(fields)
}

fn entry(index: usize) -> Option<(&'static str, &'static str)> {
    STATIC.get(index.checked_sub(1)?).copied()
}

fn number(block: &mut &[u8], prefix: u32) -> Option<usize> {
    let most = (1 << prefix) - 1;
    let mut value = usize::from(byte(block)?) & most;
    if value < most {
        return Some(value);
    }
    for shift in (0..28).step_by(7) {
        let more = byte(block)?;
        value += usize::from(more & 0x7f) << shift;
        if more & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn byte(block: &mut &[u8]) -> Option<u8> {
    let (&first, rest) = block.split_first()?;
    *block = rest;
    Some(first)
}

fn string(block: &mut &[u8]) -> Option<Vec<u8>> {
    let packed = block.first()? & 0x80 != 0;
    let length = number(block, 7)?;
    let (text, rest) = block.split_at_checked(length)?;
    *block = rest;
    if packed {
        unpack(text)
    } else {
        Some(text.to_vec())
    }
}

/// The codes in ascending order: `(length, code, symbol)`.
static CODES: LazyLock<Vec<(u32, u32, usize)>> = LazyLock::new(|| {
    let mut symbols: Vec<(u32, usize)> = CODE_LENGTHS
        .iter()
        .enumerate()
        .map(|(symbol, letter)| (u32::from(letter - b'A') + 5, symbol))
        .collect();
    symbols.sort_unstable();
    let (mut code, mut before) = (0, symbols[0].0);
    let mut codes = Vec::with_capacity(symbols.len());
    for (length, symbol) in symbols {
        code <<= length - before;
        codes.push((length, code, symbol));
        code += 1;
        before = length;
    }
    codes
});

fn unpack(text: &[u8]) -> Option<Vec<u8>> {
    let (mut unpacked, mut code, mut length) = (Vec::new(), 0u32, 0);
    for bit in text
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |n| byte >> n & 1))
    {
        code = code << 1 | u32::from(bit);
        length += 1;
        let found = CODES.binary_search_by_key(&(length, code), |&(len, code, _)| (len, code));
        if let Ok(at) = found {
            unpacked.push(u8::try_from(CODES[at].2).ok()?);
            (code, length) = (0, 0);
        }
        if length > 30 {
            return None;
        }
    }
    // What is left must be the beginning of the end: at most seven ones.
    (length < 8 && code == (1 << length) - 1).then_some(unpacked)
}

/// RFC 7541, appendices C.4.1 and C.6.1: checked at every start, for the harness has no tests of
/// its own and a row must not be judged by a decoder that is wrong.
pub(crate) fn self_check() {
    let author = b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
    assert_eq!(unpack(author).as_deref(), Some(&b"www.example.com"[..]));
    let status = decode(b"\x48\x82\x64\x02\x88");
    let field = |value: &str| (b":status".to_vec(), value.as_bytes().to_vec());
    assert_eq!(status, Some(vec![field("302"), field("200")]));
}
