//! chinwag's core: one scratch buffer for what is read, one output buffer.

use std::io::Read;

use chinwag::websocket::{
    CodecPool, CompressionLevel, Connection, DeflateOptions, DeflateParameters, Event, Limits,
    Message,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::libraries::Library;
use crate::pipe::Pipe;
use crate::task::{Kind, Role, Takeover, Task};

struct Chinwag {
    connection: Connection,
    codecs: CodecPool,
    pipe: Pipe,
    /// One such buffer serves all connections of a thread: as long as the longest message that is
    /// to come without being put together.
    scratch: Vec<u8>,
    output: Vec<u8>,
    message: Message<'static>,
}

/// The longest message here, and its header.
const SCRATCH_LEN: usize = 1024 * 1024 + 14;

pub fn make(task: &Task, pipe: Pipe) -> Box<dyn Library> {
    let payload = task.payload();
    Box::new(Chinwag {
        connection: connection(task),
        codecs: CodecPool::new(),
        pipe,
        scratch: vec![0; SCRATCH_LEN],
        output: Vec::with_capacity(2 * SCRATCH_LEN),
        message: match task.kind {
            Kind::Text => Message::text(String::from_utf8(payload).unwrap()),
            Kind::Binary => Message::binary(payload),
        },
    })
}

fn connection(task: &Task) -> Connection {
    let connection = match task.role() {
        Role::Server => Connection::server(Limits::default()),
        Role::Client => Connection::client(Limits::default(), Box::new(StdRng::seed_from_u64(1))),
    };
    let Some(takeover) = task.deflate else {
        return connection;
    };
    let parameters = DeflateParameters {
        server_no_context_takeover: takeover == Takeover::NoContext,
        client_no_context_takeover: takeover == Takeover::NoContext,
        ..DeflateParameters::default()
    };
    let mut options = DeflateOptions::default();
    options.level = CompressionLevel::new(6).expect("there is a level 6");
    options.threshold = 0;
    connection.with_deflate(parameters, &options)
}

impl Library for Chinwag {
    fn decode(&mut self, mut count: usize, seen: &mut dyn FnMut(Kind, &[u8])) {
        self.connection.borrow_codecs(&mut self.codecs);
        while count > 0 {
            let len = self.pipe.read(&mut self.scratch).expect("there is more");
            let mut input = &mut self.scratch[..len];
            while let Some(event) = self
                .connection
                .receive(&mut input, &mut self.output)
                .expect("the batch is correct")
            {
                match event {
                    Event::Message(Message::Text(text)) => seen(Kind::Text, text.as_bytes()),
                    Event::Message(Message::Binary(bytes)) => seen(Kind::Binary, &bytes),
                    other => panic!("{other:?}"),
                }
                count -= 1;
            }
        }
        self.connection.return_codecs(&mut self.codecs);
    }

    fn encode(&mut self, count: usize) {
        self.output.clear();
        self.connection.borrow_codecs(&mut self.codecs);
        for _ in 0..count {
            self.connection
                .send(&self.message, &mut self.output)
                .expect("the connection is open");
        }
        self.connection.return_codecs(&mut self.codecs);
    }

    fn encoded(&self, _: &Pipe) -> Vec<u8> {
        self.output.clone()
    }
}
