//! TLS on the event loops, with real handshakes over real sockets.
#![cfg(feature = "server")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod net_support;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use chinwag::net::{
    Config, OutboxLimits, SlowReader, Tls, TlsAcceptor, TlsFailure, TlsIdentity, TlsIdentityError,
};
use net_support::{Log, Mail, PATIENCE, Server, config, now, serve};
use rcgen::{CertificateParams, CertifiedKey, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, HandshakeKind, NamedGroup, RootCertStore,
    StreamOwned, SupportedProtocolVersion, version,
};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];

/// A server that speaks TLS, and the certificate that its clients trust.
struct Secure {
    server: Server,
    certificate: CertificateDer<'static>,
    acceptor: TlsAcceptor,
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// A client that has agreed on TLS.
struct Client {
    lines: BufReader<Stream>,
}

fn certify() -> (CertificateDer<'static>, TlsIdentity) {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = signing_key.serialize_pem();
    let identity = TlsIdentity::from_pem(cert.pem().as_bytes(), key.as_bytes()).unwrap();
    (cert.der().clone(), identity)
}

/// Starts a server over TLS, with those settings otherwise.
fn secure(config: Config) -> Secure {
    let (certificate, identity) = certify();
    let acceptor = TlsAcceptor::new(identity).unwrap();
    let tls = Tls {
        acceptor: acceptor.clone(),
        listeners: BTreeSet::from([0]),
    };
    let server = serve(&Config {
        tls: Some(tls),
        ..config
    });
    Secure {
        server,
        certificate,
        acceptor,
    }
}

fn trust(
    certificate: &CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

fn connection(config: &Arc<ClientConfig>) -> ClientConnection {
    ClientConnection::new(Arc::clone(config), "localhost".try_into().unwrap()).unwrap()
}

impl Secure {
    fn socket(&self) -> TcpStream {
        let socket = TcpStream::connect(self.server.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        socket
    }

    /// Has new connections accepted with that.
    fn renew(&self, acceptor: TlsAcceptor) {
        self.server.tell(Mail::RenewTls(acceptor));
        // Mail is taken in order, and before connections are accepted.
        self.server.turn_count();
    }

    fn connect(&self) -> Client {
        self.connect_as(&trust(&self.certificate, &version::TLS13))
    }

    fn connect_as(&self, config: &Arc<ClientConfig>) -> Client {
        Client::over(connection(config), self.socket())
    }
}

impl Client {
    fn over(connection: ClientConnection, socket: TcpStream) -> Self {
        let mut client = Self {
            lines: BufReader::new(StreamOwned::new(connection, socket)),
        };
        assert_eq!(client.line(), "secured");
        client
    }

    fn stream(&mut self) -> &mut Stream {
        self.lines.get_mut()
    }

    fn tls(&self) -> &ClientConnection {
        &self.lines.get_ref().conn
    }

    fn send(&mut self, text: &str) {
        self.stream().write_all(text.as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end_matches('\n').to_owned()
    }

    fn ask(&mut self, question: &str, answer: &str) {
        self.send(question);
        assert_eq!(self.line(), answer);
    }

    /// All that comes, up to a `close_notify` that must come.
    fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.lines.read_to_end(&mut rest).unwrap();
        rest
    }
}

/// All that comes over a socket, of which a reset is an end too.
fn all(mut socket: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Err(error) = socket.read_to_end(&mut bytes) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    bytes
}

fn failure(server: &Server) -> TlsFailure {
    server.wait_for(|log| match log {
        Log::TlsFailed(failure) => Some(*failure),
        _ => None,
    })
}

// covers: RTLS-X-02
#[test]
fn both_versions_are_spoken_with_the_protocol_that_is_meant() {
    let secure = secure(config());
    for version in VERSIONS {
        let mut client = secure.connect_as(&trust(&secure.certificate, version));
        client.ask("echo hello\n", "hello");
        let tls = client.tls();
        assert_eq!(tls.protocol_version(), Some(version.version));
        assert_eq!(tls.alpn_protocol(), Some(&b"http/1.1"[..]));
        let suite = tls.negotiated_cipher_suite().unwrap().suite();
        assert!(format!("{suite:?}").contains("AES_256_GCM"), "{suite:?}");
    }
    let client = secure.connect();
    let group = client.tls().negotiated_key_exchange_group().unwrap();
    assert_eq!(group.name(), NamedGroup::X25519MLKEM768);
    secure
        .server
        .wait_until(|totals| totals.tls_handshakes == 3);
}

// covers: RTLS-X-02
#[test]
fn client_that_speaks_http_2_only_is_told_that_nobody_else_does() {
    let secure = secure(config());
    for version in VERSIONS {
        let mut config = ClientConfig::clone(&trust(&secure.certificate, version));
        config.alpn_protocols = vec![b"h2".to_vec()];
        let mut tls = connection(&Arc::new(config));
        let error = tls.complete_io(&mut secure.socket()).unwrap_err();
        let error = error.get_ref().and_then(|it| it.downcast_ref());
        let alert = AlertDescription::NoApplicationProtocol;
        assert_eq!(error, Some(&rustls::Error::AlertReceived(alert)));
    }
}

// covers: R8446-8-01
#[test]
fn nothing_is_taken_before_the_handshake_is_done() {
    let secure = secure(config());
    let mut config = ClientConfig::clone(&trust(&secure.certificate, &version::TLS13));
    config.enable_early_data = true;
    let config = Arc::new(config);
    secure.connect_as(&config).ask("echo x\n", "x");
    // A ticket says how much its holder may send at once, which anybody could send again.
    let mut resumed = connection(&config);
    assert!(resumed.early_data().is_none());
    let mut resumed = Client::over(resumed, secure.socket());
    resumed.ask("echo x\n", "x");
    let kind = resumed.tls().handshake_kind();
    assert_eq!(kind, Some(HandshakeKind::Resumed));
}

#[test]
fn session_is_resumed_by_a_ticket_and_still_is_under_another_certificate() {
    let secure = secure(config());
    for version in VERSIONS {
        let config = trust(&secure.certificate, version);
        let kind = |mut client: Client| {
            client.ask("echo x\n", "x");
            client.tls().handshake_kind().unwrap()
        };
        let first = kind(secure.connect_as(&config));
        assert!(matches!(
            first,
            HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest
        ));
        assert_eq!(kind(secure.connect_as(&config)), HandshakeKind::Resumed);
        let acceptor = secure.acceptor.with_identity(certify().1);
        secure.renew(acceptor);
        assert_eq!(kind(secure.connect_as(&config)), HandshakeKind::Resumed);
        secure.renew(secure.acceptor.clone());
    }
}

#[test]
fn certificate_is_renewed_under_an_open_connection() {
    let secure = secure(config());
    let mut before = secure.connect();
    let (certificate, identity) = certify();
    secure.renew(secure.acceptor.with_identity(identity));
    before.ask("echo still here\n", "still here");
    let mut after = secure.connect_as(&trust(&certificate, &version::TLS13));
    after.ask("echo new here\n", "new here");
    before.ask("echo and here\n", "and here");
}

#[test]
fn bytes_may_come_one_at_a_time() {
    let secure = secure(config());
    for version in VERSIONS {
        let mut tls = connection(&trust(&secure.certificate, version));
        let mut socket = secure.socket();
        let mut answer = Vec::new();
        tls.writer().write_all(b"echo slowly\n").unwrap();
        while answer.len() < "secured\nslowly\n".len() {
            let mut sealed = Vec::new();
            while tls.wants_write() {
                tls.write_tls(&mut sealed).unwrap();
            }
            for byte in &sealed {
                socket.write_all(&[*byte]).unwrap();
            }
            if sealed.is_empty() {
                tls.read_tls(&mut socket).unwrap();
                tls.process_new_packets().unwrap();
            }
            // There may be nothing yet.
            let _ = tls.reader().read_to_end(&mut answer);
        }
        assert_eq!(answer, b"secured\nslowly\n");
    }
}

#[test]
fn megabytes_pass_in_both_directions_at_once() {
    let secure = secure(Config {
        outbox: OutboxLimits {
            when_full: SlowReader::StopReading,
            ..OutboxLimits::default()
        },
        ..config()
    });
    for version in VERSIONS {
        let mut tls = connection(&trust(&secure.certificate, version));
        tls.set_buffer_limit(None);
        let bytes: Vec<u8> = (0..5_000_011_u32).map(|n| n.to_le_bytes()[1] ^ 7).collect();
        let mut socket = secure.socket();
        tls.complete_io(&mut socket).unwrap();
        tls.writer().write_all(b"raw\n").unwrap();
        tls.writer().write_all(&bytes).unwrap();
        let mut sealed = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut sealed).unwrap();
        }
        let mut writing = socket.try_clone().unwrap();
        let writer = std::thread::spawn(move || writing.write_all(&sealed).unwrap());
        let mut echoed = vec![0; "secured\n".len() + bytes.len()];
        StreamOwned::new(tls, socket)
            .read_exact(&mut echoed)
            .unwrap();
        writer.join().unwrap();
        assert!(echoed["secured\n".len()..] == bytes);
    }
}

#[test]
fn shared_and_own_bytes_are_gathered_into_few_records() {
    let secure = secure(config());
    let mut client = secure.connect();
    // The turn that shook hands has ended, and its counters are published.
    secure.server.turn_count();
    let before = secure.server.runtime.gauges().totals().sent_bytes;
    let mut question = String::new();
    for _ in 0..300 {
        question.push_str("echo x\n");
    }
    question.push_str("share 5000\nshare 40000\necho end\n");
    client.send(&question);
    let mut answer = "x\n".repeat(300);
    answer.push_str(&format!(
        "{}\n{}\nend\n",
        "s".repeat(5_000),
        "s".repeat(40_000)
    ));
    let mut received = vec![0; answer.len()];
    client.lines.read_exact(&mut received).unwrap();
    assert!(received == answer.as_bytes());
    let sent = |len: u64| len - before;
    let len = u64::try_from(answer.len()).unwrap();
    secure
        .server
        .wait_until(|totals| (len..len + 6 * 32).contains(&sent(totals.sent_bytes)));
}

#[test]
fn both_ends_announce_theirs() {
    let secure = secure(config());
    let mut client = secure.connect();
    client.send("close bye\n");
    assert_eq!(client.rest(), b"bye\n");

    let mut client = secure.connect();
    client.send("echo half\n");
    client.stream().conn.send_close_notify();
    client.stream().flush().unwrap();
    // What was asked before is answered after the announcement, and then comes the server's own.
    assert_eq!(client.rest(), b"half\nbye\n");
    let is_end = |log: &Log| matches!(log, Log::EndOfInput(_));
    secure.server.wait_for(|log| is_end(log).then_some(()));
    drop(client);
    let log = secure.server.stop();
    assert!(!log.iter().any(is_end), "it is told once");
}

#[test]
fn fin_without_an_announcement_is_an_end_of_input() {
    let secure = secure(config());
    let mut client = secure.connect();
    client.send("echo half\n");
    client.stream().sock.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.rest(), b"half\nbye\n");
}

