//! Negotiates permessage-deflate (RFC 7692 §5, §7.1).
//!
//! ```text
//! client                                       server
//! DeflateOptions → Offer ── its text ──►  first offer it can accept → Answer, DeflateParameters
//! DeflateParameters  ◄── judged by the Offer ── its text ◄──┘
//! ```
//!
//! Both sides come to the same parameters. What one of them asks for, the other grants whenever it
//! can: no context takeover always, and the smaller of two windows.

use std::fmt;

use crate::websocket::deflate::{DeflateOptions, DeflateParameters, WindowBits};
use crate::websocket::handshake::client_error::ClientHandshakeError;
use crate::websocket::handshake::extension::{Extension, ExtensionList, ParamValue};

/// Returns what a server answers to the first offer that it can accept, and what is agreed on then;
/// `None` declines all.
pub(crate) fn accept(
    offers: &ExtensionList<'_>,
    options: &DeflateOptions,
) -> Option<(Answer, DeflateParameters)> {
    // RFC 7692 §5: the client prefers what it offers earlier.
    offers
        .iter()
        .filter(|extension| extension.name == NAME)
        .find_map(|extension| accept_one(&Params::parse(&extension, Side::Client)?, options))
}

/// Answers one offer; `None` declines it.
fn accept_one(offer: &Params, options: &DeflateOptions) -> Option<(Answer, DeflateParameters)> {
    let server_bits = match offer.server_max_window_bits {
        // Our encoder can't keep to 256 bytes (RFC 7692 §7: decline what is not supported).
        Some(offered) => WindowBits::new(offered)?.min(options.server_max_window_bits),
        None => options.server_max_window_bits,
    };
    // RFC 7692 §7.1.2.2: without the parameter in the offer, none in the answer. A window of 256
    // bytes is not answered either, but received with one of 32 KiB.
    let client_bits = match offer.client_max_window_bits {
        None => WindowBits::MAX,
        Some(None) => options.client_max_window_bits,
        Some(Some(offered)) => WindowBits::new(offered)
            .map_or(WindowBits::MAX, |it| it.min(options.client_max_window_bits)),
    };
    let parameters = DeflateParameters {
        server_no_context_takeover: offer.server_no_context_takeover
            || options.server_no_context_takeover,
        client_no_context_takeover: offer.client_no_context_takeover
            || options.client_no_context_takeover,
        server_max_window_bits: server_bits,
        client_max_window_bits: client_bits,
    };
    let is_server_bits_needed =
        offer.server_max_window_bits.is_some() || server_bits < WindowBits::MAX;
    let answer = Params {
        server_no_context_takeover: parameters.server_no_context_takeover,
        client_no_context_takeover: parameters.client_no_context_takeover,
        server_max_window_bits: is_server_bits_needed.then_some(server_bits.get()),
        client_max_window_bits: (client_bits < WindowBits::MAX).then_some(Some(client_bits.get())),
    };
    Some((Answer(answer), parameters))
}

/// What a server agrees to; its text is the header's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer(Params);

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a client offers; its text is the header's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offer(Params);

impl Offer {
    pub(crate) fn new(options: &DeflateOptions) -> Self {
        let below_max = |bits: WindowBits| (bits < WindowBits::MAX).then_some(bits.get());
        Self(Params {
            server_no_context_takeover: options.server_no_context_takeover,
            client_no_context_takeover: options.client_no_context_takeover,
            server_max_window_bits: below_max(options.server_max_window_bits),
            // Without a value: the server may choose any (RFC 7692 §7.1.2.2).
            client_max_window_bits: Some(below_max(options.client_max_window_bits)),
        })
    }

    /// Judges what the server answers; `None` if it declines.
    pub(crate) fn judge(
        &self,
        answers: &ExtensionList<'_>,
    ) -> Result<Option<DeflateParameters>, ClientHandshakeError> {
        let mut answers = answers.iter();
        let Some(answer) = answers.next() else {
            return Ok(None);
        };
        // RFC 7692 §5: two of them would both want RSV1.
        if answer.name != NAME || answers.next().is_some() {
            return Err(ClientHandshakeError::UnofferedExtension);
        }
        let answer = Params::parse(&answer, Side::Server)
            .ok_or(ClientHandshakeError::BadDeflateParameter)?;
        self.judge_one(&answer).map(Some)
    }

