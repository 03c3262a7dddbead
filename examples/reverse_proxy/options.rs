//! The command line: what the cache's builder can set, and what only a proxy needs.
//!
//! A flag that is not given leaves the builder's own default alone, so that running the proxy
//! without flags shows the crate as it comes.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use http::uri::Authority;

use super::units::{bytes, duration, origin};

/// Extra time for an answer when the cache's own deadline should be the one that ends a fetch.
const BEYOND_DEADLINE: Duration = Duration::from_secs(2);

/// The cache's fetch deadline when no flag sets it.
const FETCH_DEADLINE: Duration = Duration::from_secs(30);

/// A caching reverse proxy in front of one origin.
///
/// Times are written 500ms, 2s, 5m, 1h or plain seconds; sizes 64MiB, 512k or plain bytes.
/// SIGTERM and SIGINT end the proxy in order; SIGUSR1 prints the cache's counters to stdout, one
/// line of JSON.
#[derive(Debug, Parser)]
#[command(name = "reverse_proxy", term_width = 100)]
pub(crate) struct Options {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// The site behind the proxy, plain HTTP/1.1
    #[arg(long, value_name = "http://HOST:PORT", value_parser = origin)]
    pub(crate) origin: Authority,

    #[command(flatten)]
    pub(crate) cache: CacheOptions,

    /// Time to open a connection to the origin
    #[arg(long, help_heading = "Time limits", value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub(crate) connect_timeout: Duration,
    /// Time the origin may take over the head of an answer that the cache does not share, counted
    /// from the last byte of the request that moved [default: the fetch deadline + 2s]
    #[arg(long, help_heading = "Time limits", value_name = "TIME", value_parser = duration)]
    pass_timeout: Option<Duration>,
    /// Time an idle connection to the origin is kept; 0 opens one for every request
    #[arg(long, help_heading = "Time limits", value_name = "TIME", default_value = "4s", value_parser = duration)]
    pub(crate) origin_idle: Duration,
    /// Time a client may take over the head of a request, or between two requests
    #[arg(long, help_heading = "Time limits", value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(crate) header_timeout: Duration,
    /// Time for accepted requests to be answered after SIGTERM or SIGINT
    #[arg(long, help_heading = "Time limits", value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub(crate) grace: Duration,
    /// Tell the origin the visitor's address in X-Forwarded-For. It is added below the cache, so
    /// the origin must not let it change an answer that may be shared
    #[arg(long, help_heading = "Options")]
    pub(crate) forwarded: bool,
    /// Print the cache's counters to stderr at the end
    #[arg(long, help_heading = "Options")]
    pub(crate) stats_on_exit: bool,
}

