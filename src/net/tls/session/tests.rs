//! TLS between a session and a client without sockets.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use proptest::prelude::*;
use rcgen::CertifiedKey;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion, version};

use super::*;
use crate::net::tls::{TlsAcceptor, TlsIdentity};

struct Pair {
    client: ClientConnection,
    server: TlsSession,
    scratch: Vec<u8>,
    sealed: SealBuffer,
    /// What the service has got.
    received: Vec<u8>,
    /// What the client has got.
    heard: Vec<u8>,
}

#[expect(clippy::disallowed_methods, reason = "some instant to count from")]
fn some_time() -> Instant {
    Instant::now()
}

impl Pair {
    fn new(version: &'static SupportedProtocolVersion) -> Self {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = signing_key.serialize_pem();
        let identity = TlsIdentity::from_pem(cert.pem().as_bytes(), key.as_bytes());
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = "localhost".try_into().unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        client.set_buffer_limit(None);
        Self {
            client,
            server: TlsAcceptor::new(identity.unwrap())
                .unwrap()
                .accept(some_time()),
            scratch: vec![0; 256 << 10],
            sealed: SealBuffer::default(),
            received: Vec::new(),
            heard: Vec::new(),
        }
    }

    /// All that the client has to say.
    fn said(&mut self) -> Vec<u8> {
        let mut said = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut said).unwrap();
        }
        said
    }

    /// Hands records to the server, as if one read had given them.
    fn give(&mut self, records: &[u8]) -> Option<InputEnd> {
        self.server.prepare(&mut self.scratch)[..records.len()].copy_from_slice(records);
        self.sealed.clear();
        let opened = self
            .server
            .open(&mut self.scratch, records.len(), &mut self.sealed);
        self.received.extend_from_slice(&self.scratch[..opened.len]);
        self.take_sealed();
        opened.end
    }

    fn take_sealed(&mut self) {
        let mut rest = self.sealed.as_slice();
        while !rest.is_empty() {
            self.client.read_tls(&mut rest).unwrap();
            self.client.process_new_packets().unwrap();
            // `WouldBlock` when there is nothing more.
            let _ = self.client.reader().read_to_end(&mut self.heard);
        }
    }

    fn shake_hands(mut self) -> Self {
        while !self.server.is_open() || self.client.is_handshaking() {
            let said = self.said();
            assert_eq!(self.give(&said), None);
        }
        self
    }
}

fn versions() -> impl Strategy<Value = &'static SupportedProtocolVersion> {
    prop_oneof![Just(&version::TLS13), Just(&version::TLS12)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn records_mean_the_same_however_they_are_cut(
        version in versions(),
        lens in prop::collection::vec(0..40_000_usize, 0..5),
        cuts in prop::collection::vec(1..30_000_usize, 1..20),
    ) {
        let mut pair = Pair::new(version);
        let mut sent = Vec::new();
        for (nth, len) in lens.iter().enumerate() {
            sent.extend((0..*len).map(|at| u8::try_from((at + nth) % 251).unwrap()));
        }
        pair.client.writer().write_all(&sent).unwrap();
        let mut cuts = cuts.iter().copied().cycle();
        loop {
            let said = pair.said();
            if said.is_empty() {
                break;
            }
            let mut rest = said.as_slice();
            while !rest.is_empty() {
                let (now, later) = rest.split_at(cuts.next().unwrap().min(rest.len()));
                prop_assert_eq!(pair.give(now), None);
                prop_assert!(pair.server.partial.len() <= MAX_RECORD_LEN);
                rest = later;
            }
            prop_assert_eq!(pair.server.partial.capacity(), 0, "all has come, nothing is kept");
        }
        prop_assert!(pair.received == sent);
    }

    #[test]
    fn whatever_an_outbox_is_made_of_arrives_in_full_records(
        version in versions(),
        pieces in prop::collection::vec((any::<bool>(), 0..50_000_usize), 0..12),
    ) {
        let mut pair = Pair::new(version).shake_hands();
        let mut outbox = Outbox::default();
        let mut sent = Vec::new();
        for (nth, (is_shared, len)) in pieces.into_iter().enumerate() {
            let piece: Vec<u8> = (0..len).map(|at| u8::try_from((at * 7 + nth) % 251).unwrap()).collect();
            sent.extend_from_slice(&piece);
            if is_shared {
                outbox.push_shared(&piece.into());
            } else {
                outbox.buffer().extend_from_slice(&piece);
            }
        }
        let mut gathered = Vec::new();
        while !outbox.is_empty() {
            pair.sealed.clear();
            let mut sealed = std::mem::take(&mut pair.sealed);
            prop_assert!(pair.server.seal(&mut outbox, &mut gathered, &mut sealed).is_ok());
            prop_assert!(sealed.len() <= MAX_SEALED_LEN + 2 * MAX_RECORD_LEN);
            pair.sealed = sealed;
            pair.take_sealed();
        }
        prop_assert!(pair.heard == sent);
    }
}

#[test]
fn small_pieces_share_a_record() {
    let mut pair = Pair::new(&version::TLS13).shake_hands();
    let mut outbox = Outbox::default();
    for _ in 0..3 {
        outbox.push_shared(&vec![b's'; 4096].into());
        outbox.buffer().extend_from_slice(b"own");
    }
    let len = outbox.len();
    pair.sealed.clear();
    let sealed = pair
        .server
        .seal(&mut outbox, &mut Vec::new(), &mut pair.sealed);
    assert!(sealed.is_ok());
    assert_eq!(pair.sealed.len(), len + 5 + 1 + 16);
}

#[test]
fn new_keys_are_taken_and_used() {
    let mut pair = Pair::new(&version::TLS13).shake_hands();
    for _ in 0..3 {
        pair.client.refresh_traffic_keys().unwrap();
        pair.client.writer().write_all(b"ping").unwrap();
        let said = pair.said();
        // The half of a record makes no difference to what is sealed meanwhile.
        let (half, rest) = said.split_at(said.len() - 3);
        assert_eq!(pair.give(half), None);
        let mut outbox = Outbox::default();
        outbox.buffer().extend_from_slice(b"pong");
        pair.sealed.clear();
        let sealed = pair
            .server
            .seal(&mut outbox, &mut Vec::new(), &mut pair.sealed);
        assert!(sealed.is_ok());
        pair.take_sealed();
        assert_eq!(std::mem::take(&mut pair.heard), b"pong");
        assert_eq!(pair.give(rest), None);
    }
    assert_eq!(pair.received, b"pingpingping");
}

#[test]
fn ends_are_said_and_heard() {
    for version in [&version::TLS13, &version::TLS12] {
        let mut pair = Pair::new(version).shake_hands();
        pair.client.writer().write_all(b"last").unwrap();
        pair.client.send_close_notify();
        let said = pair.said();
        assert_eq!(pair.give(&said), Some(InputEnd::Closed));
        assert_eq!(pair.received, b"last");
        pair.sealed.clear();
        assert!(pair.server.say_goodbye(&mut pair.sealed).is_ok());
        let mut rest = pair.sealed.as_slice();
        pair.client.read_tls(&mut rest).unwrap();
        assert!(pair.client.process_new_packets().unwrap().peer_has_closed());
        assert!(!pair.server.is_open());
    }
}
