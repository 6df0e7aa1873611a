//! Performs a transcript: a server of its own, and a client for everyone who appears.
//!
//! Nothing is waited for by time. Whoever asks something awaits the answer; then everyone asks
//! something harmless, and what each received before the answer to that is what the step brought.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::rc::Rc;

use serde_json::{Value, json};

use crate::matching::{Found, fill, is_match, is_text_match, read};
use crate::support::{Device, Line, Server, Ws};
use crate::transcript::{Action, Step, Transcript};

/// A JSON object that went over a connection.
#[derive(Debug)]
pub(crate) struct Spoken {
    /// Which connection, of the transcript's.
    pub(crate) connection: usize,
    /// Whether the client said it.
    pub(crate) is_request: bool,
    pub(crate) value: Value,
}

/// Performs a transcript: what was said, or the first line that is not true.
pub(crate) fn perform(transcript: &Transcript) -> Result<Vec<Spoken>, String> {
    let mut stage = Stage::new(transcript);
    for step in &transcript.steps {
        stage
            .act(step)
            .and_then(|()| stage.compare(step))
            .map_err(|error| format!("line {}: {error}", step.line))?;
    }
    Ok(stage.traffic.take())
}

struct Stage {
    server: Server,
    is_line: bool,
    clients: BTreeMap<String, Client>,
    connection_count: usize,
    traffic: Traffic,
    found: Found,
    device: Option<Device>,
}

/// What went over all connections.
type Traffic = Rc<RefCell<Vec<Spoken>>>;

/// A client, and what it received in this step.
struct Client {
    connection: Connection,
    /// The connection's number, and where to write down what goes over it.
    record: (usize, Traffic),
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
            connection_count: 0,
            traffic: Traffic::default(),
            found: Found::new(),
            device: None,
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
            Action::Own(name) => self.found_owner(name),
            Action::Connect(name) => {
                let client = self.connect();
                self.clients.insert(name.clone(), client);
            }
            Action::Send(name, what) => {
                if what.contains(r#""totp":"…""#) {
                    self.find_code();
                }
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

    /// Gives the server an owner, as who runs it would.
    fn found_owner(&self, name: &str) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_chinwag"))
            .args(["user", "add", name, "--admin", "--data-dir"])
            .arg(self.server.data_dir().join("data"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("chinwag user starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        let password = b"correct horse\n";
        stdin.write_all(password).expect("it reads a password");
        drop(stdin);
        let status = child.wait().expect("it ends");
        assert!(status.success(), "chinwag user add {name}: {status}");
    }

    /// Finds a code of the device that has the secret that was received last.
    fn find_code(&mut self) {
        if let Some(Value::String(secret)) = self.found.remove("secret") {
            self.device = Some(Device::new(&secret));
        }
        if let Some(device) = &mut self.device {
            self.found.insert("totp".into(), device.code().into());
        }
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
        if !self.clients.contains_key(name) {
            let mut client = self.connect();
            client.settle();
            client.received.clear();
            self.clients.insert(name.to_owned(), client);
        }
        self.clients.get_mut(name).expect("just now at the latest")
    }

    fn connect(&mut self) -> Client {
        let record = (self.connection_count, Rc::clone(&self.traffic));
        self.connection_count += 1;
        Client::connect(&self.server, self.is_line, record)
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
    fn connect(server: &Server, is_line: bool, record: (usize, Traffic)) -> Self {
        let connection = if is_line {
            Connection::Line(Line::connect(server.lines()))
        } else {
            let stream = std::net::TcpStream::connect(server.web()).expect("the server listens");
            let ws = Ws::open(stream);
            ws.set_patience(crate::support::PATIENCE);
            Connection::Ws(Box::new(ws))
        };
        let mut client = Self {
            connection,
            record,
            received: Vec::new(),
            is_closed: false,
            is_logging_in: false,
        };
        if !is_line {
            client.read();
        }
        client
    }

    fn write_down(&self, is_request: bool, value: Value) {
        let (connection, traffic) = &self.record;
        traffic.borrow_mut().push(Spoken {
            connection: *connection,
            is_request,
            value,
        });
    }

    fn send(&mut self, what: &str) {
        self.is_logging_in |= what.starts_with("--login:");
        if let Ok(value @ Value::Object(_)) = serde_json::from_str(what) {
            self.write_down(true, value);
        }
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
        if let Received::Json(value) = &received {
            self.write_down(false, value.clone());
        }
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
            if self.is_logging_in && !request.starts_with("--login:") {
                let says_again = |text: &str| text.ends_with(ONCE_MORE);
                self.is_logging_in =
                    matches!(self.read(), Some(Received::Text(text)) if says_again(text));
            }
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
                        Some(Received::Json(value)) if value["re"] == "barrier" => {
                            // What is refused as too fast has not been at the hub.
                            assert_ne!(value["code"], "rate_limited", "the step asks too much");
                            break;
                        }
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

/// How line mode ends what it says to a wrong password.
const ONCE_MORE: &str = "again, or an empty line to give up";

/// What line mode says to `--me:`, and to leaving a room that does not exist.
const NO_DEED: &str = "! what do you do?";
const NO_ROOM: &str = "! there is no such room";
