//! The shape of the code, held by a test: who may name whom, what stays pure, how long things get.

#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/source.rs"]
mod source;

use std::path::Path;

use rules::{Finding, check, check_test};
use source::Source;

/// Which top-level module may name which. A new entry is a design decision: a commit of its own.
const LAYERS: &[(&str, &[&str])] = &[
    ("websocket", &[]),
    ("net", &[]),
    ("chat", &[]),
    ("wire", &["chat"]),
    ("storage", &["chat"]),
    ("server", &["websocket", "net", "chat", "wire", "storage"]),
    ("client", &["websocket"]),
    ("bench", &["websocket"]),
    ("main", &["server", "client", "bench"]),
    ("lib", &[]),
];

/// Modules that decide: no socket, file, thread, clock, environment or random source of their own.
const PURE_LAYERS: &[&str] = &["websocket", "chat", "wire"];

/// What waits inside a pure layer: it does the I/O for what decides.
const IMPURE: &[&str] = &["src/websocket/blocking/"];

/// Addresses are values, and stay allowed: bans and limits are about them.
const BANNED_IN_PURE_LAYERS: &[&str] = &[
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::ToSocketAddrs",
    "std::net::UdpSocket",
    "std::fs",
    "std::io",
    "std::thread",
    "std::env",
    "std::process",
    "std::os",
    "std::sync::mpsc",
    "std::time::Instant::now",
    "std::time::SystemTime",
    "std::time::UNIX_EPOCH",
    "rand::rng",
    "rand::random",
    "rand::thread_rng",
];

/// What stands nowhere in the crate, its unit tests included.
const BANNED_EVERYWHERE: &[(&str, &str)] = &[
    (
        "std::sync::Mutex",
        "a value has one owner, threads talk through queues",
    ),
    (
        "std::sync::RwLock",
        "a value has one owner, threads talk through queues",
    ),
    (
        "std::sync::Condvar",
        "a value has one owner, threads talk through queues",
    ),
];

/// The one home of a lock: for values that callers' threads share, where a queue has no thread to end
/// in. The halves of a split connection do, and clients that open connections in turns.
const LOCKS: &[&str] = &["src/websocket/blocking/lock.rs"];

