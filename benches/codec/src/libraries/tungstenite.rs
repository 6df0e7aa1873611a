//! tungstenite: blocking calls, buffered both ways.

use bytes::Bytes;
use tungstenite::protocol::{Role as TheirRole, WebSocketConfig};
use tungstenite::{Message, Utf8Bytes, WebSocket};

use crate::libraries::Library;
use crate::pipe::Pipe;
use crate::task::{Kind, Role, Task};

struct Tungstenite {
    socket: WebSocket<Pipe>,
    message: Message,
}

pub fn make(task: &Task, pipe: Pipe) -> Box<dyn Library> {
    let role = match task.role() {
        Role::Server => TheirRole::Server,
        Role::Client => TheirRole::Client,
    };
    let payload = Bytes::from(task.payload());
    Box::new(Tungstenite {
        socket: WebSocket::from_raw_socket(pipe, role, Some(WebSocketConfig::default())),
        message: match task.kind {
            Kind::Text => Message::Text(Utf8Bytes::try_from(payload).unwrap()),
            Kind::Binary => Message::Binary(payload),
        },
    })
}

impl Library for Tungstenite {
    fn decode(&mut self, count: usize, seen: &mut dyn FnMut(Kind, &[u8])) {
        for _ in 0..count {
            match self.socket.read().expect("the batch is correct") {
                Message::Text(text) => seen(Kind::Text, text.as_bytes()),
                Message::Binary(bytes) => seen(Kind::Binary, &bytes),
                other => panic!("{other:?}"),
            }
        }
    }

    fn encode(&mut self, count: usize) {
        for _ in 0..count {
            self.socket
                .write(self.message.clone())
                .expect("the connection is open");
        }
        self.socket.flush().expect("the pipe takes everything");
    }
}
