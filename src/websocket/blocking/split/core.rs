//! What both halves share, without waiting: the connection, and the order in which bytes leave.
//!
//! ```text
//!   answers, last Close ───────► owed ────┐ first, between frames
//!   the application's Pings ───► control ─┼──► sealed ──► chunk, in one thread's hands ──► socket
//!   messages, then the Close ──► data ────┘
//! ```
//!
//! `owed` and `control` overtake `data`, but never in the middle of a frame. What is in `sealed` has its final
//! place; over TLS it is encrypted. Of the thread that writes there is one at a time: it takes all of
//! `sealed` as a chunk, and what the socket did not take goes back to the front.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::time::Duration;

use crate::websocket::blocking::codecs::Codecs;
use crate::websocket::blocking::delivery::{self, Delivery};
use crate::websocket::blocking::error::Error;
use crate::websocket::blocking::inbox::Inbox;
use crate::websocket::blocking::split::channel::Cipher;
use crate::websocket::blocking::web_socket::{Closed, End};
use crate::websocket::close::CloseCode;
use crate::websocket::connection::{Connection, State};
use crate::websocket::error::{ProtocolError, SendError};
use crate::websocket::message::Event;

pub(super) struct Core {
    connection: Connection,
    codecs: Codecs,
    cipher: Cipher,
    /// Whole control frames that the protocol asks for. Pongs that are too many go.
    owed: Vec<u8>,
    /// Whole control frames of the application's. Who has too many waits.
    control: Vec<u8>,
    /// Whole frames, of which the first may be sealed in part.
    data: VecDeque<Vec<u8>>,
    /// Bytes of all frames in `data`.
    data_len: usize,
    /// Bytes of the first frame in `data` that are sealed.
    front_sealed_len: usize,
    sealed: Vec<u8>,
    /// Frames of `data` so far: queued, sealed, written. None is greater than the one before.
    queued_count: u64,
    sealed_count: u64,
    written_count: u64,
    is_flushing: bool,
    /// Whether the socket outlives the connection: both Closes are exchanged, and its end is waited
    /// for.
    pub(super) is_draining: bool,
    /// Whether a message is sent in parts, between which no other message may come.
    pub(super) is_streaming: bool,
    /// Writers that wait for their frame to be written.
    pub(super) waiting_count: usize,
    /// What the reader knows of it.
    pub(super) round_trip_time: Option<Duration>,
    /// Why nothing can be written any more, if nothing can.
    write_error: Option<Error>,
    /// How the connection ended, once it has.
    end: Option<End>,
}

/// A frame in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// Bytes in one thread's hands, which alone may write.
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    sealed_count: u64,
}

impl Core {
    /// Begins with what is still to be written: `sealed`, and `output` that is not sealed yet.
    /// `NotConnected` where nothing could be sealed.
    pub(super) fn new(
        connection: Connection,
        codecs: Codecs,
        mut cipher: Cipher,
        mut sealed: Vec<u8>,
        mut output: &[u8],
        end: Option<End>,
    ) -> io::Result<Self> {
        if !cipher.is_ready() {
            return Err(io::ErrorKind::NotConnected.into());
        }
        while !output.is_empty() {
            let len = cipher.seal(output, output.len(), &mut sealed)?;
            output = &output[len..];
        }
        Ok(Self {
            connection,
            codecs,
            cipher,
            owed: Vec::new(),
            control: Vec::new(),
            data: VecDeque::new(),
            data_len: 0,
            front_sealed_len: 0,
            sealed,
            queued_count: 0,
            sealed_count: 0,
            written_count: 0,
            is_flushing: false,
            is_draining: false,
            is_streaming: false,
            waiting_count: 0,
            round_trip_time: None,
            write_error: None,
            end,
        })
    }

