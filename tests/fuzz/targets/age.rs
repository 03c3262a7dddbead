//! `Age`, in one line or several.

use std::time::Duration;

use floodwall::Moment;
use floodwall::policy::{Lifetime, ResponseDirectives, Rules};
use http::StatusCode;

use super::{naive, text};

pub(crate) const WORDS: &[&str] = &[
    "0",
    "60",
    "2147483648",
    "99999999999999999999",
    ", ",
    "-",
    ".",
    "\"",
    "\n",
];

pub(crate) fn check(data: &[u8]) {
    let mut head = text::field("age", data);
    let lines = text::values(&head, "age").into_iter().map(naive::text);
    let members: Vec<String> = lines
        .flat_map(|line| {
            line.split(',')
                .map(|one| naive::trim(one).to_owned())
                .collect::<Vec<_>>()
        })
        .collect();
    let first = members.iter().find_map(|member| naive::seconds(member));
    head.insert("cache-control", "max-age=60".parse().expect("legal"));
    let said = ResponseDirectives::read(&head);
    let received = Moment::new(Duration::from_secs(7));
    let life = Lifetime::read(
        StatusCode::OK,
        &head,
        &said,
        &Rules::default(),
        received,
        text::wall(),
    );
    let life = life.expect("it names a lifetime");
    assert_eq!(life.initial_age, Duration::from_secs(first.unwrap_or(0)));
    let later = received.plus(Duration::from_secs(1 << 33));
    assert_eq!(
        life.age(later),
        life.initial_age + Duration::from_secs(1 << 33)
    );
    assert_eq!(
        life.age(Moment::default()),
        life.initial_age,
        "an age is never less"
    );
}
