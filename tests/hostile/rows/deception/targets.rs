//! The targets of the family: `{}` stands for the path of the page.

/// Names that end as those of files do, or begin a path parameter that does.
pub(super) const STATIC_SUFFIXES: [&str; 17] = [
    "/{}/account/x.css",
    "/{}/account/x.js",
    "/{}/account/x.png",
    "/{}/account/x.woff2",
    "/{}/account/x.pdf",
    "/{}/account/x.CSS",
    "/{}/account/x.json",
    "/{}/account/x.tar.gz",
    "/{}/account.css",
    "/{}/account;x.css",
    "/{}/account;v=1/x.js",
    "/{}/account/.css",
    "/{}/account/x.css/",
    "/{}/account/x.css?v=1",
    "/{}/account?x.css",
    "/{}/account?/static/x.css",
    "/{}/account/a,b!c$d:e@f~g&h=i.svg",
];

/// Delimiters encoded once, twice, wrongly or not at all.
pub(super) const ENCODED_DELIMITERS: [&str; 29] = [
    "/{}/account%3Bx.css",
    "/{}/account%3bx.css",
    "/{}/account%23x.css",
    "/{}/account%3Fx.css",
    "/{}/account%0Ax.css",
    "/{}/account%0D%0Ax.css",
    "/{}/account%09x.css",
    "/{}/account%20x.css",
    "/{}/account%00x.css",
    "/{}/account%2Ex.css",
    "/{}/account%2ecss",
    "/{}/account%2Fx.css",
    "/{}/account%5Cx.css",
    "/{}/account%26x.css",
    "/{}/account%7Ex.css",
    "/{}/account%253Bx.css",
    "/{}/account%25%33%42x.css",
    "/{}/account%u003Bx.css",
    "/{}/account%EF%BC%9Bx.css",
    "/{}/account%C0%AFx.css",
    "/{}/account%zzx.css",
    "/{}/account%",
    "/{}/account#x.css",
    "/{}/account\\x.css",
    "/{}/account\u{e9}.css",
    "/{}/account\0x.css",
    "/{}/account\nx.css",
    "/{}/account x.css",
    "/{}/%61ccount/x.css",
];

/// Ways out of a static directory that only a normalising origin follows.
pub(super) const OUT_OF_STATIC: [&str; 24] = [
    "/static/..%2F{}/account",
    "/static/..%2f{}/account",
    "/static/%2e%2e/{}/account",
    "/static/%2E%2E%2F{}/account",
    "/static/.%2e/{}/account",
    "/static/..%5C{}/account",
    "/static/..\\{}/account",
    "/static/../{}/account",
    "/static/./../{}/account",
    "/static//../{}/account",
    "/static/..;/{}/account",
    "/static/..%3B/{}/account",
    "/static/..%252F{}/account",
    "/static/..%00/{}/account",
    "/static/....//{}/account",
    "/static/%C0%AE%C0%AE/{}/account",
    "/static/x.css/../../{}/account",
    "//{}/account",
    "///{}/account",
    "/./{}/account",
    "/share/%2F..%2F{}/api/auth/session",
    "/share/..%2F..%2F{}/api/auth/session",
    "http://good.test/static/..%2F{}/account",
    "http://good.test//{}/account",
];

/// Ways into a static name that only a normalising cache follows.
pub(super) const INTO_STATIC: [&str; 18] = [
    "/{}/account%2F..%2Fstatic/app.js",
    "/{}/account%2f%2e%2e%2fstatic%2fapp.js",
    "/{}/account/..%2Fstatic/app.js",
    "/{}/account/../static/app.js",
    "/{}/account/%2e%2e/static/app.js",
    "/{}/account/..%5Cstatic/app.js",
    "/{}/account;/../static/app.js",
    "/{}/account%3F/../../static/app.js",
    "/{}/account%23/../../static/app.js",
    "/{}/account/..%2Frobots.txt",
    "/{}/account%2F%2E%2E%2Frobots.txt",
    "/{}/account/../../../../../../robots.txt",
    "/{}/account/robots.txt",
    "/{}/account/favicon.ico",
    "/{}/account/index.html",
    "/{}/account/sitemap.xml",
    "/{}/account/manifest.json",
    "/{}/account/.well-known/security.txt",
];

/// What one side might take for the same, and the other not.
pub(super) const NEAR_DELIMITERS: [(&str, &str); 15] = [
    ("/{}/account%3Bx.css", "/{}/account;x.css"),
    ("/{}/account%3Bx.css", "/{}/account%3bx.css"),
    ("/{}/account%3Bx.css", "/{}/account%253Bx.css"),
    ("/{}/account;x.css", "/{}/account"),
    ("/{}/account%23x.css", "/{}/account"),
    ("/{}/account%3Fx.css", "/{}/account?x.css"),
    ("/{}/account?x.css", "/{}/account"),
    ("/{}/account?x.css", "/{}/account?"),
    ("/{}/account%00x.css", "/{}/account"),
    ("/{}/account%0Ax.css", "/{}/account"),
    ("/{}/account%2Ex.css", "/{}/account.x.css"),
    ("/{}/account%2Fx.css", "/{}/account/x.css"),
    ("/{}/account%5Cx.css", "/{}/account/x.css"),
    ("/{}/%61ccount", "/{}/account"),
    ("/{}/account", "/{}/Account"),
];

/// The same for paths with dot segments.
pub(super) const NEAR_STATIC: [(&str, &str); 9] = [
    ("/static/..%2F{}/account", "/static/../{}/account"),
    ("/static/../{}/account", "/{}/account"),
    ("/static/%2e%2e/{}/account", "/static/../{}/account"),
    ("/static/..%5C{}/account", "/static/..%2F{}/account"),
    ("/static/..;/{}/account", "/static/../{}/account"),
    ("//{}/account", "/{}/account"),
    ("///{}/account", "//{}/account"),
    ("/./{}/account", "/{}/account"),
    ("/share/%2F..%2F{}/account", "/share//../{}/account"),
];

/// And for paths that end in a static name.
pub(super) const NEAR_NAMES: [(&str, &str); 7] = [
    ("/{}/account%2F..%2Fx/app.js", "/{}/x/app.js"),
    ("/{}/account/../x/app.js", "/{}/x/app.js"),
    ("/{}/account/%2e%2e/x/app.js", "/{}/account/../x/app.js"),
    ("/{}/account/..%2Frobots.txt", "/{}/robots.txt"),
    ("/{}/account/..%2Frobots.txt", "/{}/account/../robots.txt"),
    ("/{}/account;/../x.js", "/{}/x.js"),
    ("/{}/account/favicon.ico", "/{}/account//favicon.ico"),
];
