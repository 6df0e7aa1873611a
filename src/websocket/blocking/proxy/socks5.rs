//! Asks a SOCKS proxy for a tunnel (RFC 1928, RFC 1929).
//!
//! ```text
//!            chose 2: user, password          taken
//!   Choosing ────────────────────► Authenticating ──┐
//!       │                                           ▼ CONNECT
//!       └────────── chose 0: CONNECT ──────────► Asking ── succeeded ──► open
//! ```
//!
//! Each answer is judged as soon as its bytes can tell: a reply that refuses is often cut short.

use std::fmt;
use std::net::IpAddr;

use crate::websocket::blocking::proxy::{Credentials, ProxyError, Target};

/// The conversation, from the offer of ways to authenticate to the reply to CONNECT.
pub(crate) struct Socks5 {
    step: Step,
    /// The answer that has begun; at most one read beyond the longest one, 262 bytes.
    answer: Vec<u8>,
    /// What asks for the tunnel.
    request: Vec<u8>,
    /// What tells user and password, where they were offered.
    authentication: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Choosing,
    Authenticating,
    Asking,
}

impl Socks5 {
    pub(super) fn begin(
        target: Target<'_>,
        credentials: Option<&Credentials>,
        output: &mut Vec<u8>,
    ) -> Result<Self, ProxyError> {
        let request = encode_request(target)?;
        let authentication = credentials.map(encode_authentication).transpose()?;
        let offer: &[u8] = if authentication.is_some() {
            &[VERSION, 2, NO_AUTHENTICATION, USER_AND_PASSWORD]
        } else {
            &[VERSION, 1, NO_AUTHENTICATION]
        };
        output.extend_from_slice(offer);
        Ok(Self {
            step: Step::Choosing,
            answer: Vec::new(),
            request,
            authentication,
        })
    }

    /// Takes what the proxy says, appends what it is owed, and returns whether the tunnel is open.
    pub(crate) fn receive(
        &mut self,
        input: &[u8],
        output: &mut Vec<u8>,
    ) -> Result<bool, ProxyError> {
        self.answer.extend_from_slice(input);
        loop {
            let len = match self.step {
                Step::Choosing => self.judge_choice(output)?,
                Step::Authenticating => self.judge_authentication(output)?,
                Step::Asking => {
                    let Some(len) = self.judge_reply()? else {
                        return Ok(false);
                    };
                    return match self.answer.len() - len {
                        0 => Ok(true),
                        len => Err(ProxyError::UnexpectedBytes { len }),
                    };
                }
            };
            let Some(len) = len else {
                return Ok(false);
            };
            self.answer.drain(..len);
        }
    }

    /// Goes on as the proxy chose; returns the answer's length, `None` while it is incomplete.
    fn judge_choice(&mut self, output: &mut Vec<u8>) -> Result<Option<usize>, ProxyError> {
        self.judge_version(VERSION)?;
        let Some(method) = self.answer.get(1) else {
            return Ok(None);
        };
        match (*method, &self.authentication) {
            (NO_AUTHENTICATION, _) => self.ask(output),
            (USER_AND_PASSWORD, Some(authentication)) => {
                output.extend_from_slice(authentication);
                self.step = Step::Authenticating;
            }
            (NO_ACCEPTABLE_METHOD, _) => return Err(ProxyError::NoAcceptableMethod),
            (method, _) => return Err(ProxyError::MethodNotOffered { method }),
        }
        Ok(Some(2))
    }

    fn judge_authentication(&mut self, output: &mut Vec<u8>) -> Result<Option<usize>, ProxyError> {
        self.judge_version(AUTHENTICATION_VERSION)?;
        match self.answer.get(1) {
            None => Ok(None),
            Some(0) => {
                self.ask(output);
                Ok(Some(2))
            }
            Some(_) => Err(ProxyError::AuthenticationFailed),
        }
    }

