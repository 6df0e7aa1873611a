//! Accounts as those who have one know them: through sockets, the page's routes, and the program.
#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::{Value, json};
use support::account::{
    PASSWORD, hello, log_in, printed, register, send, set_up_second_factor, user,
};
use support::{Response, Server, UPGRADE, Ws, now};

fn by_token(token: &str) -> Value {
    json!({"type": "hello", "token": token})
}

/// The cookie that an answer sets, as it is sent back.
fn cookie(response: &Response) -> String {
    let set = response.header("Set-Cookie").unwrap();
    for attribute in ["Path=/", "HttpOnly", "SameSite=Strict"] {
        assert!(set.split("; ").any(|it| it == attribute), "{set}");
    }
    format!("Cookie: {}\r\n", set.split(';').next().unwrap())
}

/// A WebSocket that comes with a cookie; what the welcome says of it.
fn ws_with(server: &Server, cookie: &str) -> (Ws, Value) {
    let mut http = server.http();
    let request = UPGRADE.replace("\r\n\r\n", &format!("\r\n{cookie}\r\n"));
    assert_eq!(http.ask(&request).status, 101);
    let mut ws = Ws::upgraded(http);
    let welcome = ws.next();
    assert_eq!(welcome["type"], "welcome");
    (ws, welcome["you"].clone())
}

#[test]
fn account_is_the_same_after_a_restart_by_password_and_by_token() {
    let mut server = Server::start(&[]);
    let (mut ada, token) = register(&server, "ada");
    assert_eq!(
        ada.done(json!({"type": "create", "room": "tea"}))["members"][0]["role"],
        "owner"
    );
    server.kill();
    server.restart();
    let mut ada = server.ws();
    let done = ada.done(by_token(&token));
    assert_eq!(done["token"], *token);
    assert_eq!(ada.join("tea")["members"][0]["role"], "owner");
    let mut other = server.ws();
    assert_eq!(other.refused(hello("ada", "wrong")), "not_authenticated");
    assert_eq!(other.refused(hello("eve", PASSWORD)), "not_authenticated");
    assert_eq!(other.done(hello("ADA", PASSWORD))["you"]["name"], "ada");
    let mut guest = server.ws();
    let taken = json!({"type": "hello", "name": "аda"});
    assert_eq!(guest.refused(taken), "name_taken");
}

#[test]
fn token_of_a_guest_who_got_an_account_is_refused_for_good() {
    let mut server = Server::start(&[]);
    let (mut kim, mut other) = (server.ws(), server.ws());
    let done = kim.done(json!({"type": "hello", "name": "kim"}));
    let token = done["token"].as_str().unwrap().to_owned();
    other.done(by_token(&token));
    let registration = json!({"type": "register", "name": "kim", "password": PASSWORD});
    kim.done(registration);
    assert_eq!(other.closed(), 4001);
    let mut again = server.ws();
    assert_eq!(again.refused(by_token(&token)), "not_authenticated");
    server.kill();
    server.restart();
    let mut again = server.ws();
    assert_eq!(again.refused(by_token(&token)), "not_authenticated");
    again.done(json!({"type": "hello", "name": "kim the guest"}));
}

#[test]
fn neither_passwords_nor_tokens_stand_in_the_data_directory() {
    let mut server = Server::start(&[]);
    let (_ada, token) = register(&server, "ada");
    server.kill();
    let secrets = [
        PASSWORD.as_bytes(),
        token.as_bytes(),
        &token.as_bytes()[8..],
    ];
    let mut count = 0;
    for entry in std::fs::read_dir(server.data_dir().join("data")).unwrap() {
        let path = entry.unwrap().path();
        let Ok(bytes) = std::fs::read(&path) else {
            continue;
        };
        for secret in secrets {
            assert!(
                !bytes.windows(secret.len()).any(|it| it == secret),
                "{path:?}"
            );
        }
        count += 1;
    }
    assert!(count >= 2);
}

