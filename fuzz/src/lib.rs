//! What must hold for any bytes that a peer sends; `tests/` runs the same checks on known inputs.
//!
//! `PLANTED_FAULT=1` in the environment makes each check see a fault that is not there, as one in the
//! code under test would look: a fuzzing run that does not find it within seconds finds nothing.

pub mod frame_parser;
pub mod handshake;
mod parts;
