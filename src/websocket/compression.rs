//! What a connection does with messages once its opening handshake agreed on permessage-deflate.
//!
//! Whether a codec keeps its window from message to message ("context takeover") was agreed on for
//! each direction. A codec that does belongs to its connection; one that does not is of use to any
//! connection while it is between messages, and may be lent by a [`CodecPool`].

pub(crate) use crate::websocket::deflate::WindowBits;
use crate::websocket::deflate::{
    CodecPool, CompressionLevel, DeflateOptions, DeflateParameters, Deflater, InflateError,
    Inflater,
};
use crate::websocket::error::ProtocolError;
use crate::websocket::frame::Role;

/// Both directions of a connection that compresses.
#[derive(Debug)]
pub(crate) struct Compression {
    inflation: Inflation,
    deflation: Deflation,
}

/// How received messages are inflated.
#[derive(Debug)]
pub(crate) struct Inflation {
    window_bits: WindowBits,
    keeps_window: bool,
    /// `None` until the first compressed message, or while it is in a pool.
    inflater: Option<Inflater>,
}

/// How sent messages are compressed.
#[derive(Debug)]
pub(crate) struct Deflation {
    level: CompressionLevel,
    threshold: usize,
    window_bits: WindowBits,
    keeps_window: bool,
    /// `None` until the first compressed message, or while it is in a pool.
    deflater: Option<Deflater>,
}

impl Compression {
    pub(crate) fn new(role: Role, parameters: DeflateParameters, options: &DeflateOptions) -> Self {
        let server = (
            parameters.server_max_window_bits,
            !parameters.server_no_context_takeover,
        );
        let client = (
            parameters.client_max_window_bits,
            !parameters.client_no_context_takeover,
        );
        let (theirs, ours) = match role {
            Role::Server => (client, server),
            Role::Client => (server, client),
        };
        Self {
            inflation: Inflation {
                window_bits: theirs.0,
                keeps_window: theirs.1,
                inflater: None,
            },
            deflation: Deflation {
                level: options.level,
                threshold: options.threshold,
                window_bits: ours.0,
                keeps_window: ours.1,
                deflater: None,
            },
        }
    }

    /// Takes from `pool` what it lacks and may share.
    pub(crate) fn borrow_codecs(&mut self, pool: &mut CodecPool) {
        let inflation = &mut self.inflation;
        if !inflation.keeps_window && inflation.inflater.is_none() {
            inflation.inflater = pool.take_inflater();
        }
        self.deflation.borrow_codec(pool);
    }

    /// Gives to `pool` what another connection may use meanwhile.
    pub(crate) fn return_codecs(
        &mut self,
        is_receiving: bool,
        is_sending: bool,
        pool: &mut CodecPool,
    ) {
        let inflation = &mut self.inflation;
        if !inflation.keeps_window
            && !is_receiving
            && let Some(inflater) = inflation.inflater.take()
        {
            pool.give_inflater(inflater);
        }
        if !is_sending {
            self.deflation.return_codec(pool);
        }
    }

    pub(crate) fn inflation_mut(&mut self) -> &mut Inflation {
        &mut self.inflation
    }

    pub(crate) fn deflation(&self) -> &Deflation {
        &self.deflation
    }

    pub(crate) fn deflation_mut(&mut self) -> &mut Deflation {
        &mut self.deflation
    }

    /// Returns the bytes of memory that are held because a message is not complete.
    pub(crate) fn unfinished_len(&self) -> usize {
        match &self.inflation.inflater {
            Some(inflater) if !self.inflation.keeps_window => inflater.held_len(),
            _ => 0,
        }
    }
}

impl Inflation {
    /// Appends what `input` inflates to, until `output` is `max_output_len` long; returns how much of
    /// `input` that took.
    pub(crate) fn inflate(
        &mut self,
        input: &[u8],
        output: &mut Vec<u8>,
        max_output_len: usize,
    ) -> Result<usize, ProtocolError> {
        Ok(self.inflater().inflate(input, output, max_output_len)?)
    }

    /// Appends what is left of a message that has arrived; `false` if `output` has become
    /// `max_output_len` long before its end.
    pub(crate) fn finish_message(
        &mut self,
        output: &mut Vec<u8>,
        max_output_len: usize,
    ) -> Result<bool, ProtocolError> {
        Ok(self.inflater().finish_message(output, max_output_len)?)
    }

    fn inflater(&mut self) -> &mut Inflater {
        let Self {
            window_bits,
            keeps_window,
            inflater,
        } = self;
        inflater.get_or_insert_with(|| Inflater::new(*window_bits, *keeps_window))
    }
}

impl Deflation {
    /// Compresses each message on its own, with the window that `options` allow a server.
    pub(crate) fn shared(options: &DeflateOptions) -> Self {
        Self {
            level: options.level,
            threshold: options.threshold,
            window_bits: options.server_max_window_bits,
            keeps_window: false,
            deflater: None,
        }
    }

    pub(crate) fn borrow_codec(&mut self, pool: &mut CodecPool) {
        if !self.keeps_window && self.deflater.is_none() {
            self.deflater = pool.take_deflater(self.level, self.window_bits);
        }
    }

