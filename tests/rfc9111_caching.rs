//! RFC 9111, HTTP Caching: what its sections say of single fields and methods.

mod support;

use support::{Site, all, page};

const OLD: &str = "Fri, 01 Jan 2010 00:00:00 GMT";

/// §5.1: an answer that says how old it is and names no lifetime says so to whoever shares
/// it; a cache further out that guesses a lifetime would else take it for new. The `Date`
/// that it lacks is when it arrived (RFC 9110 §6.6.1), as the larger of the two counts.
#[tokio::test(start_paused = true)]
async fn section_5_1_the_age_of_what_names_no_lifetime_is_passed_on() {
    let site = Site::new(|_| async { page(&[("age", "100"), ("last-modified", OLD)], "x") });
    for answer in all(site.crowd("/", 3)).await {
        assert_eq!(answer.field("age"), "100");
        assert_eq!(answer.field("date"), "Fri, 15 Jan 2027 08:00:00 GMT");
    }
    assert_eq!(site.calls(), 1);
}