#[test]
fn last_words_and_the_announcement_arrive_though_the_client_still_sends() {
    let secure = secure(config());
    for _ in 0..20 {
        let mut client = secure.connect();
        client.send("close last words\n");
        for _ in 0..20 {
            // The server may have closed already.
            let _ = client.stream().write_all(&[b'x'; 1000]);
        }
        assert_eq!(client.rest(), b"last words\n");
    }
}

#[test]
fn silent_and_hesitant_clients_are_cut_off_at_the_deadline() {
    let secure = secure(Config {
        tls_timeout: Duration::from_millis(300),
        ..config()
    });
    let mut open = secure.connect();
    let begin = now();
    let silent = secure.socket();
    let mut hesitant = secure.socket();
    let mut hello = Vec::new();
    connection(&trust(&secure.certificate, &version::TLS13))
        .write_tls(&mut hello)
        .unwrap();
    hesitant.write_all(&hello[..hello.len() / 2]).unwrap();
    let mut without_finish = secure.socket();
    without_finish.write_all(&hello).unwrap();
    for socket in [&silent, &hesitant, &without_finish] {
        all(socket);
        assert_eq!(failure(&secure.server), TlsFailure::TimedOut);
    }
    assert!(now() - begin >= Duration::from_millis(300));
    open.ask("echo not me\n", "not me");
}

