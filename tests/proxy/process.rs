//! How the process starts, refuses to start, and stops.

use super::{GET, OK, stage, status};
use crate::wire::{Origin, Proxy, run};

/// Standard error, which must be one line.
fn sentence(output: &std::process::Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    assert_eq!(text.lines().count(), 1, "not one sentence: {text}");
    text
}

#[tokio::test]
async fn a_wrong_command_line_gets_a_sentence_and_status_2() {
    let origin = ["--origin", "http://127.0.0.1:1"];
    let rows: [(&[&str], &str); 10] = [
        (&[], "--origin"),
        (&["--origin", "https://a.test"], "plain http"),
        (&["--origin", "http://a.test/path"], "no path"),
        (&["--origin", "nonsense"], "http://host:port"),
        (&[origin[0], origin[1], "--capcity", "1"], "--capcity"),
        (
            &[origin[0], origin[1], "--swr", "5 fortnights"],
            "fortnights",
        ),
        (&[origin[0], origin[1], "--capacity", "many"], "many"),
        (&[origin[0], origin[1], "--listen", "here"], "here"),
        (&[origin[0], origin[1], "--capacity", "0"], "capacity"),
        (
            &[origin[0], origin[1], "--key-field", "no field"],
            "no field",
        ),
    ];
    for (args, named) in rows {
        let output = run(args).await;
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let sentence = sentence(&output);
        assert!(sentence.contains(named), "{args:?} got {sentence}");
    }
}

#[tokio::test]
async fn an_address_in_use_gets_a_sentence_and_status_1() {
    let taken = Origin::new().await.address;
    let holder = Origin::new().await;
    let address = holder.address.to_string();
    assert_ne!(taken, holder.address);
    let output = run(&["--listen", &address, "--origin", "http://127.0.0.1:1"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(sentence(&output).contains(&address));
}

#[cfg(unix)]
#[tokio::test]
async fn a_signal_lets_accepted_requests_finish_and_ends_with_status_0() {
    for signal in ["TERM", "INT"] {
        let (origin, proxy, mut client) = stage(&[]).await;
        client.send(GET).await;
        let mut behind = origin.asked().await;
        proxy.signal(signal).await;
        proxy.refuses().await;
        behind.send(OK).await;
        let answer = client.rest().await;
        assert_eq!(status(&answer), "200");
        assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
        assert_eq!(proxy.exit_code().await, Some(0), "{signal}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_signal_counts_a_request_that_was_sent_but_not_yet_read() {
    let origin = Origin::new().await;
    let proxy = Proxy::before(&origin, &[]).await;
    // A process that is stopped reads nothing, and is sent the signal meanwhile.
    proxy.signal("STOP").await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    proxy.signal("TERM").await;
    proxy.signal("CONT").await;
    let mut behind = origin.asked().await;
    behind.send(OK).await;
    assert!(client.rest().await.ends_with("\r\n\r\nok"));
    assert_eq!(proxy.exit_code().await, Some(0));
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_not_finished_after_the_grace_period_is_left() {
    let (origin, proxy, mut client) = stage(&["--grace", "100ms"]).await;
    client.send(GET).await;
    let _behind = origin.asked().await;
    proxy.signal("TERM").await;
    assert_eq!(proxy.exit_code().await, Some(0));
    assert_eq!(client.rest().await, "");
}
