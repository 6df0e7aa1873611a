//! Asks an HTTP proxy for a tunnel (RFC 9110 §9.3.6).
//!
//! Of the answer only its status counts. It is read line by line, and no line but the first is
//! looked at: a proxy's headers promise nothing about the tunnel.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::websocket::blocking::proxy::{Credentials, ProxyError, Target};

/// The conversation: CONNECT is sent, the answer is awaited.
#[derive(Debug)]
pub(crate) struct HttpConnect {
    /// The line that has begun; bounded, as all lines together are, by `received_len`.
    line: Vec<u8>,
    received_len: usize,
    /// Status of the head that is being read; `None` before its first line has ended.
    status: Option<u16>,
}

impl HttpConnect {
    pub(super) fn begin(
        target: Target<'_>,
        credentials: Option<&Credentials>,
        output: &mut Vec<u8>,
    ) -> Self {
        let Target { host, port } = target;
        // An IPv6 address stands in brackets, for the sake of its colons (RFC 3986 §3.2.2).
        let authority = if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        };
        let head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
        output.extend_from_slice(head.as_bytes());
        if let Some(Credentials { user, password }) = credentials {
            let pair = STANDARD.encode([user, &b":"[..], password].concat());
            let header = format!("Proxy-Authorization: Basic {pair}\r\n");
            output.extend_from_slice(header.as_bytes());
        }
        output.extend_from_slice(b"\r\n");
        Self {
            line: Vec::new(),
            received_len: 0,
            status: None,
        }
    }

    /// Takes what the proxy says, and returns whether the tunnel is open.
    pub(crate) fn receive(&mut self, mut input: &[u8]) -> Result<bool, ProxyError> {
        while let Some(byte) = input.split_off_first() {
            self.received_len += 1;
            if self.received_len > MAX_HEAD_LEN {
                return Err(ProxyError::HeadTooLong { max: MAX_HEAD_LEN });
            }
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            if self.end_line()? {
                return match input.len() {
                    0 => Ok(true),
                    len => Err(ProxyError::UnexpectedBytes { len }),
                };
            }
        }
        Ok(false)
    }

    /// Judges the line that has ended; returns whether the tunnel is open.
    fn end_line(&mut self) -> Result<bool, ProxyError> {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r").ok_or(ProxyError::BadHead)?;
        match self.status {
            None => {
                self.status = Some(parse_status(line).ok_or(ProxyError::BadHead)?);
                Ok(false)
            }
            Some(_) if !line.is_empty() => Ok(false),
            Some(200..=299) => Ok(true),
            // RFC 9110 §15.2: interim answers precede the real one; 101 would be another protocol.
            Some(100 | 102..=199) => {
                self.status = None;
                Ok(false)
            }
            Some(status) => Err(ProxyError::Refused { status }),
        }
    }
}

/// Parses `HTTP/1.x 200 words`; the words may be missing (RFC 9112 §4).
fn parse_status(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.")?;
    let ([b'0' | b'1', b' ', digits @ ..], rest) = rest.split_first_chunk::<5>()? else {
        return None;
    };
    let is_whole = rest.first().is_none_or(|byte| *byte == b' ');
    let is_number = digits.iter().all(u8::is_ascii_digit) && digits[0] != b'0';
    let text = str::from_utf8(digits).ok()?;
    (is_whole && is_number).then(|| text.parse().ok()).flatten()
}

/// Bytes of the answer's head, interim ones included. 16 KiB, as for heads of requests.
const MAX_HEAD_LEN: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Target<'_> = Target {
        host: "chat.example",
        port: 443,
    };

    /// The verdict, which must be the same however the answer is cut.
    fn check(answer: &[u8], expected: Result<bool, ProxyError>) {
        let begin = || HttpConnect::begin(TARGET, None, &mut Vec::new());
        assert_eq!(begin().receive(answer), expected, "{answer:?}");
        // Where the answer ends can be told in one read only.
        if !matches!(expected, Err(ProxyError::UnexpectedBytes { .. })) {
            let mut connect = begin();
            let verdicts = answer.chunks(1).map(|byte| connect.receive(byte));
            let last = verdicts.into_iter().find(|it| *it != Ok(false));
            assert_eq!(last.unwrap_or(Ok(false)), expected, "{answer:?}");
        }
    }

    #[test]
    fn connect_names_the_server_and_the_credentials() {
        let asked = |host, credentials: Option<&Credentials>| {
            let mut output = Vec::new();
            HttpConnect::begin(Target { host, port: 443 }, credentials, &mut output);
            String::from_utf8(output).unwrap()
        };
        assert_eq!(
            asked("chat.example", None),
            "CONNECT chat.example:443 HTTP/1.1\r\nHost: chat.example:443\r\n\r\n"
        );
        assert_eq!(
            asked("::1", None),
            "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n"
        );
        // The example of RFC 7617 §2.
        let credentials = Credentials {
            user: b"Aladdin".to_vec(),
            password: b"open sesame".to_vec(),
        };
        assert_eq!(
            asked("h", Some(&credentials)),
            "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\
             Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"
        );
    }

    #[test]
    fn success_opens_the_tunnel() {
        check(b"HTTP/1.1 200 Connection established\r\n\r\n", Ok(true));
        check(b"HTTP/1.0 200\r\n\r\n", Ok(true));
        check(
            b"HTTP/1.1 299 x\r\nContent-Length: 5\r\nx\r\n\r\n",
            Ok(true),
        );
        check(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            Ok(true),
        );
    }

    #[test]
    fn an_answer_that_has_not_ended_opens_nothing() {
        check(b"", Ok(false));
        check(b"HTTP/1.1 200 OK\r\nServer: x\r\n", Ok(false));
        check(b"HTTP/1.1 200 OK\r\n\r", Ok(false));
    }

    #[test]
    fn refusals_tell_their_status() {
        for status in [101, 301, 403, 407, 502] {
            let answer = format!("HTTP/1.1 {status} No\r\nX: y\r\n\r\nsorry");
            check(answer.as_bytes(), Err(ProxyError::Refused { status }));
        }
    }

    #[test]
    fn what_is_not_http_fails() {
        for answer in [
            &b"\r\n"[..],
            b"HTTP/2.0 200 OK\r\n",
            b"HTTP/1.2 200 OK\r\n",
            b"HTTP/1.1  200 OK\r\n",
            b"HTTP/1.1 2000 OK\r\n",
            b"HTTP/1.1 20\r\n",
            b"HTTP/1.1 020 OK\r\n",
            b"HTTP/1.1 +20 OK\r\n",
            b"SSH-2.0-x\r\n",
            b"HTTP/1.1 200 OK\n",
            b"\x05\x00\n",
        ] {
            check(answer, Err(ProxyError::BadHead));
        }
    }

    #[test]
    fn bytes_after_the_answer_fail() {
        check(
            b"HTTP/1.1 200 OK\r\n\r\nHTTP",
            Err(ProxyError::UnexpectedBytes { len: 4 }),
        );
    }

    #[test]
    fn heads_are_bounded_however_they_are_made_long() {
        const LEN: usize = 16_384;
        let status = "HTTP/1.1 200 OK\r\n";
        let exact = |len: usize| format!("{status}{}\r\n\r\n", "a".repeat(len - status.len() - 4));
        check(exact(LEN).as_bytes(), Ok(true));
        let too_long = Err(ProxyError::HeadTooLong { max: LEN });
        check(exact(LEN + 1).as_bytes(), too_long);
        check(&b"a".repeat(LEN + 1), too_long);
        check(&b"HTTP/1.1 100 \r\n\r\n".repeat(LEN / 17 + 1), too_long);
    }
}
