//! Performs a transcript: a server of its own, and a client for everyone who appears.
//!
//! Nothing is waited for by time. Whoever asks something awaits the answer; then everyone asks
//! something harmless, and what each received before the answer to that is what the step brought.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::matching::{Found, fill, is_match, is_text_match, read};
use crate::support::{Line, Server, Ws};
use crate::transcript::{Action, Step, Transcript};

/// Performs a transcript; tells the first line that is not true.
pub(crate) fn perform(transcript: &Transcript) -> Result<(), String> {
    let mut stage = Stage::new(transcript);
    for step in &transcript.steps {
        stage
            .act(step)
            .and_then(|()| stage.compare(step))
            .map_err(|error| format!("line {}: {error}", step.line))?;
    }
    Ok(())
}

struct Stage {
    server: Server,
    is_line: bool,
    clients: BTreeMap<String, Client>,
    found: Found,
}

/// A client, and what it received in this step.
struct Client {
    connection: Connection,
    received: Vec<Received>,
    is_closed: bool,
    /// Whether what is typed next is a password, whatever it looks like.
    is_logging_in: bool,
}

enum Connection {
    Ws(Box<Ws>),
    Line(Line),
}

#[derive(Debug)]
enum Received {
    Json(Value),
    Text(String),
}

impl Stage {
    fn new(transcript: &Transcript) -> Self {
        let name = |key: &str| format!("CHINWAG__{}", key.replace('.', "__").to_uppercase());
        let settings: Vec<(String, &str)> = transcript
            .settings
            .iter()
            .map(|(key, value)| (name(key), value.as_str()))
            .collect();
        let settings: Vec<(&str, &str)> = settings
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        Self {
            server: Server::start_with(&[], &settings),
            is_line: transcript.is_line,
            clients: BTreeMap::new(),
            found: Found::new(),
        }
    }

    fn act(&mut self, step: &Step) -> Result<(), String> {
        match &step.action {
            Action::Given { names, room } => {
                for name in names {
                    self.enter(name, room);
                }
                self.settle();
                for client in self.clients.values_mut() {
                    client.received.clear();
                }
                return Ok(());
            }
            Action::Own(name) => {
                self.own(name);
                return Ok(());
            }
            Action::Connect(name) => {
                let client = Client::connect(&self.server, self.is_line);
                self.clients.insert(name.clone(), client);
            }
            Action::Send(name, what) => {
                let what = fill(what, &self.found)?;
                let is_last = expects_close(step, name);
                let client = self.present(name);
                client.send(&what);
                if is_last {
                    client.read_to_end();
                } else {
                    client.await_answer(&what);
                }
            }
            Action::Disconnect(name) => {
                self.clients.remove(name);
            }
            Action::Stop => self.server.terminate(),
            Action::Restart => {
                self.clients.clear();
                self.server.kill();
                self.server.restart();
            }
        }
        // The server notices by itself when a connection is gone: that is awaited.
        let is_ending = matches!(step.action, Action::Disconnect(_) | Action::Stop)
            || step
                .received
                .iter()
                .any(|(name, _)| expects_close(step, name));
        if is_ending {
            self.await_expected(step);
        }
        self.settle();
        Ok(())
    }

    fn own(&mut self, name: &str) {
        let claim = self.server.says("become its owner");
        let (_, path) = claim.split_once("/claim/").expect("it is a link");
        let body = json!({"name": name, "password": PASSWORD}).to_string();
        let request = format!(
            "POST /claim/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        assert_eq!(self.server.http().ask(&request).status, 204);
        let hello = json!({"type": "hello", "name": name, "password": PASSWORD}).to_string();
        let client = self.present(name);
        client.send(&hello);
        client.await_answer(&hello);
        client.received.clear();
    }

    /// Reads until everybody has received as much as the document says.
    fn await_expected(&mut self, step: &Step) {
        for (name, client) in &mut self.clients {
            let count = step.received.iter().filter(|(to, _)| to == name).count();
            while client.received.len() < count && !client.is_closed {
                client.read();
            }
        }
    }

    /// Reads what everybody has been sent up to now.
    fn settle(&mut self) {
        for client in self.clients.values_mut().filter(|client| !client.is_closed) {
            client.settle();
        }
    }

    fn compare(&mut self, step: &Step) -> Result<(), String> {
        for (name, what) in &step.received {
            let received = match self.clients.get_mut(name) {
                Some(client) if !client.received.is_empty() => client.received.remove(0),
                _ => return Err(format!("{name} does not receive {what}")),
            };
            let is_same = match &received {
                Received::Json(value) => is_match(&read(what)?, value, &mut self.found),
                Received::Text(text) => is_text_match(what, text),
            };
            if !is_same {
                return Err(format!("{name} < {what}\n  but receives {received:?}"));
            }
        }
        for (name, client) in &self.clients {
            if let Some(received) = client.received.first() {
                return Err(format!("{name} receives {received:?} too"));
            }
        }
        Ok(())
    }

    /// Whoever appears without a word has connected before.
    fn present(&mut self, name: &str) -> &mut Client {
        let (server, is_line) = (&self.server, self.is_line);
        self.clients.entry(name.to_owned()).or_insert_with(|| {
            let mut client = Client::connect(server, is_line);
            client.settle();
            client.received.clear();
            client
        })
    }

    fn enter(&mut self, name: &str, room: &str) {
        let is_line = self.is_line;
        let client = self.present(name);
        let requests = if is_line {
            vec![format!("--name: {name}"), format!("--join: {room}")]
        } else {
            vec![
                json!({"type": "hello", "name": name}).to_string(),
                json!({"type": "join", "room": room, "create": true}).to_string(),
            ]
        };
        for request in requests {
            client.send(&request);
            client.await_answer(&request);
        }
        if let Some(Received::Json(answer)) = client.received.last() {
            assert_eq!(answer["type"], "done", "{answer}");
        }
    }
}

impl Client {
    fn connect(server: &Server, is_line: bool) -> Self {
        let mut received = Vec::new();
        let connection = if is_line {
            Connection::Line(Line::connect(server.lines()))
        } else {
            let stream = std::net::TcpStream::connect(server.web()).expect("the server listens");
            let mut ws = Ws::open(stream);
            ws.set_patience(crate::support::PATIENCE);
            received.push(Received::Json(ws.next()));
            Connection::Ws(Box::new(ws))
        };
        Self {
            connection,
            received,
            is_closed: false,
            is_logging_in: false,
        }
    }

