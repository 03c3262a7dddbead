//! RFC 9530, Digest Fields: `Content-Digest` is of the bytes that a message carries (§2),
//! `Repr-Digest` of the representation, however much of it is sent (§3).

mod support;

use std::time::Duration;

use support::{Answer, Site, get, method, page, status, with};
use tokio::time::sleep;

const TEXT: &str = "0123456789";
/// Of the whole text.
const DIGEST: &str = "sha-256=:hNiYd/DUBB77a/kaFvAkjy/Vc+avBcGflr7bn4gveII=:";
/// Of nothing.
const NOTHING: &str = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";

fn site() -> Site {
    Site::new(|call| async move {
        let tag = ("etag", "\"a\"");
        if call.field("if-none-match").is_some() {
            let none = [("content-digest", NOTHING), ("repr-digest", NOTHING), tag];
            return status(304, &none, "");
        }
        let lasts = ("cache-control", "max-age=60");
        let digests = [("content-digest", DIGEST), ("repr-digest", DIGEST)];
        page(&[lasts, tag, digests[0], digests[1]], TEXT)
    })
}

fn digests(answer: &Answer) -> (u16, &str, &str) {
    let [content, whole] = ["content-digest", "repr-digest"].map(|name| answer.field(name));
    (answer.status.as_u16(), content, whole)
}

#[tokio::test(start_paused = true)]
async fn what_carries_other_bytes_has_not_the_digest_of_the_whole() {
    let site = site();
    assert_eq!(digests(&site.get("/").await), (200, DIGEST, DIGEST));
    let range = |bytes| with(get("/"), &[("range", bytes)]);
    let known = with(get("/"), &[("if-none-match", "\"a\"")]);
    for (request, expected) in [
        (get("/"), (200, DIGEST, DIGEST)),
        (method("HEAD", "/"), (200, "", DIGEST)),
        (known, (304, "", DIGEST)),
        (range("bytes=0-1"), (206, "", DIGEST)),
        (range("bytes=0-1,8-9"), (206, "", DIGEST)),
        (range("bytes=10-"), (416, "", "")),
    ] {
        assert_eq!(digests(&site.send(request).await), expected);
    }
    assert_eq!(site.calls(), 1);
}

/// A HEAD that has to ask is answered by a GET, whose digest is that of a body.
#[tokio::test(start_paused = true)]
async fn nor_has_a_head_that_was_asked_for_anew() {
    let site = site();
    site.get("/").await;
    let reload = with(method("HEAD", "/"), &[("cache-control", "no-cache")]);
    assert_eq!(digests(&site.send(reload).await), (200, "", DIGEST));
    assert_eq!(site.stats().validated, 1);
}

/// RFC 9111 §3.2 lets a cache leave alone what the integrity of the stored response needs.
#[tokio::test(start_paused = true)]
async fn a_304_does_not_bring_the_digest_of_nothing() {
    let site = site();
    site.get("/").await;
    sleep(Duration::from_secs(61)).await;
    let renewed = site.get("/").await;
    assert_eq!(digests(&renewed), (200, DIGEST, DIGEST));
    assert_eq!(renewed.text(), TEXT);
    assert_eq!(site.stats().validated, 1);
}
