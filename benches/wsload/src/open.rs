//! Opens many connections, some handshakes at a time.
use crate::stream::{Stream, Transport};
use crate::sys::{self, Epoll, Events, HUP, IN, OUT};

/// Where to connect to, always on loopback.
pub struct Target {
    ip: [u8; 4],
    port: u16,
    host: String,
    path: String,
    transport: Transport,
}

/// An open connection, with the bytes that came right behind the handshake.
pub struct Opened {
    pub stream: Stream,
    pub received: Vec<u8>,
}

// The example of RFC 6455 §1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Handshakes in progress at once.
const PARALLEL: usize = 128;
const TIMEOUT_NS: u64 = 120_000_000_000;
/// Connections from one source address: the default range of ephemeral ports has 28,000.
const PER_SOURCE: usize = 20_000;

impl Target {
    pub fn parse(url: &str) -> Result<Self, String> {
        let (rest, transport) = if let Some(rest) = url.strip_prefix("ws://") {
            (rest, Transport::Plain)
        } else if let Some(rest) = url.strip_prefix("wss://") {
            (rest, Transport::tls()?)
        } else {
            return Err("the URL must begin with ws:// or wss://".into());
        };
        let (host, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let (name, port) = host.rsplit_once(':').ok_or("the URL needs a port")?;
        let ip: std::net::Ipv4Addr = name.parse().map_err(|_| "the URL needs an IPv4 address")?;
        if !ip.is_loopback() {
            return Err("only loopback is ever a target".into());
        }
        Ok(Self {
            ip: ip.octets(),
            port: port.parse().map_err(|_| "the URL's port is no number")?,
            host: host.to_owned(),
            path: path.to_owned(),
            transport,
        })
    }

    fn request(&self, subprotocol: Option<&str>) -> String {
        let subprotocol = subprotocol.map_or(String::new(), |name| {
            format!("Sec-WebSocket-Protocol: {name}\r\n")
        });
        format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{subprotocol}\r\n",
            self.path, self.host
        )
    }
}

/// What makes a connection ready.
#[derive(Clone, Copy)]
pub enum Handshake<'a> {
    /// None but that of the transport.
    None,
    /// As many bytes as a WebSocket's request has, which come back as they are.
    Echoed,
    WebSocket {
        subprotocol: Option<&'a str>,
    },
}

/// Opens `count` connections; the result keeps their order.
pub fn open_all(
    target: &Target,
    count: usize,
    handshake: Handshake<'_>,
) -> Result<Vec<Opened>, String> {
    sys::raise_nofile();
    let request = match handshake {
        Handshake::None => None,
        Handshake::Echoed => Some(target.request(None)),
        Handshake::WebSocket { subprotocol } => Some(target.request(subprotocol)),
    };
    let epoll = Epoll::new()?;
    let mut events = Events::new();
    let mut all: Vec<Opened> = Vec::with_capacity(count);
    let mut ready_count = 0;
    let start_ns = sys::mono_ns();
    while ready_count < count {
        while all.len() < count && all.len() - ready_count < PARALLEL {
            let i = all.len();
            let source = (count > PER_SOURCE).then(|| [127, 0, 1, (2 + i / PER_SOURCE) as u8]);
            let fd = sys::connect_start(target.ip, target.port, source)
                .map_err(|e| format!("connecting number {i}: {e}"))?;
            epoll.add(fd, OUT, i)?;
            all.push(Opened {
                stream: Stream::new(fd, &target.transport)?,
                received: Vec::new(),
            });
        }
        epoll.wait(&mut events, 1000)?;
        if sys::mono_ns() - start_ns > TIMEOUT_NS {
            return Err(format!(
                "only {ready_count} of {count} connections were open in time"
            ));
        }
        for (i, flags) in events.iter() {
            let connection = &mut all[i];
            let fd = connection.stream.fd();
            if flags & HUP != 0 && flags & IN == 0 {
                return Err(format!(
                    "connection {i} was refused or reset in the handshake"
                ));
            }
            let is_ready = match &request {
                None => true,
                Some(request) if flags & OUT != 0 => {
                    // A fresh socket has room for a request of a few hundred bytes; TLS keeps it
                    // until it may go.
                    match connection.stream.send(request.as_bytes()) {
                        Ok(Some(sent)) if sent == request.len() => {}
                        result => return Err(format!("sending the handshake: {result:?}")),
                    }
                    epoll.modify(fd, IN, i)?;
                    false
                }
                Some(request) => connection.receive_response(&handshake, request)?,
            };
            if is_ready {
                epoll.remove(fd)?;
                ready_count += 1;
            }
        }
    }
    Ok(all)
}

impl Opened {
    /// Reads on; true when the whole response is there, which is cut off then.
    fn receive_response(
        &mut self,
        handshake: &Handshake<'_>,
        request: &str,
    ) -> Result<bool, String> {
        let mut buffer = [0; 4096];
        match self.stream.recv(&mut buffer) {
            Ok(Some(0)) => return Err("the server closed in the handshake".into()),
            Ok(Some(count)) => self.received.extend_from_slice(&buffer[..count]),
            Ok(None) => return Ok(false),
            Err(e) => return Err(format!("receiving the handshake: {e}")),
        }
        if matches!(handshake, Handshake::Echoed) {
            if !request.as_bytes().starts_with(&self.received) {
                return Err("the bytes came back changed".into());
            }
            let is_whole = self.received.len() == request.len();
            if is_whole {
                self.received = Vec::new();
            }
            return Ok(is_whole);
        }
        let Some(end) = self
            .received
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
        else {
            return Ok(false);
        };
        let head = String::from_utf8_lossy(&self.received[..end]);
        if !head.starts_with("HTTP/1.1 101") || !head.contains(ACCEPT) {
            return Err(format!("the server answered {head:?}"));
        }
        self.received.drain(..end + 4);
        Ok(true)
    }
}