/// Where each dependency may be named: beginnings of paths. To replace one is to edit its home.
const HOMES: &[(&str, &[&str])] = &[
    ("argon2", &["src/server/hashers.rs"]),
    (
        "base64",
        &[
            "src/websocket/handshake/accept_key.rs",
            "src/websocket/blocking/proxy/http_connect.rs",
            "src/server/",
        ],
    ),
    ("caseless", &["src/chat/name.rs"]),
    ("clap", &["src/main.rs", "src/bench/args.rs"]),
    ("fearless_simd", &["src/websocket/mask.rs"]),
    (
        "flate2",
        &["src/websocket/deflate/", "src/server/assets.rs"],
    ),
    ("hdrhistogram", &["src/bench/"]),
    ("hmac", &["src/server/token.rs", "src/chat/totp.rs"]),
    (
        "httparse",
        &[
            "src/websocket/handshake/fields.rs",
            "src/websocket/blocking/connect/body.rs",
        ],
    ),
    ("jiff", &["src/wire/"]),
    ("listenfd", &["src/server/activation.rs"]),
    ("mio", &["src/net/", "src/bench/"]),
    ("prometheus_client", &["src/server/"]),
    ("qrcode", &["src/wire/json/encode/qr.rs"]),
    (
        "rand",
        &[
            "src/websocket/mask.rs",
            "src/websocket/handshake/",
            "src/websocket/blocking/",
            "src/server/",
            "src/storage/data_dir.rs",
        ],
    ),
    // And in unit tests.
    (
        "rcgen",
        &[
            "src/server/tls/",
            "src/net/tls/session/tests.rs",
            "src/websocket/blocking/connect/client_tls.rs",
        ],
    ),
    ("rusqlite", &["src/storage/database"]),
    (
        "rustix",
        &[
            "src/net/",
            "src/server/",
            "src/bench/",
            "src/websocket/blocking/",
        ],
    ),
    ("rustls", &["src/websocket/blocking/", "src/net/tls/"]),
    ("rustls_native_certs", &["src/websocket/blocking/"]),
    (
        "serde",
        &[
            "src/server/config/",
            "src/storage/rows.rs",
            "src/storage/rows/",
            "src/bench/report.rs",
        ],
    ),
    // The payloads of events in the log are JSON too, in a form of their own; and `bench` is on the
    // other side of the chat's.
    (
        "serde_json",
        &[
            "src/wire/json/",
            "src/storage/rows.rs",
            "src/storage/rows/",
            // Clients that don't trust what `wire` says of itself.
            "src/server/simulation/",
            "src/bench/chat.rs",
            "src/bench/report.rs",
        ],
    ),
    (
        "sha1",
        &[
            "src/websocket/handshake/accept_key.rs",
            "src/server/assets.rs",
            "src/chat/totp.rs",
        ],
    ),
    (
        "sha2",
        &[
            "src/server/address_ban.rs",
            "src/server/token.rs",
            "src/server/tls/",
            "src/chat/secret.rs",
        ],
    ),
    (
        "signal_hook",
        &["src/server/control.rs", "src/bench/mod.rs"],
    ),
    ("simdutf8", &["src/websocket/utf8.rs"]),
    ("socket2", &["src/net/", "src/bench/peer.rs"]),
    ("toml", &["src/server/config/", "src/main.rs"]),
    ("tracing", &["src/server/", "src/storage/", "src/net/"]),
    ("tracing_subscriber", &["src/main.rs"]),
    (
        "unicode_normalization",
        &["src/chat/name.rs", "src/chat/password.rs"],
    ),
    ("unicode_properties", &["src/chat/name.rs"]),
    ("unicode_security", &["src/chat/name.rs"]),
    ("unicode_segmentation", &["src/chat/reaction.rs"]),
    ("zeroize", &["src/chat/password.rs", "src/server/user.rs"]),
    // What flate2 stands on, for the one thing that it hides: where a block ends.
    ("zlib_rs", &["src/websocket/deflate/inflater.rs"]),
];

/// Lines of code a file: not blank, not only comment, not below `#[cfg(test)]`.
const MAX_FILE_LINES: usize = 500;

/// Lines of a function, from `fn` to its closing brace: a screen.
const MAX_FUNCTION_LINES: usize = 60;

/// Functions that may be longer: path, name, reason.
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[
    (
        "src/chat/hub/commit.rs",
        "room_committed",
        "one match over what can be decided",
    ),
    (
        "src/server/hub_thread.rs",
        "carry_out",
        "one match over what the hub wants done",
    ),
    (
        "src/server/line_session.rs",
        "whole_line",
        "one match over the line format",
    ),
    (
        "src/storage/log.rs",
        "record_in",
        "one match over what can be decided",
    ),
    (
        "src/server/config/print.rs",
        "print",
        "a table: one entry for each setting",
    ),
    (
        "src/server/line_command.rs",
        "command",
        "one match over the line format",
    ),
    (
        "src/storage/rows.rs",
        "write_event",
        "a table: one entry for each kind of event",
    ),
    (
        "src/wire/json/decode.rs",
        "wanted",
        "one match over the wire format",
    ),
    (
        "src/wire/json/encode.rs",
        "encode_event",
        "one match over the wire format",
    ),
    (
        "src/wire/json/encode.rs",
        "done",
        "one match over the wire format",
    ),
];

/// First sentences with two verbs, or what looks like them, that are one job: path, reason.
const ONE_JOB_WITH_AND: &[(&str, &str)] = &[
    (
        "src/chat/name.rs",
        "no verbs: a name, and which are the same",
    ),
    ("src/net/mod.rs", "no verbs: what the module is about"),
    (
        "src/server/run.rs",
        "starting and ending are one order, forth and back",
    ),
    ("src/websocket/frame.rs", "both directions of one format"),
    (
        "src/websocket/handshake/scanner.rs",
        "a bounded search: it ends at the head or the limit",
    ),
    ("src/websocket/mask.rs", "both are one operation"),
    ("src/wire/json/encode.rs", "pushes are a noun here"),
];

