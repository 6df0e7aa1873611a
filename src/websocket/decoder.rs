//! Turns the peer's bytes into messages and control frames.
//!
//! A small machine runs inside each frame: first its header, judged as far as it has arrived and
//! before any payload is stored, then its payload. What is complete in the caller's buffer is handed
//! out from there, unmasked in place. Only what arrives in parts, or in fragments, is copied, and the
//! memory for it goes when it is done.

use std::borrow::Cow;

use crate::websocket::assembler::{Assembler, Filled};
use crate::websocket::compression::Inflation;
use crate::websocket::error::ProtocolError;
use crate::websocket::frame::{
    self, ControlKind, FrameHeader, MAX_CONTROL_PAYLOAD_LEN, MAX_HEADER_LEN, MessageKind, Opcode,
    Role, ShortHeader, Situation,
};
use crate::websocket::limits::Limits;
use crate::websocket::message::{Message, Part};
use crate::websocket::{mask, utf8};

/// Longest part that a compressed message is handed out in, in bytes. 64 KiB: what a stream is read
/// by, too much for nobody.
const MAX_INFLATED_PART_LEN: usize = 64 * 1024;

/// Bytes of a compressed message that are unmasked at once. 64 KiB: those that do not fit are masked
/// again, which must not cost more than what did fit.
const MAX_INFLATED_INPUT_LEN: usize = 64 * 1024;

/// Bytes of a message in parts that are unmasked, validated and copied before the next ones. 8 KiB:
/// they and their copy stay in the nearest cache of any processor.
const MAX_COPIED_LEN: usize = 8 * 1024;

/// What a peer sent: a message or a part of one, or a whole control frame.
#[derive(Debug)]
pub(crate) enum Incoming<'i> {
    Data(Part<'i>),
    Control(ControlKind, Cow<'i, [u8]>),
}

/// How messages are handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// When they are complete; what of one was handed out in parts is not repeated.
    Whole,
    /// As they arrive.
    InParts,
}

/// The receiving half of an endpoint. After an error it is of no use.
#[derive(Debug)]
pub(crate) struct Decoder {
    limits: Limits,
    receiver: Role,
    reading: Reading,
    /// The message that has begun and not ended. While `reading` is `Data` there is one.
    unfinished: Option<Box<Assembler>>,
}

/// What the next byte belongs to.
#[derive(Debug)]
enum Reading {
    /// The current header; it is empty between frames.
    Header(PartialHeader),
    Data(PartialData),
    Control(Box<PartialControl>),
}

impl Decoder {
    pub(crate) fn new(receiver: Role, limits: Limits) -> Self {
        let reading = Reading::Header(PartialHeader::default());
        Self {
            limits,
            receiver,
            reading,
            unfinished: None,
        }
    }

