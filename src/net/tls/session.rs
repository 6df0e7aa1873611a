//! TLS of one connection without its socket: records in and bytes out, bytes in and records out.
//!
//! ```text
//! Silent ── a byte ──► Handshaking ── Finished ──► Open ── goodbye ──► Over
//!   └──────────────────────┴──── failure ────────────┴────────────────►
//! ```

use std::fmt;
use std::time::Instant;

use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic,
};

use crate::net::Outbox;
use crate::net::tls::{SealBuffer, TlsFailure};

/// One connection's end of TLS.
pub(in crate::net) struct TlsSession {
    connection: UnbufferedServerConnection,
    state: State,
    /// The beginning of a record, or of a message of the handshake, whose end has not come.
    partial: Vec<u8>,
    /// Records that a full socket has refused.
    pub(in crate::net) unsent: Outbox,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing has come yet.
    Silent {
        until: Instant,
    },
    Handshaking {
        until: Instant,
    },
    Open,
    /// Nothing is sealed or opened any more.
    Over,
}

/// What one read held.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::net) struct Opened {
    /// So many bytes for the service stand at the beginning of the scratch buffer.
    pub(in crate::net) len: usize,
    /// What came after them.
    pub(in crate::net) end: Option<InputEnd>,
}

/// Why nothing more comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::net) enum InputEnd {
    /// The peer's `close_notify`.
    Closed,
    Failed(TlsFailure),
}

impl Opened {
    fn has_failed(&self) -> bool {
        matches!(self.end, Some(InputEnd::Failed(_)))
    }
}

impl TlsSession {
    /// Waits for a client, who must have agreed in time.
    pub(super) fn new(connection: UnbufferedServerConnection, until: Instant) -> Self {
        Self {
            connection,
            state: State::Silent { until },
            partial: Vec::new(),
            unsent: Outbox::default(),
        }
    }

    /// Until when the handshake must be completed; `None`: it is, or never will be.
    pub(in crate::net) fn handshake_until(&self) -> Option<Instant> {
        match self.state {
            State::Silent { until } | State::Handshaking { until } => Some(until),
            State::Open | State::Over => None,
        }
    }

