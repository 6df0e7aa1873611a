//! Turns the peer's bytes into messages and control frames.
//!
//! A small machine runs inside each frame: first its header, judged as far as it has arrived and
//! before any payload is stored, then its payload. What is complete in the caller's buffer is handed
//! out from there, unmasked in place. Only what arrives in parts, or in fragments, is copied, and the
//! memory for it goes when it is done.

use std::borrow::Cow;

use crate::websocket::assembler::Assembler;
use crate::websocket::error::ProtocolError;
use crate::websocket::frame::{
    self, ControlKind, FrameHeader, MAX_CONTROL_PAYLOAD_LEN, MAX_HEADER_LEN, MessageKind, Opcode,
    Role,
};
use crate::websocket::limits::Limits;
use crate::websocket::message::Message;
use crate::websocket::{mask, utf8};

/// What a peer sent, whole.
#[derive(Debug)]
pub(crate) enum Incoming<'i> {
    Message(Message<'i>),
    Control(ControlKind, Cow<'i, [u8]>),
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

    /// Consumes from the front of `input`, up to the end of a message or control frame; `None` when
    /// all is consumed.
    pub(crate) fn decode<'i>(
        &mut self,
        input: &mut &'i mut [u8],
    ) -> Result<Option<Incoming<'i>>, ProtocolError> {
        while !input.is_empty() {
            let incoming = match self.reading {
                Reading::Header(_) => match self.take_header(input)? {
                    Some(header) => self.begin_payload(&header, input)?,
                    None => None,
                },
                Reading::Data(_) => self.take_data(input)?,
                Reading::Control(_) => self.take_control(input),
            };
            if incoming.is_some() {
                return Ok(incoming);
            }
        }
        Ok(None)
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

    fn begin_frame(&mut self) {
        self.reading = Reading::Header(PartialHeader::default());
    }

    /// Takes a whole header, masking key included.
    fn take_header(&mut self, input: &mut &mut [u8]) -> Result<Option<FrameHeader>, ProtocolError> {
        let Reading::Header(partial) = &mut self.reading else {
            unreachable!("`decode` looked");
        };
        let carried_len = usize::from(partial.len);
        let bytes = if carried_len == 0 {
            &**input
        } else {
            partial.fill(input)
        };
        let header = FrameHeader::decode(bytes, self.receiver, self.unfinished.is_some())?;
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
    ) -> Result<Option<Incoming<'i>>, ProtocolError> {
        let payload_len = usize::try_from(header.payload_len).expect("length is within the limits");
        match header.opcode {
            Opcode::Control(kind) => match take_payload(payload_len, header.masking_key, input) {
                Some(payload) => Ok(Some(Incoming::Control(kind, Cow::Borrowed(payload)))),
                None => {
                    let control = PartialControl::new(kind, header.masking_key, payload_len);
                    self.reading = Reading::Control(Box::new(control));
                    Ok(None)
                }
            },
            Opcode::Message(kind) if header.is_final && payload_len <= input.len() => {
                let payload = take_payload(payload_len, header.masking_key, input)
                    .expect("payload is complete in the input");
                let message = match kind {
                    MessageKind::Text => Message::text(utf8::from_utf8(payload)?),
                    MessageKind::Binary => Message::binary(payload),
                };
                Ok(Some(Incoming::Message(message)))
            }
            Opcode::Message(_) | Opcode::Continuation => {
                self.begin_data(header, payload_len);
                self.take_data(input)
            }
        }
    }

    /// Begins a frame whose message is assembled.
    fn begin_data(&mut self, header: &FrameHeader, payload_len: usize) {
        match (header.opcode, &mut self.unfinished) {
            (Opcode::Message(kind), unfinished) => {
                *unfinished = Some(Box::new(Assembler::new(kind)));
            }
            (_, Some(unfinished)) => unfinished.begin_fragment(),
            (_, None) => {}
        }
        self.reading = Reading::Data(PartialData {
            masking_key: header.masking_key,
            remaining_len: payload_len,
            is_final: header.is_final,
        });
    }

    /// Takes what has arrived of a data frame's payload.
    fn take_data<'i>(
        &mut self,
        input: &mut &mut [u8],
    ) -> Result<Option<Incoming<'i>>, ProtocolError> {
        let (Reading::Data(data), Some(unfinished)) = (&mut self.reading, &mut self.unfinished)
        else {
            unreachable!("`decode` looked, and data belongs to a message");
        };
        let part_len = data.remaining_len.min(input.len());
        let part =
            take_payload(part_len, data.masking_key, input).expect("part is within the input");
        unfinished.push(part)?;
        data.masking_key = data.masking_key.map(|key| mask::advance(key, part_len));
        data.remaining_len -= part_len;
        if data.remaining_len > 0 {
            return Ok(None);
        }
        let is_final = data.is_final;
        self.begin_frame();
        match self.unfinished.take_if(|_| is_final) {
            Some(unfinished) => Ok(Some(Incoming::Message(unfinished.finish()?))),
            None => Ok(None),
        }
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
    let len = header
        .payload_len
        .saturating_add(frame::wire_len(received_len));
    let max = frame::wire_len(limits.max_message_len);
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
    remaining_len: usize,
    is_final: bool,
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
