//! The same over real sockets: axum's server, the layer, raw clients.

use crate::file::{LASTS, TAG, WHOLE, file_site};
use crate::support::Site;
use crate::wire::{serve, told};

fn site() -> Site {
    file_site(&[LASTS, TAG])
}

#[tokio::test]
async fn a_part_is_stored_and_cut() {
    let site = site();
    let address = serve(&site).await;
    let part = told(address, "GET", "/", &[("range", "bytes=5-14")]).await;
    assert_eq!((part.status.as_u16(), part.text()), (206, &WHOLE[5..15]));
    let cut = told(address, "GET", "/", &[("range", "bytes=7-9")]).await;
    assert_eq!((cut.status.as_u16(), cut.text()), (206, "789"));
    assert_eq!(cut.field("content-range"), "bytes 7-9/20");
    assert_eq!(cut.field("content-length"), "3");
    assert!(cut.is_hit());
    assert_eq!(site.calls(), 1);
}

#[tokio::test]
async fn parts_become_a_whole() {
    let site = site();
    let address = serve(&site).await;
    told(address, "GET", "/", &[("range", "bytes=0-9")]).await;
    told(address, "GET", "/", &[("range", "bytes=10-14")]).await;
    let whole = told(address, "GET", "/", &[]).await;
    assert_eq!((whole.status.as_u16(), whole.text()), (200, WHOLE));
    assert_eq!(whole.field("content-length"), "20");
    assert_eq!(whole.field("content-range"), "");
    let status = whole.cache_status();
    assert!(
        status.starts_with("fwd=partial; fwd-status=206"),
        "{status}"
    );
    site.until_quiet().await;
    let again = told(address, "GET", "/", &[]).await;
    assert!(again.is_hit());
    assert_eq!(again.text(), WHOLE);
    assert_eq!(site.calls(), 3);
}
