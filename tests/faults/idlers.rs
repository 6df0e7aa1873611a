//! Connections that do nothing but stay, and answer pings.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use chinwag::websocket::{Connection, Event};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::support::Ws;

/// Open WebSockets, each of which has been welcomed.
pub(crate) struct Idlers {
    poll: Poll,
    connections: Vec<(TcpStream, Connection)>,
}

impl Idlers {
    pub(crate) fn open(address: SocketAddr, count: u32) -> Self {
        let poll = Poll::new().unwrap();
        let mut connections = Vec::new();
        for _ in 0..count {
            let (stream, connection, _) = Ws::connect(address).into_parts();
            stream.set_nonblocking(true).unwrap();
            let mut stream = TcpStream::from_std(stream);
            let token = Token(connections.len());
            poll.registry()
                .register(&mut stream, token, Interest::READABLE)
                .unwrap();
            connections.push((stream, connection));
        }
        Self { poll, connections }
    }

    /// Answers pings until the other end of `stop` is gone; panics if a connection ends before.
    pub(crate) fn hold(&mut self, stop: &Receiver<()>) {
        let mut events = Events::with_capacity(1024);
        while stop.try_recv() == Err(TryRecvError::Empty) {
            match self.poll.poll(&mut events, Some(TICK)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result.unwrap(),
            }
            for event in &events {
                self.answer(event.token().0);
            }
        }
    }

    fn answer(&mut self, nth: usize) {
        let (stream, connection) = &mut self.connections[nth];
        let mut buffer = [0; 4096];
        loop {
            let len = match stream.read(&mut buffer) {
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => panic!("idler {nth} is lost: {error}"),
            };
            assert!(len > 0, "idler {nth} is closed");
            let (mut input, mut output) = (&mut buffer[..len], Vec::new());
            while let Some(event) = connection.receive(&mut input, &mut output).unwrap() {
                let is_closed = matches!(event, Event::Closed { .. });
                assert!(!is_closed, "idler {nth} is closed: {event:?}");
            }
            stream.write_all(&output).unwrap();
        }
    }
}

/// How long one looks at most before it looks whether it is over.
const TICK: Duration = Duration::from_millis(100);