    /// Consumes from the front of `input`, up to the end of a message, a part of one or a control
    /// frame; `None` when all is consumed. `inflation` is there if compression was agreed on.
    pub(crate) fn decode<'i>(
        &mut self,
        input: &mut &'i mut [u8],
        delivery: Delivery,
        mut inflation: Option<&mut Inflation>,
    ) -> Result<Option<Incoming<'i>>, ProtocolError> {
        while !input.is_empty() || self.owes_data() {
            let incoming = match self.reading {
                Reading::Header(_) => match self.take_header(input, inflation.is_some())? {
                    Some(header) => {
                        self.begin_payload(&header, input, delivery, inflation.as_deref_mut())?
                    }
                    None => None,
                },
                Reading::Data(_) => self.take_data(input, delivery, inflation.as_deref_mut())?,
                Reading::Control(_) => self.take_control(input),
            };
            if incoming.is_some() {
                return Ok(incoming);
            }
        }
        Ok(None)
    }

    /// Takes a message in one short frame, as most are, if it is at the front of `input` and nothing
    /// of its header is to be found fault with. With `None` nothing is consumed: that is for
    /// [`decode`](Self::decode) to judge, which does the same with such a message, only slower.
    #[inline]
    pub(crate) fn take_short<'i>(
        &mut self,
        input: &mut &'i mut [u8],
    ) -> Option<Result<Message<'i>, ProtocolError>> {
        let is_between_messages = matches!(
            self.reading,
            Reading::Header(PartialHeader { len: 0, .. }) if self.unfinished.is_none()
        );
        if !is_between_messages || self.receiver != Role::Server {
            return None;
        }
        let header = ShortHeader::decode(input)?;
        if header.payload_len > self.limits.max_message_len {
            return None;
        }
        let frame = input.split_off_mut(..header.len + header.payload_len)?;
        let payload = &mut frame[header.len..];
        mask::apply(payload, header.masking_key);
        Some(message(header.kind, payload))
    }

    pub(crate) fn has_unfinished_message(&self) -> bool {
        self.unfinished.is_some()
    }

    /// Returns the bytes of memory held for the unfinished message.
    pub(crate) fn unfinished_len(&self) -> usize {
        self.unfinished
            .as_ref()
            .map_or(0, |unfinished| unfinished.held_len())
    }

    /// Forgets what has not arrived completely.
    pub(crate) fn clear(&mut self) {
        self.begin_frame();
        self.unfinished = None;
    }

    pub(crate) fn assert_invariants(&self) {
        let is_in_data = matches!(self.reading, Reading::Data(_));
        debug_assert!(
            !is_in_data || self.unfinished.is_some(),
            "data belongs to a message"
        );
    }

    /// Returns whether what has arrived inflates to more than was handed out.
    fn owes_data(&self) -> bool {
        matches!(&self.reading, Reading::Data(data) if data.remaining_len == 0)
    }

    fn begin_frame(&mut self) {
        self.reading = Reading::Header(PartialHeader::default());
    }

    /// Takes a whole header, masking key included.
    fn take_header(
        &mut self,
        input: &mut &mut [u8],
        is_compression_agreed: bool,
    ) -> Result<Option<FrameHeader>, ProtocolError> {
        let Reading::Header(partial) = &mut self.reading else {
            unreachable!("`decode` looked");
        };
        let carried_len = usize::from(partial.len);
        let bytes = if carried_len == 0 {
            &**input
        } else {
            partial.fill(input)
        };
        let situation = Situation {
            receiver: self.receiver,
            is_inside_message: self.unfinished.is_some(),
            is_compression_agreed,
        };
        let header = FrameHeader::decode(bytes, situation)?;
        if let Some(header) = &header {
            judge_len(header, &self.limits, self.unfinished.as_deref())?;
        }
        if let Some(header) = header
            && header.len <= bytes.len()
        {
            let _ = input.split_off_mut(..header.len - carried_len);
            partial.len = 0;
            return Ok(Some(header));
        }
        if carried_len == 0 {
            partial.fill(input);
        }
        *input = &mut [];
        Ok(None)
    }

    /// Takes the payload if it is complete in `input`, and prepares for its parts if it is not.
    fn begin_payload<'i>(
        &mut self,
        header: &FrameHeader,
        input: &mut &'i mut [u8],
        delivery: Delivery,
        inflation: Option<&mut Inflation>,
    ) -> Result<Option<Incoming<'i>>, ProtocolError> {
        match header.opcode {
            Opcode::Control(kind) => {
                let len = usize::try_from(header.payload_len).expect("at most 125, as was judged");
                match take_payload(len, header.masking_key, input) {
                    Some(payload) => Ok(Some(Incoming::Control(kind, Cow::Borrowed(payload)))),
                    None => {
                        let control = PartialControl::new(kind, header.masking_key, len);
                        self.reading = Reading::Control(Box::new(control));
                        Ok(None)
                    }
                }
            }
            Opcode::Message(kind)
                if header.is_final
                    && !header.is_compressed
                    && header.payload_len <= frame::wire_len(input.len()) =>
            {
                let len = usize::try_from(header.payload_len).expect("payload is in the input");
                let payload =
                    take_payload(len, header.masking_key, input).expect("payload is in the input");
                Ok(Some(Incoming::Data(Part {
                    payload: message(kind, payload)?,
                    is_final: true,
                })))
            }
            Opcode::Message(_) | Opcode::Continuation => {
                self.begin_data(header);
                self.take_data(input, delivery, inflation)
            }
        }
    }

    /// Begins a frame whose message is assembled.
    fn begin_data(&mut self, header: &FrameHeader) {
        match (header.opcode, &mut self.unfinished) {
            (Opcode::Message(kind), unfinished) => {
                *unfinished = Some(Box::new(Assembler::new(kind, header.is_compressed)));
            }
            (_, Some(unfinished)) => unfinished.begin_fragment(),
            (_, None) => {}
        }
        self.reading = Reading::Data(PartialData {
            masking_key: header.masking_key,
            remaining_len: header.payload_len,
            is_final: header.is_final,
            is_ending: false,
        });
    }

    /// Takes what has arrived of a data frame's payload.
    fn take_data<'i>(
        &mut self,
        input: &mut &'i mut [u8],
        delivery: Delivery,
        inflation: Option<&mut Inflation>,
    ) -> Result<Option<Incoming<'i>>, ProtocolError> {
        let (Reading::Data(data), Some(unfinished)) = (&mut self.reading, &mut self.unfinished)
        else {
            unreachable!("`decode` looked, and data belongs to a message");
        };
        let announced_len = data.remaining_len;
        let (piece, is_frame_done) = match inflation {
            Some(inflation) if unfinished.is_compressed() => {
                let max_held_len = match delivery {
                    Delivery::Whole => usize::MAX,
                    Delivery::InParts => MAX_INFLATED_PART_LEN,
                };
                let max_len = self.limits.max_message_len;
                let filled = unfinished.push_inflated(max_len, max_held_len, |output, len| {
                    data.inflate(input, inflation, output, len)
                })?;
                (&[][..], filled != Filled::Part)
            }
            _ => {
                let max_len = match delivery {
                    Delivery::Whole => MAX_COPIED_LEN,
                    Delivery::InParts => usize::MAX,
                };
                if data.is_final && delivery == Delivery::Whole {
                    let present_len = data.present_len(input);
                    let rest_len = data.remaining_len - frame::wire_len(present_len);
                    unfinished.reserve(present_len, rest_len);
                }
                (data.take(input, max_len), data.remaining_len == 0)
            }
        };
        unfinished.received(announced_len - data.remaining_len);
        let is_final = is_frame_done && data.is_final;
        let payload = match delivery {
            Delivery::InParts => Some(unfinished.pass(piece)?),
            Delivery::Whole => {
                unfinished.push(piece)?;
                is_final.then(|| unfinished.take())
            }
        };
        if is_frame_done {
            self.begin_frame();
        }
        if let Some(finished) = self.unfinished.take_if(|_| is_final) {
            finished.judge_end()?;
        }
        Ok(payload
            .filter(|payload| is_final || !payload.is_empty())
            .map(|payload| Incoming::Data(Part { payload, is_final })))
    }

    /// Takes what has arrived of a control frame's payload.
    fn take_control<'i>(&mut self, input: &mut &mut [u8]) -> Option<Incoming<'i>> {
        let Reading::Control(control) = &mut self.reading else {
            unreachable!("`decode` looked");
        };
        let payload = control.fill(input)?.to_vec();
        let kind = control.kind;
        self.begin_frame();
        Some(Incoming::Control(kind, Cow::Owned(payload)))
    }
}

