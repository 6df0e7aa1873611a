//! Checks what both sides make of `Sec-WebSocket-Extensions`.
//!
//! What a list says is found out twice: by the library, and by splitting it where the grammar has a
//! separator. What must come of it is then a list of rules of RFC 7692 §7.1.

use chinwag::websocket::handshake::HandshakeError;
use chinwag::websocket::handshake::client::Progress;
use chinwag::websocket::handshake::http::{HttpLimits, parse_request};
use chinwag::websocket::handshake::server::{Acceptance, Upgrade};
use chinwag::websocket::{DeflateOptions, DeflateParameters, WindowBits};

use crate::endpoints::limits;
use crate::handshakes::{ACCEPT_KEY, finish, start};
use crate::parts;

/// Checks a header. The first two bytes of `data` choose what we want ourselves; each line of the
/// rest is one of the header.
pub fn check(data: &[u8]) {
    let Some((&[flags, windows], text)) = data.split_first_chunk() else {
        return;
    };
    let lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
    let is_text = |byte: &u8| *byte == b'\t' || (b' '..0x7f).contains(byte);
    if text.len() > 4096 || !lines.iter().all(|line| line.iter().all(is_text)) {
        return;
    }
    let mut options = DeflateOptions::default();
    options.server_no_context_takeover = flags & 1 != 0;
    options.client_no_context_takeover = flags & 2 != 0;
    options.server_max_window_bits = WindowBits::new(9 + windows % 7).unwrap();
    options.client_max_window_bits = WindowBits::new(9 + (windows >> 4) % 7).unwrap();
    let list = read_list(&lines);
    check_offers(&lines, list.as_deref(), &options);
    check_answer(&lines, list.as_deref(), &options);
}

/// Checks what a server makes of the header, and that a client agrees.
fn check_offers(lines: &[&[u8]], list: Option<&[Extension]>, options: &DeflateOptions) {
    let (_, request) = start(None);
    let request = with_lines(&request, lines);
    let parsed = parse_request(&request, &HttpLimits::default());
    let (request, _) = match parsed {
        Ok(request) => request.expect("the head is complete"),
        Err(HandshakeError::TooManyHeaders { .. }) => return,
        Err(error) => panic!("{error}"),
    };
    let upgrade = Upgrade::from_request(&request);
    let Some(offers) = list else {
        let name = "Sec-WebSocket-Extensions";
        assert_eq!(upgrade.err(), Some(HandshakeError::BadHeaderValue { name }));
        return;
    };
    let mut response = Vec::new();
    let acceptance = Acceptance::new(limits(1)).deflate(options);
    upgrade
        .expect("the list is well-formed")
        .accept_with(&acceptance, &mut response);
    let response = String::from_utf8(response).unwrap();
    let answer = response
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    let accepted = offers.iter().find_map(|offer| {
        let offer = Params::read(offer, true)?;
        // Windows of 8 bits are declined.
        offer
            .server_bits
            .is_none_or(|bits| bits > 8)
            .then_some(offer)
    });
    match (accepted, answer) {
        (None, None) => {}
        (Some(offer), Some(answer)) => check_agreement(&offer, answer, options),
        (accepted, answer) => panic!("{answer:?} to {accepted:?}"),
    }
}

/// Checks that an answer agrees to an offer, and to what the server wants.
fn check_agreement(offer: &Params, answer: &str, options: &DeflateOptions) {
    let list = read_list(&[answer.as_bytes()]).expect("the answer is well-formed");
    let [answer] = &list[..] else {
        panic!("{list:?} are several")
    };
    let answer = Params::read(answer, false).expect("the answer has parameters of answers");
    let wants = options;
    assert_eq!(
        answer.server_no_takeover,
        offer.server_no_takeover || wants.server_no_context_takeover
    );
    assert_eq!(
        answer.client_no_takeover,
        offer.client_no_takeover || wants.client_no_context_takeover
    );
    let server_bits = offer.server_bits.unwrap_or(15);
    let server_bits = server_bits.min(wants.server_max_window_bits.get());
    assert_eq!(answer.server_bits.unwrap_or(15), server_bits);
    assert!(answer.server_bits.is_some() || offer.server_bits.is_none());
    match (offer.client_bits, answer.client_bits) {
        (None | Some(Some(8)), bits) => assert_eq!(bits, None),
        (Some(offered), bits) => {
            let expected = offered.unwrap_or(15);
            let expected = expected.min(wants.client_max_window_bits.get());
            assert_eq!(bits.flatten().unwrap_or(15), expected);
        }
    }
}

/// Checks what a client makes of the header.
fn check_answer(lines: &[&[u8]], list: Option<&[Extension]>, options: &DeflateOptions) {
    let (handshake, _) = start(Some(options));
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {ACCEPT_KEY}\r\n\r\n"
    );
    let response = with_lines(response.as_bytes(), lines);
    let expected = list.and_then(|list| match list {
        [answer] => agree(&Params::read(answer, false)?, options),
        _ => None,
    });
    match expected {
        Some(expected) => {
            let parameters = finish(handshake, &response).deflate().unwrap();
            assert_eq!(told(&parameters), expected, "{list:?}");
        }
        None => {
            let received = handshake.receive(&mut &response[..]);
            assert!(!matches!(received, Ok(Progress::Opened(_))), "{received:?}");
        }
    }
}