    /// Judges the reply to CONNECT. The address in it is of no use here.
    fn judge_reply(&self) -> Result<Option<usize>, ProxyError> {
        self.judge_version(VERSION)?;
        let address_len = match self.answer[..] {
            [_, reply, ..] if reply != 0 => return Err(ProxyError::SocksRefused { reply }),
            [_, _, _, IPV4, ..] => 4,
            [_, _, _, IPV6, ..] => 16,
            [_, _, _, NAME, len, ..] => 1 + usize::from(len),
            [_, _, _, NAME] => return Ok(None),
            [_, _, _, kind, ..] => return Err(ProxyError::UnknownAddressType { kind }),
            _ => return Ok(None),
        };
        let len = 4 + address_len + 2;
        Ok((self.answer.len() >= len).then_some(len))
    }

    fn judge_version(&self, expected: u8) -> Result<(), ProxyError> {
        match self.answer.first() {
            Some(&version) if version != expected => {
                Err(ProxyError::UnsupportedSocksVersion { version })
            }
            _ => Ok(()),
        }
    }

    fn ask(&mut self, output: &mut Vec<u8>) {
        output.extend_from_slice(&self.request);
        self.step = Step::Asking;
    }
}

/// Shows neither user nor password.
impl fmt::Debug for Socks5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socks5")
            .field("step", &self.step)
            .finish_non_exhaustive()
    }
}