    /// Whether the service's bytes can be sealed.
    pub(in crate::net) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Puts what is left of former reads before the place for the next one, and returns that place.
    pub(in crate::net) fn prepare<'s>(&self, scratch: &'s mut [u8]) -> &'s mut [u8] {
        let (kept, room) = scratch[HEADROOM..].split_at_mut(self.partial.len());
        kept.copy_from_slice(&self.partial);
        room
    }

    /// Opens all whole records, `received_len` bytes having been read into the prepared place. What
    /// they hold is moved to the beginning of `scratch`; what TLS itself has to say to that is
    /// appended to `sealed`.
    pub(in crate::net) fn open(
        &mut self,
        scratch: &mut [u8],
        received_len: usize,
        sealed: &mut SealBuffer,
    ) -> Opened {
        if let State::Silent { until } = self.state {
            self.state = State::Handshaking { until };
            if is_text(scratch[HEADROOM]) {
                return self.fail(0, TlsFailure::Plaintext);
            }
        }
        let end = HEADROOM + self.partial.len() + received_len;
        let opened = self.open_records(&mut scratch[..end], sealed);
        if self.handshake_until().is_some() && !self.connection.is_handshaking() {
            self.state = State::Open;
        }
        match opened.end {
            Some(InputEnd::Failed(failure)) => self.fail(opened.len, failure),
            _ => opened,
        }
    }

    fn open_records(&mut self, scratch: &mut [u8], sealed: &mut SealBuffer) -> Opened {
        let mut begin = HEADROOM;
        let mut opened = Opened { len: 0, end: None };
        loop {
            // What is opened is shorter than its records, and the headroom takes the first of them.
            let (done, rest) = scratch.split_at_mut(begin);
            let UnbufferedStatus { mut discard, state } = self.connection.process_tls_records(rest);
            let is_done = match state {
                Err(error) if !opened.has_failed() => {
                    tracing::debug!(%error, "TLS failed");
                    opened.end = Some(InputEnd::Failed(TlsFailure::Broken));
                    false
                }
                Ok(ConnectionState::EncodeTlsData(data)) => encode(data, sealed).is_err(),
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    // It is on its way: whoever called writes it, or keeps it in order.
                    data.done();
                    false
                }
                Ok(ConnectionState::ReadTraffic(mut traffic)) if !opened.has_failed() => {
                    while let Some(Ok(record)) = traffic.next_record() {
                        // rustls refuses a record whose payload is longer than the headroom.
                        let free = &mut done[opened.len..][..record.payload.len()];
                        free.copy_from_slice(record.payload);
                        opened.len += record.payload.len();
                        discard += record.discard;
                    }
                    false
                }
                Ok(ConnectionState::PeerClosed) if !opened.has_failed() => {
                    opened.end = Some(InputEnd::Closed);
                    false
                }
                // All is opened, or nothing more will be.
                Ok(_) | Err(_) => true,
            };
            begin += discard;
            // After a failure comes its alert. Asked after that, it would look at the same record
            // again, and have another one to say.
            if is_done || (opened.has_failed() && !self.connection.wants_write()) {
                break;
            }
        }
        self.keep(&scratch[begin..], &mut opened);
        opened
    }

    /// Keeps the beginning of a record. Whoever sends it in small pieces makes it no larger: its
    /// length is bounded, and that of messages that span records with it.
    fn keep(&mut self, rest: &[u8], opened: &mut Opened) {
        if opened.end.is_some() || rest.is_empty() {
            self.partial = Vec::new();
        } else if rest.len() > MAX_RECORD_LEN {
            opened.end = Some(InputEnd::Failed(TlsFailure::Broken));
        } else {
            self.partial.clear();
            self.partial.extend_from_slice(rest);
        }
    }

    /// Gives up: nothing is sealed or opened from here on.
    pub(in crate::net) fn give_up(&mut self) {
        self.state = State::Over;
        self.partial = Vec::new();
    }

    fn fail(&mut self, len: usize, failure: TlsFailure) -> Opened {
        self.give_up();
        Opened {
            len,
            end: Some(InputEnd::Failed(failure)),
        }
    }

    /// Moves about [`MAX_SEALED_LEN`] bytes from the front of `outbox` into records in `sealed`.
    ///
    /// # Errors
    ///
    /// The keys are used up (TLS 1.2), or the connection has failed.
    pub(in crate::net) fn seal(
        &mut self,
        outbox: &mut Outbox,
        gathered: &mut Vec<u8>,
        sealed: &mut SealBuffer,
    ) -> Result<(), CannotSeal> {
        self.with_traffic(sealed, |traffic, sealed| {
            while !outbox.is_empty() && sealed.len() < MAX_SEALED_LEN {
                let max_len = (MAX_SEALED_LEN - sealed.len()).next_multiple_of(RECORD_PAYLOAD_LEN);
                let bytes = outbox.peek(RECORD_PAYLOAD_LEN, max_len, gathered);
                let record_count = bytes.len().div_ceil(RECORD_PAYLOAD_LEN);
                let len = bytes.len();
                sealed.room(len + record_count * MAX_OVERHEAD_LEN);
                append(sealed, |room| missing(traffic.encrypt(bytes, room)))?;
                outbox.advance(len);
            }
            Ok(())
        })
    }

    /// Says `close_notify`: the peer can be sure that it has got everything (RFC 8446 §6.1).
    ///
    /// # Errors
    ///
    /// The connection has failed.
    pub(in crate::net) fn say_goodbye(
        &mut self,
        sealed: &mut SealBuffer,
    ) -> Result<(), CannotSeal> {
        let said = self.with_traffic(sealed, |traffic, sealed| {
            sealed.room(MAX_ALERT_LEN);
            append(sealed, |room| missing(traffic.queue_close_notify(room)))
        });
        self.give_up();
        said
    }

    /// Lets `act` seal something, behind what TLS itself has to say first.
    fn with_traffic(
        &mut self,
        sealed: &mut SealBuffer,
        mut act: impl FnMut(&mut Traffic<'_>, &mut SealBuffer) -> Result<(), CannotSeal>,
    ) -> Result<(), CannotSeal> {
        loop {
            // It must see again what it has seen of an unfinished message.
            let UnbufferedStatus { discard, state } =
                self.connection.process_tls_records(&mut self.partial);
            let result = match state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => Some(act(&mut traffic, sealed)),
                Ok(ConnectionState::EncodeTlsData(data)) => encode(data, sealed).err().map(Err),
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    None
                }
                Ok(_) | Err(_) => Some(Err(CannotSeal)),
            };
            self.partial.drain(..discard);
            if let Some(result) = result {
                return result;
            }
        }
    }
}