    /// Queues a message, or the Close that no message follows.
    pub(super) fn queue_data(
        &mut self,
        encode: impl FnOnce(&mut Connection, &mut Vec<u8>) -> Result<(), SendError>,
    ) -> Result<Ticket, Error> {
        self.judge_sending()?;
        let mut frame = Vec::new();
        self.codecs.lend(&mut self.connection, |connection| {
            encode(connection, &mut frame)
        })?;
        Ok(self.push_data(frame))
    }

    /// Queues a Ping or a Pong that nobody asked for.
    pub(super) fn queue_control(
        &mut self,
        encode: impl FnOnce(&mut Connection, &mut Vec<u8>) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        self.judge_sending()?;
        encode(&mut self.connection, &mut self.control)?;
        Ok(())
    }

    /// Returns whether a message can be queued that comes between no other's parts, or never will be.
    pub(super) fn takes_message(&self) -> bool {
        let has_room = !self.is_streaming && self.data_len < MAX_QUEUED_LEN;
        has_room || self.is_over()
    }

    /// Returns whether a Ping can be queued, or never will be.
    pub(super) fn takes_control(&self) -> bool {
        self.control.len() < MAX_CONTROL_LEN || self.is_over()
    }

    /// Opens ciphertext.
    pub(super) fn open(&mut self, ciphertext: &mut Inbox, plaintext: &mut Inbox) -> io::Result<()> {
        self.cipher.open(ciphertext, plaintext, &mut self.sealed)
    }

    /// Returns whether the peer has announced, without a Close, that nothing more comes.
    pub(super) fn has_peer_ended(&self) -> bool {
        self.cipher.has_peer_ended()
    }

