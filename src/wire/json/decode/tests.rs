//! Requests as they come, and what is wrong with them.

use super::*;

fn refused(text: &str) -> (Option<RequestId>, &'static str) {
    let refused = decode(text).expect_err(text);
    (refused.id, refused.error.code())
}

#[test]
fn what_is_no_object_is_refused_without_id() {
    for text in [
        "",
        "x",
        "1",
        "[]",
        "null",
        "\"a\"",
        "{",
        "{\"type\":\"rooms\"}x",
    ] {
        assert_eq!(refused(text), (None, "bad_request"), "{text}");
    }
    let deep = format!("{{\"a\":{}", "[".repeat(100_000));
    assert_eq!(refused(&deep), (None, "bad_request"));
}

#[test]
fn ids_are_short_texts_or_integers() {
    let rooms = |id: &str| decode(&format!("{{\"type\":\"rooms\",\"id\":{id}}}"));
    let text = "ä".repeat(64);
    assert_eq!(rooms("-7").unwrap().id, Some(RequestId::Integer(-7)));
    let digits = "9".repeat(64);
    assert_eq!(
        rooms(&digits).unwrap().id,
        Some(RequestId::BigInteger(digits.as_str().into()))
    );
    assert_eq!(rooms("null").unwrap().id, None);
    assert_eq!(
        rooms(&format!("\"{text}\"")).unwrap().id,
        Some(RequestId::Text(text.as_str().into()))
    );
    for id in [
        "1.5",
        "true",
        "{}",
        &format!("\"{text}x\""),
        &"9".repeat(65),
    ] {
        assert_eq!(rooms(id).unwrap_err().id, None, "{id}");
    }
}

#[test]
fn wrong_fields_are_refused_with_the_id() {
    let cases = [
        (r#"{"id":1}"#, "bad_request"),
        (r#"{"id":1,"type":"fly"}"#, "unknown_type"),
        (r#"{"id":1,"type":"join"}"#, "bad_request"),
        (r#"{"id":1,"type":"join","room":7}"#, "bad_request"),
        (r#"{"id":1,"type":"join","room":"a b"}"#, "room_invalid"),
        (
            r#"{"id":1,"type":"join","room":"a","since":-1}"#,
            "bad_request",
        ),
        (
            r#"{"id":1,"type":"join","room":"a","since":9223372036854775808}"#,
            "bad_request",
        ),
        (
            r#"{"id":1,"type":"join","room":"a","create":1}"#,
            "bad_request",
        ),
        (r#"{"id":1,"type":"send","room":"a","body":""}"#, "empty"),
        (
            r#"{"id":1,"type":"send","room":"a","body":"x","key":""}"#,
            "empty",
        ),
        (
            r#"{"id":1,"type":"history","room":"a","limit":201}"#,
            "bad_request",
        ),
        (
            r#"{"id":1,"type":"history","room":"a","limit":0}"#,
            "bad_request",
        ),
        (
            r#"{"id":1,"type":"create","room":"a","visibility":"secret"}"#,
            "bad_request",
        ),
        (
            r#"{"id":1,"type":"history","room":"a","before":3,"after":1}"#,
            "bad_request",
        ),
        (
            r#"{"id":1,"type":"bans","before":"yesterday"}"#,
            "bad_request",
        ),
        (
            r#"{"id":1,"type":"bans","room":"a","before":5}"#,
            "bad_request",
        ),
        (
            r#"{"id":1,"type":"edit","room":"a","body":"x"}"#,
            "bad_request",
        ),
        (
            r#"{"id":1,"type":"edit","room":"a","seq":1,"body":" "}"#,
            "empty",
        ),
        (
            r#"{"id":1,"type":"delete","room":"a","seq":"1"}"#,
            "bad_request",
        ),
        (
            r#"{"id":1,"type":"react","room":"a","seq":1,"emoji":"👍"}"#,
            "bad_request",
        ),
        (
            r#"{"id":1,"type":"react","room":"a","seq":1,"emoji":"no","on":true}"#,
            "bad_request",
        ),
        (r#"{"id":1,"type":"search"}"#, "bad_request"),
        (r#"{"id":1,"type":"search","query":"?"}"#, "empty"),
        (
            r#"{"id":1,"type":"search","query":"x","limit":51}"#,
            "bad_request",
        ),
        (r#"{"id":1,"type":"topic","room":"a"}"#, "bad_request"),
        (r#"{"id":1,"type":"hello"}"#, "bad_request"),
        (r#"{"id":1,"type":"hello","name":" "}"#, "name_invalid"),
        (
            r#"{"id":1,"type":"hello","name":"ada","password":7}"#,
            "bad_request",
        ),
        (
            r#"{"id":1,"type":"hello","name":"ada","password":"x","totp":"1"}"#,
            "bad_request",
        ),
        (
            r#"{"id":1,"type":"register","name":"ada","password":"1234567"}"#,
            "bad_request",
        ),
        (
            r#"{"id":1,"type":"password","password":"x"}"#,
            "bad_request",
        ),
        (r#"{"id":1,"type":"revoke"}"#, "bad_request"),
        (r#"{"id":1,"type":"totp_confirm","totp":1}"#, "bad_request"),
    ];
    for (text, code) in cases {
        assert_eq!(refused(text), (Some(RequestId::Integer(1)), code), "{text}");
    }
}

#[test]
fn unknown_fields_are_ignored() {
    let incoming = decode(r#"{"type":"typing","room":"a","color":"red"}"#).unwrap();
    let room = RoomName::parse("a").unwrap();
    assert_eq!(incoming.wanted, Wanted::Command(Command::Typing { room }));
}
