//! Tables of negotiating permessage-deflate: what a server answers to offers, what a client makes
//! of answers, and that both come to the same.

#![cfg(feature = "deflate")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use chinwag::websocket::handshake::HandshakeError;
use chinwag::websocket::handshake::client::{
    ClientHandshakeError, ClientRequest, Opened, Progress,
};
use chinwag::websocket::handshake::http::{HttpLimits, parse_request};
use chinwag::websocket::handshake::server::{Acceptance, Upgrade};
use chinwag::websocket::handshake::uri::Uri;
use chinwag::websocket::{
    Connection, DeflateOptions, DeflateParameters, Event, Limits, Message, WindowBits,
};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

// covers: R7692-5-01, R6455-9.1-03
#[test]
fn client_offers_what_it_wants() {
    for (options, expected) in [
        (options("s15 c15"), "; client_max_window_bits"),
        (options("s15 c10"), "; client_max_window_bits=10"),
        (
            options("s9 c15"),
            "; server_max_window_bits=9; client_max_window_bits",
        ),
        (
            options("s15 c15 S"),
            "; server_no_context_takeover; client_max_window_bits",
        ),
        (
            options("s14 c9 S C"),
            "; server_no_context_takeover; client_no_context_takeover; \
             server_max_window_bits=14; client_max_window_bits=9",
        ),
    ] {
        let sent = request_with(Some(&options));
        let line = format!("Sec-WebSocket-Extensions: permessage-deflate{expected}\r\n");
        assert!(sent.contains(&line), "{sent}");
    }
    assert!(!request_with(None).contains("Extensions"));
}

