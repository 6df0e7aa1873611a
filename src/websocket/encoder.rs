//! Turns messages and control frames into bytes for the peer.

use crate::websocket::compression::Deflation;
use crate::websocket::error::SendError;
use crate::websocket::frame::{self, ControlKind, FrameStart, MessageKind, Opcode, Role};
use crate::websocket::mask::MaskingKeys;
use crate::websocket::message::Message;
use crate::websocket::prepared::PreparedMessage;

/// The sending half of an endpoint. Whether sending is allowed at all is not its business.
pub(crate) struct Encoder {
    endpoint: Endpoint,
    /// The message that is sent in parts, from its first part to its last.
    unfinished: Option<Unfinished>,
}

/// The role, with what only that role has.
enum Endpoint {
    Server,
    Client(Box<dyn MaskingKeys + Send>),
}

#[derive(Debug, Clone, Copy)]
struct Unfinished {
    kind: MessageKind,
    is_compressed: bool,
}

impl Encoder {
    pub(crate) fn server() -> Self {
        Self::new(Endpoint::Server)
    }

    pub(crate) fn client(masking_keys: Box<dyn MaskingKeys + Send>) -> Self {
        Self::new(Endpoint::Client(masking_keys))
    }

    fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            unfinished: None,
        }
    }

    pub(crate) fn role(&self) -> Role {
        match self.endpoint {
            Endpoint::Server => Role::Server,
            Endpoint::Client(_) => Role::Client,
        }
    }

    #[cfg(feature = "deflate")]
    pub(crate) fn has_unfinished_message(&self) -> bool {
        self.unfinished.is_some()
    }

    /// Appends a control frame, whose payload is at most 125 bytes.
    pub(crate) fn encode_control(
        &mut self,
        kind: ControlKind,
        payload: &[u8],
        output: &mut Vec<u8>,
    ) {
        let start = FrameStart::whole(Opcode::Control(kind));
        frame::encode(start, payload, self.endpoint.next_key(), output);
    }

    /// Appends a message in one frame, compressed if `deflation` is there and it is worthwhile.
    pub(crate) fn encode_message(
        &mut self,
        message: &Message<'_>,
        deflation: Option<&mut Deflation>,
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.judge_start()?;
        let payload = message.as_bytes();
        let key = self.endpoint.next_key();
        let start = FrameStart::whole(Opcode::Message(message.kind()));
        if let Some(deflation) = deflation.filter(|it| it.is_worthwhile(payload.len())) {
            let frame_start = output.len();
            frame::encode_with(start.compressed(), key, output, |output| {
                deflation.compress(payload, output);
            });
            let plain_len = frame::len(payload.len(), key);
            // What a window went on over has to be sent (RFC 7692 §7.2.1): the peer's does too.
            if !deflation.is_stateless() || output.len() - frame_start < plain_len {
                return Ok(());
            }
            output.truncate(frame_start);
        }
        frame::encode(start, payload, key, output);
        Ok(())
    }

    /// Appends the header of a message in one frame, uncompressed; `false` for a client, whose
    /// payload can't go as it is.
    pub(crate) fn encode_message_header(
        &self,
        message: &Message<'_>,
        output: &mut Vec<u8>,
    ) -> Result<bool, SendError> {
        self.judge_start()?;
        match self.endpoint {
            Endpoint::Client(_) => Ok(false),
            Endpoint::Server => {
                let start = FrameStart::whole(Opcode::Message(message.kind()));
                frame::encode_header(start, message.len(), None, output);
                Ok(true)
            }
        }
    }

    /// Appends a part of a message; the first one decides whether the message is compressed.
    pub(crate) fn encode_part(
        &mut self,
        payload: &Message<'_>,
        is_final: bool,
        deflation: Option<&mut Deflation>,
        is_compression_wanted: bool,
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        let kind = payload.kind();
        let (opcode, is_compressed) = match self.unfinished {
            None => (
                Opcode::Message(kind),
                is_compression_wanted && deflation.is_some(),
            ),
            Some(unfinished) if unfinished.kind == kind => {
                (Opcode::Continuation, unfinished.is_compressed)
            }
            Some(_) => return Err(SendError::MessageKindChanged),
        };
        let start = FrameStart {
            opcode,
            is_final,
            is_compressed: is_compressed && self.unfinished.is_none(),
        };
        let key = self.endpoint.next_key();
        match deflation.filter(|_| is_compressed) {
            Some(deflation) => frame::encode_with(start, key, output, |output| {
                deflation.compress_part(payload.as_bytes(), is_final, output);
            }),
            None => frame::encode(start, payload.as_bytes(), key, output),
        }
        self.unfinished = (!is_final).then_some(Unfinished {
            kind,
            is_compressed,
        });
        Ok(())
    }

    /// Appends a message that is encoded already: a server's as it is, a client's masked.
    pub(crate) fn encode_prepared(
        &mut self,
        message: &PreparedMessage,
        deflation: Option<&Deflation>,
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.judge_start()?;
        let prepared = message.choose(deflation);
        match self.endpoint.next_key() {
            None => output.extend_from_slice(prepared.frame),
            key => frame::encode(prepared.start, prepared.payload(), key, output),
        }
        Ok(())
    }

    /// Judges whether a message may begin.
    pub(crate) fn judge_start(&self) -> Result<(), SendError> {
        match self.unfinished {
            None => Ok(()),
            Some(_) => Err(SendError::MessageUnfinished),
        }
    }
}

impl Endpoint {
    fn next_key(&mut self) -> Option<[u8; 4]> {
        match self {
            Self::Server => None,
            Self::Client(masking_keys) => Some(masking_keys.next_key()),
        }
    }
}
