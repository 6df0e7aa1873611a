//! Messages that are encoded once and sent on many connections.

use std::sync::Arc;

use crate::websocket::compression::{Deflation, WindowBits};
use crate::websocket::frame::{self, FrameStart, Opcode};
use crate::websocket::message::Message;

/// A message encoded once, plain and if wanted compressed, to be sent on any number of connections.
///
/// Clones share the bytes. A server's connections take the frame as it is; a client's masks a copy,
/// as each of its frames needs a masking key of its own (RFC 6455 §5.3).
///
/// # Examples
///
/// ```
/// use chinwag::websocket::{Connection, Limits, Message, PreparedMessage};
///
/// let news = PreparedMessage::new(&Message::text("Hi"));
/// for mut connection in [(); 3].map(|()| Connection::server(Limits::default())) {
///     let mut output = Vec::new();
///     connection.send_prepared(&news, &mut output)?;
///     assert_eq!(output, b"\x81\x02Hi");
/// }
/// # Ok::<(), chinwag::websocket::SendError>(())
/// ```
#[derive(Debug, Clone)]
pub struct PreparedMessage(Arc<Prepared>);

#[derive(Debug)]
struct Prepared {
    payload_len: usize,
    plain: Frame,
    /// With the bits of the window that its compression took, if it is shorter than `plain`.
    compressed: Option<(WindowBits, Frame)>,
}

/// A server's frame.
#[derive(Debug)]
struct Frame {
    start: FrameStart,
    bytes: Vec<u8>,
}

/// The form of a prepared message that fits a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chosen<'m> {
    pub(crate) start: FrameStart,
    /// The frame as a server sends it.
    pub(crate) frame: &'m [u8],
}

impl PreparedMessage {
    /// Encodes `message`, plain.
    #[must_use]
    pub fn new(message: &Message<'_>) -> Self {
        Self::from_parts(message, None)
    }

    /// Encodes `message`, plain, and compressed as well if that makes it shorter. The compressed
    /// form goes to connections on which each message is compressed on its own; the others' windows
    /// would not know of it.
    ///
    /// The codec is borrowed from `pool`.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn compressed(
        message: &Message<'_>,
        options: &crate::websocket::DeflateOptions,
        pool: &mut crate::websocket::CodecPool,
    ) -> Self {
        let mut deflation = Deflation::shared(options);
        if !deflation.is_worthwhile(message.len()) {
            return Self::new(message);
        }
        deflation.borrow_codec(pool);
        let start = FrameStart::whole(Opcode::Message(message.kind())).compressed();
        let mut bytes = Vec::new();
        frame::encode_with(start, None, &mut bytes, |output| {
            deflation.compress(message.as_bytes(), output);
        });
        deflation.return_codec(pool);
        bytes.shrink_to_fit();
        Self::from_parts(
            message,
            Some((deflation.window_bits(), Frame { start, bytes })),
        )
    }

    fn from_parts(message: &Message<'_>, compressed: Option<(WindowBits, Frame)>) -> Self {
        let start = FrameStart::whole(Opcode::Message(message.kind()));
        let mut bytes = Vec::new();
        frame::encode(start, message.as_bytes(), None, &mut bytes);
        let compressed = compressed.filter(|(_, it)| it.bytes.len() < bytes.len());
        Self(Arc::new(Prepared {
            payload_len: message.len(),
            plain: Frame { start, bytes },
            compressed,
        }))
    }

    /// Returns the form for a connection that compresses so.
    pub(crate) fn choose(&self, deflation: Option<&Deflation>) -> Chosen<'_> {
        let prepared = &*self.0;
        let frame = match (&prepared.compressed, deflation) {
            (Some((window_bits, frame)), Some(deflation))
                if deflation.admits_shared(prepared.payload_len, *window_bits) =>
            {
                frame
            }
            _ => &prepared.plain,
        };
        Chosen {
            start: frame.start,
            frame: &frame.bytes,
        }
    }
}

impl<'m> Chosen<'m> {
    pub(crate) fn payload(&self) -> &'m [u8] {
        &self.frame[frame::server_header_len(self.frame)..]
    }
}