/// Glob imports that tests may have.
const GLOBS_IN_TESTS: &[&str] = &["super::*", "proptest::prelude::*"];

#[test]
fn sources_keep_to_the_architecture() {
    let findings: Vec<Finding> = Source::read_all("src").iter().flat_map(check).collect();
    assert!(findings.is_empty(), "{}", listed(&findings));
}

#[test]
fn tests_run_always_and_never_sleep() {
    let findings: Vec<Finding> = Source::read_all("tests")
        .iter()
        .flat_map(check_test)
        .collect();
    assert!(findings.is_empty(), "{}", listed(&findings));
}

fn listed(findings: &[Finding]) -> String {
    let line = |it: &Finding| format!("{}:{}: {}: {}\n", it.path, it.line, it.rule, it.what);
    let lines: String = findings.iter().map(line).collect();
    format!("{} broken rules\n{lines}", findings.len())
}

#[test]
fn every_dependency_has_a_home() {
    let manifest = include_str!("../Cargo.toml");
    let mut section = "";
    let mut dependencies = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section == "[dependencies]"
            && let Some((name, _)) = line.split_once('=')
        {
            dependencies.push(name.trim().replace('-', "_"));
        }
    }
    dependencies.sort();
    let homes: Vec<&str> = HOMES.iter().map(|(name, _)| *name).collect();
    assert_eq!(homes, dependencies);
}

#[test]
fn tables_speak_of_what_exists() {
    let sources = Source::read_all("src");
    let layers = LAYERS
        .iter()
        .flat_map(|(layer, below)| below.iter().chain([layer]));
    for layer in layers {
        assert!(
            sources.iter().any(|source| source.layer() == *layer),
            "{layer}"
        );
    }
    for home in HOMES.iter().flat_map(|(_, homes)| *homes) {
        assert!(
            sources.iter().any(|source| source.path.starts_with(home)),
            "{home}"
        );
    }
    for (path, function, _) in LONG_FUNCTIONS {
        let is_still_long = sources.iter().any(|source| {
            let functions = &source.facts.functions;
            let is_long = functions
                .iter()
                .any(|it| it.what.0 == *function && it.what.1 > MAX_FUNCTION_LINES);
            source.path == *path && is_long
        });
        assert!(is_still_long, "{path}: {function} needs no exception");
    }
    for (path, _) in ONE_JOB_WITH_AND {
        assert!(sources.iter().any(|source| source.path == *path), "{path}");
    }
}

#[test]
fn architecture_document_names_what_exists() {
    let document = include_str!("../ARCHITECTURE.md");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let quoted = document.split('`').skip(1).step_by(2);
    for path in quoted.filter(|it| {
        ["src/", "tests/", "docs/"]
            .iter()
            .any(|at| it.starts_with(at))
    }) {
        assert!(root.join(path).exists(), "ARCHITECTURE.md names {path}");
    }
    for (name, _) in HOMES {
        let named = |name: &str| document.contains(&format!("`{name}`"));
        let is_named = named(name) || named(&name.replace('_', "-"));
        assert!(is_named, "ARCHITECTURE.md does not say what {name} saves");
    }
}

#[test]
fn each_rule_rejects_what_breaks_it() {
    for case in BROKEN
        .lines()
        .filter(|line| !line.is_empty())
        .flat_map(filled_in)
    {
        let (expected, text) = case.split_once(": ").expect("a case has a colon");
        let [rule, line, path] = expected.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{case}");
        };
        let text = format!("//! Holds a broken rule.\n{}", text.replace("\\n", "\n"));
        let found = check(&Source::parse(path, &text));
        let line = line.parse::<usize>().expect("a line");
        assert!(found.iter().any(|it| it.line == line), "{case}\n{found:?}");
        assert!(found.iter().all(|it| it.rule == rule), "{case}\n{found:?}");
        assert!(!found.is_empty(), "{case}");
    }
}