    /// Takes an event out of what was read, and queues what is owed for it. The echo of a Close keeps
    /// its place behind messages; a Close that says why the connection fails takes the place of all
    /// that has not begun to leave.
    pub(super) fn receive<M>(
        &mut self,
        inbox: &mut Inbox,
        delivery: Delivery<M>,
    ) -> Result<Option<Event<'static, M>>, ProtocolError> {
        let mut output = Vec::new();
        let event = self.codecs.lend(&mut self.connection, |connection| {
            delivery::take_event(connection, inbox, &mut output, delivery)
        });
        match &event {
            Ok(Some(Event::Closed { .. })) if !output.is_empty() => {
                self.push_data(output);
            }
            Ok(_) => self.push_owed(&output),
            Err(_) => {
                self.drop_queue();
                self.push_owed(&output);
            }
        }
        event
    }

    /// Fails the connection for a reason of the application's.
    pub(super) fn fail(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        let mut output = Vec::new();
        self.connection.fail(code, reason, &mut output)?;
        self.drop_queue();
        self.push_owed(&output);
        Ok(())
    }

    /// Takes what is to be written next; `None` if there is nothing, or if somebody writes.
    pub(super) fn take_chunk(&mut self) -> Option<Chunk> {
        if self.is_flushing || self.write_error.is_some() {
            return None;
        }
        if let Err(error) = self.seal() {
            self.write_error = Some(error.into());
            return None;
        }
        if self.sealed.is_empty() {
            return None;
        }
        self.is_flushing = true;
        Some(Chunk {
            bytes: mem::take(&mut self.sealed),
            sealed_count: self.sealed_count,
        })
    }

    /// Takes a chunk back of which `written_len` bytes were written.
    pub(super) fn give_back(&mut self, mut chunk: Chunk, written_len: usize) {
        self.is_flushing = false;
        if written_len == chunk.bytes.len() {
            self.written_count = chunk.sealed_count;
            // Keep a buffer of ordinary size for the next chunk.
            if self.sealed.is_empty() && chunk.bytes.capacity() <= 2 * MAX_CHUNK_LEN {
                chunk.bytes.clear();
                self.sealed = chunk.bytes;
            }
        } else {
            chunk.bytes.drain(..written_len);
            chunk.bytes.append(&mut self.sealed);
            self.sealed = chunk.bytes;
        }
        self.assert_invariants();
    }

    /// Takes a chunk back that can't be written.
    pub(super) fn give_up(&mut self, error: Error) {
        self.is_flushing = false;
        self.write_error = Some(error);
    }

    /// Returns whether there is something to write that nobody writes, or is about to.
    pub(super) fn is_left_alone(&self) -> bool {
        let has_control = !self.owed.is_empty() || !self.control.is_empty();
        let has_output = !self.sealed.is_empty() || has_control || !self.data.is_empty();
        has_output && !self.is_flushing && self.waiting_count == 0 && self.write_error.is_none()
    }

    pub(super) fn is_flushing(&self) -> bool {
        self.is_flushing
    }

    pub(super) fn is_written(&self, ticket: Ticket) -> bool {
        self.written_count >= ticket.0
    }

    /// Returns why a frame that is not written never will be.
    pub(super) fn write_error(&self) -> Error {
        match (&self.write_error, &self.end) {
            (Some(error), _) | (None, Some(End::Failed(error))) => error.clone(),
            (None, Some(End::Closed(_)) | None) => SendError::Closed.into(),
        }
    }

    pub(super) fn has_write_error(&self) -> bool {
        self.write_error.is_some()
    }

    /// Returns whether nothing more is sent.
    fn is_over(&self) -> bool {
        self.end.is_some() || self.has_write_error()
    }

    /// Says that nothing more comes, behind all that is queued.
    pub(super) fn seal_end(&mut self) {
        self.cipher.seal_end(&mut self.sealed);
    }

    pub(super) fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Notes how the connection ended; the first word holds.
    pub(super) fn set_end(&mut self, end: End) {
        self.end.get_or_insert(end);
    }

    pub(super) fn closed(&self) -> Option<Closed> {
        match &self.end {
            Some(End::Closed(closed)) => Some(closed.clone()),
            Some(End::Failed(_)) | None => None,
        }
    }

    /// Returns whether a Close may be sent.
    pub(super) fn is_open(&self) -> bool {
        self.end.is_none() && self.connection.state() == State::Open
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    fn judge_sending(&self) -> Result<(), Error> {
        match (&self.end, &self.write_error) {
            (None, None) => Ok(()),
            (None, Some(error)) => Err(error.clone()),
            (Some(_), _) => Err(SendError::Closed.into()),
        }
    }

    fn push_data(&mut self, frame: Vec<u8>) -> Ticket {
        self.data_len += frame.len();
        self.data.push_back(frame);
        self.queued_count += 1;
        Ticket(self.queued_count)
    }

    /// Queues what is owed to the peer. While it does not read its Pongs, only the latest of them are
    /// kept (RFC 6455 §5.5.3).
    fn push_owed(&mut self, frames: &[u8]) {
        if self.owed.len() >= MAX_CONTROL_LEN {
            self.owed.clear();
        }
        self.owed.extend_from_slice(frames);
    }

    /// Forgets the messages of which nothing is sealed. A Close behind them is owed from now on, as
    /// the connection writes only one.
    fn drop_queue(&mut self) {
        let kept_count = usize::from(self.front_sealed_len > 0);
        let last = self.data.drain(kept_count..).next_back();
        self.data_len = self.data.iter().map(Vec::len).sum();
        self.owed = last.filter(|frame| is_close(frame)).unwrap_or_default();
        self.control.clear();
    }

    /// Moves what is next into `sealed`, a bounded part of it.
    fn seal(&mut self) -> io::Result<()> {
        while self.sealed.len() < MAX_CHUNK_LEN {
            let has_control = !self.owed.is_empty() || !self.control.is_empty();
            if self.front_sealed_len == 0 && has_control {
                let mut frames = mem::take(&mut self.owed);
                frames.append(&mut self.control);
                let mut rest = &frames[..];
                while !rest.is_empty() {
                    let len = self.cipher.seal(rest, rest.len(), &mut self.sealed)?;
                    rest = &rest[len..];
                }
            } else if let Some(frame) = self.data.front_mut() {
                let frame_len = frame.len();
                if self.cipher.is_plain() && self.sealed.is_empty() && self.front_sealed_len == 0 {
                    self.sealed = mem::take(frame);
                    self.front_sealed_len = frame_len;
                } else {
                    let rest = &frame[self.front_sealed_len..];
                    self.front_sealed_len +=
                        self.cipher.seal(rest, MAX_CHUNK_LEN, &mut self.sealed)?;
                }
                if self.front_sealed_len == frame_len {
                    self.data.pop_front();
                    self.data_len -= frame_len;
                    self.front_sealed_len = 0;
                    self.sealed_count += 1;
                }
            } else {
                break;
            }
        }
        Ok(())
    }

    fn assert_invariants(&self) {
        debug_assert!(self.written_count <= self.sealed_count);
        debug_assert!(self.sealed_count <= self.queued_count);
        debug_assert!(
            self.data
                .front()
                .map_or(self.front_sealed_len == 0, |it| it.len()
                    > self.front_sealed_len),
            "a frame that is sealed is out of the queue"
        );
    }
}

