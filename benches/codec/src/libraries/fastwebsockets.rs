//! fastwebsockets: frames in and out, fragments collected.

use std::pin::pin;

use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, Role as TheirRole, WebSocket};

use crate::libraries::{Library, ready};
use crate::pipe::Pipe;
use crate::task::{Kind, Role, Task};

struct FastWebSockets {
    socket: FragmentCollector<Pipe>,
    opcode: OpCode,
    payload: Vec<u8>,
}

pub fn make(task: &Task, pipe: Pipe) -> Box<dyn Library> {
    let role = match task.role() {
        Role::Server => TheirRole::Server,
        Role::Client => TheirRole::Client,
    };
    let mut socket = WebSocket::after_handshake(pipe, role);
    socket.set_writev(true);
    socket.set_auto_apply_mask(true);
    Box::new(FastWebSockets {
        socket: FragmentCollector::new(socket),
        opcode: match task.kind {
            Kind::Text => OpCode::Text,
            Kind::Binary => OpCode::Binary,
        },
        payload: task.payload(),
    })
}

impl Library for FastWebSockets {
    fn decode(&mut self, count: usize, seen: &mut dyn FnMut(Kind, &[u8])) {
        for _ in 0..count {
            let reading = pin!(self.socket.read_frame());
            let frame = ready(|context| reading.poll(context)).expect("the batch is correct");
            match frame.opcode {
                OpCode::Text => seen(Kind::Text, &frame.payload),
                OpCode::Binary => seen(Kind::Binary, &frame.payload),
                other => panic!("{other:?}"),
            }
        }
    }

    fn encode(&mut self, count: usize) {
        for _ in 0..count {
            let frame = Frame::new(true, self.opcode, None, Payload::Borrowed(&self.payload));
            let writing = pin!(write(&mut self.socket, frame));
            ready(|context| writing.poll(context));
        }
    }
}

/// A function of its own, as the frame may not live longer than the socket's borrow.
async fn write(socket: &mut FragmentCollector<Pipe>, frame: Frame<'_>) {
    socket
        .write_frame(frame)
        .await
        .expect("the connection is open");
}
