//! The real `nc` in the same room as a browser's connection.

mod support;

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use serde_json::json;
use support::Server;

#[test]
fn netcat_is_all_it_takes() {
    let server = Server::start(&[]);
    let mut bob = server.member("bob");
    let mut netcat = Command::new("nc")
        .args(["-N", "127.0.0.1"])
        .arg(server.lines().port().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("netcat-openbsd is installed");
    let mut input = netcat.stdin.take().unwrap();
    input
        .write_all("--name: café\nhello from nc\n".as_bytes())
        .unwrap();
    let push = bob.push("message");
    assert_eq!(
        (&push["from"], &push["body"]),
        (&json!("café"), &json!("hello from nc"))
    );
    bob.say("lobby", "hello nc");
    input.write_all(b"good").unwrap();
    drop(input);
    assert_eq!(bob.push("message")["body"], "hello nc");
    assert_eq!(bob.push("message")["body"], "good");
    let mut shown = String::new();
    netcat
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut shown)
        .unwrap();
    assert!(netcat.wait().unwrap().success());
    assert!(shown.contains("<bob> hello nc\n"), "{shown}");
    assert!(!shown.contains("hello from nc"), "{shown}");
}