#[test]
fn cookie_says_who_one_is_until_one_logs_out() {
    let server = Server::start(&[]);
    register(&server, "ada");
    let response = log_in(&server, "ada", PASSWORD);
    assert_eq!(response.status, 204);
    assert_eq!(response.header("Content-Length"), None);
    let cookie = cookie(&response);
    let (mut ada, you) = ws_with(&server, &cookie);
    assert_eq!(
        you,
        json!({"name": "ada", "guest": false, "role": "member"})
    );
    ada.join("lobby");
    assert_eq!(ada.refused(hello("ada", PASSWORD)), "already");
    let mut http = server.http();
    let left_at = now();
    let response = send(&mut http, "DELETE", "/api/v1/session", &cookie, "");
    assert_eq!(response.status, 204);
    assert!(response.header("Set-Cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(ada.closed(), 4001);
    assert!(left_at.elapsed() < Duration::from_secs(1));
    // What is over says nothing; and to leave twice is fine.
    let (mut nobody, you) = ws_with(&server, &cookie);
    assert_eq!(you, Value::Null);
    assert_eq!(
        nobody.done(json!({"type": "hello", "name": "eve"}))["you"]["guest"],
        true
    );
    let again = send(&mut http, "DELETE", "/api/v1/session", &cookie, "");
    assert_eq!(again.status, 204);
    assert_eq!(
        send(&mut http, "DELETE", "/api/v1/session", "", "").status,
        401
    );
}

#[test]
fn what_is_sent_before_the_welcome_is_answered_after_it() {
    let server = Server::start(&[]);
    register(&server, "ada");
    let cookie = cookie(&log_in(&server, "ada", PASSWORD));
    let request = UPGRADE.replace("\r\n\r\n", &format!("\r\n{cookie}\r\n"));
    let mut bytes = request.into_bytes();
    for text in ["nonsense", r#"{"type":"join","id":1,"room":"lobby"}"#] {
        bytes.extend(support::masked_frame(1, text.as_bytes()));
    }
    let mut http = server.http();
    http.write(bytes);
    assert_eq!(http.head().status, 101);
    let mut ws = Ws::upgraded(http);
    assert_eq!(ws.next()["you"]["name"], "ada");
    assert_eq!(ws.next()["code"], "bad_request");
    assert_eq!(ws.answer(1)["member_count"], 1);
}

#[test]
fn requests_behind_a_login_on_one_connection_are_answered_in_order() {
    let server = Server::start(&[]);
    register(&server, "ada");
    let body = json!({"name": "ada", "password": PASSWORD}).to_string();
    let len = body.len();
    let mut http = server.http();
    http.write(format!(
        "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len}\r\n\r\n{body}\
         GET /app.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
    ));
    assert_eq!(http.response().status, 204);
    assert_eq!(http.response().status, 200);
    // In pieces it is the same request.
    let (head, rest) = body.split_at(5);
    http.write(format!(
        "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len}\r\n\r\n{head}"
    ));
    http.write(rest);
    assert_eq!(http.response().status, 204);
}

#[test]
fn bad_requests_to_log_in_are_told_apart() {
    let server = Server::start(&[]);
    register(&server, "ada");
    let right = json!({"name": "ada", "password": PASSWORD}).to_string();
    let wrong = json!({"name": "ada", "password": "wrong"}).to_string();
    let path = "/api/v1/session";
    for (method, path, headers, body, status) in [
        ("POST", path, "Origin: http://localhost\r\n", &*right, 204),
        (
            "POST",
            path,
            "Origin: https://evil.example\r\n",
            &*right,
            403,
        ),
        ("POST", path, "", &*wrong, 401),
        ("POST", path, "", "{}", 400),
        ("POST", path, "", "", 400),
        ("POST", path, "", "\u{fffd}", 400),
        ("POST", path, "", "[]", 400),
        ("GET", path, "", "", 405),
        ("POST", path, "", &*"x".repeat(64 * 1024 + 1), 413),
        ("POST", path, "", &*" ".repeat(64 * 1024), 400),
        ("POST", "/api/v1/rooms/lobby/messages", "", "{}", 401),
        ("GET", "/api/v1/rooms/lobby/messages", "", "", 405),
        ("POST", "/api/v1/elsewhere", "", "{}", 405),
        ("GET", "/claim/guessed", "", "", 404),
    ] {
        let mut http = server.http();
        let response = send(&mut http, method, path, headers, body);
        assert_eq!(
            response.status,
            status,
            "{method} {path} {headers} {}",
            body.len()
        );
        if status == 401 && !body.starts_with("{}") {
            let error: Value = serde_json::from_str(&response.text()).unwrap();
            assert_eq!(error["code"], "not_authenticated");
        }
    }
}

#[test]
fn sessions_are_listed_and_revoked_by_their_owner() {
    let server = Server::start(&[]);
    let (mut ada, _) = register(&server, "ada");
    let mut phone = server.ws();
    phone.done(json!({"type": "hello", "name": "ada", "password": PASSWORD, "label": "phone"}));
    phone.join("lobby");
    let list = ada.done(json!({"type": "sessions"}));
    let list = list["sessions"].as_array().unwrap();
    assert_eq!(list.len(), 2);
    let theirs = list.iter().find(|it| it["label"] == "phone").unwrap();
    assert_eq!(theirs["current"], false);
    assert!(theirs["created_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(theirs["last_seen_at"], theirs["created_at"]);
    let revoked_at = now();
    ada.done(json!({"type": "revoke", "session": theirs["session"]}));
    assert_eq!(phone.closed(), 4001);
    assert!(revoked_at.elapsed() < Duration::from_secs(1));
    let again = json!({"type": "revoke", "session": theirs["session"]});
    assert_eq!(ada.refused(again), "not_found");
}

#[test]
fn other_password_closes_all_other_sessions() {
    let server = Server::start(&[]);
    let (mut ada, token) = register(&server, "ada");
    let mut phone = server.ws();
    phone.done(hello("ada", PASSWORD));
    let short = json!({"type": "password", "password": PASSWORD, "new": "short"});
    assert_eq!(ada.refused(short), "bad_request");
    ada.done(json!({"type": "password", "password": PASSWORD, "new": "battery staple"}));
    assert_eq!(phone.closed(), 4001);
    let mut phone = server.ws();
    assert_eq!(phone.refused(hello("ada", PASSWORD)), "not_authenticated");
    phone.done(hello("ada", "battery staple"));
    server.ws().done(by_token(&token));
}

#[test]
fn second_factor_is_asked_for_once_it_is_set_up() {
    let mut server = Server::start(&[]);
    let (mut ada, _) = register(&server, "ada");
    let (mut device, papers) = set_up_second_factor(&mut ada);
    assert_eq!(papers.len(), 10);

    server.kill();
    server.restart();
    let mut ws = server.ws();
    let needed = ws.ask(hello("ada", PASSWORD));
    assert_eq!(
        (&needed["code"], &needed["needs"]),
        (&json!("not_authenticated"), &json!("totp"))
    );
    let with =
        |totp: &str| json!({"type": "hello", "name": "ada", "password": PASSWORD, "totp": totp});
    assert_eq!(ws.refused(with("000000x")), "bad_request");
    let next = device.code();
    ws.done(with(&next));
    // Good once, after a restart too.
    server.kill();
    server.restart();
    assert_eq!(server.ws().refused(with(&next)), "not_authenticated");
    let paper = &papers[4];
    server.ws().done(with(paper));
    server.kill();
    server.restart();
    assert_eq!(server.ws().refused(with(paper)), "not_authenticated");
    let mut ada = server.ws();
    ada.done(with(&papers[5]));
    ada.done(json!({"type": "totp_disable", "password": PASSWORD}));
    server.ws().done(hello("ada", PASSWORD));
}

#[test]
fn registration_is_as_the_owner_of_the_server_decided() {
    let wish = |name: &str| json!({"type": "register", "name": name, "password": PASSWORD});
    let closed = Server::start(&["--registration", "closed"]);
    assert_eq!(closed.ws().refused(wish("ada")), "forbidden");
    let server = Server::start(&["--registration", "invite"]);
    assert_eq!(server.ws().refused(wish("ada")), "forbidden");
    let data = server.data_dir().join("data");
    printed(&user(&data, &["add", "owner", "--admin"], PASSWORD));
    let mut owner = server.ws();
    assert_eq!(owner.done(hello("owner", PASSWORD))["you"]["role"], "owner");
    let invite = owner.done(json!({"type": "invite"}));
    let mut with = wish("ada");
    with["invite"] = invite["invite"].clone();
    let mut ada = server.ws();
    ada.done(with.clone());
    assert_eq!(ada.refused(json!({"type": "invite"})), "forbidden");
    with["name"] = "bob".into();
    assert_eq!(server.ws().refused(with), "forbidden");
}

#[test]
fn first_start_prints_a_link_that_makes_one_owner() {
    let mut server = Server::start(&["--registration", "closed"]);
    let line = server.says("/claim/");
    let path = line
        .split_once(&server.web().to_string())
        .unwrap()
        .1
        .to_owned();
    // It is good until it is used, and shown once.
    server.kill();
    server.restart();
    let mut http = server.http();
    let page = http.get(&path);
    assert_eq!(page.status, 200);
    assert_eq!(
        page.header("Content-Type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(page.header("Cache-Control"), Some("no-store"));
    assert!(page.header("Content-Security-Policy").is_some());
    assert!(page.text().contains("/claim.js"));
    let bare = json!({"name": "owner", "password": "short"}).to_string();
    assert_eq!(send(&mut http, "POST", &path, "", &bare).status, 400);
    let body = json!({"name": "owner", "password": PASSWORD}).to_string();
    let evil = "Origin: https://evil.example\r\n";
    assert_eq!(
        send(&mut server.http(), "POST", &path, evil, &body).status,
        403
    );
    let claimed = send(&mut http, "POST", &path, "", &body);
    assert_eq!(claimed.status, 204);
    let (_owner, you) = ws_with(&server, &cookie(&claimed));
    assert_eq!(
        you,
        json!({"name": "owner", "guest": false, "role": "owner"})
    );
    assert_eq!(http.get(&path).status, 404);
    let body = json!({"name": "second", "password": PASSWORD}).to_string();
    assert_eq!(send(&mut http, "POST", &path, "", &body).status, 404);
    server.kill();
    server.restart();
    assert_eq!(server.http().get(&path).status, 404);
}

#[test]
fn accounts_are_changed_beside_a_running_server() {
    let server = Server::start(&[]);
    let data = server.data_dir().join("data");
    let mode = std::fs::metadata(data.join("control.sock"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        printed(&user(&data, &["add", "ada"], &format!("{PASSWORD}\n"))),
        ""
    );
    let mut ada = server.ws();
    ada.done(hello("ada", PASSWORD));
    assert_eq!(printed(&user(&data, &["list"], "")), "ada\t1 session\n");
    let again = user(&data, &["add", "ADA"], PASSWORD);
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(again.stderr).unwrap(),
        "chinwag: cannot add ADA: somebody here has this name, or one that looks like it\n"
    );
    let short = user(&data, &["passwd", "ada"], "short\n");
    assert_eq!(short.status.code(), Some(1));
    printed(&user(&data, &["passwd", "ada"], "battery staple\n"));
    assert_eq!(ada.closed(), 4001);
    let mut ada = server.ws();
    ada.done(hello("ada", "battery staple"));
    printed(&user(&data, &["disable", "ada"], ""));
    assert_eq!(ada.closed(), 4001);
    assert_eq!(
        server.ws().refused(hello("ada", "battery staple")),
        "not_authenticated"
    );
    assert_eq!(printed(&user(&data, &["list"], "")), "ada\tdisabled\n");
    printed(&user(&data, &["enable", "ada"], ""));
    server.ws().done(hello("ada", "battery staple"));
    assert_eq!(user(&data, &["disable", "bob"], "").status.code(), Some(1));
}

#[test]
fn accounts_are_changed_where_no_server_runs() {
    let mut server = Server::start(&[]);
    server.kill();
    let data = server.data_dir().join("data");
    printed(&user(&data, &["add", "ada", "--admin"], PASSWORD));
    assert_eq!(printed(&user(&data, &["list"], "")), "ada\towner\n");
    assert_eq!(
        user(&data, &["passwd", "eve"], PASSWORD).status.code(),
        Some(1)
    );
    server.restart();
    assert_eq!(
        server.ws().done(hello("ada", PASSWORD))["you"]["role"],
        "owner"
    );
    assert_eq!(user(&data, &["add"], "").status.code(), Some(2));
}

#[test]
fn bots_post_with_a_token() {
    let server = Server::start(&[]);
    let data = server.data_dir().join("data");
    let token = printed(&user(&data, &["bot", "builder"], ""))
        .trim()
        .to_owned();
    let mut ada = server.member("ada");
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let post = |path: &str, headers: &str, body: &Value| {
        send(&mut server.http(), "POST", path, headers, &body.to_string())
    };
    let path = "/api/v1/rooms/lobby/messages";
    let body = json!({"body": "it is green", "key": "1"});
    for _ in 0..2 {
        let response = post(path, &bearer, &body);
        assert_eq!(response.status, 200);
        let sent: Value = serde_json::from_str(&response.text()).unwrap();
        assert_eq!((&sent["room"], &sent["seq"]), (&json!("lobby"), &json!(1)));
    }
    assert_eq!(ada.push("message")["from"], "builder");
    assert!(ada.heard().is_empty());
    assert_eq!(post(path, "Authorization: Bearer x\r\n", &body).status, 401);
    assert_eq!(
        post("/api/v1/rooms/nowhere/messages", &bearer, &body).status,
        404
    );
    assert_eq!(
        post("/api/v1/rooms/a%20b/messages", &bearer, &body).status,
        404
    );
    assert_eq!(post(path, &bearer, &json!({"body": ""})).status, 400);
    printed(&user(&data, &["disable", "builder"], ""));
    assert_eq!(post(path, &bearer, &body).status, 401);
}

#[test]
fn cookie_is_for_tls_alone_where_a_trusted_proxy_speaks_it() {
    let trusting = Server::start(&["--trusted-proxy", "127.0.0.1", "--registration", "open"]);
    let stranger = Server::start(&["--trusted-proxy", "10.0.0.1", "--registration", "open"]);
    let body = json!({"name": "ada", "password": PASSWORD}).to_string();
    let is_secure = |server: &Server, headers: &str| {
        let path = "/api/v1/session";
        let response = send(&mut server.http(), "POST", path, headers, &body);
        assert_eq!(response.status, 204, "{}", response.text());
        let set = response.header("Set-Cookie").unwrap().to_owned();
        set.split("; ").any(|attribute| attribute == "Secure")
    };
    for server in [&trusting, &stranger] {
        register(server, "ada");
    }
    for (headers, expected) in [
        ("", false),
        ("X-Forwarded-Proto: http\r\n", false),
        ("X-Forwarded-Proto: https\r\n", true),
        ("X-Forwarded-Proto: HTTPS, http\r\n", true),
    ] {
        assert_eq!(is_secure(&trusting, headers), expected, "{headers}");
        assert!(!is_secure(&stranger, headers), "{headers}");
    }
}
