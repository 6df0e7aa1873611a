//! Who is banned from the server is out at once, stays out, and comes back when it is over.
#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod support;

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};
use support::account::{PASSWORD, printed, user};
use support::{Http, Line, Response, Server, UPGRADE, Ws, wait_until};

/// A server whose visitors say in a PROXY header, or in `X-Forwarded-For`, from where they come.
fn server(flags: &[&str]) -> Server {
    let own = ["--trusted-proxy", "127.0.0.1", "--registration", "open"];
    let server = Server::start(&[flags, &own].concat());
    let data = server.data_dir().join("data");
    let password = format!("{PASSWORD}\n");
    printed(&user(&data, &["add", "root", "--admin"], &password));
    server
}

/// A connection of somebody from there.
fn from(address: SocketAddr, client: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let family = if client.contains(':') { "TCP6" } else { "TCP4" };
    let server = if client.contains(':') {
        "2001:db8:ffff::1"
    } else {
        "192.0.2.1"
    };
    let header = format!("PROXY {family} {client} {server} 56324 443\r\n");
    stream.write_all(header.as_bytes()).unwrap();
    stream
}

fn ws_from(server: &Server, client: &str) -> Ws {
    let mut ws = Ws::open(from(server.web(), client));
    ws.welcome();
    ws
}

fn status_from(server: &Server, client: &str) -> u16 {
    Http::over(from(server.web(), client)).ask(UPGRADE).status
}

fn root(mut ws: Ws) -> Ws {
    let hello = json!({"type": "hello", "name": "root", "password": PASSWORD});
    assert_eq!(ws.done(hello)["you"]["role"], "owner");
    ws
}

fn ban(address: &str) -> Value {
    json!({"type": "server_ban", "address": address})
}

/// Asks something of a trusted proxy's behalf; keeps the connection, as proxies do.
fn forwarded(http: &mut Http, client: &str, path: &str) -> Response {
    http.ask(&format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {client}\r\n\r\n"
    ))
}

#[test]
fn banned_address_is_out_at_once_by_every_door_and_in_again_when_the_ban_is_lifted() {
    let server = server(&["--proxy-protocol"]);
    let mut root = root(ws_from(&server, "198.51.100.1"));
    let mut silent = ws_from(&server, "203.0.113.7");
    let mut eve = ws_from(&server, "203.0.113.8");
    eve.hello("eve");
    eve.join("lobby");
    let mut ada = ws_from(&server, "203.0.114.1");
    ada.hello("ada");
    ada.join("lobby");
    ada.pushed();
    let mut line = Line::over(from(server.lines(), "203.0.113.9"));
    line.wait_for("* in lobby: ");

    let spam = json!({"type": "server_ban", "address": "203.0.113.0/24", "reason": "spam"});
    root.done(spam);
    let told = json!({"type": "banned", "reason": "spam"});
    assert_eq!(eve.push("banned"), told);
    assert_eq!((silent.closed(), eve.closed()), (1008, 1008));
    let told = line.rest();
    let expected = "! you are banned from this server: spam\n";
    assert!(told.ends_with(expected), "{told}");
    wait_until("ada sees them leave", || {
        ada.done(json!({"type": "who", "room": "lobby"}))["member_count"] == 1
    });

    let mut http = Http::over(from(server.web(), "203.0.113.7"));
    let refused = http.ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(refused.status, 403);
    assert_eq!(refused.header("Retry-After"), None);
    assert_eq!(refused.text(), "you are banned from this server\n");
    assert_eq!(http.rest(), b"", "and the connection is closed");
    let mut browser = Http::over(from(server.web(), "203.0.113.7"));
    let accepted = "text/html,application/xml;q=0.9,*/*;q=0.8";
    let page = browser.ask(&format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: {accepted}\r\n\r\n"
    ));
    assert_eq!(page.status, 403);
    assert_eq!(
        page.header("Content-Type"),
        Some("text/html; charset=utf-8")
    );
    let text = page.text();
    assert!(
        text.contains("<h1>You are banned from this server</h1>"),
        "{text}"
    );
    assert!(
        text.contains("The ban has no end, unless somebody lifts it."),
        "{text}"
    );
    for path in ["/", "/api/v1/session"] {
        let mut prober = Http::over(from(server.web(), "203.0.113.7"));
        prober.write(format!(
            "HEAD {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accepted}\r\n\r\n"
        ));
        let head = prober.head();
        assert_eq!(head.status, 403);
        let len = text.len().to_string();
        assert_eq!(head.header("Content-Length"), Some(len.as_str()));
        assert_eq!(prober.rest(), b"", "a HEAD gets no body");
    }
    assert_eq!(status_from(&server, "203.0.113.8"), 403);
    let mut line = Line::over(from(server.lines(), "203.0.113.9"));
    assert_eq!(line.rest(), "! you are banned from this server\n");
    assert_eq!(
        server.metric("chinwag_refused_total{reason=\"banned\"}"),
        6.0
    );
    assert_eq!(status_from(&server, "203.0.114.1"), 101);

    let listed = root.done(json!({"type": "bans"}));
    assert_eq!(listed["bans"][0]["address"], "203.0.113.0/24");
    assert_eq!(listed["bans"][0]["by"], "root");
    root.done(json!({"type": "server_unban", "address": "203.0.113.0/24"}));
    wait_until("the workers know", || {
        status_from(&server, "203.0.113.8") == 101
    });
}

