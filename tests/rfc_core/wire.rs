//! A second implementation of frames, as plain as RFC 6455 §5.2 allows, to hold the first against.

use chinwag::websocket::{Connection, Event, Limits, MaskingKeys, ProtocolError, Role};

pub(crate) const ROLES: [Role; 2] = [Role::Server, Role::Client];

pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame; the first byte is what stands in it, FIN, reserved bits, opcode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) first: u8,
    pub(crate) key: Option<[u8; 4]>,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// A frame as an endpoint of that role sends it.
    pub(crate) fn from(sender: Role, first: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            first,
            key: (sender == Role::Client).then_some(KEY),
            payload: payload.into(),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mask_bit = if self.key.is_some() { 0x80 } else { 0 };
        let len = u64::try_from(self.payload.len()).unwrap();
        let mut bytes = vec![self.first];
        if len < 126 {
            bytes.push(mask_bit | u8::try_from(len).unwrap());
        } else if len < 0x1_0000 {
            bytes.push(mask_bit | 126);
            bytes.extend(u16::try_from(len).unwrap().to_be_bytes());
        } else {
            bytes.push(mask_bit | 127);
            bytes.extend(len.to_be_bytes());
        }
        bytes.extend(self.key.iter().flatten());
        bytes.extend(masked(&self.payload, self.key));
        bytes
    }

    /// Takes frames apart, all of them whole, each length in its shortest form.
    pub(crate) fn decode_all(mut bytes: &[u8]) -> Vec<Self> {
        let mut frames = Vec::new();
        while !bytes.is_empty() {
            let mut take = |len: usize| bytes.split_off(..len).expect("the frame is whole");
            let head = take(2);
            let (first, second) = (head[0], head[1]);
            let len = match second & 0x7f {
                126 => u64::from(u16::from_be_bytes(take(2).try_into().unwrap())),
                127 => u64::from_be_bytes(take(8).try_into().unwrap()),
                len => u64::from(len),
            };
            let shortest = match len {
                0..126 => u8::try_from(len).unwrap(),
                126..0x1_0000 => 126,
                _ => 127,
            };
            assert_eq!(second & 0x7f, shortest, "{len} is not in its shortest form");
            let key: Option<[u8; 4]> = (second >= 0x80).then(|| take(4).try_into().unwrap());
            let payload = masked(take(usize::try_from(len).unwrap()), key);
            frames.push(Self {
                first,
                key,
                payload,
            });
        }
        frames
    }

    /// What is in it, without the key.
    pub(crate) fn content(&self) -> (u8, &[u8]) {
        (self.first, &self.payload)
    }
}

/// RFC 6455 §5.3, word for word.
fn masked(payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let Some(key) = key else {
        return payload.to_vec();
    };
    let octets = payload.iter().enumerate();
    octets.map(|(i, octet)| octet ^ key[i % 4]).collect()
}

pub(crate) fn connect(role: Role) -> Connection {
    connect_with(role, Limits::default())
}

pub(crate) fn connect_with(role: Role, limits: Limits) -> Connection {
    match role {
        Role::Server => Connection::server(limits),
        Role::Client => Connection::client(limits, Box::new(FixedKeys)),
    }
}

pub(crate) fn opposite(role: Role) -> Role {
    match role {
        Role::Server => Role::Client,
        Role::Client => Role::Server,
    }
}

/// What one endpoint made of bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) events: Vec<Event<'static>>,
    pub(crate) output: Vec<u8>,
    pub(crate) error: Option<ProtocolError>,
}

impl Trace {
    /// Gives bytes to a connection, all that comes of them behind what came before.
    pub(crate) fn receive(&mut self, connection: &mut Connection, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        let mut input = &mut bytes[..];
        loop {
            match connection.receive(&mut input, &mut self.output) {
                Ok(Some(event)) => self.events.push(event.into_owned()),
                Ok(None) => break,
                Err(error) => {
                    self.error = Some(error);
                    break;
                }
            }
        }
        assert!(input.is_empty(), "input is left");
    }

    /// What a connection makes of frames.
    pub(crate) fn of(connection: &mut Connection, frames: &[Frame]) -> Self {
        let mut trace = Self::default();
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
        trace.receive(connection, &bytes);
        trace
    }
}

struct FixedKeys;

impl MaskingKeys for FixedKeys {
    fn next_key(&mut self) -> [u8; 4] {
        KEY
    }
}
