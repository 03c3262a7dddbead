//! Readings that are as simple as can be, to hold the crate's against.

/// The members of a line in lower case, without the white space around them; nothing
/// if a quoted string in it never ends. Every byte is one character.
pub(crate) fn members(line: &[u8]) -> Option<Vec<String>> {
    let mut members = vec![String::new()];
    let mut bytes = line
        .iter()
        .map(|byte| char::from(byte.to_ascii_lowercase()));
    while let Some(c) = bytes.next() {
        let member = members.last_mut()?;
        match c {
            ',' => members.push(String::new()),
            '"' => {
                member.push('"');
                loop {
                    let inside = bytes.next()?;
                    member.push(inside);
                    match inside {
                        '"' => break,
                        '\\' => member.push(bytes.next()?),
                        _ => {}
                    }
                }
            }
            c => member.push(c),
        }
    }
    let trimmed = members.iter().map(|member| trim(member).to_owned());
    Some(trimmed.filter(|member| !member.is_empty()).collect())
}

/// RFC 9110 §5.6.3.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Seconds, for as long as can be held (RFC 9111 §1.2.2).
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let most = 1 << 31;
    digits.then(|| text.parse().map_or(most, |seconds: u64| seconds.min(most)))
}

/// The bytes as characters.
pub(crate) fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// RFC 9110 §5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !text.is_empty() && text.chars().all(is_part)
}