    fn send(&mut self, what: &str) {
        self.is_logging_in = what.starts_with("--login:");
        match &mut self.connection {
            Connection::Ws(ws) if what == "(a binary message)" => {
                ws.write(&crate::support::masked_frame(2, b"bytes"));
            }
            Connection::Ws(ws) => ws.send(what),
            Connection::Line(line) => line.say(what),
        }
    }

    /// Reads one thing; `None` at the end.
    fn read(&mut self) -> Option<&Received> {
        let received = match &mut self.connection {
            Connection::Ws(ws) => match ws.try_next() {
                Ok(value) => Received::Json(value),
                Err(code) => {
                    self.is_closed = true;
                    let code = code.map_or("without a code".into(), |code| code.to_string());
                    Received::Text(format!("closed {code}"))
                }
            },
            Connection::Line(line) => Received::Text(line.next()),
        };
        self.received.push(received);
        self.received.last()
    }

    fn read_to_end(&mut self) {
        match &mut self.connection {
            Connection::Ws(_) => {
                while !self.is_closed {
                    self.read();
                }
            }
            Connection::Line(line) => {
                let rest = line.rest();
                let lines = rest.lines().map(|line| Received::Text(line.to_owned()));
                self.received.extend(lines);
                self.received.push(Received::Text("closed".into()));
                self.is_closed = true;
            }
        }
    }

    /// Reads up to the answer: of requests, only `typing` has none.
    fn await_answer(&mut self, request: &str) {
        if matches!(self.connection, Connection::Line(_)) {
            return self.settle();
        }
        if read(request).is_ok_and(|request| request["type"] == "typing") {
            return;
        }
        let is_answer = |value: &Value| value["type"] == "done" || value["type"] == "error";
        while matches!(self.read(), Some(Received::Json(value)) if !is_answer(value)) {}
    }

    /// Reads up to the answer to a question that changes nothing and passes through the hub.
    fn settle(&mut self) {
        if self.is_logging_in {
            return;
        }
        match &mut self.connection {
            Connection::Ws(_) => {
                self.send(r#"{"type":"leave","room":"barrier","id":"barrier"}"#);
                loop {
                    match self.read() {
                        Some(Received::Json(value)) if value["re"] == "barrier" => break,
                        Some(Received::Json(_)) => {}
                        _ => return,
                    }
                }
                self.received.pop();
            }
            Connection::Line(_) => {
                // The second line waits until all that was typed before is answered.
                self.send("--leave: barrier\n--me:");
                while !matches!(self.read(), Some(Received::Text(it)) if it.starts_with(NO_DEED)) {}
                self.received.pop();
                let place = |it: &Received| matches!(it, Received::Text(it) if it == NO_ROOM);
                let at = self
                    .received
                    .iter()
                    .rposition(place)
                    .expect("there is none");
                self.received.remove(at);
            }
        }
    }
}

fn expects_close(step: &Step, name: &str) -> bool {
    let mut received = step.received.iter();
    received.any(|(to, what)| to == name && what.starts_with("closed"))
}

const PASSWORD: &str = "correct horse";

/// What line mode says to `--me:`, and to leaving a room that does not exist.
const NO_DEED: &str = "! what do you do?";
const NO_ROOM: &str = "! there is no such room";