/// Version, CONNECT, a reserved byte, the address and the port (RFC 1928 §4).
fn encode_request(target: Target<'_>) -> Result<Vec<u8>, ProxyError> {
    let mut request = vec![VERSION, CONNECT, 0];
    match target.host.parse() {
        Ok(IpAddr::V4(address)) => {
            request.push(IPV4);
            request.extend_from_slice(&address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(IPV6);
            request.extend_from_slice(&address.octets());
        }
        Err(_) => {
            request.push(NAME);
            push_counted(target.host.as_bytes(), &mut request)?;
        }
    }
    request.extend_from_slice(&target.port.to_be_bytes());
    Ok(request)
}

/// Version, user and password, each after its length (RFC 1929 §2).
fn encode_authentication(credentials: &Credentials) -> Result<Vec<u8>, ProxyError> {
    let mut authentication = vec![AUTHENTICATION_VERSION];
    push_counted(&credentials.user, &mut authentication)?;
    push_counted(&credentials.password, &mut authentication)?;
    Ok(authentication)
}

fn push_counted(bytes: &[u8], output: &mut Vec<u8>) -> Result<(), ProxyError> {
    let len = u8::try_from(bytes.len()).map_err(|_| ProxyError::NameTooLong {
        len: bytes.len(),
        max: u8::MAX.into(),
    })?;
    output.push(len);
    output.extend_from_slice(bytes);
    Ok(())
}

const VERSION: u8 = 5;
const AUTHENTICATION_VERSION: u8 = 1;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NO_ACCEPTABLE_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: fn() -> Credentials = || Credentials {
        user: b"ada".to_vec(),
        password: b"xy".to_vec(),
    };

    const ASKED: &[u8] = b"\x05\x01\x00\x03\x01h\x01\xbb";
    const TOLD: &[u8] = b"\x01\x03ada\x02xy";

    /// What the proxy says, what it is told after the offer, and the verdict: however it is cut.
    fn check(
        has_credentials: bool,
        said: &[u8],
        told: &[&[u8]],
        expected: Result<bool, ProxyError>,
    ) {
        let target = Target {
            host: "h",
            port: 443,
        };
        let credentials = has_credentials.then(CREDENTIALS);
        for size in [1, said.len().max(1)] {
            let mut offer = Vec::new();
            let mut socks5 = Socks5::begin(target, credentials.as_ref(), &mut offer).unwrap();
            let expected_offer: &[u8] = if has_credentials {
                &[5, 2, 0, 2]
            } else {
                &[5, 1, 0]
            };
            assert_eq!(offer, expected_offer);
            let mut output = Vec::new();
            let verdicts = said
                .chunks(size)
                .map(|bytes| socks5.receive(bytes, &mut output));
            let verdict = verdicts.into_iter().find(|it| *it != Ok(false));
            assert_eq!(verdict.unwrap_or(Ok(false)), expected, "{said:?}");
            assert_eq!(output, told.concat(), "{said:?}");
        }
    }

    #[test]
    fn tunnels_open_with_and_without_authentication() {
        let reply = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50";
        check(
            false,
            &[b"\x05\x00", &reply[..]].concat(),
            &[ASKED],
            Ok(true),
        );
        check(
            true,
            &[b"\x05\x00", &reply[..]].concat(),
            &[ASKED],
            Ok(true),
        );
        check(
            true,
            &[b"\x05\x02\x01\x00", &reply[..]].concat(),
            &[TOLD, ASKED],
            Ok(true),
        );
    }

    #[test]
    fn replies_may_name_any_kind_of_address() {
        let ipv6 = [&b"\x05\x00\x05\x00\x00\x04"[..], &[0; 18]].concat();
        check(false, &ipv6, &[ASKED], Ok(true));
        let name = [&b"\x05\x00\x05\x00\x00\x03\xff"[..], &[b'a'; 257]].concat();
        check(false, &name, &[ASKED], Ok(true));
        check(
            false,
            b"\x05\x00\x05\x00\x00\x03\x00\x00\x00",
            &[ASKED],
            Ok(true),
        );
        check(
            false,
            b"\x05\x00\x05\x00\x00\x02\x00",
            &[ASKED],
            Err(ProxyError::UnknownAddressType { kind: 2 }),
        );
    }

    #[test]
    fn truncated_answers_open_nothing() {
        let whole = b"\x05\x02\x01\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50";
        for len in 0..whole.len() {
            let told: &[&[u8]] = match len {
                0..2 => &[],
                2..4 => &[TOLD],
                _ => &[TOLD, ASKED],
            };
            check(true, &whole[..len], told, Ok(false));
        }
    }

    #[test]
    fn wrong_versions_fail_at_their_first_byte() {
        let wrong = |version| Err(ProxyError::UnsupportedSocksVersion { version });
        check(false, b"\x04", &[], wrong(4));
        check(false, b"HTTP/1.1 400 Bad Request\r\n\r\n", &[], wrong(b'H'));
        check(true, b"\x05\x02\x05", &[TOLD], wrong(5));
        check(false, b"\x05\x00\x01", &[ASKED], wrong(1));
    }

    #[test]
    fn methods_that_were_not_offered_fail() {
        let not_offered = |method| Err(ProxyError::MethodNotOffered { method });
        check(false, b"\x05\xff", &[], Err(ProxyError::NoAcceptableMethod));
        check(false, b"\x05\x02", &[], not_offered(2));
        check(true, b"\x05\x01", &[], not_offered(1));
    }

    #[test]
    fn refusals_are_told_from_the_bytes_that_say_so() {
        check(
            true,
            b"\x05\x02\x01\x01",
            &[TOLD],
            Err(ProxyError::AuthenticationFailed),
        );
        for reply in [1, 2, 5, 8, 255] {
            check(
                false,
                &[5, 0, 5, reply],
                &[ASKED],
                Err(ProxyError::SocksRefused { reply }),
            );
        }
    }

    #[test]
    fn bytes_after_the_reply_fail() {
        let said = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50HTTP";
        let mut output = Vec::new();
        let target = Target { host: "h", port: 1 };
        let mut socks5 = Socks5::begin(target, None, &mut output).unwrap();
        assert_eq!(socks5.receive(b"\x05\x00", &mut output), Ok(false));
        assert_eq!(
            socks5.receive(said, &mut output),
            Err(ProxyError::UnexpectedBytes { len: 4 })
        );
    }

    #[test]
    fn addresses_are_asked_for_as_addresses_and_names_by_name() {
        let asked = |host| encode_request(Target { host, port: 80 });
        assert_eq!(
            asked("127.0.0.1").unwrap(),
            b"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50"
        );
        let ipv6 = asked("::1").unwrap();
        assert_eq!((ipv6[3], ipv6.len(), ipv6[19]), (4, 22, 1));
        let longest = "a".repeat(255);
        assert_eq!(asked(&longest).unwrap()[3..5], [3, 255]);
        let too_long = "a".repeat(256);
        assert_eq!(
            asked(&too_long),
            Err(ProxyError::NameTooLong { len: 256, max: 255 })
        );
    }
}