#[test]
fn server_answers_offers() {
    for (options, offers, expected) in [
        // covers: R6455-4.2.2-09, R6455-9-01
        ("s15 c15", "", None),
        ("s15 c15", "foo", None),
        // Names are exact.
        (
            "s15 c15",
            "Permessage-Deflate, x-webkit-deflate-frame",
            None,
        ),
        // covers: R7692-5-03, R6455-9-02/S, R7692-7.1.2.2-02
        ("s15 c15", "permessage-deflate", Some("")),
        ("s15 c9", "permessage-deflate", Some("")),
        ("s15 c15", "foo; a=b, permessage-deflate", Some("")),
        // covers: R7692-5-06, R7692-7-01
        ("s15 c15", "permessage-deflate; foo", None),
        ("s15 c15", "permessage-deflate; foo=1", None),
        (
            "s15 c15",
            "permessage-deflate; Server_No_Context_Takeover",
            None,
        ),
        // covers: R7692-7-02, R7692-7.1.2.1-01/S, R7692-7.1.2.2-01/S
        (
            "s15 c15",
            "permessage-deflate; server_max_window_bits=7",
            None,
        ),
        (
            "s15 c15",
            "permessage-deflate; server_max_window_bits=16",
            None,
        ),
        (
            "s15 c15",
            "permessage-deflate; server_max_window_bits=08",
            None,
        ),
        (
            "s15 c15",
            "permessage-deflate; server_max_window_bits=015",
            None,
        ),
        (
            "s15 c15",
            "permessage-deflate; server_max_window_bits=x",
            None,
        ),
        (
            "s15 c15",
            "permessage-deflate; server_max_window_bits=1",
            None,
        ),
        (
            "s15 c15",
            "permessage-deflate; server_max_window_bits=+9",
            None,
        ),
        (
            "s15 c15",
            "permessage-deflate; server_max_window_bits=100",
            None,
        ),
        (
            "s15 c15",
            "permessage-deflate; server_max_window_bits",
            None,
        ),
        (
            "s15 c15",
            "permessage-deflate; client_max_window_bits=7",
            None,
        ),
        (
            "s15 c15",
            "permessage-deflate; client_max_window_bits=16",
            None,
        ),
        (
            "s15 c15",
            "permessage-deflate; client_max_window_bits=09",
            None,
        ),
        (
            "s15 c15",
            "permessage-deflate; server_no_context_takeover=1",
            None,
        ),
        (
            "s15 c15",
            "permessage-deflate; client_no_context_takeover=true",
            None,
        ),
        // covers: R7692-7-03
        (
            "s15 c15",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            None,
        ),
        (
            "s15 c15",
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
            None,
        ),
        (
            "s15 c15",
            "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9",
            None,
        ),
        (
            "s15 c15",
            "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
            None,
        ),
        // covers: R7692-7-04, D-16
        (
            "s15 c15",
            "permessage-deflate; server_max_window_bits=8",
            None,
        ),
        (
            "s15 c15",
            "permessage-deflate; server_max_window_bits=8, permessage-deflate; client_max_window_bits=9",
            Some("; client_max_window_bits=9"),
        ),
        (
            "s15 c12",
            "permessage-deflate; client_max_window_bits=8",
            Some(""),
        ),
        // covers: R7692-5-02, R6455-9.1-05/S
        (
            "s15 c15",
            "permessage-deflate; server_max_window_bits=10, permessage-deflate",
            Some("; server_max_window_bits=10"),
        ),
        (
            "s15 c15",
            "permessage-deflate; foo, permessage-deflate",
            Some(""),
        ),
        // covers: R7692-7.1.1.1-01
        (
            "s15 c15",
            "permessage-deflate; server_no_context_takeover",
            Some("; server_no_context_takeover"),
        ),
        // covers: R7692-7.1.1.1-03
        (
            "s15 c15 S",
            "permessage-deflate",
            Some("; server_no_context_takeover"),
        ),
        // covers: R7692-7.1.1.2-02
        (
            "s15 c15",
            "permessage-deflate; client_no_context_takeover",
            Some("; client_no_context_takeover"),
        ),
        (
            "s15 c15 C",
            "permessage-deflate",
            Some("; client_no_context_takeover"),
        ),
        // covers: R7692-7.1.2.1-02
        (
            "s15 c15",
            "permessage-deflate; server_max_window_bits=15",
            Some("; server_max_window_bits=15"),
        ),
        (
            "s9 c15",
            "permessage-deflate; server_max_window_bits=10",
            Some("; server_max_window_bits=9"),
        ),
        (
            "s12 c15",
            "permessage-deflate; server_max_window_bits=10",
            Some("; server_max_window_bits=10"),
        ),
        (
            "s12 c15",
            "permessage-deflate",
            Some("; server_max_window_bits=12"),
        ),
        // covers: R6455-4.3-02/S
        (
            "s15 c15",
            "permessage-deflate; server_max_window_bits=\"10\"",
            Some("; server_max_window_bits=10"),
        ),
        // covers: R9110-5.6.4-01/S
        (
            "s15 c15",
            r#"permessage-deflate; server_max_window_bits="1\0""#,
            Some("; server_max_window_bits=10"),
        ),
        (
            "s15 c15",
            "permessage-deflate; client_max_window_bits",
            Some(""),
        ),
        (
            "s15 c11",
            "permessage-deflate; client_max_window_bits",
            Some("; client_max_window_bits=11"),
        ),
        (
            "s15 c11",
            "permessage-deflate; client_max_window_bits=15",
            Some("; client_max_window_bits=11"),
        ),
        (
            "s15 c11",
            "permessage-deflate; client_max_window_bits=9",
            Some("; client_max_window_bits=9"),
        ),
        (
            "s14 c11 S C",
            "permessage-deflate;client_max_window_bits ; server_max_window_bits = 13",
            Some(
                "; server_no_context_takeover; client_no_context_takeover; \
                 server_max_window_bits=13; client_max_window_bits=11",
            ),
        ),
        // covers: R6455-9.1-02/S, R6455-11.3-05/S
        ("s15 c15", "foo\npermessage-deflate", Some("")),
    ] {
        let expected = expected.map(|params| format!("permessage-deflate{params}"));
        let answer = answer_to(offers, &self::options(options));
        assert_eq!(answer, Ok(expected), "{offers} by {options}");
        // Who is not asked to compress says nothing about it.
        assert_eq!(answer_without_deflate(offers), None, "{offers}");
    }
}

