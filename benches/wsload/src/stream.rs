//! One connection's socket, with TLS on it or without.
use std::cell::RefCell;
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::RawFd;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error as TlsError, SignatureScheme,
};

use crate::sys;

/// How bytes travel, for all connections of a run.
#[derive(Clone)]
pub enum Transport {
    Plain,
    Tls(Arc<ClientConfig>),
}

impl Transport {
    /// TLS with anyone: what the server says of itself is not judged, nothing is resumed.
    pub fn tls() -> Result<Self, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Self::Tls(Arc::new(config)))
    }
}

/// A non-blocking socket.
pub enum Stream {
    Plain(RawFd),
    Tls(RawFd, Box<Tls>),
}

impl Stream {
    pub fn new(fd: RawFd, transport: &Transport) -> Result<Self, String> {
        Ok(match transport {
            Transport::Plain => Self::Plain(fd),
            Transport::Tls(config) => {
                let name = ServerName::try_from("localhost").map_err(|e| e.to_string())?;
                let session = ClientConnection::new(Arc::clone(config), name);
                let session = session.map_err(|e| e.to_string())?;
                let unopened = Vec::new();
                Self::Tls(fd, Box::new(Tls { session, unopened }))
            }
        })
    }

    pub fn fd(&self) -> RawFd {
        match self {
            Self::Plain(fd) | Self::Tls(fd, _) => *fd,
        }
    }

    /// The bare socket, for loads that know no TLS.
    pub fn into_plain(self) -> Result<RawFd, String> {
        match self {
            Self::Plain(fd) => Ok(fd),
            Self::Tls(..) => Err("only echo and idle speak TLS".into()),
        }
    }

    /// Reads as much as there is room for. `Ok(None)`: there is nothing; `Ok(Some(0))`: the peer
    /// has closed.
    #[inline]
    pub fn recv(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self {
            Self::Plain(fd) => sys::recv(*fd, buffer),
            Self::Tls(fd, tls) => tls.recv(*fd, buffer),
        }
    }

    /// `Ok(None)`: there is no room.
    #[inline]
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<Option<usize>> {
        match self {
            Self::Plain(fd) => sys::send(*fd, bytes),
            Self::Tls(fd, tls) => tls.send(*fd, bytes),
        }
    }

    /// Sends what an earlier call has taken and a full socket has refused.
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(fd, tls) => tls.flush(*fd),
        }
    }

    pub fn close(self) {
        sys::close(self.fd());
    }
}

/// TLS as a client.
pub struct Tls {
    session: ClientConnection,
    /// Records that had come when there was no room for what they hold.
    unopened: Vec<u8>,
}

thread_local! {
    /// Where all connections read records into: an idle one holds no buffer of its own.
    static RECORDS: RefCell<Vec<u8>> = RefCell::new(vec![0; 256 * 1024]);
}

impl Tls {
    fn recv(&mut self, fd: RawFd, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut filled = 0;
        let kept = std::mem::take(&mut self.unopened);
        let mut is_over = self.open(&kept, buffer, &mut filled)?;
        while !is_over && filled < buffer.len() {
            let over: io::Result<Option<bool>> =
                RECORDS.with_borrow_mut(|records| match sys::recv(fd, records)? {
                    None => Ok(None),
                    Some(0) => Ok(Some(true)),
                    Some(count) => self.open(&records[..count], buffer, &mut filled).map(Some),
                });
            match over? {
                None => break,
                Some(over) => is_over = over,
            }
        }
        // What the handshake answers.
        self.flush(fd)?;
        Ok((filled > 0 || is_over).then_some(filled))
    }

    /// Opens `records` and moves what they hold to `buffer`; true: the peer has said that it ends.
    fn open(
        &mut self,
        mut records: &[u8],
        buffer: &mut [u8],
        filled: &mut usize,
    ) -> io::Result<bool> {
        loop {
            match self.session.reader().read(&mut buffer[*filled..]) {
                Ok(0) if *filled == buffer.len() => {
                    self.unopened.extend_from_slice(records);
                    return Ok(false);
                }
                Ok(0) => return Ok(true),
                Ok(count) => {
                    *filled += count;
                    continue;
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(e),
            }
            if records.is_empty() {
                return Ok(false);
            }
            self.session.read_tls(&mut records)?;
            self.session
                .process_new_packets()
                .map_err(io::Error::other)?;
        }
    }

    fn send(&mut self, fd: RawFd, bytes: &[u8]) -> io::Result<Option<usize>> {
        // rustls takes no more than its buffer has room for.
        let sent = self.session.writer().write(bytes)?;
        self.flush(fd)?;
        Ok((sent > 0).then_some(sent))
    }

    fn flush(&mut self, fd: RawFd) -> io::Result<()> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut Socket(fd)) {
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

/// Lets rustls send several records in one call.
struct Socket(RawFd);

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        sys::send(self.0, bytes)?.ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        sys::send_vectored(self.0, pieces)?.ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes any certificate, but checks that the server has its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
