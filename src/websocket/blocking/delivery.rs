//! How messages are taken out of what was read: whole, or in parts.

use crate::websocket::blocking::inbox::Inbox;
use crate::websocket::connection::Connection;
use crate::websocket::error::ProtocolError;
use crate::websocket::message::{Event, Message, Part};

/// What [`Connection::receive`] does, or [`Connection::receive_part`], with an event that outlives
/// its input.
pub(super) type Delivery<M> = fn(
    &mut Connection,
    &mut &mut [u8],
    &mut Vec<u8>,
) -> Result<Option<Event<'static, M>>, ProtocolError>;

pub(super) const WHOLE: Delivery<Message<'static>> = |connection, input, output| {
    let event = connection.receive(input, output)?;
    Ok(event.map(Event::into_owned))
};

pub(super) const IN_PARTS: Delivery<Part<'static>> = |connection, input, output| {
    let event = connection.receive_part(input, output)?;
    Ok(event.map(|event| event.into_owned_with(Part::into_owned)))
};

/// Takes an event out of the inbox; what is owed for it is appended to `output`.
pub(super) fn take_event<M>(
    connection: &mut Connection,
    inbox: &mut Inbox,
    output: &mut Vec<u8>,
    delivery: Delivery<M>,
) -> Result<Option<Event<'static, M>>, ProtocolError> {
    let mut input = inbox.received();
    let received_len = input.len();
    let event = delivery(connection, &mut input, output);
    let taken_len = received_len - input.len();
    inbox.take(taken_len);
    event
}