// covers: R6455-4.3-01/S, R6455-9.1-01/S
#[test]
fn server_refuses_malformed_offers() {
    let name = "Sec-WebSocket-Extensions";
    for offers in [
        ",",
        "permessage-deflate;;",
        "permessage-deflate; server_max_window_bits=",
        "permessage-deflate; server_max_window_bits=\"",
        "permessage-deflate; server_max_window_bits=\"1 0\"",
        "permessage-deflate, =x",
        "permessage-deflate\npermessage-deflate;",
    ] {
        let answer = answer_to(offers, &options("s15 c15"));
        assert_eq!(
            answer,
            Err(HandshakeError::BadHeaderValue { name }),
            "{offers}"
        );
    }
}

#[test]
fn client_judges_answers() {
    let bad = || Err(ClientHandshakeError::BadDeflateParameter);
    let unmet = || Err(ClientHandshakeError::DeflateDemandUnmet);
    let unoffered = || Err(ClientHandshakeError::UnofferedExtension);
    let malformed = || {
        let name = "Sec-WebSocket-Extensions";
        Err(ClientHandshakeError::BadHeaderValue { name })
    };
    let agreed = |parameters| Ok(Some(parameters));
    for (options, answer, expected) in [
        ("s15 c15", "", Ok(None)),
        ("s9 c9 S C", "", Ok(None)),
        ("s15 c15", "permessage-deflate", agreed("s15 c15")),
        // covers: R7692-5-05
        (
            "s15 c15",
            "permessage-deflate, permessage-deflate",
            unoffered(),
        ),
        (
            "s15 c15",
            "permessage-deflate\npermessage-deflate",
            unoffered(),
        ),
        // covers: R6455-4.1-26
        ("s15 c15", "foo", unoffered()),
        ("s15 c15", "permessage-deflate, foo", unoffered()),
        ("s15 c15", "foo, permessage-deflate", unoffered()),
        ("s15 c15", "PERMESSAGE-DEFLATE", unoffered()),
        // covers: R6455-4.3-01/C, R6455-9.1-01/C
        ("s15 c15", ",", malformed()),
        ("s15 c15", "permessage-deflate;;", malformed()),
        (
            "s15 c15",
            "permessage-deflate; server_max_window_bits=\"1 0\"",
            malformed(),
        ),
        // covers: R6455-11.3-05/C
        ("s15 c15", "permessage-deflate\n,", agreed("s15 c15")),
        // covers: R7692-7-05
        ("s15 c15", "permessage-deflate; foo", bad()),
        (
            "s15 c15",
            "permessage-deflate; server_max_window_bits=99",
            bad(),
        ),
        (
            "s15 c15",
            "permessage-deflate; server_max_window_bits=7",
            bad(),
        ),
        (
            "s15 c15",
            "permessage-deflate; server_max_window_bits=010",
            bad(),
        ),
        (
            "s15 c15",
            "permessage-deflate; server_max_window_bits",
            bad(),
        ),
        (
            "s15 c15",
            "permessage-deflate; client_max_window_bits",
            bad(),
        ),
        (
            "s15 c15",
            "permessage-deflate; client_max_window_bits=16",
            bad(),
        ),
        (
            "s15 c15",
            "permessage-deflate; client_max_window_bits=8",
            bad(),
        ),
        (
            "s15 c15",
            "permessage-deflate; server_no_context_takeover=1",
            bad(),
        ),
        (
            "s15 c15",
            "permessage-deflate; client_max_window_bits=9; client_max_window_bits=9",
            bad(),
        ),
        (
            "s15 c15",
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
            bad(),
        ),
        // covers: R7692-5.1-01
        ("s15 c15 S", "permessage-deflate", unmet()),
        (
            "s15 c15 S",
            "permessage-deflate; server_no_context_takeover",
            agreed("s15 c15 S"),
        ),
        ("s10 c15", "permessage-deflate", unmet()),
        // covers: R7692-7.1.1.1-03
        (
            "s15 c15",
            "permessage-deflate; server_no_context_takeover",
            agreed("s15 c15 S"),
        ),
        // covers: R7692-7.1.1.2-01
        (
            "s15 c15",
            "permessage-deflate; client_no_context_takeover",
            agreed("s15 c15 C"),
        ),
        ("s15 c15 C", "permessage-deflate", agreed("s15 c15 C")),
        // covers: R7692-7.1.2.1-01/C
        (
            "s10 c15",
            "permessage-deflate; server_max_window_bits=10",
            agreed("s10 c15"),
        ),
        (
            "s10 c15",
            "permessage-deflate; server_max_window_bits=9",
            agreed("s9 c15"),
        ),
        (
            "s10 c15",
            "permessage-deflate; server_max_window_bits=11",
            bad(),
        ),
        (
            "s15 c15",
            "permessage-deflate; server_max_window_bits=12",
            agreed("s12 c15"),
        ),
        (
            "s15 c15",
            "permessage-deflate; server_max_window_bits=\"12\"",
            agreed("s12 c15"),
        ),
        // covers: R9110-5.6.4-01/C, R6455-4.3-02/C
        (
            "s15 c15",
            r#"permessage-deflate; server_max_window_bits="1\2""#,
            agreed("s12 c15"),
        ),
        // What is compressed with 256 bytes is inflated with 512 as well.
        (
            "s15 c15",
            "permessage-deflate; server_max_window_bits=8",
            agreed("s9 c15"),
        ),
        // covers: R7692-7.1.2.2-01/C
        (
            "s15 c15",
            "permessage-deflate; client_max_window_bits=9",
            agreed("s15 c9"),
        ),
        (
            "s15 c12",
            "permessage-deflate; client_max_window_bits=9",
            agreed("s15 c9"),
        ),
        (
            "s15 c12",
            "permessage-deflate; client_max_window_bits=13",
            bad(),
        ),
        ("s15 c12", "permessage-deflate", agreed("s15 c12")),
    ] {
        let judged = judge(Some(&self::options(options)), answer)
            .map(|opened| opened.deflate().map(describe));
        let expected = expected.map(|parameters| parameters.map(str::to_owned));
        assert_eq!(judged, expected, "{answer} for {options}");
    }
    // covers: R7692-5-07
    let unasked = judge(None, "permessage-deflate").map(|_| ());
    assert_eq!(unasked, Err(ClientHandshakeError::UnofferedExtension));
}

