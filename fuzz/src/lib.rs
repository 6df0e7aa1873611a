//! What must hold for any bytes that a peer sends; `tests/` runs the same checks on known inputs.
//!
//! `PLANTED_FAULT=1` in the environment makes each check see a fault that is not there, as one in the
//! code under test would look: a fuzzing run that does not find it within seconds finds nothing.

pub mod connection;
pub mod differential;
mod end;
mod endpoints;
pub mod extension;
pub mod frame_parser;
mod frames;
pub mod handshake;
mod handshakes;
pub mod inflate;
mod naive_inflate;
mod operation;
mod parts;
pub mod proxy_header;
pub mod response;
