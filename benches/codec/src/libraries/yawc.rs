//! yawc: a stream and a sink of frames, text validated on request.

use bytes::Bytes;
use futures_util::SinkExt;
use yawc::{CompressionLevel, DeflatePool, Frame, OpCode, Options, Role as TheirRole, WebSocket};

use crate::libraries::{Library, ready};
use crate::pipe::Pipe;
use crate::task::{Kind, Role, Takeover, Task};

struct Yawc {
    socket: WebSocket<Pipe>,
    kind: Kind,
    payload: Bytes,
}

pub fn make(task: &Task, pipe: Pipe) -> Box<dyn Library> {
    let role = match task.role() {
        Role::Server => TheirRole::Server,
        Role::Client => TheirRole::Client,
    };
    // The limits are exclusive, and by default below the longest message here.
    let mut options = Options::default()
        .with_utf8()
        .with_limits(64 * 1024 * 1024, 64 * 1024 * 1024)
        .with_read_buffer_capacity(128 * 1024)
        .with_write_buffer_capacity(128 * 1024);
    let extensions = task.deflate.map(|takeover| match takeover {
        Takeover::Context => "permessage-deflate",
        Takeover::NoContext => {
            "permessage-deflate; client_no_context_takeover; server_no_context_takeover"
        }
    });
    if let Some(takeover) = task.deflate {
        options = options.with_compression_level(CompressionLevel::new(6));
        if takeover == Takeover::NoContext {
            options = options.with_deflate_pool(DeflatePool::new(1));
        }
    }
    Box::new(Yawc {
        socket: WebSocket::from_stream_with_extensions(pipe, role, extensions, options)
            .expect("the options are right"),
        kind: task.kind,
        payload: task.payload().into(),
    })
}

impl Library for Yawc {
    fn decode(&mut self, count: usize, seen: &mut dyn FnMut(Kind, &[u8])) {
        for _ in 0..count {
            let frame = ready(|context| self.socket.poll_next_frame(context))
                .expect("the batch is correct");
            match frame.opcode() {
                OpCode::Text => seen(Kind::Text, frame.payload()),
                OpCode::Binary => seen(Kind::Binary, frame.payload()),
                other => panic!("{other:?}"),
            }
        }
    }

    fn encode(&mut self, count: usize) {
        for _ in 0..count {
            ready(|context| self.socket.poll_ready_unpin(context)).expect("the connection is open");
            let payload = self.payload.clone();
            let frame = match self.kind {
                Kind::Text => Frame::text(payload),
                Kind::Binary => Frame::binary(payload),
            };
            self.socket
                .start_send_unpin(frame)
                .expect("the connection is open");
        }
        ready(|context| self.socket.poll_flush_unpin(context)).expect("the pipe takes everything");
    }
}