// covers: R7692-5-03, R7692-5-08
#[test]
fn both_sides_agree_whatever_they_wish() {
    let wishes: Vec<_> = all_options(&[9, 10, 14, 15]).collect();
    for client in &wishes {
        for server in &wishes {
            let (_, opened) = shake_hands(client, server);
            let parameters = opened.deflate().unwrap();
            let server_bits = client
                .server_max_window_bits
                .min(server.server_max_window_bits);
            let client_bits = client
                .client_max_window_bits
                .min(server.client_max_window_bits);
            assert_eq!(parameters.server_max_window_bits, server_bits);
            assert_eq!(parameters.client_max_window_bits, client_bits);
            assert_eq!(
                parameters.server_no_context_takeover,
                client.server_no_context_takeover || server.server_no_context_takeover
            );
            assert_eq!(
                parameters.client_no_context_takeover,
                client.client_no_context_takeover || server.client_no_context_takeover
            );
        }
    }
}

// covers: R7692-5-08
#[test]
fn both_sides_understand_each_other_whatever_they_wish() {
    // Longer than the smallest window, and the same again beyond it.
    let line: String = (0..400)
        .map(|number| format!("{} ", number * 7919 % 1009))
        .collect();
    let texts = [line.repeat(2), line.clone(), String::new(), line];
    let wishes: Vec<_> = all_options(&[9, 15])
        .filter(|wish| wish.server_no_context_takeover == wish.client_no_context_takeover)
        .collect();
    for client in &wishes {
        for server in &wishes {
            let (mut server, opened) = shake_hands(client, server);
            let masking_keys = Box::new(StdRng::seed_from_u64(2));
            let mut client = opened.into_connection(Limits::default(), masking_keys);
            for text in &texts {
                deliver(&mut client, &mut server, text);
                deliver(&mut server, &mut client, text);
            }
        }
    }
}

