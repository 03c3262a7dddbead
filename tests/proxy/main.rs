//! The example `reverse_proxy` from outside: real processes, raw sockets on both ends.

// The program itself, so that the process under test is always built from the present source.
// Only `run` is called from here.
#[allow(dead_code)]
#[path = "../../examples/reverse_proxy/main.rs"]
mod program;

mod cache;
mod http2;
mod origins;
mod process;
mod requests;
mod wire;

use wire::{BETWEEN, Origin, Proxy, ROLE, Wire};

/// Not a test: the others start this binary again with the proxy's arguments in `ROLE`.
#[test]
#[ignore = "it is the proxy, started by the tests"]
fn proxy_process() {
    let Ok(args) = std::env::var(ROLE) else {
        return;
    };
    let args = args.split(BETWEEN).filter(|arg| !arg.is_empty());
    let args = std::iter::once("reverse_proxy").chain(args);
    let code = program::run(args.map(Into::into));
    std::process::exit(i32::from(code));
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 2\r\n\r\nok";

fn status(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or("")
}

/// The value of a field, if the head has it.
fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(field, _)| field.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// An origin, a proxy with these flags before it, and a client of that.
async fn stage(flags: &[&str]) -> (Origin, Proxy, Wire) {
    let origin = Origin::new().await;
    let proxy = Proxy::before(&origin, flags).await;
    let client = proxy.connect().await;
    (origin, proxy, client)
}

/// Sends one request, lets the origin answer, and returns what each side saw.
async fn exchange(request: &str, answer: &str, flags: &[&str]) -> (String, String) {
    let (origin, _proxy, mut client) = stage(flags).await;
    client.send(request).await;
    let mut behind = origin.accept().await;
    let seen = behind.head().await;
    behind.send(answer).await;
    let head = client.head().await;
    (seen, head)
}
