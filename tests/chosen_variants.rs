//! Variants that are chosen because they exist, where the operator wants that.

mod support;

use floodwall::Cache;
use support::{Site, get, held_with, page, with};

/// A site that answers in the language and the coding that `x-is` names.
fn site(chosen: bool) -> Site {
    Site::with(
        Cache::builder().choose_variants(chosen),
        |call| async move {
            let is = call.field("x-is").unwrap_or("-/-").to_owned();
            let (language, coding) = is.split_once('/').expect("both are named");
            let mut fields = vec![
                ("cache-control", "max-age=600"),
                ("vary", "accept-language, accept-encoding, x-kind"),
            ];
            fields.extend((language != "-").then_some(("content-language", language)));
            fields.extend((coding != "-").then_some(("content-encoding", coding)));
            page(&fields, is.clone())
        },
    )
}

/// Whether what was made for one request, and is in this, answers another one.
async fn answers(
    chosen: bool,
    is: &str,
    made_for: &[(&str, &str)],
    asked: &[(&str, &str)],
) -> bool {
    let site = site(chosen);
    site.get_with("/", &[&[("x-is", is)], made_for].concat())
        .await;
    site.until_quiet().await;
    site.get_with("/", asked).await.is_hit()
}

#[tokio::test(start_paused = true)]
async fn what_is_wanted_most_is_chosen_if_it_exists() {
    for (is, made_for, asked, chosen) in [
        ("de", "en, de", "fr;q=0.5, de;q=1.0", true),
        ("de", "en, de", "de", true),
        ("DE", "en, de", "dE", true),
        ("de-AT", "en, de", "de", true),
        ("de", "en, de", "de, fr", true),
        ("de", "en, de", "de;q=0.9, fr;q=0.8", true),
        ("de", "en, de", "de;q=0.8, fr;q=0.9", false),
        ("de", "en, de", "en", false),
        ("de", "en, de", "de-AT", false),
        ("den", "en, den", "de", false),
        ("de", "en, de", "*", false),
        ("de", "en, de", "de;q=0", false),
        ("de", "en, de", "de;q=x", false),
        ("de, fr", "en, de", "de", false),
        ("-", "en, de", "de", false),
    ] {
        let (is, made_for) = (format!("{is}/-"), [("accept-language", made_for)]);
        let asked = [("accept-language", asked)];
        assert_eq!(
            answers(true, &is, &made_for, &asked).await,
            chosen,
            "{is} {asked:?}"
        );
        assert!(
            !answers(false, &is, &made_for, &asked).await,
            "{is} {asked:?}"
        );
    }
    for (is, made_for, asked, chosen) in [
        ("gzip", "gzip", "gzip, br", true),
        ("gzip", "gzip", "br;q=0.5, gzip", true),
        ("GZIP", "gzip", "gzip, br", true),
        ("gzip", "gzip", "br, gzip;q=0.5", false),
        ("gzip", "gzip", "br", false),
        ("gzip", "gzip", "*", false),
        ("-", "gzip", "gzip, br", false),
        ("gzip, br", "gzip, br", "gzip", false),
    ] {
        let (is, made_for) = (format!("-/{is}"), [("accept-encoding", made_for)]);
        let asked = [("accept-encoding", asked)];
        assert_eq!(
            answers(true, &is, &made_for, &asked).await,
            chosen,
            "{is} {asked:?}"
        );
    }
}

/// One field is chosen for, and all of them have to agree.
#[tokio::test(start_paused = true)]
async fn the_other_fields_count_as_ever() {
    let made_for = [
        ("accept-language", "en, de"),
        ("x-kind", "1"),
        ("accept-encoding", "gzip"),
    ];
    let asked = |kind, coding| {
        [
            ("accept-language", "de"),
            ("x-kind", kind),
            ("accept-encoding", coding),
        ]
    };
    assert!(answers(true, "de/gzip", &made_for, &asked("1", "gzip")).await);
    assert!(answers(true, "de/gzip", &made_for, &asked("1", "gzip, br")).await);
    assert!(!answers(true, "de/gzip", &made_for, &asked("2", "gzip")).await);
    assert!(!answers(true, "de/gzip", &made_for, &asked("1", "br")).await);
}

/// A newer answer to the same words takes the place of the older one, whatever it is in.
#[tokio::test(start_paused = true)]
async fn an_older_answer_to_the_same_words_goes() {
    let site = site(true);
    let words = ("accept-language", "en, de");
    for is in ["de/-", "en/-"] {
        let fields = [words, ("x-is", is), ("cache-control", "no-cache")];
        assert_eq!(site.get_with("/", &fields).await.text(), is);
        site.until_quiet().await;
    }
    assert!(
        !site
            .get_with("/", &[("accept-language", "de")])
            .await
            .is_hit()
    );
    assert_eq!(
        site.get_with("/", &[("accept-language", "en")])
            .await
            .text(),
        "en/-"
    );
}

/// Those who wait are told by the same rule.
#[tokio::test(start_paused = true)]
async fn those_who_wait_choose_too() {
    let fields = vec![
        ("cache-control", "max-age=600"),
        ("vary", "accept-language"),
        ("content-language", "de"),
    ];
    let (site, turns) = held_with(Cache::builder().choose_variants(true), fields);
    let ask = |wants| site.spawn(with(get("/"), &[("accept-language", wants)]));
    let first = ask("en, de");
    site.until(|now| now.waiting == 1).await;
    let others = [ask("de"), ask("fr")];
    site.until(|now| now.waiting == 3).await;
    turns.add_permits(1);
    assert_eq!(first.await.expect("answered").text(), "page 0");
    let [de, fr] = others;
    assert_eq!(de.await.expect("answered").text(), "page 0");
    turns.add_permits(1);
    assert_eq!(fr.await.expect("answered").text(), "page 1");
    assert_eq!(site.calls(), 2);
}