#[test]
fn who_speaks_in_the_clear_is_told_so_in_the_clear() {
    let secure = secure(config());
    for text in ["GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "hello\n"] {
        let mut socket = secure.socket();
        socket.write_all(text.as_bytes()).unwrap();
        assert_eq!(all(&socket), b"speak TLS here\n");
        assert_eq!(failure(&secure.server), TlsFailure::Plaintext);
    }
}

#[test]
fn garbage_gets_an_alert_and_nothing_else() {
    let secure = secure(config());
    let garbage: [&[u8]; 4] = [
        b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",
        b"\x16\x03\x01\xff\xff",
        b"\x00\x00\x00\x00\x00\x00",
        b"\x17\x03\x03\x00\x01x",
    ];
    for bytes in garbage {
        let mut socket = secure.socket();
        socket.write_all(bytes).unwrap();
        let answer = all(&socket);
        assert_eq!(answer.first(), Some(&21), "an alert for {bytes:?}");
        assert_eq!(failure(&secure.server), TlsFailure::Broken);
    }
}

#[test]
fn endless_message_of_a_handshake_is_not_kept() {
    let secure = secure(config());
    let mut socket = secure.socket();
    // A ClientHello of 60,000 bytes, in records of 1,000.
    let mut record = vec![22, 3, 1, 3, 232, 1, 0, 0xea, 0x60];
    record.resize(1005, 0);
    socket.write_all(&record).unwrap();
    record[5..].fill(0);
    for _ in 0..58 {
        // The server gives up before the end.
        let _ = socket.write_all(&record);
    }
    assert_eq!(failure(&secure.server), TlsFailure::Broken);
}

