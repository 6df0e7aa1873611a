//! A WebSocket client for `chinwag.v1`: the library's core over a blocking socket.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use chinwag::websocket::{CloseCode, Connection, Event, Limits, MaskingKeys, Message};
use serde_json::{Value, json};

use super::{Http, PATIENCE, now, try_ask};

/// A connection that speaks `chinwag.v1`.
#[derive(Debug)]
pub(crate) struct Ws<S = TcpStream> {
    stream: S,
    connection: Connection,
    /// What has arrived and is not looked at yet.
    input: Vec<u8>,
    /// What was passed over while an answer was awaited.
    pushes: VecDeque<Value>,
    next_id: u64,
}

impl Ws {
    /// Connects, and takes the welcome off.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let mut ws = Self::open(TcpStream::connect(address).unwrap());
        ws.welcome();
        ws
    }

    /// Connects, unless the server is killed meanwhile.
    pub(crate) fn try_connect(address: SocketAddr) -> Option<Self> {
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = try_ask(&mut stream, UPGRADE)?;
        assert!(head.starts_with(b"HTTP/1.1 101"), "{head:?}");
        Some(Self::upgraded(Http::over(stream)))
    }

    /// Shakes hands over a connected socket.
    pub(crate) fn open(stream: TcpStream) -> Self {
        Self::over(Http::over(stream))
    }

    /// Lets as much time pass as the server told; what arrives meanwhile is kept.
    pub(crate) fn wait(&mut self, time: Duration) {
        let until = now() + time;
        while let left = until.saturating_duration_since(now())
            && !left.is_zero()
        {
            self.stream.set_read_timeout(Some(left)).unwrap();
            match self.try_fill() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => assert!(result.unwrap(), "the connection ends"),
            }
        }
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }

    /// Waits no longer than that for anything that is read from here on.
    pub(crate) fn set_patience(&self, patience: Duration) {
        self.stream.set_read_timeout(Some(patience)).unwrap();
    }
}

impl<S: Read + Write> Ws<S> {
    /// Shakes hands over a connection for HTTP.
    pub(crate) fn over(mut http: Http<S>) -> Self {
        let response = http.ask(UPGRADE);
        assert_eq!(response.status, 101, "{response:?}");
        Self::upgraded(http)
    }

    /// Goes on behind the answer 101.
    pub(crate) fn upgraded(http: Http<S>) -> Self {
        let (stream, input) = http.into_parts();
        Self {
            stream,
            connection: Connection::client(Limits::default(), Box::new(Key)),
            input,
            pushes: VecDeque::new(),
            next_id: 0,
        }
    }

    /// Takes the welcome off.
    pub(crate) fn welcome(&mut self) {
        assert_eq!(self.next()["type"], "welcome");
    }

    /// Says hello as a guest; returns the token.
    pub(crate) fn hello(&mut self, name: &str) -> String {
        let done = self.done(json!({"type": "hello", "name": name}));
        assert_eq!(done["you"]["name"], name);
        done["token"].as_str().unwrap().to_owned()
    }

    /// Joins a room, which is made if there is none.
    pub(crate) fn join(&mut self, room: &str) -> Value {
        self.done(json!({"type": "join", "room": room, "create": true}))
    }

    /// Says something; returns its number.
    pub(crate) fn say(&mut self, room: &str, body: &str) -> u64 {
        let done = self.done(json!({"type": "send", "room": room, "body": body}));
        done["seq"].as_u64().unwrap()
    }

    /// Asks for something that is granted.
    pub(crate) fn done(&mut self, request: Value) -> Value {
        let answer = self.ask(request);
        assert_eq!(answer["type"], "done", "{answer}");
        answer
    }

    /// Asks for something that is refused; returns the code.
    pub(crate) fn refused(&mut self, request: Value) -> String {
        let answer = self.ask(request);
        assert_eq!(answer["type"], "error", "{answer}");
        assert!(answer["message"].is_string(), "{answer}");
        answer["code"].as_str().unwrap().to_owned()
    }

    /// Sends a request and returns its answer; what is pushed meanwhile is kept.
    pub(crate) fn ask(&mut self, request: Value) -> Value {
        let id = self.request(request);
        self.answer(id)
    }

    /// Sends a request without waiting for its answer; returns its id.
    pub(crate) fn request(&mut self, mut request: Value) -> u64 {
        self.next_id += 1;
        request["id"] = json!(self.next_id);
        self.send(&request.to_string());
        self.next_id
    }

    /// Waits for the answer to a request; what is pushed meanwhile is kept.
    pub(crate) fn answer(&mut self, id: u64) -> Value {
        if let Some(place) = self.pushes.iter().position(|value| value["re"] == id) {
            return self.pushes.remove(place).unwrap();
        }
        loop {
            let value = self.next();
            if value["re"] == id {
                return value;
            }
            self.pushes.push_back(value);
        }
    }