    pub(crate) fn return_codec(&mut self, pool: &mut CodecPool) {
        if !self.keeps_window
            && let Some(deflater) = self.deflater.take()
        {
            pool.give_deflater(deflater);
        }
    }

    pub(crate) fn window_bits(&self) -> WindowBits {
        self.window_bits
    }

    /// Returns whether a message of that length is worth compressing.
    pub(crate) fn is_worthwhile(&self, payload_len: usize) -> bool {
        payload_len >= self.threshold
    }

    /// Returns whether each message is compressed on its own, so that it may as well go uncompressed.
    pub(crate) fn is_stateless(&self) -> bool {
        !self.keeps_window
    }

    /// Returns whether the peer inflates what was compressed on its own with a window of
    /// `window_bits`, without any harm to what follows.
    pub(crate) fn admits_shared(&self, payload_len: usize, window_bits: WindowBits) -> bool {
        // Nothing refers back by more than there is.
        let is_within_window =
            window_bits <= self.window_bits || payload_len <= self.window_bits.window_len();
        // A window that goes on would lack this message, which the peer's would have.
        !self.keeps_window && is_within_window
    }

    /// Appends a whole message.
    pub(crate) fn compress(&mut self, payload: &[u8], output: &mut Vec<u8>) {
        let keeps_window = self.keeps_window;
        self.deflater()
            .compress_message(payload, keeps_window, output);
    }

    /// Appends a part of a message.
    pub(crate) fn compress_part(&mut self, payload: &[u8], is_final: bool, output: &mut Vec<u8>) {
        let keeps_window = self.keeps_window;
        self.deflater()
            .compress_part(payload, is_final, keeps_window, output);
    }

    fn deflater(&mut self) -> &mut Deflater {
        let Self {
            level,
            window_bits,
            deflater,
            ..
        } = self;
        deflater.get_or_insert_with(|| Deflater::new(*level, *window_bits))
    }
}

impl From<InflateError> for ProtocolError {
    fn from(error: InflateError) -> Self {
        match error {
            InflateError::Corrupt | InflateError::Truncated => Self::InvalidDeflate,
            InflateError::TooMuchWork {
                consumed_len,
                produced_len,
            } => Self::DeflateTooVerbose {
                input_len: consumed_len,
                output_len: produced_len,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH_TAKE_OVER: DeflateParameters = DeflateParameters {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: WindowBits::MAX,
        client_max_window_bits: WindowBits::MAX,
    };

    const NONE_TAKES_OVER: DeflateParameters = DeflateParameters {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        ..BOTH_TAKE_OVER
    };

    fn compression(parameters: DeflateParameters) -> Compression {
        Compression::new(Role::Server, parameters, &DeflateOptions::default())
    }

    /// Makes both codecs, by a message in each direction.
    fn use_codecs(compression: &mut Compression) {
        compression.deflation.compress(b"Hello", &mut Vec::new());
        let inflated = compression.inflation.inflate(&[0x00], &mut Vec::new(), 9);
        assert_eq!(inflated, Ok(1));
    }

    /// Whether there is an inflater, and a deflater.
    fn codecs(compression: &Compression) -> (bool, bool) {
        let Compression {
            inflation,
            deflation,
        } = compression;
        (inflation.inflater.is_some(), deflation.deflater.is_some())
    }

    #[test]
    fn codecs_of_messages_that_stand_alone_wander_through_the_pool() {
        let mut pool = CodecPool::new();
        let mut first = compression(NONE_TAKES_OVER);
        first.borrow_codecs(&mut pool);
        assert_eq!(codecs(&first), (false, false), "the pool is empty");
        use_codecs(&mut first);
        first.return_codecs(true, true, &mut pool);
        assert_eq!(codecs(&first), (true, true), "inside messages");
        first.return_codecs(false, true, &mut pool);
        assert_eq!(codecs(&first), (false, true));
        use_codecs(&mut first);
        first.return_codecs(true, false, &mut pool);
        assert_eq!(codecs(&first), (true, false));
        let mut second = compression(NONE_TAKES_OVER);
        second.borrow_codecs(&mut pool);
        assert_eq!(codecs(&second), (true, true));
        first.borrow_codecs(&mut pool);
        assert_eq!(codecs(&first), (true, false), "the other has it");
        second.return_codecs(false, false, &mut pool);
        first.borrow_codecs(&mut pool);
        assert_eq!(codecs(&first), (true, true));
        second.borrow_codecs(&mut pool);
        assert_eq!(codecs(&second), (true, false), "nobody takes two");
    }

    #[test]
    fn codecs_whose_window_goes_on_stay_and_none_is_borrowed_for_it() {
        let mut pool = CodecPool::new();
        let mut alone = compression(NONE_TAKES_OVER);
        use_codecs(&mut alone);
        alone.return_codecs(false, false, &mut pool);
        let mut other = compression(BOTH_TAKE_OVER);
        other.borrow_codecs(&mut pool);
        assert_eq!(codecs(&other), (false, false));
        use_codecs(&mut other);
        other.return_codecs(false, false, &mut pool);
        assert_eq!(codecs(&other), (true, true));
    }
}
