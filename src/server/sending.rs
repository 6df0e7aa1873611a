//! Sends a whole message, without a copy if it is long.

use std::borrow::Cow;

use crate::net::Outbox;
use crate::websocket::{Connection, Message};

/// Sends it, or nothing where the connection is closing.
pub(crate) fn send(connection: &mut Connection, message: Message<'_>, outbox: &mut Outbox) {
    let is_owned = matches!(
        message,
        Message::Text(Cow::Owned(_)) | Message::Binary(Cow::Owned(_))
    );
    let is_given_away =
        is_owned && message.len() >= GIVEN_AWAY_FROM_LEN && !connection.is_compressing();
    if is_given_away && connection.send_header(&message, outbox.buffer()) == Ok(true) {
        outbox.push_owned(message.into_bytes().into_owned());
    } else {
        let _ = connection.send(&message, outbox.buffer());
    }
}

/// Bytes whose copy takes longer than the system call for one more piece.
const GIVEN_AWAY_FROM_LEN: usize = 16 * 1024;
