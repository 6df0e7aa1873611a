//! TLS for the raw loop, by the same crate as the server's, with the least around it.
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncryptError, UnbufferedStatus};

/// One client's end.
pub struct Tls {
    connection: UnbufferedServerConnection,
    /// The beginning of a record whose end has not come.
    pub partial: Vec<u8>,
}

/// Settings under a certificate for `localhost` that is made here.
pub fn config() -> Arc<ServerConfig> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
    let made = made.expect("a certificate can be made");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("it was made so");
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for both versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("key and certificate were made together");
    Arc::new(config)
}

impl Tls {
    pub fn new(config: Arc<ServerConfig>) -> Self {
        Self {
            connection: UnbufferedServerConnection::new(config).expect("the settings are sound"),
            partial: Vec::new(),
        }
    }

    /// Appends what the records hold to `plain`, and what is to be said to them to `sealed`.
    /// False: the client has gone.
    pub fn open(&mut self, records: &mut [u8], plain: &mut Vec<u8>, sealed: &mut Vec<u8>) -> bool {
        let mut begin = 0;
        loop {
            let UnbufferedStatus { discard, state } =
                self.connection.process_tls_records(&mut records[begin..]);
            let is_done = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(Ok(record)) = traffic.next_record() {
                        plain.extend_from_slice(record.payload);
                    }
                    false
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    let len = sealed.len();
                    sealed.resize(len + MAX_HANDSHAKE_LEN, 0);
                    let encoded = data.encode(&mut sealed[len..]);
                    sealed.truncate(len + encoded.expect("a record of a handshake is short"));
                    false
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    false
                }
                Ok(ConnectionState::WriteTraffic(_) | ConnectionState::BlockedHandshake) => true,
                Ok(_) | Err(_) => return false,
            };
            begin += discard;
            if is_done {
                self.partial.clear();
                self.partial.extend_from_slice(&records[begin..]);
                return true;
            }
        }
    }

    /// Appends `plain` in records to `sealed`.
    pub fn seal(&mut self, plain: &[u8], sealed: &mut Vec<u8>) {
        let status = self.connection.process_tls_records(&mut self.partial);
        let Ok(ConnectionState::WriteTraffic(mut traffic)) = status.state else {
            return;
        };
        let len = sealed.len();
        sealed.resize(len + plain.len() + (plain.len() / RECORD_LEN + 1) * 32, 0);
        let written = match traffic.encrypt(plain, &mut sealed[len..]) {
            Err(EncryptError::InsufficientSize(size)) => {
                sealed.resize(len + size.required_size, 0);
                traffic.encrypt(plain, &mut sealed[len..])
            }
            written => written,
        };
        sealed.truncate(len + written.unwrap_or_default());
    }
}

/// What a record holds at most.
const RECORD_LEN: usize = 16 * 1024;

/// A flight of the server's, with a certificate of some hundred bytes.
const MAX_HANDSHAKE_LEN: usize = 18 * 1024;