/// A case of [`BROKEN`], once for each of what its placeholder stands for.
fn filled_in(case: &str) -> Vec<String> {
    let (placeholder, words): (_, &[&str]) = if case.contains("MACRO") {
        ("MACRO", &["todo", "unimplemented", "dbg"])
    } else if case.contains("ATTRIBUTE") {
        ("ATTRIBUTE", &["ignore", "should_panic"])
    } else {
        return vec![case.to_owned()];
    };
    let words = words.iter();
    words.map(|it| case.replace(placeholder, it)).collect()
}

#[test]
fn first_lines_and_sizes_are_judged() {
    for text in [
        "",
        "use std::fmt;",
        "// A comment.",
        "//! No full stop",
        "//! Reads requests and writes answers.",
        "//! Reads requests, and writes\n//! answers to them.",
        "//!",
    ] {
        let findings = check(&Source::parse("src/chat/room.rs", text));
        assert_eq!(findings.len(), 1, "{text}: {findings:?}");
        assert_eq!(
            (findings[0].rule, findings[0].line),
            ("first line", 1),
            "{text}"
        );
    }
    let named = check(&Source::parse("src/chat/utils.rs", "//! Does this."));
    assert_eq!(named.len(), 1);

    let file = |count: usize| {
        let code = "const A: u8 = 1; // code\n\n// no code\n".repeat(count);
        let tests = "#[cfg(test)]\nmod tests {\n    const B: u8 = 2;\n}\n";
        check(&Source::parse(
            "src/chat/room.rs",
            &format!("//! Fits.\n\n{code}{tests}"),
        ))
    };
    assert_eq!(file(MAX_FILE_LINES), []);
    assert_eq!(file(MAX_FILE_LINES + 1).len(), 1);

    let function = |count: usize| {
        let body = "    step();\n".repeat(count - 2);
        let text = format!("//! Fits.\n\n/// Acts.\n#[must_use]\nfn act() {{\n{body}}}\n");
        check(&Source::parse("src/chat/room.rs", &text))
    };
    assert_eq!(function(MAX_FUNCTION_LINES), []);
    assert_eq!(function(MAX_FUNCTION_LINES + 1)[0].line, 5);
}

#[test]
fn sound_source_is_accepted() {
    let source = Source::parse("src/wire/json/example.rs", SOUND);
    assert_eq!(check(&source), []);
    assert_eq!(check_test(&source), []);
}