/// Judges the announced length and the number of fragments, before any payload is stored.
fn judge_len(
    header: &FrameHeader,
    limits: &Limits,
    unfinished: Option<&Assembler>,
) -> Result<(), ProtocolError> {
    if let Opcode::Control(_) = header.opcode {
        return Ok(());
    }
    let received_len = unfinished.map_or(0, Assembler::received_len);
    let len = header.payload_len.saturating_add(received_len);
    let is_compressed = header.is_compressed || unfinished.is_some_and(Assembler::is_compressed);
    let max = if is_compressed {
        limits.max_compressed_len()
    } else {
        frame::wire_len(limits.max_message_len)
    };
    if len > max {
        return Err(ProtocolError::MessageTooLong { len, max });
    }
    if let Some(unfinished) = unfinished {
        let max = limits.max_fragments_after(received_len);
        if unfinished.fragment_count() >= max {
            return Err(ProtocolError::TooManyFragments { max });
        }
    }
    Ok(())
}

/// Takes `len` bytes of a payload from the front of `input`, unmasked, if they are there.
fn take_payload<'i>(
    len: usize,
    masking_key: Option<[u8; 4]>,
    input: &mut &'i mut [u8],
) -> Option<&'i [u8]> {
    let payload = input.split_off_mut(..len)?;
    if let Some(key) = masking_key {
        mask::apply(payload, key);
    }
    Some(payload)
}

/// Makes a message of all of its payload.
#[inline]
fn message(kind: MessageKind, payload: &[u8]) -> Result<Message<'_>, ProtocolError> {
    Ok(match kind {
        MessageKind::Text => Message::text(utf8::from_utf8(payload)?),
        MessageKind::Binary => Message::binary(payload),
    })
}