// covers: R6455-9.1-06
#[test]
fn hostile_offers_cost_linear_time() {
    let name = "Sec-WebSocket-Extensions";
    let fill = |start: &str, part: &str, end: &str| {
        let count = (8_000 - start.len() - end.len()) / part.len();
        format!("{start}{}{end}", part.repeat(count))
    };
    let hostile = [
        fill("", ",", ""),
        fill("a; b=\"", "\\c", ""),
        fill("a; b=\"", "\\c", "\""),
        fill("a", " ", "b"),
        fill("a;", " \t", ""),
        fill("", "a,", ""),
        fill("a", ";a", ""),
        fill("a", ";a=\"a\"", ";"),
        fill("", "permessage-deflate,", ""),
        fill("", "permessage-deflate;x,", ""),
        fill("permessage-deflate", ";server_max_window_bits=10", ""),
        fill("permessage-deflate;server_max_window_bits=\"", "1\\0", "\""),
    ];
    let started_at = now();
    for offers in &hostile {
        for _ in 0..10 {
            if let Err(error) = answer_to(offers, &options("s15 c15")) {
                assert_eq!(error, HandshakeError::BadHeaderValue { name });
            }
            // A client meets them as well.
            let _ = judge(Some(&options("s15 c15")), offers);
        }
    }
    // 120 lists of 8 kB, both ways: quadratic work on them would take minutes.
    let elapsed = now() - started_at;
    println!("hostile lists took {elapsed:?}");
    assert!(elapsed.as_secs() < 20, "{elapsed:?}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is tested is how long it takes"
)]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// Reads `s12 c10 S C`: windows of server and client, no context takeover of either.
fn options(wishes: &str) -> DeflateOptions {
    let mut options = DeflateOptions::default();
    options.threshold = 0;
    for wish in wishes.split(' ') {
        let bits = || WindowBits::new(wish[1..].parse().unwrap()).unwrap();
        match &wish[..1] {
            "s" => options.server_max_window_bits = bits(),
            "c" => options.client_max_window_bits = bits(),
            "S" => options.server_no_context_takeover = true,
            "C" => options.client_no_context_takeover = true,
            _ => panic!("{wishes}"),
        }
    }
    options
}

/// Writes parameters down as [`options`] reads them.
fn describe(parameters: DeflateParameters) -> String {
    let server_bits = parameters.server_max_window_bits.get();
    let client_bits = parameters.client_max_window_bits.get();
    let mut text = format!("s{server_bits} c{client_bits}");
    for (is_set, wish) in [
        (parameters.server_no_context_takeover, " S"),
        (parameters.client_no_context_takeover, " C"),
    ] {
        if is_set {
            text += wish;
        }
    }
    text
}

fn all_options(bits: &[u8]) -> impl Iterator<Item = DeflateOptions> {
    bits.iter().flat_map(move |server_bits| {
        bits.iter().flat_map(move |client_bits| {
            let windows = format!("s{server_bits} c{client_bits}");
            ["", " S", " C", " S C"].map(|takeover| options(&format!("{windows}{takeover}")))
        })
    })
}

