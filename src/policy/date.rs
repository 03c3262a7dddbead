//! Dates, in the three forms of RFC 9110 §5.6.7 and in no other.
//!
//! Letters may be in either case: some servers write `GMT` or the month as they
//! please, and nothing else could be meant. The day of the week must be one, but is
//! not held against the date that it stands beside.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];
const DAY: u64 = 24 * 60 * 60;

/// What a date says, if it can be read; years before 1970 cannot.
pub(crate) fn parse_date(value: &[u8]) -> Option<SystemTime> {
    let text = std::str::from_utf8(value).ok()?.trim_ascii();
    let (first, rest) = text.split_once(' ')?;
    let date = match first.strip_suffix(',') {
        Some(weekday)
            if WEEKDAYS
                .iter()
                .any(|full| full.eq_ignore_ascii_case(weekday)) =>
        {
            rfc850(rest)
        }
        Some(weekday) => is_short_weekday(weekday).then(|| imf_fixdate(rest))?,
        None => is_short_weekday(first).then(|| asctime(rest))?,
    }?;
    date.since_epoch()
        .map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds))
}

/// A date and a time of day, as they are written.
struct Written<'a> {
    year: u64,
    month: &'a str,
    day: u64,
    time: &'a str,
}

/// `06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(text: &str) -> Option<Written<'_>> {
    let [day, month, year, time, zone] = words(text)?;
    is_gmt(zone).then_some(())?;
    Some(Written {
        year: digits(year, 4)?,
        month,
        day: digits(day, 2)?,
        time,
    })
}

/// `06-Nov-94 08:49:37 GMT`; the two digits are of a year from 1970 on.
fn rfc850(text: &str) -> Option<Written<'_>> {
    let [date, time, zone] = words(text)?;
    is_gmt(zone).then_some(())?;
    let mut parts = date.split('-');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    parts.next().is_none().then_some(())?;
    let year = digits(year, 2)?;
    Some(Written {
        year: year + if year < 70 { 2000 } else { 1900 },
        month,
        day: digits(day, 2)?,
        time,
    })
}

/// `Nov  6 08:49:37 1994`; a day of one digit has a space before it.
fn asctime(text: &str) -> Option<Written<'_>> {
    let (month, rest) = text.split_once(' ')?;
    let (padded, rest) = match rest.strip_prefix(' ') {
        Some(rest) => (1, rest),
        None => (2, rest),
    };
    let [day, time, year] = words(rest)?;
    Some(Written {
        year: digits(year, 4)?,
        month,
        day: digits(day, padded)?,
        time,
    })
}

/// The words of a text that has exactly so many, each behind one space.
fn words<const MANY: usize>(text: &str) -> Option<[&str; MANY]> {
    let mut words = text.split(' ');
    let mut found = [""; MANY];
    for place in &mut found {
        *place = words.next()?;
    }
    words.next().is_none().then_some(found)
}

fn is_short_weekday(word: &str) -> bool {
    let short = |full: &&str| full[..3].eq_ignore_ascii_case(word);
    WEEKDAYS.iter().any(short)
}

fn is_gmt(zone: &str) -> bool {
    zone.eq_ignore_ascii_case("GMT")
}

/// A number of exactly so many digits.
fn digits(text: &str, many: usize) -> Option<u64> {
    let is_one = text.len() == many && text.bytes().all(|byte| byte.is_ascii_digit());
    is_one.then(|| text.parse().ok())?
}

impl Written<'_> {
    /// The seconds since 1970, if there is such a day and such a time.
    fn since_epoch(&self) -> Option<u64> {
        let is_it = |name: &str| name.eq_ignore_ascii_case(self.month);
        let month = MONTHS.iter().position(|name| is_it(name))?;
        let is_leap = is_leap(self.year);
        let exists = self.year >= 1970 && (1..=length(month, is_leap)).contains(&self.day);
        let before: u64 = (0..month).map(|month| length(month, is_leap)).sum();
        let days = exists.then(|| first_of(self.year) + before + self.day - 1)?;
        Some(days * DAY + time_of_day(self.time)?)
    }
}

/// The days from 1970 to the first of a later year.
fn first_of(year: u64) -> u64 {
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    (year - 1970) * 365 + leaps(year - 1) - leaps(1969)
}

/// The days of a month, from 0 for January.
fn length(month: usize, is_leap: bool) -> u64 {
    match month {
        1 => 28 + u64::from(is_leap),
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

fn is_leap(year: u64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// The seconds of `08:49:37`.
fn time_of_day(text: &str) -> Option<u64> {
    let mut parts = text.split(':').map(|part| digits(part, 2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let exists = parts.next().is_none() && hour < 24 && minute < 60 && second < 60;
    exists.then_some((hour * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        let date = parse_date(text.as_bytes())?;
        Some(date.duration_since(UNIX_EPOCH).expect("later").as_secs())
    }

    #[test]
    fn three_forms_and_either_case() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "SUN, 06 NOV 1994 08:49:37 gmt",
            "sunday, 06-nov-94 08:49:37 Gmt",
            " Sun, 06 Nov 1994 08:49:37 GMT ",
            "Thu, 06 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(seconds(text), Some(784_111_777), "{text}");
        }
        assert_eq!(seconds("Wed, 31 Dec 1969 23:59:59 GMT"), None);
        assert_eq!(seconds("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(
            seconds("Fri, 31 Dec 9999 23:59:59 GMT"),
            Some(253_402_300_799)
        );
    }

    #[test]
    fn nothing_else_is_a_date() {
        for text in [
            "",
            "0",
            "-1",
            "784111777",
            "1994-11-06T08:49:37Z",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 1994 08.49.37 GMT",
            "Sun, 06 Nov 1994 08:49:60 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "Sun,  06 Nov 1994 08:49:37 GMT",
            "Sun, 06  Nov 1994 08:49:37 GMT",
            "Sun 06 Nov 1994 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Tue, 29 Feb 1994 08:49:37 GMT",
            "Son, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov 06 08:49:37 94",
            "Sun Nov  6 08:49:37 1994 GMT",
            "Sun, 06 November 1994 08:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn each_day_of_four_centuries_is_what_another_library_says() {
        for day in (0..400 * 366).map(|day| day * DAY + day % DAY) {
            let date = UNIX_EPOCH + Duration::from_secs(day);
            let text = httpdate::fmt_http_date(date);
            assert_eq!(parse_date(text.as_bytes()), Some(date), "{text}");
        }
    }
}