#[test]
fn bans_hold_after_a_crash_and_a_restart() {
    let mut server = server(&["--proxy-protocol"]);
    let mut owner = root(ws_from(&server, "198.51.100.1"));
    let mut eve = ws_from(&server, "192.0.2.8");
    let token = eve.hello("eve");
    owner.done(json!({"type": "server_ban", "name": "eve", "reason": "spam", "for_s": 3600}));
    assert_eq!(eve.closed(), 1008);
    owner.done(ban("2001:db8:1::/48"));
    server.kill();
    server.restart();
    assert_eq!(status_from(&server, "2001:db8:1:2::3"), 403);
    assert_eq!(status_from(&server, "2001:db8:2::3"), 101);
    let mut eve = ws_from(&server, "192.0.2.8");
    for hello in [
        json!({"type": "hello", "token": token}),
        json!({"type": "hello", "name": "Eve"}),
        json!({"type": "register", "name": "eve", "password": PASSWORD}),
    ] {
        let refused = eve.ask(hello);
        assert_eq!(refused["code"], "banned", "{refused}");
        let retry_after_ms = refused["retry_after_ms"].as_u64().unwrap();
        assert!((3_000_000..=3_600_000).contains(&retry_after_ms));
    }
    let mut owner = root(ws_from(&server, "198.51.100.1"));
    let listed = owner.done(json!({"type": "bans"}));
    assert_eq!(listed["bans"].as_array().unwrap().len(), 2);
    let audit = owner.done(json!({"type": "audit"}));
    assert_eq!(audit["entries"][1]["action"], "server_ban");
    assert_eq!(audit["entries"][1]["reason"], "spam");
}

#[test]
fn banned_client_of_a_trusted_proxy_is_known_by_its_own_address() {
    let server = server(&[]);
    let mut root = root(server.ws());
    let mut shared = server.http();
    assert_eq!(forwarded(&mut shared, "203.0.113.7", "/").status, 200);
    root.done(ban("203.0.113.7"));
    // The proxy's connection stays: it may be anybody's next.
    assert_eq!(forwarded(&mut shared, "203.0.113.8", "/").status, 200);
    // Each worker is told by itself.
    wait_until("the worker of that connection knows", || {
        forwarded(&mut shared, "203.0.113.7", "/").status == 403
    });
    let is_refused = |client: &str, path: &str| {
        let mut http = server.http();
        forwarded(&mut http, client, path).status == 403
    };
    for pretended in ["203.0.113.8, 203.0.113.7", "127.0.0.1, 203.0.113.7"] {
        wait_until("all workers know", || is_refused(pretended, "/"));
    }
    for path in ["/ws", "/api/v1/session", "/app.js", "/nowhere"] {
        wait_until(path, || is_refused("203.0.113.7", path));
    }
    assert_eq!(server.admin("/healthz").status, 200);
}

