//! Runs every transcript of `docs/protocol.md` against a server, and holds it to each word; and
//! `docs/asyncapi.json` to what was said.

#![cfg(feature = "server")]

mod support;

#[path = "protocol_doc/description.rs"]
mod description;
#[path = "protocol_doc/matching.rs"]
mod matching;
#[path = "protocol_doc/stage.rs"]
mod stage;
#[path = "protocol_doc/transcript.rs"]
mod transcript;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use description::Description;
use stage::{Spoken, perform};
use transcript::Transcript;

const DOCUMENT: &str = include_str!("../docs/protocol.md");
const DESCRIPTION: &str = include_str!("../docs/asyncapi.json");

/// What came of each transcript.
static PERFORMED: LazyLock<Vec<Result<Vec<Spoken>, String>>> = LazyLock::new(|| {
    let transcripts = Transcript::read_all(DOCUMENT);
    transcripts.iter().map(perform).collect()
});

#[test]
fn every_transcript_holds() {
    assert!(PERFORMED.len() > 20, "the document has lost its examples");
    let failures: Vec<&str> = PERFORMED
        .iter()
        .filter_map(|performed| Some(performed.as_ref().err()?.as_str()))
        .collect();
    assert!(
        failures.is_empty(),
        "docs/protocol.md:\n{}",
        failures.join("\n")
    );
}

#[test]
fn description_fits_all_that_is_said_and_no_more() {
    let description = Description::read(DESCRIPTION);
    let mut seen = BTreeSet::new();
    let traffic = PERFORMED.iter().flatten();
    let wrong: Vec<String> = traffic
        .flat_map(|spoken| description.check(spoken, &mut seen))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let places = description.places();
    let unused: Vec<&str> = places.difference(&seen).map(String::as_str).collect();
    assert!(unused.is_empty(), "never said:\n{}", unused.join("\n"));
}

#[test]
fn description_fits_what_the_code_reads() {
    let description = Description::read(DESCRIPTION);
    let wrong = description.misread();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(description.requests(), requests().into_iter().collect());
    assert_eq!(description.pushes(), pushes().into_iter().collect());
    assert_eq!(description.codes(), codes().into_iter().collect());
}

#[test]
fn every_request_push_and_error_has_a_transcript() {
    let shown: String = Transcript::read_all(DOCUMENT)
        .iter()
        .map(|transcript| transcript.text.as_str())
        .collect();
    for request in requests() {
        let sent = format!(" > {{\"type\":\"{request}\"");
        assert!(shown.contains(&sent), "no transcript asks for {request}");
    }
    for code in codes() {
        let told = format!("\"code\":\"{code}\"");
        assert!(shown.contains(&told), "no transcript provokes {code}");
    }
    for push in pushes() {
        let told = format!(" < {{\"type\":\"{push}\"");
        assert!(shown.contains(&told), "no transcript shows {push}");
    }
    for command in arms(include_str!("../src/wire/line/read.rs")) {
        let typed = format!(" > --{command}:");
        assert!(shown.contains(&typed), "no transcript types --{command}:");
    }
}

#[test]
fn true_transcript_passes() {
    perform(&Transcript::parse("chat", 1, TRUE_CHAT)).expect("it is true");
    perform(&Transcript::parse("line", 1, TRUE_LINES)).expect("it is true");
}

#[test]
fn doctored_transcripts_fail() {
    for (truth, kind, from, to) in [
        (TRUE_CHAT, "chat", "\"seq\":1", "\"seq\":2"),
        (
            TRUE_CHAT,
            "chat",
            "\"body\":\"hi\"}\nada",
            "\"body\":\"ho\"}\nada",
        ),
        (TRUE_CHAT, "chat", ",\"at\":\"…\"}", "}"),
        (
            TRUE_CHAT,
            "chat",
            ",\"at\":\"…\"}",
            ",\"at\":\"…\",\"key\":\"…\"}",
        ),
        (TRUE_CHAT, "chat", ",\"at\":\"…\"}", ",\"at\":…-1}"),
        (
            TRUE_CHAT,
            "chat",
            "\"at\":\"…\",\"from\":\"ada\"",
            "\"at\":\"…Y\",\"from\":\"ada\"",
        ),
        (TRUE_CHAT, "chat", "bob < ", "eve < "),
        (TRUE_CHAT, "chat", "\"re\":7,", ""),
        (TRUE_LINES, "line", "<ada> hi", "<ada> ho"),
        (TRUE_LINES, "line", "bob < <ada> hi", "ada < <ada> hi"),
        (TRUE_LINES, "line", "bob < <ada> hi\n", ""),
        (
            TRUE_LINES,
            "line",
            "bob < <ada> hi\n",
            "bob < <ada> hi\nbob < * and more\n",
        ),
    ] {
        assert!(truth.contains(from), "{from}");
        let doctored = truth.replacen(from, to, 1);
        let outcome = perform(&Transcript::parse(kind, 1, &doctored));
        assert!(outcome.is_err(), "{from} → {to} passes:\n{doctored}");
    }
    let mut lines: Vec<&str> = TRUE_CHAT.lines().collect();
    let last = lines.len() - 1;
    lines.swap(last, last - 1);
    let swapped = lines.join("\n");
    perform(&Transcript::parse("chat", 1, &swapped)).expect_err("ada's pushes are out of order");
}

const TRUE_CHAT: &str = r#"given ada, bob in lobby
given eve in tea
ada > {"type":"send","id":7,"room":"lobby","body":"hi"}
bob < {"type":"message","room":"lobby","seq":1,"at":"…","from":"ada","body":"hi"}
ada < {"type":"message","room":"lobby","seq":1,"at":"…","from":"ada","body":"hi"}
ada < {"type":"done","re":7,"room":"lobby","seq":1,"at":"…"}
"#;

const TRUE_LINES: &str = "\
given ada, bob in lobby
ada > hi
bob < <ada> hi
";

/// The types of requests that are read.
fn requests() -> Vec<&'static str> {
    let sources = [
        include_str!("../src/wire/json/decode.rs"),
        include_str!("../src/wire/json/decode/accounts.rs"),
        include_str!("../src/wire/json/decode/keeping.rs"),
    ];
    sources.into_iter().flat_map(arms).collect()
}

/// The types of pushes that are written.
fn pushes() -> Vec<&'static str> {
    let source = include_str!("../src/wire/json/encode.rs");
    let mut types = texts(source, ".text(\"type\", \"");
    types.retain(|kind| *kind != "done" && *kind != "error");
    types
}

/// The codes of errors.
fn codes() -> Vec<&'static str> {
    let errors = include_str!("../src/chat/error.rs");
    let (_, codes) = errors.split_once("pub fn code(").expect("it has codes");
    let (codes, _) = codes.split_once("pub fn ").expect("more follows");
    codes.split('"').skip(1).step_by(2).collect()
}

/// The patterns of `match` arms that are texts.
fn arms(source: &str) -> Vec<&str> {
    source
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" => "))
        .map(|(pattern, _)| pattern)
        .collect()
}

/// The texts behind each occurrence of `start`.
fn texts<'s>(source: &'s str, start: &str) -> Vec<&'s str> {
    source
        .split(start)
        .skip(1)
        .filter_map(|rest| rest.split_once('"'))
        .map(|(text, _)| text)
        .collect()
}