/// As much of a header as has arrived.
#[derive(Debug, Clone, Copy, Default)]
struct PartialHeader {
    bytes: [u8; MAX_HEADER_LEN],
    /// A byte, as each idle connection has one of these.
    len: u8,
}

impl PartialHeader {
    /// Copies as much of `input` as fits, and returns all that is there.
    fn fill(&mut self, input: &[u8]) -> &[u8] {
        for (free, byte) in self.bytes[self.len.into()..].iter_mut().zip(input) {
            *free = *byte;
            self.len += 1;
        }
        &self.bytes[..self.len.into()]
    }
}

/// A data frame whose payload has not arrived completely.
#[derive(Debug)]
struct PartialData {
    /// Turned to the byte that is next.
    masking_key: Option<[u8; 4]>,
    remaining_len: u64,
    is_final: bool,
    /// All of a compressed message has arrived, and not all that it inflates to is handed out.
    is_ending: bool,
}

impl PartialData {
    /// Takes what has arrived, at most `max_len` bytes, unmasked.
    fn take<'i>(&mut self, input: &mut &'i mut [u8], max_len: usize) -> &'i [u8] {
        let len = self.present_len(input).min(max_len);
        let part = take_payload(len, self.masking_key, input).expect("part is within the input");
        self.taken(len);
        part
    }

    /// Inflates what has arrived until `output` is `max_output_len` long.
    fn inflate(
        &mut self,
        input: &mut &mut [u8],
        inflation: &mut Inflation,
        output: &mut Vec<u8>,
        max_output_len: usize,
    ) -> Result<Filled, ProtocolError> {
        while !self.is_ending {
            let len = self.present_len(input).min(MAX_INFLATED_INPUT_LEN);
            let part = &mut input[..len];
            if let Some(key) = self.masking_key {
                mask::apply(part, key);
            }
            let taken_len = inflation.inflate(part, output, max_output_len)?;
            if let Some(key) = self.masking_key {
                // What did not fit comes again, as it came.
                mask::apply(&mut part[taken_len..], mask::advance(key, taken_len));
            }
            let _ = input.split_off_mut(..taken_len);
            self.taken(taken_len);
            if output.len() >= max_output_len {
                return Ok(Filled::Part);
            }
            if self.remaining_len > 0 {
                if input.is_empty() {
                    return Ok(Filled::Part);
                }
            } else if self.is_final {
                self.is_ending = true;
            } else {
                return Ok(Filled::Frame);
            }
        }
        let is_done = inflation.finish_message(output, max_output_len)?;
        Ok(if is_done {
            Filled::Message
        } else {
            Filled::Part
        })
    }

    fn present_len(&self, input: &[u8]) -> usize {
        usize::try_from(self.remaining_len).map_or(input.len(), |len| len.min(input.len()))
    }

    /// Notes that `len` bytes of the payload are dealt with.
    fn taken(&mut self, len: usize) {
        self.masking_key = self.masking_key.map(|key| mask::advance(key, len));
        self.remaining_len -= frame::wire_len(len);
    }
}

/// A control frame whose payload has not arrived completely.
#[derive(Debug)]
struct PartialControl {
    kind: ControlKind,
    masking_key: Option<[u8; 4]>,
    payload: [u8; MAX_CONTROL_PAYLOAD_LEN],
    payload_len: usize,
    received_len: usize,
}

impl PartialControl {
    fn new(kind: ControlKind, masking_key: Option<[u8; 4]>, payload_len: usize) -> Self {
        let payload = [0; MAX_CONTROL_PAYLOAD_LEN];
        Self {
            kind,
            masking_key,
            payload,
            payload_len,
            received_len: 0,
        }
    }

    /// Takes what has arrived; returns the whole payload, unmasked, once it is complete.
    fn fill(&mut self, input: &mut &mut [u8]) -> Option<&[u8]> {
        let free = &mut self.payload[self.received_len..self.payload_len];
        let len = free.len().min(input.len());
        free[..len].copy_from_slice(input.split_off_mut(..len)?);
        self.received_len += len;
        if self.received_len < self.payload_len {
            return None;
        }
        let payload = &mut self.payload[..self.payload_len];
        if let Some(key) = self.masking_key {
            mask::apply(payload, key);
        }
        Some(payload)
    }
}
