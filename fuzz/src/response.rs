//! Checks the client's opening handshake.

use chinwag::websocket::DeflateOptions;
use chinwag::websocket::handshake::client::Progress;

use crate::handshakes::{ACCEPT_KEY, start};
use crate::parts;

/// Checks what a server answers. The first two bytes of `data` choose the cuts; the rest is what
/// arrives.
pub fn check(data: &[u8]) {
    let Some((&seed, input)) = data.split_first_chunk::<2>() else {
        return;
    };
    let seed = u16::from_be_bytes(seed);
    let deflate = (seed & 1 != 0).then(DeflateOptions::default);
    let [whole, bytewise, cut] =
        parts::all_ways(input, seed).map(|parts| receive(deflate.as_ref(), &parts));
    assert_eq!(bytewise, whole, "byte by byte is not as in one piece");
    assert_eq!(cut, whole, "in parts is not as in one piece");
    match whole {
        Outcome::Opened { head_len, .. } | Outcome::Refused { head_len, .. } => {
            check_head(&input[..head_len], &whole, deflate.is_some());
        }
        Outcome::Incomplete => assert!(input.len() <= 9 * 16 * 1024),
        Outcome::Failed => {}
    }
}

/// What came of a response.
#[derive(Debug, PartialEq)]
enum Outcome {
    Incomplete,
    Opened {
        /// Bytes up to the first frame, interim responses included.
        head_len: usize,
        subprotocol: Option<String>,
        is_deflating: bool,
    },
    Refused {
        head_len: usize,
        status: u16,
        headers: Vec<(String, Vec<u8>)>,
    },
    /// With whatever error: which of several faults is found first depends on the cuts.
    Failed,
}

fn receive(deflate: Option<&DeflateOptions>, parts: &[&[u8]]) -> Outcome {
    let (mut handshake, _) = start(deflate);
    let mut head_len = 0;
    for part in parts {
        // The planted fault: a T that comes alone is not HTTP.
        if parts::is_fault_planted() && *part == b"T" {
            return Outcome::Failed;
        }
        let mut rest = *part;
        let received = handshake.receive(&mut rest);
        head_len += part.len() - rest.len();
        match received {
            Ok(Progress::Incomplete(next)) => {
                assert!(rest.is_empty(), "input is left");
                handshake = next;
            }
            Ok(Progress::Opened(opened)) => {
                return Outcome::Opened {
                    head_len,
                    subprotocol: opened.subprotocol().map(str::to_owned),
                    is_deflating: opened.deflate().is_some(),
                };
            }
            Ok(Progress::Refused(response)) => {
                let headers = response.all_headers();
                return Outcome::Refused {
                    head_len,
                    status: response.status(),
                    headers: headers
                        .map(|(name, value)| (name.to_owned(), value.to_vec()))
                        .collect(),
                };
            }
            Err(_) => return Outcome::Failed,
        }
    }
    Outcome::Incomplete
}

/// Checks a head that was understood against a second parser.
fn check_head(mut head: &[u8], outcome: &Outcome, is_deflate_offered: bool) {
    let mut config = httparse::ParserConfig::default();
    config.allow_obsolete_multiline_headers_in_responses(true);
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 128];
        let mut other = httparse::Response::new(&mut headers);
        let parsed = config.parse_response(&mut other, head);
        let Ok(httparse::Status::Complete(len)) = parsed else {
            panic!("{parsed:?}")
        };
        let status = other.code.unwrap();
        if status < 200 && status != 101 {
            head = &head[len..];
            continue;
        }
        assert_eq!(len, head.len(), "the head ends elsewhere");
        check_same(&other, outcome, is_deflate_offered);
        return;
    }
}

fn check_same(other: &httparse::Response<'_, '_>, outcome: &Outcome, is_deflate_offered: bool) {
    let values = |name: &str| -> Vec<&[u8]> {
        let named = other
            .headers
            .iter()
            .filter(|header| header.name.eq_ignore_ascii_case(name));
        named.map(|header| header.value.trim_ascii()).collect()
    };
    match outcome {
        Outcome::Opened {
            subprotocol,
            is_deflating,
            ..
        } => {
            assert_eq!((other.code, other.version), (Some(101), Some(1)));
            assert_eq!(values("Sec-WebSocket-Accept"), [ACCEPT_KEY.as_bytes()]);
            assert_eq!(values("Upgrade").len(), 1);
            assert!(values("Upgrade")[0].eq_ignore_ascii_case(b"websocket"));
            assert!(!values("Connection").is_empty());
            let chosen: Vec<_> = subprotocol.iter().map(|it| it.as_bytes()).collect();
            assert_eq!(values("Sec-WebSocket-Protocol"), chosen);
            assert!(
                ["a", "b"]
                    .map(str::to_owned)
                    .iter()
                    .any(|offered| { subprotocol.as_ref().is_none_or(|chosen| chosen == offered) })
            );
            assert_eq!(
                !values("Sec-WebSocket-Extensions").is_empty(),
                *is_deflating
            );
            assert!(is_deflate_offered || !is_deflating);
        }
        Outcome::Refused {
            status, headers, ..
        } => {
            assert_eq!(other.code, Some(*status));
            assert!(*status >= 200);
            let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
            let expected: Vec<_> = other.headers.iter().map(|header| header.name).collect();
            assert_eq!(names, expected);
        }
        Outcome::Incomplete | Outcome::Failed => unreachable!("there was a head"),
    }
}