/// Returns whether a whole frame is a Close (RFC 6455 §5.5.1).
fn is_close(frame: &[u8]) -> bool {
    frame.first().is_some_and(|first| first & 0x0f == 0x8)
}

/// Messages that may wait to be sealed; beyond it senders wait before they encode theirs. One
/// message may be larger than it.
const MAX_QUEUED_LEN: usize = 1024 * 1024;

/// Control frames that may wait while the peer reads nothing, of those that are owed and of the
/// application's: about 500 of the largest size.
const MAX_CONTROL_LEN: usize = 64 * 1024;

/// Bytes that are sealed in one go, while the other half waits for the lock.
const MAX_CHUNK_LEN: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::limits::Limits;
    use crate::websocket::message::Message;

    fn core() -> Core {
        let connection = Connection::server(Limits::default());
        let codecs = Codecs::default();
        Core::new(connection, codecs, Cipher::Plain, Vec::new(), &[], None).unwrap()
    }

    fn queue(core: &mut Core, text: &str) -> Ticket {
        let message = Message::text(text);
        core.queue_data(|connection, output| connection.send(&message, output))
            .unwrap()
    }

    fn receive(core: &mut Core, bytes: &[u8]) -> Result<Option<Event<'static>>, ProtocolError> {
        core.receive(&mut Inbox::new(bytes.to_vec()), delivery::WHOLE)
    }

    fn written(core: &mut Core) -> Vec<u8> {
        let mut written = Vec::new();
        while let Some(chunk) = core.take_chunk() {
            written.extend_from_slice(&chunk.bytes);
            let len = chunk.bytes.len();
            core.give_back(chunk, len);
        }
        written
    }

    const PING: &[u8] = b"\x89\x81\x00\x00\x00\x00?";
    const PONG: &[u8] = b"\x8a\x01?";

    #[test]
    fn pongs_overtake_messages_that_wait() {
        let mut core = core();
        queue(&mut core, "a");
        queue(&mut core, "b");
        receive(&mut core, PING).unwrap();
        receive(&mut core, PING).unwrap();
        let expected = [PONG, PONG, b"\x81\x01a\x81\x01b"].concat();
        assert_eq!(written(&mut core), expected);
    }

    #[test]
    fn pongs_never_part_a_frame() {
        let mut core = core();
        let text = "x".repeat(3 * MAX_CHUNK_LEN);
        receive(&mut core, PING).unwrap();
        let ticket = queue(&mut core, &text);
        let chunk = core.take_chunk().unwrap();
        assert_eq!(chunk.bytes.len(), PONG.len() + 65_536, "the frame is cut");
        receive(&mut core, PING).unwrap();
        let mut bytes = chunk.bytes.clone();
        core.give_back(chunk, 1);
        assert!(!core.is_written(ticket));
        bytes.truncate(1);
        bytes.extend(written(&mut core));
        assert!(core.is_written(ticket));
        assert!(bytes.starts_with(PONG));
        assert!(bytes.ends_with(&[b"x", PONG].concat()));
        assert_eq!(bytes.len(), 2 * PONG.len() + 10 + text.len());
    }

    #[test]
    fn close_keeps_its_place_behind_messages() {
        let mut core = core();
        queue(&mut core, "a");
        receive(&mut core, b"\x88\x80\x00\x00\x00\x00").unwrap();
        assert_eq!(written(&mut core), b"\x81\x01a\x88\x00");
    }

    #[test]
    fn close_that_answers_ours_is_owed_nothing() {
        let mut core = core();
        core.queue_data(|connection, output| connection.close(CloseCode::NORMAL, "", output))
            .unwrap();
        assert_eq!(written(&mut core), b"\x88\x02\x03\xe8");
        let event = receive(&mut core, b"\x88\x80\x00\x00\x00\x00").unwrap();
        assert!(matches!(event, Some(Event::Closed { .. })));
        assert!(!core.is_left_alone());
    }

    #[test]
    fn failure_takes_the_place_of_messages_that_have_not_begun_to_leave() {
        let mut core = core();
        let text = "x".repeat(3 * MAX_CHUNK_LEN);
        core.push_owed(PONG);
        queue(&mut core, &text);
        let dropped = queue(&mut core, "dropped");
        let chunk = core.take_chunk().unwrap();
        let mut bytes = chunk.bytes.clone();
        let len = chunk.bytes.len();
        receive(&mut core, b"\x01\x00").unwrap_err();
        core.give_back(chunk, len);
        bytes.extend(written(&mut core));
        let close = &bytes[PONG.len() + 10 + text.len()..];
        assert!(close.starts_with(b"\x88"), "the begun frame is whole");
        assert_eq!(close[2..4], [0x03, 0xea]);
        assert!(!core.is_written(dropped));
    }

    #[test]
    fn close_that_waits_outlives_the_messages_before_it() {
        for has_begun in [false, true] {
            let mut core = core();
            let text = "x".repeat(3 * MAX_CHUNK_LEN);
            let message = queue(&mut core, &text);
            core.queue_data(|connection, output| connection.close(CloseCode::NORMAL, "", output))
                .unwrap();
            let mut bytes = Vec::new();
            if has_begun {
                core.push_owed(PONG);
                let chunk = core.take_chunk().unwrap();
                bytes.extend_from_slice(&chunk.bytes);
                let len = chunk.bytes.len();
                core.give_back(chunk, len);
            }
            receive(&mut core, b"\x01\x00").unwrap_err();
            bytes.extend(written(&mut core));
            let close = match has_begun {
                true => &bytes[PONG.len() + 10 + text.len()..],
                false => &bytes,
            };
            assert_eq!(close, b"\x88\x02\x03\xe8", "has begun: {has_begun}");
            assert_eq!(core.is_written(message), has_begun);
        }
    }

    #[test]
    fn only_the_latest_pongs_are_kept_while_nobody_reads_them() {
        let mut core = core();
        for _ in 0..100_000 {
            receive(&mut core, PING).unwrap();
        }
        assert!(core.owed.len() <= MAX_CONTROL_LEN + PONG.len());
        assert!(written(&mut core).ends_with(PONG));
    }

    #[test]
    fn pings_have_room_until_too_many_wait_and_answers_leave_them_alone() {
        let mut core = core();
        let mut pings = Vec::new();
        while core.takes_control() {
            core.queue_control(|connection, output| connection.ping(&[b'!'; 62], output))
                .unwrap();
            pings.extend_from_slice(b"\x89\x3e");
            pings.extend_from_slice(&[b'!'; 62]);
        }
        assert_eq!(pings.len(), 65_536);
        for _ in 0..100_000 {
            receive(&mut core, PING).unwrap();
        }
        assert!(written(&mut core).ends_with(&pings));
        assert!(core.takes_control());
    }

    #[test]
    fn messages_have_room_until_a_mebibyte_of_them_waits() {
        let mut core = core();
        let (header_len, empty_len) = (10, 2);
        queue(&mut core, &"x".repeat((1 << 20) - header_len - empty_len));
        assert!(core.takes_message());
        queue(&mut core, "");
        assert!(!core.takes_message());
        written(&mut core);
        assert!(core.takes_message());
        queue(&mut core, "a");
        queue(&mut core, &"x".repeat(2 << 20));
        let _begun = core.take_chunk().unwrap();
        assert!(!core.takes_message(), "the large one is begun, not done");
    }

    #[test]
    fn buffer_that_was_written_is_kept_unless_it_is_large_or_another_has_begun() {
        for (len, keeps) in [(100_000, true), (200_000, false)] {
            let mut core = core();
            queue(&mut core, &"x".repeat(len));
            written(&mut core);
            assert_eq!(core.sealed.capacity() >= len, keeps, "{len}");
        }
        let mut core = core();
        queue(&mut core, "a");
        let chunk = core.take_chunk().unwrap();
        core.sealed.extend_from_slice(b"what TLS has to say");
        core.give_back(chunk, 3);
        assert_eq!(written(&mut core), b"what TLS has to say");
    }

    #[test]
    fn reader_writes_what_nobody_else_does() {
        let ping = |core: &mut Core| {
            core.queue_control(|connection, output| connection.ping(b"", output))
                .unwrap();
        };
        let fill: [fn(&mut Core); 3] = [
            |core| core.push_owed(PONG),
            |core| {
                queue(core, "a");
            },
            |core| {
                queue(core, "a");
                let chunk = core.take_chunk().unwrap();
                core.give_back(chunk, 1);
            },
        ];
        for fill in fill {
            let mut core = core();
            assert!(!core.is_left_alone(), "there is nothing");
            fill(&mut core);
            assert!(core.is_left_alone());
            core.waiting_count = 1;
            assert!(!core.is_left_alone(), "who waits will write");
            core.waiting_count = 0;
            let chunk = core.take_chunk().unwrap();
            ping(&mut core);
            assert!(!core.is_left_alone(), "somebody writes");
            core.give_back(chunk, 0);
            written(&mut core);
            ping(&mut core);
            assert!(core.is_left_alone());
            core.give_up(Error::Truncated);
            assert!(!core.is_left_alone(), "nothing can be written");
        }
    }

    #[test]
    fn nobody_waits_for_room_once_nothing_is_sent_any_more() {
        let ends: [fn(&mut Core); 2] = [
            |core| core.set_end(End::Failed(Error::Abandoned)),
            |core| core.give_up(Error::Truncated),
        ];
        for end in ends {
            let mut core = core();
            core.is_streaming = true;
            core.control = vec![0; MAX_CONTROL_LEN];
            assert!(!core.takes_message() && !core.takes_control());
            end(&mut core);
            assert!(core.takes_message() && core.takes_control());
        }
    }

    #[test]
    fn connection_is_open_until_a_close_or_an_end() {
        let mut core = core();
        assert!(core.is_open());
        receive(&mut core, b"\x88\x80\x00\x00\x00\x00").unwrap();
        assert!(!core.is_open());
        let mut core = self::core();
        core.set_end(End::Failed(Error::Truncated));
        assert!(!core.is_open());
    }

    #[test]
    fn chunk_ends_with_the_frame_that_fills_it() {
        let mut core = core();
        let header_len = 4;
        queue(&mut core, &"x".repeat(65_536 - header_len));
        queue(&mut core, "a");
        let chunk = core.take_chunk().unwrap();
        assert_eq!(chunk.bytes.len(), 65_536);
    }

    #[test]
    fn one_thread_at_a_time_has_a_chunk() {
        let mut core = core();
        queue(&mut core, "a");
        let chunk = core.take_chunk().unwrap();
        queue(&mut core, "b");
        assert!(core.take_chunk().is_none());
        core.give_back(chunk, 0);
        assert_eq!(written(&mut core), b"\x81\x01a\x81\x01b");
    }
}
