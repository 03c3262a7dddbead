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
        let line = naive::text(line);
        let said = preferred(naive::trim(&line)).and_then(|date| imf(&date));
        assert_eq!(read, Some(said.unwrap_or(0).min(1 << 31)));
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

/// A date in the preferred form of RFC 9110 §5.6.7, from any of the three.
fn preferred(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split(' ').collect();
    match words[..] {
        [name, month, "", day, time, year] if day.len() == 1 => {
            Some(format!("{name}, 0{day} {month} {year} {time} GMT"))
        }
        [_, _, _, _, _, _] => Some(text.to_owned()),
        [name, month, day, time, year] => Some(format!("{name}, {day} {month} {year} {time} GMT")),
        [name, date, time, zone] => {
            const DAYS: &str = " thursday, friday, saturday, sunday, monday, tuesday, wednesday, ";
            let (day, rest) = date.split_once('-')?;
            let (month, year) = rest.split_once('-')?;
            let century = if year < "70" { "20" } else { "19" };
            let is_day = DAYS.contains(&format!(" {} ", name.to_lowercase()));
            let short = name.get(..3).filter(|_| is_day && year.len() == 2)?;
            Some(format!(
                "{short}, {day} {month} {century}{year} {time} {zone}"
            ))
        }
        _ => None,
    }
}

/// The preferred form in any letter case, counted by hand.
fn imf(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    const DAYS: [&str; 7] = ["thu,", "fri,", "sat,", "sun,", "mon,", "tue,", "wed,"];
    let text = text.to_ascii_lowercase();
    let parts: Vec<&str> = text.split([' ', ':']).collect();
    let [name, day, month, year, hour, minute, second, "gmt"] = parts[..] else {
        return None;
    };
    if text != format!("{name} {day} {month} {year} {hour}:{minute}:{second} gmt") {
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
    // Which day of the week it was is not held against it.
    if !DAYS.contains(&name) {
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
    let sent = end_to_end(&HeaderMap::new(), true, &Rules::default(), now);
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