#[test]
fn damaged_record_ends_the_connection_after_what_came_before_it() {
    let secure = secure(config());
    for version in VERSIONS {
        let mut client = secure.connect_as(&trust(&secure.certificate, version));
        let stream = client.stream();
        let mut sealed = Vec::new();
        for text in ["all heard\n", "lost\n"] {
            stream.conn.writer().write_all(text.as_bytes()).unwrap();
            stream.conn.write_tls(&mut sealed).unwrap();
        }
        *sealed.last_mut().unwrap() ^= 1;
        stream.sock.write_all(&sealed).unwrap();
        let mut rest = Vec::new();
        let error = client.lines.read_to_end(&mut rest).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "an alert: {error}");
        assert_eq!(failure(&secure.server), TlsFailure::Broken);
    }
}

#[test]
fn slow_reader_is_cut_off_and_makes_the_server_hold_no_more_than_its_limits() {
    let secure = secure(Config {
        outbox: OutboxLimits {
            soft_len: 100_000,
            hard_len: 1_000_000,
            grace_timeout: Duration::from_millis(300),
            when_full: SlowReader::CutOff,
            ..OutboxLimits::default()
        },
        flush_timeout: Duration::from_millis(100),
        ..config()
    });
    let mut client = secure.connect();
    client.send("flood 100\n");
    let is_overflow = |log: &Log| matches!(log, Log::Overflow(_)).then_some(());
    secure.server.wait_for(is_overflow);
    // The socket's own buffers hold megabytes; what is queued here does not.
    assert!(secure.server.runtime.gauges().totals().queued_bytes < 1_500_000);
    secure.server.wait_until(|totals| totals.sockets == 0);
    assert_eq!(secure.server.runtime.gauges().totals().queued_bytes, 0);
}

#[test]
fn slow_reader_that_is_waited_for_gets_everything() {
    let secure = secure(Config {
        outbox: OutboxLimits {
            soft_len: 100_000,
            hard_len: 1_000_000,
            when_full: SlowReader::StopReading,
            ..OutboxLimits::default()
        },
        ..config()
    });
    let mut client = secure.connect();
    let question = "fill 50000\n".repeat(400) + "close end\n";
    client.send(&question);
    // It has stopped reading in the middle of what it was sent.
    secure
        .server
        .wait_until(|totals| totals.queued_bytes > 100_000);
    let answer = client.rest();
    assert_eq!(answer.len(), 400 * 50_000 + "end\n".len());
}

#[test]
fn flood_of_handshakes_leaves_the_others_their_turns() {
    let secure = secure(config());
    let mut open = secure.connect();
    let config = trust(&secure.certificate, &version::TLS13);
    let mut hello = Vec::new();
    connection(&config).write_tls(&mut hello).unwrap();
    let flood: Vec<TcpStream> = (0..400).map(|_| secure.socket()).collect();
    secure.server.wait_until(|totals| totals.sockets == 401);
    for mut socket in &flood {
        socket.write_all(&hello).unwrap();
    }
    // A turn answers this, and goes on with no more than four handshakes.
    let before = secure.server.turn_count();
    open.ask("echo me too\n", "me too");
    let turns = secure.server.turn_count() - before;
    assert!(turns < 50, "answered after {turns} turns");
    // And all of the flood has its turn.
    for mut socket in flood {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        assert_eq!(byte, [22]);
    }
}

#[test]
fn identity_says_what_is_wrong_with_it() {
    let key = KeyPair::generate().unwrap();
    let other = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2001, 1, 1);
    params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    let certificate = params.self_signed(&key).unwrap().pem();
    let key_pem = key.serialize_pem();
    let read = |certificate: &str, key: &str| {
        TlsIdentity::from_pem(certificate.as_bytes(), key.as_bytes()).map(|_| ())
    };
    let none = "nothing of that kind\n";
    let fake = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let fake_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let cases = [
        (none, key_pem.as_str(), TlsIdentityError::NoCertificate),
        (fake, &key_pem, TlsIdentityError::BadCertificate),
        (&certificate, none, TlsIdentityError::NoKey),
        (&certificate, fake_key, TlsIdentityError::BadKey),
        (
            &certificate,
            &other.serialize_pem(),
            TlsIdentityError::KeyMismatch,
        ),
    ];
    for (certificate, key, error) in cases {
        assert_eq!(read(certificate, key), Err(error));
        let blames_key = error.is_about_key();
        assert_eq!(blames_key, certificate.contains("MII"), "{error}");
    }
    let identity = TlsIdentity::from_pem(certificate.as_bytes(), key_pem.as_bytes()).unwrap();
    let year = |n: u64| Duration::from_secs((n - 1970) * 31_557_600 + 15_778_800);
    assert_eq!(
        identity.check_validity(year(2000)),
        Err(TlsIdentityError::NotYetValid)
    );
    assert_eq!(identity.check_validity(year(2001)), Ok(()));
    assert_eq!(
        identity.check_validity(year(2002)),
        Err(TlsIdentityError::Expired)
    );
}
