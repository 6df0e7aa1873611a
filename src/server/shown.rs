//! An event in the forms in which connections get it, each made once, when first needed.

use std::cell::OnceCell;
use std::sync::Arc;

use crate::chat::{Event, RoomName};
use crate::websocket::{Message, encode_message};
use crate::wire::{json, line};

/// An event on its way to many connections of one worker.
#[derive(Debug)]
pub(crate) struct Shown {
    event: Arc<Event>,
    frame: OnceCell<Arc<[u8]>>,
    /// The line where the event's room is the reader's current one, and the line elsewhere.
    lines: [OnceCell<Option<Arc<[u8]>>>; 2],
}

impl Shown {
    pub(crate) fn new(event: Arc<Event>) -> Self {
        Self {
            event,
            frame: OnceCell::new(),
            lines: Default::default(),
        }
    }

    pub(crate) fn event(&self) -> &Event {
        &self.event
    }

    /// The event as a whole WebSocket frame.
    pub(crate) fn frame(&self) -> &Arc<[u8]> {
        self.frame.get_or_init(|| {
            let mut frame = Vec::new();
            append_frame(&self.event, &mut frame);
            frame.into()
        })
    }

    /// The event as lines for somebody in this room; `None`: not shown in line mode.
    pub(crate) fn line(&self, current: &RoomName) -> Option<&Arc<[u8]>> {
        let is_here = room(&self.event).is_some_and(|room| room == current);
        let line = &self.lines[usize::from(is_here)];
        line.get_or_init(|| {
            line::show_event(&self.event, current).map(|text| text.into_bytes().into())
        })
        .as_ref()
    }
}

/// Appends an event as a WebSocket frame.
pub(crate) fn append_frame(event: &Event, frames: &mut Vec<u8>) {
    encode_message(&Message::text(json::encode_event(event)), frames);
}

fn room(event: &Event) -> Option<&RoomName> {
    match event {
        Event::Message { room, .. }
        | Event::Changed { room, .. }
        | Event::Typing { room, .. }
        | Event::Presence { room, .. }
        | Event::RoomCreated { room, .. }
        | Event::RoomRemoved { room, .. }
        | Event::Read { room, .. }
        | Event::Unread { room, .. }
        | Event::Opened { room, .. }
        | Event::Removed { room, .. } => Some(room),
        Event::Notice { room, .. } => room.as_ref(),
        Event::You(_) | Event::Banned { .. } | Event::Shutdown { .. } => None,
    }
}
