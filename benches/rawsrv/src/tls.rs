//! TLS as thin as rustls allows: records are opened and sealed in buffers that all clients share.
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{NoServerSessionStorage, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, UnbufferedStatus};

/// What opens and seals the records of new clients, with a certificate made here.
pub fn config() -> Arc<ServerConfig> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])
        .expect("a certificate can be made");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for both versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.into()], key)
        .expect("the key belongs to the certificate");
    // Nobody comes back.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Arc::new(config)
}

/// One client's end of TLS.
pub struct Tls {
    connection: UnbufferedServerConnection,
    /// The beginning of a record whose end has not come.
    partial: Vec<u8>,
}

/// The client has gone, or speaks something else.
pub struct Over;

impl Tls {
    pub fn new(config: &Arc<ServerConfig>) -> Self {
        Self {
            connection: UnbufferedServerConnection::new(Arc::clone(config))
                .expect("the configuration is complete"),
            partial: Vec::new(),
        }
    }

    /// Puts what is left of former reads at the beginning of `buffer`; returns how much it is.
    pub fn restore(&self, buffer: &mut [u8]) -> usize {
        buffer[..self.partial.len()].copy_from_slice(&self.partial);
        self.partial.len()
    }

    /// Opens all whole records in `received` into `opened`, and seals the same bytes into `sealed`,
    /// behind what TLS itself has to say.
    pub fn echo(
        &mut self,
        received: &mut [u8],
        opened: &mut Vec<u8>,
        sealed: &mut Vec<u8>,
    ) -> Result<(), Over> {
        let mut begin = 0;
        loop {
            let UnbufferedStatus { mut discard, state } =
                self.connection.process_tls_records(&mut received[begin..]);
            let mut is_done = false;
            match state.map_err(|_| Over)? {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(|_| Over)?;
                        opened.extend_from_slice(record.payload);
                        discard += record.discard;
                    }
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    let len = match data.encode(&mut []) {
                        Err(EncodeError::InsufficientSize(size)) => size.required_size,
                        _ => return Err(Over),
                    };
                    let at = sealed.len();
                    sealed.resize(at + len, 0);
                    data.encode(&mut sealed[at..]).map_err(|_| Over)?;
                }
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::WriteTraffic(mut traffic) => {
                    if !opened.is_empty() {
                        let at = sealed.len();
                        let record_count = opened.len().div_ceil(RECORD_PAYLOAD_LEN);
                        sealed.resize(at + opened.len() + record_count * MAX_OVERHEAD_LEN, 0);
                        let len = traffic.encrypt(opened, &mut sealed[at..]);
                        sealed.truncate(at + len.map_err(|_| Over)?);
                    }
                    is_done = true;
                }
                ConnectionState::BlockedHandshake => is_done = true,
                _ => return Err(Over),
            }
            begin += discard;
            if is_done {
                break;
            }
        }
        if begin < received.len() {
            self.partial.clear();
            self.partial.extend_from_slice(&received[begin..]);
        } else {
            self.partial = Vec::new();
        }
        Ok(())
    }
}

/// What a record holds at most (RFC 8446 §5.1), and what it adds to that.
const RECORD_PAYLOAD_LEN: usize = 1 << 14;
const MAX_OVERHEAD_LEN: usize = 5 + 8 + 16;
