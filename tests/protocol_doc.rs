//! Runs every transcript of `docs/protocol.md` against a server, and holds it to each word.

#![cfg(feature = "server")]

mod support;

#[path = "protocol_doc/matching.rs"]
mod matching;
#[path = "protocol_doc/stage.rs"]
mod stage;
#[path = "protocol_doc/transcript.rs"]
mod transcript;

use stage::perform;
use transcript::Transcript;

const DOCUMENT: &str = include_str!("../docs/protocol.md");

#[test]
fn every_transcript_holds() {
    let transcripts = Transcript::read_all(DOCUMENT);
    assert!(transcripts.len() > 20, "the document has lost its examples");
    let failures: Vec<String> = transcripts
        .iter()
        .filter_map(|transcript| perform(transcript).err())
        .collect();
    assert!(
        failures.is_empty(),
        "docs/protocol.md:\n{}",
        failures.join("\n")
    );
}

#[test]
fn every_request_push_and_error_has_a_transcript() {
    let shown: String = Transcript::read_all(DOCUMENT)
        .iter()
        .map(|transcript| transcript.text.as_str())
        .collect();
    let requests = [
        include_str!("../src/wire/json/decode.rs"),
        include_str!("../src/wire/json/decode/accounts.rs"),
        include_str!("../src/wire/json/decode/keeping.rs"),
    ];
    for request in requests.into_iter().flat_map(arms) {
        let sent = format!(" > {{\"type\":\"{request}\"");
        assert!(shown.contains(&sent), "no transcript asks for {request}");
    }
    let errors = include_str!("../src/chat/error.rs");
    let (_, codes) = errors.split_once("pub fn code(").expect("it has codes");
    let (codes, _) = codes.split_once("pub fn ").expect("more follows");
    for code in results(codes) {
        let told = format!("\"code\":\"{code}\"");
        assert!(shown.contains(&told), "no transcript provokes {code}");
    }
    for push in texts(
        include_str!("../src/wire/json/encode.rs"),
        "o.text(\"type\", \"",
    ) {
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

/// The patterns of `match` arms that are texts.
fn arms(source: &str) -> Vec<&str> {
    source
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" => "))
        .map(|(pattern, _)| pattern)
        .collect()
}

/// The texts that `match` arms result in.
fn results(source: &str) -> Vec<&str> {
    source
        .lines()
        .filter_map(|line| line.split_once(" => \"")?.1.strip_suffix("\","))
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