#[test]
fn nobody_shuts_out_themselves() {
    let server = server(&["--proxy-protocol"]);
    let mut root = root(ws_from(&server, "198.51.100.1"));
    for address in ["198.51.100.1", "198.51.100.0/24", "198.0.0.0/8"] {
        let refused = root.ask(ban(address));
        assert_eq!(refused["code"], "forbidden", "{refused}");
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains("you are connected from there yourself"));
    }
    for (address, code) in [("0.0.0.0/0", "bad_request"), ("localhost", "bad_request")] {
        assert_eq!(root.refused(ban(address)), code, "{address}");
    }
    assert_eq!(
        root.refused(json!({"type": "server_ban", "name": "root"})),
        "forbidden"
    );
    assert_eq!(status_from(&server, "198.51.100.1"), 101);
}

#[test]
fn account_that_is_banned_comes_in_neither_by_cookie_nor_by_token() {
    let server = server(&[]);
    let mut root = root(server.ws());
    let mut eve = server.ws();
    let register = json!({"type": "register", "name": "eve", "password": PASSWORD});
    let token = eve.done(register)["token"].as_str().unwrap().to_owned();
    let mut other = server.ws();
    other.done(json!({"type": "hello", "token": token}));
    root.done(json!({"type": "server_ban", "name": "eve"}));
    assert_eq!((eve.closed(), other.closed()), (1008, 1008));
    let mut eve = server.ws();
    assert_eq!(
        eve.refused(json!({"type": "hello", "token": token})),
        "banned"
    );
    let body = json!({"name": "eve", "password": PASSWORD}).to_string();
    let post = |path: &str, headers: &str, body: &str| {
        let len = body.len();
        server.http().ask(&format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len}\r\n{headers}\r\n{body}"
        ))
    };
    assert_eq!(post("/api/v1/session", "", &body).status, 403);
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let said = post("/api/v1/rooms/lobby/messages", &bearer, r#"{"body":"hi"}"#);
    assert_eq!(said.status, 403, "{}", said.text());
    root.done(json!({"type": "server_unban", "name": "eve"}));
    eve.done(json!({"type": "hello", "token": token}));
}

#[test]
fn operator_of_the_machine_lists_bans_and_lets_in_again() {
    let mut server = server(&["--proxy-protocol"]);
    let data = server.data_dir().join("data");
    let operate = |arguments: &[&str]| {
        let output = user(&data, arguments, "");
        let printed = String::from_utf8(output.stdout).unwrap();
        (output.status.success(), printed)
    };
    let mut root = root(ws_from(&server, "198.51.100.1"));
    let mut eve = ws_from(&server, "192.0.2.8");
    eve.hello("eve");
    root.done(json!({"type": "server_ban", "name": "eve", "reason": "spam"}));
    for address in ["203.0.113.0/24", "2001:db8::/32"] {
        root.done(ban(address));
    }
    let (is_done, listed) = operate(&["bans"]);
    let mut lines: Vec<&str> = listed.lines().collect();
    lines.sort_unstable();
    let expected = [
        "2001:db8::/32\tby root",
        "203.0.113.0/24\tby root",
        "eve\tby root\tspam",
    ];
    assert_eq!((is_done, lines), (true, expected.to_vec()));
    assert_eq!(operate(&["unban", "eve"]), (true, String::new()));
    assert_eq!(operate(&["unban", "203.0.113.0/24"]), (true, String::new()));
    assert!(!operate(&["unban", "203.0.113.0/24"]).0);
    assert_eq!(status_from(&server, "203.0.113.7"), 101);
    ws_from(&server, "192.0.2.8").hello("eve");
    let audit = root.done(json!({"type": "audit", "limit": 1}));
    assert_eq!(audit["entries"][0]["by"], "operator");
    // Without a server the same is done to the database.
    server.terminate();
    server.wait();
    assert_eq!(operate(&["unban", "2001:db8::/32"]), (true, String::new()));
    assert_eq!(operate(&["bans"]), (true, String::new()));
    server.restart();
    assert_eq!(status_from(&server, "2001:db8::7"), 101);
}