/// One flag for each word of the cache's builder; see there for the fine print.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The cache")]
pub(crate) struct CacheOptions {
    /// What the other flags start from: the safe defaults, or all that RFC 9111 permits a shared
    /// cache
    #[arg(long, value_name = "NAME", value_enum, default_value_t)]
    pub(crate) preset: Preset,
    /// Memory for answers: what is stored, and what is on its way [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(crate) capacity: Option<u64>,
    /// Largest body that is stored; a larger one is only handed on [default: 8MiB, or an eighth
    /// of the capacity if that is less]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(crate) max_object_size: Option<u64>,
    /// Time an answer that names no freshness stays fresh [default: such answers are not stored]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) default_fresh: Option<Duration>,
    /// Guess the freshness of such answers from Last-Modified [default: off]
    #[arg(long)]
    pub(crate) heuristics: bool,
    /// Time a stale answer may be served while it is refreshed, where the answer does not say
    /// stale-while-revalidate [default: none]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) swr: Option<Duration>,
    /// Time a stale answer may be served when the origin fails, where the answer does not say
    /// stale-if-error [default: none]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) sie: Option<Duration>,
    /// Variants of one page (Vary) that are kept [default: 32]
    #[arg(long, value_name = "N")]
    pub(crate) max_variants: Option<usize>,
    /// Time a fetch may take until its head arrives, queueing included; then 504 [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) fetch_deadline: Option<Duration>,
    /// Time the origin may be silent in the middle of a shared body [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) body_idle_deadline: Option<Duration>,
    /// Time a body may take to arrive and still be stored [default: 5m]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) store_deadline: Option<Duration>,
    /// Fetches at the origin at once [default: 1024]
    #[arg(long, value_name = "N")]
    pub(crate) origin_limit: Option<usize>,
    /// Fetches that may wait for a place at the origin; past it 503 [default: 16384]
    #[arg(long, value_name = "N")]
    pub(crate) origin_queue: Option<usize>,
    /// Refreshes of stale answers at once [default: a quarter of the origin limit]
    #[arg(long, value_name = "N")]
    pub(crate) refresh_limit: Option<usize>,
    /// Clients that may wait for the fetches of one page; past it 503 [default: 65536]
    #[arg(long, value_name = "N")]
    pub(crate) max_waiters: Option<usize>,
    /// Fetches under way at once, queued ones included; past it 503 [default: 16384]
    #[arg(long, value_name = "N")]
    pub(crate) max_flights: Option<usize>,
    /// Time for which nobody waits for a page that proved private [default: 2m]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) unshareable_memory: Option<Duration>,
    /// What to do with requests that carry a cookie [default: require-permission]
    #[arg(long, value_name = "RULE", value_enum)]
    pub(crate) cookies: Option<CookieRule>,
    /// What to do with requests that carry Authorization [default: require-permission]
    #[arg(long, value_name = "RULE", value_enum)]
    pub(crate) authorization: Option<AuthorizationRule>,
    /// What to do with answers that set a cookie [default: refuse]
    #[arg(long, value_name = "RULE", value_enum)]
    pub(crate) set_cookie: Option<SetCookieRule>,
    /// Share an answer that is not fresh on arrival with nobody, not even with those who were
    /// waiting for it [default: off]
    #[arg(long)]
    pub(crate) strict_collapse: bool,
    /// Store answers of status 400 and above that say how long they are fresh [default: off]
    #[arg(long)]
    pub(crate) store_errors: bool,
    /// Fetch the whole page when a range of it is asked for [default: off]
    #[arg(long)]
    pub(crate) ranges_fetch_whole: bool,
    /// Leave Cache-Tag and Surrogate-Key on answers, for a cache further out [default: off]
    #[arg(long)]
    pub(crate) forward_tags: bool,
    /// Compare the fields that Vary names by their meaning [default: off]
    #[arg(long)]
    pub(crate) normalise_vary: bool,
    /// Answer with a stored page in the language or coding that is wanted most, whatever words it
    /// was made for [default: off]
    #[arg(long)]
    pub(crate) choose_variants: bool,
    /// What of the query counts where answers do not say it, written as No-Vary-Search
    #[arg(long, value_name = "VALUE")]
    pub(crate) no_vary_search: Option<String>,
    /// Largest content of a QUERY that is part of its key [default: 8192]
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_query_bytes: Option<usize>,
    /// Obey this field of answers in place of Cache-Control; may be repeated, the first one first
    #[arg(long, value_name = "NAME")]
    pub(crate) targeted_field: Vec<String>,
    /// Obey Surrogate-Control of answers in place of Cache-Control, and take it off [default: off]
    #[arg(long)]
    pub(crate) surrogate_control: bool,
    /// Drop this query parameter from the key and from the fetch; may be repeated
    #[arg(long, value_name = "PARAM")]
    pub(crate) ignore_query: Vec<String>,
    /// Make this request field part of the key; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) key_field: Vec<String>,
    /// Fetch with the request fields that the key covers and a few common ones only [default: off]
    #[arg(long)]
    pub(crate) strict_forwarding: bool,
    /// Name that keeps this cache's keys apart from another's in a shared store [default: empty]
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// Name by which the cache goes in Cache-Status [default: floodwall]
    #[arg(long, value_name = "TOKEN", conflicts_with = "no_cache_status")]
    pub(crate) cache_status_name: Option<String>,
    /// Do not add Cache-Status to answers
    #[arg(long)]
    pub(crate) no_cache_status: bool,
    /// Do not add Age to answers from the store
    #[arg(long)]
    pub(crate) no_age: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum CookieRule {
    /// Share what the answer allows with public or s-maxage
    RequirePermission,
    /// As if there were no cookie
    Ignore,
    /// Ask the origin, always
    Pass,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum AuthorizationRule {
    /// Share what the answer allows with public, s-maxage or must-revalidate
    RequirePermission,
    /// Ask the origin, always
    Pass,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SetCookieRule {
    /// Share the answer with nobody
    Refuse,
    /// Share it, and give the cookie to nobody
    Strip,
    /// Share it, and give the cookie to everyone
    Share,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Preset {
    /// The safe defaults
    #[default]
    Default,
    /// All that RFC 9111 permits: guessed lifetimes, any status, cookies shared
    ByTheBook,
}

impl Options {
    /// Reads the command line. The error is clap's, which may also be a request for help.
    pub(crate) fn read(args: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        Self::try_parse_from(args)
    }

    /// A little longer than the cache waits: for a shared fetch the cache's own 504 comes first.
    pub(crate) fn answer_timeout(&self) -> Duration {
        let deadline = self.cache.fetch_deadline.unwrap_or(FETCH_DEADLINE);
        self.pass_timeout
            .unwrap_or_else(|| deadline.saturating_add(BEYOND_DEADLINE))
    }
}

/// clap's message without its hints: the part before the first empty line, in one line.
pub(crate) fn sentence(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().map(str::trim);
    let message: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    message.join(" ")
}
