//! Stands in for compression where the feature `deflate` is off: nothing of it can exist.

use crate::websocket::error::ProtocolError;

#[derive(Debug)]
pub(crate) enum Compression {}

#[derive(Debug)]
pub(crate) enum Inflation {}

#[derive(Debug)]
pub(crate) enum Deflation {}

#[derive(Debug, Clone, Copy)]
pub(crate) enum WindowBits {}

impl Compression {
    pub(crate) fn inflation_mut(&mut self) -> &mut Inflation {
        match *self {}
    }

    pub(crate) fn deflation(&self) -> &Deflation {
        match *self {}
    }

    pub(crate) fn deflation_mut(&mut self) -> &mut Deflation {
        match *self {}
    }

    pub(crate) fn unfinished_len(&self) -> usize {
        match *self {}
    }
}

impl Inflation {
    pub(crate) fn inflate(
        &mut self,
        _input: &[u8],
        _output: &mut Vec<u8>,
        _max_output_len: usize,
    ) -> Result<usize, ProtocolError> {
        match *self {}
    }

    pub(crate) fn finish_message(
        &mut self,
        _output: &mut Vec<u8>,
        _max_output_len: usize,
    ) -> Result<bool, ProtocolError> {
        match *self {}
    }
}

impl Deflation {
    pub(crate) fn is_worthwhile(&self, _payload_len: usize) -> bool {
        match *self {}
    }

    pub(crate) fn is_stateless(&self) -> bool {
        match *self {}
    }

    pub(crate) fn admits_shared(&self, _payload_len: usize, _window_bits: WindowBits) -> bool {
        match *self {}
    }

    pub(crate) fn compress(&mut self, _payload: &[u8], _output: &mut Vec<u8>) {
        match *self {}
    }

    pub(crate) fn compress_part(
        &mut self,
        _payload: &[u8],
        _is_final: bool,
        _output: &mut Vec<u8>,
    ) {
        match *self {}
    }
}