/// Returns the header by which our server answers `offers`, of which each line is a header.
fn answer_to(offers: &str, options: &DeflateOptions) -> Result<Option<String>, HandshakeError> {
    answer(offers, &Acceptance::new(Limits::default()).deflate(options))
}

fn answer_without_deflate(offers: &str) -> Option<String> {
    answer(offers, &Acceptance::new(Limits::default())).unwrap()
}

fn answer(offers: &str, acceptance: &Acceptance<'_>) -> Result<Option<String>, HandshakeError> {
    let request = request_with(None).replace("\r\n\r\n", &header_lines(offers));
    let limits = HttpLimits::default();
    let (request, _) = parse_request(request.as_bytes(), &limits).unwrap().unwrap();
    let mut output = Vec::new();
    Upgrade::from_request(&request)?.accept_with(acceptance, &mut output);
    let output = String::from_utf8(output).unwrap();
    let mut lines = output.split("\r\n");
    let line = lines.find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    Ok(line.map(str::to_owned))
}

/// Has a client that offers `options` judge an answer.
fn judge(options: Option<&DeflateOptions>, answer: &str) -> Result<Opened, ClientHandshakeError> {
    let request = client_request(options);
    let mut sent = Vec::new();
    let handshake = request.start(&mut StdRng::seed_from_u64(1), &mut sent);
    let limits = HttpLimits::default();
    let (parsed, _) = parse_request(&sent, &limits).unwrap().unwrap();
    let mut received = Vec::new();
    Upgrade::from_request(&parsed)
        .unwrap()
        .accept(None, Limits::default(), &mut received);
    let received = String::from_utf8(received).unwrap();
    let received = received.replace("\r\n\r\n", &header_lines(answer));
    match handshake.receive(&mut received.as_bytes())? {
        Progress::Opened(opened) => Ok(opened),
        progress => panic!("{progress:?}"),
    }
}

/// Has our own two sides shake hands.
fn shake_hands(client: &DeflateOptions, server: &DeflateOptions) -> (Connection, Opened) {
    let request = client_request(Some(client));
    let mut sent = Vec::new();
    let handshake = request.start(&mut StdRng::seed_from_u64(1), &mut sent);
    let limits = HttpLimits::default();
    let (parsed, _) = parse_request(&sent, &limits).unwrap().unwrap();
    let mut received = Vec::new();
    let acceptance = Acceptance::new(Limits::default()).deflate(server);
    let connection = Upgrade::from_request(&parsed)
        .unwrap()
        .accept_with(&acceptance, &mut received);
    match handshake.receive(&mut &received[..]).unwrap() {
        Progress::Opened(opened) => (connection, opened),
        progress => panic!("{progress:?}"),
    }
}

fn deliver(from: &mut Connection, to: &mut Connection, text: &str) {
    let mut wire = Vec::new();
    from.send(&Message::text(text), &mut wire).unwrap();
    // The empty message is the shortest either way; the others are compressed.
    assert!(wire.len() < text.len() || text.is_empty(), "{}", wire.len());
    let event = to.receive(&mut &mut wire[..], &mut Vec::new()).unwrap();
    assert!(matches!(event, Some(Event::Message(message)) if message == Message::text(text)));
}

fn client_request(options: Option<&DeflateOptions>) -> ClientRequest {
    let request = ClientRequest::new(Uri::parse("ws://h/").unwrap());
    match options {
        Some(options) => request.deflate(options),
        None => request,
    }
}

fn request_with(options: Option<&DeflateOptions>) -> String {
    let mut output = Vec::new();
    client_request(options).start(&mut StdRng::seed_from_u64(1), &mut output);
    String::from_utf8(output).unwrap()
}

/// Returns what ends a head, with a header for each line of `values`.
fn header_lines(values: &str) -> String {
    let line = |value: &str| format!("Sec-WebSocket-Extensions: {value}\r\n");
    let lines: String = values.lines().map(line).collect();
    format!("\r\n{lines}\r\n")
}
