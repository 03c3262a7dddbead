//! Dates in the three forms of RFC 9110 §5.6.7, as `Expires`, `Date` and
//! `Last-Modified` say them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use floodwall::Moment;
use floodwall::policy::{Lifetime, ResponseDirectives, Rules, end_to_end};
use http::{HeaderMap, StatusCode};

use super::{naive, text};

pub(crate) const WORDS: &[&str] = &[
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994",
    "Mon, ",
    "Thursday, ",
    " Feb ",
    "-Dec-",
    "29",
    "31",
    "00",
    "1970",
    "2000",
    "2100",
    "9999",
    "0000",
    " 23:59:60",
    " GMT",
    " UTC",
    "\n",
];

pub(crate) fn check(data: &[u8]) {
    let expires = text::field("expires", data);
    let read = lifetime(&expires, UNIX_EPOCH).map(|life| life.fresh_for.as_secs());
    let lines = text::values(&expires, "expires");
    if let [line] = lines[..] {
        let plain = imf(&naive::text(line)).map(|seconds| seconds.min(1 << 31));
        let is_imf = line.trim_ascii().len() == 29;
        assert!(plain.is_none() || read == plain, "{read:?}");
        assert!(plain.is_some() || !is_imf || read == Some(0), "{read:?}");
    } else {
        assert_eq!(read.unwrap_or_default(), 0, "of two dates none is meant");
    }
    dates_are_written_as_they_are_read(data);
    of_several_dates_the_worse_counts(data);
}

fn lifetime(head: &HeaderMap, wall: SystemTime) -> Option<Lifetime> {
    let said = ResponseDirectives::read(head);
    let mut rules = Rules::default();
    rules.heuristics = true;
    Lifetime::read(StatusCode::OK, head, &said, &rules, Moment::default(), wall)
}

/// RFC 9110 §5.6.7, the preferred form, counted by hand.
fn imf(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let text = naive::trim(text);
    let parts: Vec<&str> = text.split([' ', ':']).collect();
    let [name, day, month, year, hour, minute, second, "GMT"] = parts[..] else {
        return None;
    };
    if text != format!("{name} {day} {month} {year} {hour}:{minute}:{second} GMT") {
        return None;
    }
    let number = |text: &str, digits: usize, most: u64| {
        let number = naive::seconds(text).filter(|_| text.len() == digits);
        number.filter(|number| *number <= most)
    };
    let (day, year) = (number(day, 2, 31)?, number(year, 4, 9999)?);
    let month = MONTHS.iter().position(|known| *known == month)? as u64;
    let leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = |month: u64| match month {
        1 => 28 + u64::from(leap(year)),
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    };
    if year < 1970 || day == 0 || day > length(month) {
        return None;
    }
    let before: u64 = (1970..year).map(|year| 365 + u64::from(leap(year))).sum();
    let days = before + (0..month).map(length).sum::<u64>() + day - 1;
    if name.strip_suffix(',') != Some(DAYS[(days % 7) as usize]) {
        return None;
    }
    let time = number(hour, 2, 23)? * 3600 + number(minute, 2, 59)? * 60 + number(second, 2, 59)?;
    Some(days * 86_400 + time)
}

/// Whenever an answer is made, its `Date` says so.
fn dates_are_written_as_they_are_read(data: &[u8]) {
    let seconds = data
        .iter()
        .take(5)
        .fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    let now = UNIX_EPOCH + Duration::from_secs(seconds);
    let sent = end_to_end(&HeaderMap::new(), &Rules::default(), now);
    let date = sent["date"].to_str().expect("a date is text");
    assert!(
        seconds > 253_402_300_799 || imf(date) == Some(seconds),
        "{date}"
    );
}

/// A further line makes a response no younger, and keeps it fresh for no longer.
fn of_several_dates_the_worse_counts(data: &[u8]) {
    for field in ["date", "last-modified"] {
        let mut head = text::field(field, data);
        head.insert(
            "expires",
            "Sat, 01 Jan 2033 00:00:00 GMT".parse().expect("legal"),
        );
        if field == "last-modified" {
            head.remove("expires");
        }
        let first = head.get(field).cloned();
        let all = lifetime(&head, text::wall());
        let Some(first) = first else {
            continue;
        };
        head.insert(http::HeaderName::from_static(field), first);
        let left = |life: &Lifetime| life.fresh_for.saturating_sub(life.initial_age);
        if let (Some(all), Some(one)) = (all, lifetime(&head, text::wall())) {
            assert!(left(&all) <= left(&one), "{field}: {all:?} {one:?}");
        }
    }
}