/// What is agreed on: no takeover by server and client, windows of both.
type Agreement = (bool, bool, u8, u8);

/// Returns what a client that wants `options` agrees on by an answer, if it may.
fn agree(answer: &Params, options: &DeflateOptions) -> Option<Agreement> {
    let offered_server = options.server_max_window_bits.get();
    let offered_client = options.client_max_window_bits.get();
    let server_bits = answer.server_bits.unwrap_or(15);
    let client_bits = answer.client_bits.flatten();
    let is_met = (answer.server_no_takeover || !options.server_no_context_takeover)
        && server_bits <= offered_server
        // 8 bits are too few for our encoder.
        && client_bits.is_none_or(|bits| (9..=offered_client).contains(&bits));
    is_met.then_some((
        answer.server_no_takeover,
        answer.client_no_takeover || options.client_no_context_takeover,
        server_bits.max(9),
        client_bits.unwrap_or(offered_client),
    ))
}

fn told(parameters: &DeflateParameters) -> Agreement {
    (
        parameters.server_no_context_takeover,
        parameters.client_no_context_takeover,
        parameters.server_max_window_bits.get(),
        parameters.client_max_window_bits.get(),
    )
}

/// An extension: its name, and its parameters with their values.
type Extension = (String, Vec<(String, Option<String>)>);

/// Reads the header's lines as one list; `None` if one is malformed, or if there is nothing in them.
fn read_list(lines: &[&[u8]]) -> Option<Vec<Extension>> {
    let mut list = Vec::new();
    for line in lines {
        let line = str::from_utf8(line).expect("only ASCII comes here");
        for element in split(line, ',')? {
            if !element.is_empty() {
                list.push(read_extension(element)?);
            }
        }
    }
    (!list.is_empty()).then_some(list)
}

fn read_extension(element: &str) -> Option<Extension> {
    let mut fields = split(element, ';')?.into_iter();
    let name = read_token(fields.next()?)?;
    let mut params = Vec::new();
    for field in fields {
        let param = match field.split_once('=') {
            None => (read_token(field)?, None),
            Some((name, value)) => (read_token(trim(name))?, Some(read_value(trim(value))?)),
        };
        params.push(param);
    }
    Some((name, params))
}

/// Splits outside of quotes, and trims; `None` if a quote is left open.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if character == separator && !is_quoted => {
                pieces.push(trim(&text[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(trim(&text[start..]));
    (!is_quoted).then_some(pieces)
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Reads a token, or a quoted string that is one (RFC 6455 §9.1).
fn read_value(value: &str) -> Option<String> {
    let Some(quoted) = value.strip_prefix('"') else {
        return read_token(value);
    };
    let quoted = quoted.strip_suffix('"')?;
    let mut unquoted = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        unquoted.push(match character {
            '\\' => characters.next()?,
            '"' => return None,
            _ => character,
        });
    }
    read_token(&unquoted)
}

fn read_token(text: &str) -> Option<String> {
    let is_token = text
        .chars()
        .all(|it| it.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(it));
    // The planted fault: a token of two bytes is none.
    let is_spoiled = parts::is_fault_planted() && text.len() == 2;
    (is_token && !text.is_empty() && !is_spoiled).then(|| text.to_owned())
}

/// The parameters of permessage-deflate.
#[derive(Debug, Default)]
struct Params {
    server_no_takeover: bool,
    client_no_takeover: bool,
    server_bits: Option<u8>,
    client_bits: Option<Option<u8>>,
}

impl Params {
    /// Reads an extension, as an offer or as an answer; `None` if it is another one, or not valid.
    fn read((name, params): &Extension, is_offer: bool) -> Option<Self> {
        if name != "permessage-deflate" {
            return None;
        }
        let mut read = Self::default();
        let mut names = Vec::new();
        for (name, value) in params {
            let bits = match value {
                None => None,
                Some(value) => Some(read_bits(value)?),
            };
            match (name.as_str(), bits) {
                ("server_no_context_takeover", None) => read.server_no_takeover = true,
                ("client_no_context_takeover", None) => read.client_no_takeover = true,
                ("server_max_window_bits", Some(bits)) => read.server_bits = Some(bits),
                ("client_max_window_bits", bits) if is_offer || bits.is_some() => {
                    read.client_bits = Some(bits);
                }
                _ => return None,
            }
            if names.contains(&name) {
                return None;
            }
            names.push(name);
        }
        Some(read)
    }
}

/// Reads 8 to 15, without leading zeros.
fn read_bits(value: &str) -> Option<u8> {
    (8..=15).find(|bits: &u8| bits.to_string() == value)
}

/// Adds the header to a head.
fn with_lines(head: &[u8], lines: &[&[u8]]) -> Vec<u8> {
    let mut with = head.strip_suffix(b"\r\n").unwrap().to_vec();
    for line in lines {
        with.extend_from_slice(b"Sec-WebSocket-Extensions: ");
        with.extend_from_slice(line);
        with.extend_from_slice(b"\r\n");
    }
    with.extend_from_slice(b"\r\n");
    with
}
