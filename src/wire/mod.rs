//! How the chat looks from outside: JSON for browsers and programs, lines for terminals.
//!
//! Both directions of both forms, as pure functions over the chat's own types; no state of a
//! connection lives here.

pub mod json;
pub mod line;