    /// The next push of a type, others before it passed over.
    pub(crate) fn push(&mut self, kind: &str) -> Value {
        loop {
            let value = self.pushes.pop_front().unwrap_or_else(|| self.next());
            if value["type"] == kind {
                return value;
            }
        }
    }

    /// What has been pushed up to now: what comes before the answer to a question.
    pub(crate) fn pushed(&mut self) -> Vec<Value> {
        self.done(json!({"type": "rooms"}));
        self.pushes.drain(..).collect()
    }

    /// The bodies of the messages pushed up to now.
    pub(crate) fn heard(&mut self) -> Vec<String> {
        let messages = self.pushed().into_iter();
        messages
            .filter(|push| push["type"] == "message")
            .map(|push| push["body"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Sends a text message.
    pub(crate) fn send(&mut self, text: &str) {
        let mut output = Vec::new();
        let sent = self.connection.send(&Message::text(text), &mut output);
        sent.unwrap();
        self.write(&output);
    }

    /// Sends bytes as they are.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends a text message; false if the server has hung up.
    pub(crate) fn try_send(&mut self, text: &str) -> bool {
        let mut output = Vec::new();
        let sent = self.connection.send(&Message::text(text), &mut output);
        sent.is_ok() && self.stream.write_all(&output).is_ok()
    }

    /// The next message, as JSON.
    pub(crate) fn next(&mut self) -> Value {
        self.try_next()
            .unwrap_or_else(|end| panic!("the connection ends: {end:?}"))
    }

    /// The next message, or how the connection ended: the code of a Close, 0 if it was empty;
    /// `None` without one.
    pub(crate) fn try_next(&mut self) -> Result<Value, Option<u16>> {
        loop {
            match self.event() {
                Event::Message(Message::Text(text)) => {
                    // JSON could hold those that turn the direction; controls it has to escape, and a
                    // few of them it need not.
                    assert!(
                        !text.chars().any(char::is_control),
                        "raw controls: {text:?}"
                    );
                    return Ok(serde_json::from_str(&text).unwrap());
                }
                Event::Message(Message::Binary(bytes)) => panic!("unexpected {bytes:?}"),
                Event::Closed { code, .. } => return Err(Some(code.map_or(0, CloseCode::get))),
                _ if self.input.is_empty() && !self.fill_or_lose() => return Err(None),
                _ => {}
            }
        }
    }

    /// Reads to the end, which must be exactly one Close, and the end of the stream right behind
    /// it; returns its code.
    pub(crate) fn closed(&mut self) -> u16 {
        let code = loop {
            match self.try_next() {
                Ok(value) => self.pushes.push_back(value),
                Err(code) => break code.unwrap_or_else(|| panic!("there was no Close")),
            }
        };
        while self.fill() {}
        assert!(self.input.is_empty(), "{:?} after the Close", self.input);
        code
    }

    pub(crate) fn stream(&self) -> &S {
        &self.stream
    }

    /// The connection, its protocol, and what was read of it already; what was passed over is gone.
    pub(crate) fn into_parts(self) -> (S, Connection, Vec<u8>) {
        (self.stream, self.connection, self.input)
    }

    /// One event of what has arrived; an empty pong if that holds none.
    fn event(&mut self) -> Event<'static> {
        let mut output = Vec::new();
        let mut input = &mut self.input[..];
        let event = self.connection.receive(&mut input, &mut output);
        let event = event.expect("the server keeps to the protocol");
        let event = event.map(|event: Event<'_>| event.into_owned());
        let rest_len = input.len();
        self.input.drain(..self.input.len() - rest_len);
        // Pongs and echoed Closes; the server may have hung up.
        let _ = self.stream.write_all(&output);
        event.unwrap_or(Event::Pong(Default::default()))
    }

    /// Reads once; false at the end of the stream.
    fn fill(&mut self) -> bool {
        self.try_fill().unwrap()
    }

    fn try_fill(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 64 * 1024];
        let len = self.stream.read(&mut buffer)?;
        self.input.extend_from_slice(&buffer[..len]);
        Ok(len > 0)
    }

    /// Reads once; false at the end of the stream, however it came.
    fn fill_or_lose(&mut self) -> bool {
        match self.try_fill() {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => false,
            result => result.unwrap(),
        }
    }
}

/// The same key for all frames: nobody between these two ends can be fooled by it.
struct Key;

impl MaskingKeys for Key {
    fn next_key(&mut self) -> [u8; 4] {
        [0x37, 0xfa, 0x21, 0x3d]
    }
}

/// A final client frame with a mask of zeros.
pub(crate) fn masked_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match u16::try_from(payload.len()) {
        Ok(len) if len < 126 => frame.push(0x80 | u8::try_from(len).unwrap()),
        Ok(len) => {
            frame.push(0x80 | 126);
            frame.extend(len.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 127);
            frame.extend(u64::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// A request for the chat, as programs make it.
pub(crate) const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chinwag.v1\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
