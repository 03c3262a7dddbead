//! The guide: how to wrap handlers, choose freshness, keep pages private, purge,
//! live with failures, know the bounds, and read what the cache says.
//!
//! The pages are the files of `docs/guide`, so that their examples are compiled
//! with the crate's own. This module exists in the documentation only.
//!
//! - [`wrapping`]: routers, services, and the place among other layers.
//! - [`freshness`]: what is stored, and for how long.
//! - [`privacy`]: cookies, credentials, keys.
//! - [`purging`]: taking something out before its time.
//! - [`failure`]: what a client sees when the origin is slow or broken.
//! - [`bounds`]: how much there may be of everything, and what happens past it.
//! - [`cache_status`]: why was this not a hit?

// The pages link to each other by file name, at their end. Of two definitions of
// one link the first counts, so these send the links to the modules instead.
macro_rules! pages {
    ($($name:ident = $file:literal;)*) => {
        $(
            #[doc = "[wrapping]: crate::guide::wrapping"]
            #[doc = "[freshness]: crate::guide::freshness"]
            #[doc = "[privacy]: crate::guide::privacy"]
            #[doc = "[purging]: crate::guide::purging"]
            #[doc = "[failure]: crate::guide::failure"]
            #[doc = "[bounds]: crate::guide::bounds"]
            #[doc = "[cache-status]: crate::guide::cache_status"]
            #[doc = ""]
            #[doc = include_str!(concat!("../docs/guide/", $file))]
            pub mod $name {}
        )*
    };
}

pages! {
    wrapping = "wrapping.md";
    freshness = "freshness.md";
    privacy = "privacy.md";
    purging = "purging.md";
    failure = "failure.md";
    bounds = "bounds.md";
    cache_status = "cache-status.md";
}

/// The index, for its example.
#[cfg(doctest)]
#[doc = include_str!("../docs/guide/README.md")]
pub mod index {}

/// The front page, for its example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub mod readme {}
