//! tokio-websockets: a stream and a sink of messages; vectored writes, AVX-512 masking.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_websockets::{ClientBuilder, Message, ServerBuilder, WebSocketStream};

use crate::libraries::{Library, ready};
use crate::pipe::Pipe;
use crate::task::{Kind, Role, Task};

struct TokioWebSockets {
    socket: WebSocketStream<Pipe>,
    message: Message,
}

pub fn make(task: &Task, pipe: Pipe) -> Box<dyn Library> {
    let payload = Bytes::from(task.payload());
    Box::new(TokioWebSockets {
        socket: match task.role() {
            Role::Server => ServerBuilder::new().serve(pipe),
            Role::Client => ClientBuilder::new().take_over(pipe),
        },
        message: match task.kind {
            Kind::Text => Message::text(payload),
            Kind::Binary => Message::binary(payload),
        },
    })
}

impl Library for TokioWebSockets {
    fn decode(&mut self, count: usize, seen: &mut dyn FnMut(Kind, &[u8])) {
        for _ in 0..count {
            let message = ready(|context| self.socket.poll_next_unpin(context))
                .expect("there is more")
                .expect("the batch is correct");
            if let Some(text) = message.as_text() {
                seen(Kind::Text, text.as_bytes());
            } else {
                assert!(message.is_binary());
                seen(Kind::Binary, message.as_payload());
            }
        }
    }

    fn encode(&mut self, count: usize) {
        for _ in 0..count {
            ready(|context| self.socket.poll_ready_unpin(context)).expect("the connection is open");
            self.socket
                .start_send_unpin(self.message.clone())
                .expect("the connection is open");
        }
        ready(|context| self.socket.poll_flush_unpin(context)).expect("the pipe takes everything");
    }
}