/// What must be rejected: the rule, the line, the file, and what stands in it from its second line
/// on (`\n`: a new line; `MACRO` and `ATTRIBUTE`: each that is forbidden). Nothing but that rule may
/// find anything in it.
const BROKEN: &str = r#"
layers 1 src/cellar.rs: fn f() {}
layers 2 src/websocket/frame.rs: use crate::chat::Hub;
layers 3 src/websocket/frame.rs: \nfn f() { crate::net::start() }
layers 2 src/websocket/frame.rs: fn f() { println(format!("{}", crate::chat::MAX)) }
layers 2 src/chat/mod.rs: use super::net::Slab;
imports 2 src/chat/hub/rooms.rs: use super::super::name::UserName;
layers 3 src/net/worker.rs: #[cfg(test)]\nmod tests { use crate::server::Config; }
layers 2 src/storage/log.rs: use crate::{chat::Hub, wire::json};
layers 2 src/storage/log.rs: use crate as all;
layers 2 src/storage/log.rs: impl crate::wire::Show for Log {}
layers 2 src/main.rs: use chinwag::chat::Hub;
purity 2 src/chat/room.rs: use std::net::{IpAddr, TcpStream};
purity 3 src/chat/room.rs: use std::net;\nfn f(socket: &net::UdpSocket) {}
purity 2 src/chat/room.rs: use std::{fmt, io::{self, Write}};
purity 2 src/chat/room.rs: fn f() { let at = std::time::SystemTime::now(); }
purity 3 src/chat/room.rs: use std::time::Instant;\nfn f() { Instant::now(); }
purity 3 src/chat/room.rs: use std::time::Instant as I;\nfn f() { I::now(); }
purity 3 src/chat/room.rs: use std::time;\nfn f() { g(time::Instant::now) }
purity 2 src/chat/room.rs: fn f(at: Instant) { at.elapsed(); }
purity 2 src/chat/room.rs: fn f() { std::thread::spawn(g); }
purity 2 src/chat/room.rs: fn f() { println!("{at}"); }
purity 2 src/chat/room.rs: fn f() { vec![std::env::args()]; }
purity 2 src/websocket/mask.rs: fn f() { rand::rng().next_u32(); }
purity 2 src/websocket/mask.rs: use rand::random as chance;
homes 2 src/storage/log.rs: use rusqlite::Connection;
homes 2 src/server/run.rs: fn f(poll: &mio::Poll) {}
homes 2 src/server/run.rs: fn f() { matches!(x, serde_json::Value::Null) }
homes 2 src/wire/line/show.rs: use serde_json as json;
banned 2 src/net/worker.rs: use std::sync::{Arc, Mutex};
banned 2 src/net/worker.rs: struct A(std::sync::RwLock<u8>);
banned 2 src/websocket/blocking/connect/turnstile.rs: use std::sync::Mutex;
banned 3 src/net/worker.rs: use std::sync;\nstruct A(sync::Mutex<u8>);
imports 2 src/net/worker.rs: use crate::net::*;
imports 2 src/net/worker.rs: use super::*;
imports 2 src/net/worker.rs: use std::{io::*, fmt};
imports 3 src/net/worker.rs: #[cfg(test)]\nmod tests { use std::io::*; }
imports 3 src/net/worker.rs: #[cfg(feature = "a")]\nmod a { use super::*; }
panics 2 src/net/worker.rs: fn f() { g().unwrap(); }
panics 2 src/net/worker.rs: fn f() { format!("{}", g().unwrap()); }
panics 2 src/net/worker.rs: impl A { fn f() { MACRO!() } }
panics 2 src/net/worker.rs: fn f() { vec![MACRO!()]; }
panics 3 src/net/worker.rs: #[cfg(not(test))]\nfn f() { MACRO!(1); }
errors 2 src/net/error.rs: pub enum NetError { A }
errors 2 src/net/error.rs: pub enum Refused { A }\nimpl std::error::Error for Refused {}
tests 2 src/net/error.rs: fn f() { std::thread::sleep(A); }
tests 3 src/net/error.rs: #[test]\n#[ATTRIBUTE]\nfn f() {}
tests 4 src/net/error.rs: #[cfg(test)]\nmod t {\n#[ATTRIBUTE]\nfn f() {} }
"#;

/// What must be accepted: it goes to the edge of each rule.
const SOUND: &str = r#"//! Writes what is said here, and there.
//!
//! More about it, which may say anything and reads nothing.

use std::fmt::{self, Write as _};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::chat::{Body, ChatError};
use crate::wire::json::PROTOCOL;

/// Why not.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ExampleError {
    /// So.
    A,
}

/// Not for others, so free to grow.
pub(crate) enum InnerError {
    /// So.
    A,
}

/// Not an error.
pub enum Kind {
    /// So.
    A,
}

impl fmt::Display for ExampleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A variable may have a dependency's name, and a text anything: rusqlite::Connection.
        let rand = "std::fs, crate::net, .unwrap(), println!";
        write!(f, "{rand} {}", rand.len())
    }
}

impl Kind {
    pub(super) fn later(self, now: Instant) -> Option<Instant> {
        let version = env!("CARGO_PKG_VERSION");
        debug_assert!(!version.is_empty(), "{PROTOCOL}");
        now.checked_add(Duration::from_secs(1)).or_else(|| Some(self).map(|_| now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Hub;

    #[test]
    fn bodies_are_read() {
        #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
        let now = Instant::now();
        println!("{:?}", Body::parse("a").unwrap());
    }
}
"#;
