//! Checks the server's opening handshake.

use chinwag::websocket::Limits;
use chinwag::websocket::handshake::HandshakeError;
use chinwag::websocket::handshake::http::{HeadScanner, HttpLimits, Request, parse_request};
use chinwag::websocket::handshake::server::Upgrade;

use crate::parts;

/// Checks what a client sends. The first two bytes of `data` choose the cuts; the rest is what
/// arrives.
pub fn check(data: &[u8]) {
    let Some((&seed, input)) = data.split_first_chunk::<2>() else {
        return;
    };
    check_request(input, u16::from_be_bytes(seed));
}

/// Checks that `input` means the same however it is cut, and that the answer to it is valid.
pub fn check_request(input: &[u8], seed: u16) {
    let limits = HttpLimits::default();
    let whole = parse_request(input, &limits).map(|parsed| parsed.map(|(_, len)| len));
    for parts in parts::all_ways(input, seed) {
        assert_eq!(receive(&parts, &limits), whole, "in {} parts", parts.len());
    }
    match parse_request(input, &limits) {
        Ok(Some((request, len))) => {
            let (again, again_len) = parse_request(&input[..len], &limits)
                .expect("the head alone is valid")
                .expect("the head alone is complete");
            assert_eq!(again_len, len);
            assert_eq!(format!("{again:?}"), format!("{request:?}"));
            check_accepted(&input[..len], &request);
        }
        Ok(None) => assert!(input.len() <= limits.max_head_len),
        Err(error) => check_refusal(error),
    }
}

/// Receives a head in parts; returns its length.
fn receive(parts: &[&[u8]], limits: &HttpLimits) -> Result<Option<usize>, HandshakeError> {
    let mut scanner = HeadScanner::new(limits);
    let mut received = Vec::new();
    for part in parts {
        received.extend_from_slice(part);
        // The planted fault: CR and LF in two parts are no line end.
        if parts::is_fault_planted() && part.starts_with(b"\n") {
            return Err(HandshakeError::BadLine);
        }
        if let Some(len) = scanner.scan(&received)? {
            let (_, parsed_len) = parse_request(&received, limits)?.expect("head is complete");
            assert_eq!(parsed_len, len);
            return Ok(Some(len));
        }
    }
    Ok(None)
}

/// Checks an accepted head against a second parser, and what comes of it.
fn check_accepted(head: &[u8], request: &Request<'_>) {
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut other = httparse::Request::new(&mut headers);
    assert_eq!(
        other.parse(head),
        Ok(httparse::Status::Complete(head.len()))
    );
    assert_eq!(other.method, Some(request.method()));
    for header in other.headers.iter() {
        let values: Vec<_> = request.headers(header.name).collect();
        assert!(
            values.contains(&header.value.trim_ascii()),
            "{} is lost",
            header.name
        );
    }
    match Upgrade::from_request(request) {
        Ok(upgrade) => {
            let mut output = Vec::new();
            let subprotocol = upgrade.subprotocols().next();
            upgrade.accept(subprotocol, Limits::default(), &mut output);
            let values = check_response(&output, 101);
            assert_eq!(values.len(), 3 + usize::from(subprotocol.is_some()));
            assert_eq!(request.method(), "GET");
            assert_eq!(request.header("Sec-WebSocket-Version"), Some(&b"13"[..]));
        }
        Err(error) => check_refusal(error),
    }
}

fn check_refusal(error: HandshakeError) {
    let mut output = Vec::new();
    error.write_response(&mut output);
    let headers = check_response(&output, error.status());
    assert!((400..600).contains(&error.status()));
    assert!(
        headers
            .iter()
            .any(|(name, value)| name == "Connection" && value.contains("close"))
    );
}

/// Parses a response that is `output`, all of it, and returns its headers.
fn check_response(output: &[u8], status: u16) -> Vec<(String, String)> {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(output).expect("response is valid");
    let httparse::Status::Complete(head_len) = parsed else {
        panic!("response is incomplete")
    };
    assert_eq!(response.code, Some(status));
    let headers: Vec<_> = response
        .headers
        .iter()
        .map(|header| {
            (
                header.name.to_owned(),
                String::from_utf8(header.value.to_vec()).unwrap(),
            )
        })
        .collect();
    let body_len = headers.iter().find(|(name, _)| name == "Content-Length");
    let body_len = body_len.map_or(0, |(_, value)| value.parse().unwrap());
    assert_eq!(
        output.len(),
        head_len + body_len,
        "body is not as long as announced"
    );
    headers
}
