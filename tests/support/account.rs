//! Accounts, and how one gets at them.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use super::{Device, Http, Response, Server, Ws};

/// The password of every account here.
pub(crate) const PASSWORD: &str = "correct horse";

/// Registers an account; the connection that speaks for it, and the token.
pub(crate) fn register(server: &Server, name: &str) -> (Ws, String) {
    let mut ws = server.ws();
    let done = ws.done(json!({"type": "register", "name": name, "password": PASSWORD}));
    assert_eq!(
        done["you"],
        json!({"name": name, "guest": false, "role": "member"})
    );
    (ws, done["token"].as_str().unwrap().to_owned())
}

/// The request to log in.
pub(crate) fn hello(name: &str, password: &str) -> Value {
    json!({"type": "hello", "name": name, "password": password})
}

/// Sends a request with a body, and reads the answer.
pub(crate) fn send(
    http: &mut Http,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> Response {
    let len = body.len();
    http.ask(&format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len}\r\n{headers}\r\n{body}"
    ))
}

/// Logs in by HTTP.
pub(crate) fn log_in(server: &Server, name: &str, password: &str) -> Response {
    let body = json!({"name": name, "password": password}).to_string();
    send(&mut server.http(), "POST", "/api/v1/session", "", &body)
}

/// Gives an account a second factor: the device, and the recovery codes.
pub(crate) fn set_up_second_factor(ws: &mut Ws) -> (Device, Vec<String>) {
    let begun = ws.done(json!({"type": "totp_begin", "password": PASSWORD}));
    let mut device = Device::new(begun["secret"].as_str().unwrap());
    let uri = begun["uri"].as_str().unwrap();
    assert!(uri.starts_with("otpauth://totp/chinwag:"), "{uri}");
    let confirmed = ws.done(json!({"type": "totp_confirm", "totp": device.code()}));
    let papers = confirmed["recovery_codes"].as_array().unwrap();
    let papers = papers.iter().map(|paper| paper.as_str().unwrap().into());
    (device, papers.collect())
}

/// Runs `chinwag user` on a server's data, with something on standard input.
pub(crate) fn user(data_dir: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_chinwag"))
        .arg("user")
        .args(arguments)
        .arg("--data-dir")
        .arg(data_dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // What needs no password may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// What a program printed that succeeded.
pub(crate) fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}