/// Shows how far it is; keys are in the rest.
impl fmt::Debug for TlsSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSession")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Nothing more can be sent over this connection.
#[derive(Debug)]
pub(in crate::net) struct CannotSeal;

type Traffic<'a> = WriteTraffic<'a, ServerConnectionData>;

/// Why nothing was written into some room.
enum NotWritten {
    /// It takes so much.
    TooLittleRoom(usize),
    Impossible,
}

fn encode(
    mut data: EncodeTlsData<'_, ServerConnectionData>,
    sealed: &mut SealBuffer,
) -> Result<(), CannotSeal> {
    append(sealed, |room| {
        data.encode(room).map_err(|error| match error {
            EncodeError::InsufficientSize(size) => NotWritten::TooLittleRoom(size.required_size),
            EncodeError::AlreadyEncoded => NotWritten::Impossible,
        })
    })
}

fn missing(written: Result<usize, EncryptError>) -> Result<usize, NotWritten> {
    written.map_err(|error| match error {
        EncryptError::InsufficientSize(size) => NotWritten::TooLittleRoom(size.required_size),
        EncryptError::EncryptExhausted => NotWritten::Impossible,
    })
}

/// Appends what `write` writes, with as much room as it turns out to take.
fn append(
    sealed: &mut SealBuffer,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, NotWritten>,
) -> Result<(), CannotSeal> {
    let written = match write(sealed.room(0)) {
        Err(NotWritten::TooLittleRoom(len)) => write(sealed.room(len)),
        written => written,
    };
    sealed.added(written.map_err(|_| CannotSeal)?);
    Ok(())
}

/// Whether a byte is none that TLS begins with (22, or 128 for the hello of SSL 2), but text.
fn is_text(byte: u8) -> bool {
    byte.is_ascii_graphic() || byte.is_ascii_whitespace()
}

/// What a record holds at most (RFC 8446 §5.1).
const RECORD_PAYLOAD_LEN: usize = 1 << 14;

/// A whole record: the header, and 2,048 bytes beyond the payload in TLS 1.2 (RFC 5246 §6.2.3).
/// No message of a handshake that we take part in is longer: we ask for no certificates.
const MAX_RECORD_LEN: usize = 5 + RECORD_PAYLOAD_LEN + 2048;

/// What a record of ours adds to its payload: header, explicit nonce or type, and tag.
const MAX_OVERHEAD_LEN: usize = 5 + 8 + 16;

/// An alert, and a change of keys that may come before it.
const MAX_ALERT_LEN: usize = 128;

/// So much is sealed before a write: what a full socket refuses of it is what a slow reader can
/// make a connection hold beside its outbox.
const MAX_SEALED_LEN: usize = 128 << 10;

/// What has been opened stands before what has not, in the same buffer: it never takes more room
/// than the records that it came in, and one payload.
const HEADROOM: usize = RECORD_PAYLOAD_LEN;

#[cfg(test)]
mod tests;