    fn judge_one(&self, answer: &Params) -> Result<DeflateParameters, ClientHandshakeError> {
        let Self(offer) = self;
        let unmet = Err(ClientHandshakeError::DeflateDemandUnmet);
        let bad = Err(ClientHandshakeError::BadDeflateParameter);
        // RFC 7692 §7.1.1.1, §7.1.2.1: a server that accepts the offer agrees to these.
        if offer.server_no_context_takeover && !answer.server_no_context_takeover {
            return unmet;
        }
        let server_bits = match (offer.server_max_window_bits, answer.server_max_window_bits) {
            (Some(_), None) => return unmet,
            (Some(offered), Some(agreed)) if agreed > offered => return bad,
            (_, Some(agreed)) => WindowBits::new(agreed).unwrap_or(WindowBits::MIN),
            (None, None) => WindowBits::MAX,
        };
        let client_bits = match (offer.client_max_window_bits, answer.client_max_window_bits) {
            (None, Some(_)) => return bad,
            (Some(Some(offered)), Some(Some(agreed))) if agreed > offered => return bad,
            (_, Some(Some(agreed))) => match WindowBits::new(agreed) {
                Some(bits) => bits,
                // Our encoder can't keep to 256 bytes (RFC 7692 §7: fail what is not supported).
                None => return bad,
            },
            // What was offered is a promise even then.
            (Some(Some(offered)), _) => WindowBits::new(offered).unwrap_or(WindowBits::MAX),
            _ => WindowBits::MAX,
        };
        Ok(DeflateParameters {
            server_no_context_takeover: answer.server_no_context_takeover,
            client_no_context_takeover: answer.client_no_context_takeover
                || offer.client_no_context_takeover,
            server_max_window_bits: server_bits,
            client_max_window_bits: client_bits,
        })
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The parameters in an offer or an answer, as they are written; windows have 8 to 15 bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Params {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// Perhaps without a value, in offers.
    client_max_window_bits: Option<Option<u8>>,
}

/// Who writes parameters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

impl Params {
    /// Reads the parameters; `None` if one is unknown, comes twice, or has a value that it must not
    /// have (RFC 7692 §7).
    fn parse(extension: &Extension<'_>, side: Side) -> Option<Self> {
        let mut params = Self::default();
        for param in extension.params() {
            let is_repeated = match (param.name, param.value) {
                (b"server_no_context_takeover", None) => {
                    std::mem::replace(&mut params.server_no_context_takeover, true)
                }
                (b"client_no_context_takeover", None) => {
                    std::mem::replace(&mut params.client_no_context_takeover, true)
                }
                (b"server_max_window_bits", Some(value)) => {
                    let bits = parse_window_bits(value)?;
                    params.server_max_window_bits.replace(bits).is_some()
                }
                (b"client_max_window_bits", None) if side == Side::Client => {
                    params.client_max_window_bits.replace(None).is_some()
                }
                (b"client_max_window_bits", Some(value)) => {
                    let bits = parse_window_bits(value)?;
                    params.client_max_window_bits.replace(Some(bits)).is_some()
                }
                _ => return None,
            };
            if is_repeated {
                return None;
            }
        }
        Some(params)
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("permessage-deflate")?;
        if self.server_no_context_takeover {
            f.write_str("; server_no_context_takeover")?;
        }
        if self.client_no_context_takeover {
            f.write_str("; client_no_context_takeover")?;
        }
        if let Some(bits) = self.server_max_window_bits {
            write!(f, "; server_max_window_bits={bits}")?;
        }
        match self.client_max_window_bits {
            None => Ok(()),
            Some(None) => f.write_str("; client_max_window_bits"),
            Some(Some(bits)) => write!(f, "; client_max_window_bits={bits}"),
        }
    }
}

/// Parses a number from 8 to 15 without leading zeros (RFC 7692 §7.1.2.1).
fn parse_window_bits(value: ParamValue<'_>) -> Option<u8> {
    let mut digits = value.bytes();
    match (digits.next()?, digits.next(), digits.next()) {
        (digit @ b'8'..=b'9', None, None) => Some(digit - b'0'),
        (b'1', Some(digit @ b'0'..=b'5'), None) => Some(10 + digit - b'0'),
        _ => None,
    }
}

const NAME: &[u8] = b"permessage-deflate";

#[cfg(test)]
mod tests {
    use super::*;

    // covers: R7692-7.1.2.2-03
    #[test]
    fn window_for_the_client_that_was_not_offered_is_refused() {
        let offer = Offer(Params::default());
        let judge = |answer: &'static str| {
            offer.judge(&ExtensionList::parse([answer.as_bytes()].into_iter()).unwrap())
        };
        assert_eq!(
            judge("permessage-deflate; client_max_window_bits=15"),
            Err(ClientHandshakeError::BadDeflateParameter)
        );
        assert!(judge("permessage-deflate").is_ok());
    }
}
