//! What a client asks of TLS: whom to trust, and who it is itself.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, ConfigBuilder, DigitallySignedStruct, RootCertStore,
    SignatureScheme,
};

use crate::websocket::blocking::connect::error::ConnectError;
use crate::websocket::blocking::connect::socket::ClientSocket;
use crate::websocket::blocking::connect::stream::ClientStream;
#[cfg(feature = "bench")]
use crate::websocket::blocking::tls_session::TlsSession;
use crate::websocket::blocking::tls_stream::TlsStream;
use crate::websocket::handshake::uri::UriError;

/// Settings of a client's TLS (versions 1.3 and 1.2), cheap to clone.
///
/// Sessions are resumed among connections that share them.
/// # Examples
///
/// ```no_run
/// use std::fs;
///
/// use chinwag::websocket::blocking::{ClientTls, Connector};
/// use chinwag::websocket::handshake::client::ClientRequest;
///
/// let tls = ClientTls::with_roots(&fs::read("ca.pem")?)?
///     .with_identity(&fs::read("client.pem")?, &fs::read("client.key")?)?;
/// let connector = Connector::new().with_tls(tls);
/// let request = ClientRequest::new("wss://example.com/".parse()?);
/// let connected = connector.connect(&request)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ClientTls {
    trust: Trust,
    /// With the client's certificate, if it has one.
    config: Arc<ClientConfig>,
    /// Without it: for origins that are not the one it was meant for.
    anonymous_config: Arc<ClientConfig>,
}

impl ClientTls {
    /// Trusts the authorities that the system trusts.
    ///
    /// # Errors
    ///
    /// [`TlsSettingsError::NoSystemRoots`] when none can be found.
    pub fn system() -> Result<Self, TlsSettingsError> {
        let mut roots = RootCertStore::empty();
        // Stores hold certificates that are of no use, and errors about single files: neither
        // matters where others are sound.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(TlsSettingsError::NoSystemRoots);
        }
        Ok(Self::new(Trust::Roots(Arc::new(roots))))
    }

    /// Trusts the certificates in a PEM text, and no other authority.
    ///
    /// # Errors
    ///
    /// [`TlsSettingsError::BadCertificates`] when there is none in it, or one that is malformed.
    pub fn with_roots(pem: &[u8]) -> Result<Self, TlsSettingsError> {
        let mut roots = RootCertStore::empty();
        for certificate in parse_certificates(pem)? {
            let added = roots.add(certificate);
            added.map_err(|_| TlsSettingsError::BadCertificates)?;
        }
        Ok(Self::new(Trust::Roots(Arc::new(roots))))
    }

    /// Trusts anybody, whatever certificate is shown: the connection is encrypted, but nothing is
    /// known about who is at its other end. For tests, and for looking at a broken server.
    #[must_use]
    pub fn dangerous_without_verification() -> Self {
        Self::new(Trust::Anybody)
    }

    /// Proves who the client is to servers that ask: with a certificate, those that lead from it to
    /// an authority, and the key of the first one, all as PEM.
    ///
    /// It is not shown to other origins that a redirect leads to.
    ///
    /// # Errors
    ///
    /// [`TlsSettingsError::BadCertificates`], [`TlsSettingsError::BadKey`],
    /// [`TlsSettingsError::KeyMismatch`].
    pub fn with_identity(
        mut self,
        certificates: &[u8],
        key: &[u8],
    ) -> Result<Self, TlsSettingsError> {
        let certificates = parse_certificates(certificates)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsSettingsError::BadKey)?;
        let config = self
            .trust
            .builder()
            .with_client_auth_cert(certificates, key);
        let config = config.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => TlsSettingsError::KeyMismatch,
            _ => TlsSettingsError::BadKey,
        })?;
        self.config = finish(config);
        Ok(self)
    }

    fn new(trust: Trust) -> Self {
        let config = finish(trust.builder().with_no_client_auth());
        Self {
            trust,
            anonymous_config: Arc::clone(&config),
            config,
        }
    }

    /// Begins a session with a server, for a caller that moves the bytes.
    #[cfg(feature = "bench")]
    pub(crate) fn session(&self, host: &str) -> Result<TlsSession, rustls::Error> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| rustls::Error::General("the host's name is malformed".to_owned()))?;
        let connection = ClientConnection::new(self.config(true), name)?;
        Ok(TlsSession::new(connection.into()))
    }

    /// Returns the configuration of a connection.
    pub(super) fn config(&self, may_show_identity: bool) -> Arc<ClientConfig> {
        let config = if may_show_identity {
            &self.config
        } else {
            &self.anonymous_config
        };
        Arc::clone(config)
    }
}

/// Does the handshake of TLS, before anything else is said (RFC 6455 §4.1).
///
/// A server that is named by address is asked for without a name (RFC 6066 §3).
pub(super) fn secure(
    socket: ClientSocket,
    config: Arc<ClientConfig>,
    host: &str,
) -> Result<ClientStream, ConnectError> {
    let failed = |error: rustls::Error| ConnectError::Tls(io::Error::other(error).into());
    let name = ServerName::try_from(host.to_owned()).map_err(|_| UriError::BadHost)?;
    let connection = ClientConnection::new(config, name).map_err(failed)?;
    let mut stream = TlsStream::client(connection, socket);
    stream.handshake().map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => ConnectError::Tls(error.into()),
        _ => ConnectError::from_stream(error),
    })?;
    Ok(ClientStream::Tls(Box::new(stream)))
}

/// Shows whom it trusts; keys are in the rest.
impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trust = match &self.trust {
            Trust::Roots(roots) => format!("{} roots", roots.len()),
            Trust::Anybody => "anybody".to_owned(),
        };
        f.debug_struct("ClientTls")
            .field("trust", &trust)
            .finish_non_exhaustive()
    }
}

#[derive(Clone)]
enum Trust {
    Roots(Arc<RootCertStore>),
    Anybody,
}

type Builder = ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>;

impl Trust {
    fn builder(&self) -> Builder {
        // Named, so that it does not depend on what else in the program has chosen one.
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("the provider has suites for both versions");
        match self {
            Self::Roots(roots) => builder.with_root_certificates(Arc::clone(roots)),
            Self::Anybody => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(TrustsAnybody { provider })),
        }
    }
}

/// Looks at no certificate. Signatures are judged still: they make no promise here, but what is no
/// TLS is told as that.
#[derive(Debug)]
struct TrustsAnybody {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for TrustsAnybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// RFC 6455 §4.1 upgrades from HTTP/1.1: a server that speaks HTTP/2, too, must not choose it.
fn finish(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

fn parse_certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsSettingsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    certificates
        .ok()
        .filter(|certificates| !certificates.is_empty())
        .ok_or(TlsSettingsError::BadCertificates)
}

/// What is wrong with the settings of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsSettingsError {
    /// The system trusts nobody, or nobody can find out whom.
    NoSystemRoots,
    /// There is no certificate in a PEM text, or a malformed one.
    BadCertificates,
    /// There is no private key in a PEM text, or none that is of use.
    BadKey,
    /// The private key belongs to another certificate.
    KeyMismatch,
}

impl fmt::Display for TlsSettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSystemRoots => "the system trusts no certificate authority",
            Self::BadCertificates => "there is no well-formed certificate in the PEM text",
            Self::BadKey => "there is no usable private key in the PEM text",
            Self::KeyMismatch => "the private key belongs to another certificate",
        })
    }
}

impl Error for TlsSettingsError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> (String, String) {
        let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (key.cert.pem(), key.signing_key.serialize_pem())
    }

    #[test]
    fn certificates_and_keys_must_be_what_they_are_given_for() {
        let ((certificate, key), (other, _)) = (identity(), identity());
        let (certificate, key, other) = (certificate.as_bytes(), key.as_bytes(), other.as_bytes());
        let tls = || ClientTls::with_roots(certificate).unwrap();
        assert!(tls().with_identity(certificate, key).is_ok());
        let error = |certificates, key| tls().with_identity(certificates, key).err();
        assert_eq!(error(other, key), Some(TlsSettingsError::KeyMismatch));
        assert_eq!(error(key, key), Some(TlsSettingsError::BadCertificates));
        let no_key = error(certificate, certificate);
        assert_eq!(no_key, Some(TlsSettingsError::BadKey));
        for pem in [
            &b""[..],
            key,
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            b"-----BEGIN CERTIFICATE-----\n",
        ] {
            let error = ClientTls::with_roots(pem).err();
            assert_eq!(error, Some(TlsSettingsError::BadCertificates));
        }
    }

    #[test]
    fn errors_say_what_is_missing() {
        let text = TlsSettingsError::NoSystemRoots.to_string();
        assert_eq!(text, "the system trusts no certificate authority");
    }

    #[test]
    fn identity_is_kept_from_other_origins() {
        let (certificate, key) = identity();
        let tls = ClientTls::dangerous_without_verification()
            .with_identity(certificate.as_bytes(), key.as_bytes())
            .unwrap();
        let has_identity = |may| tls.config(may).client_auth_cert_resolver.has_certs();
        assert_eq!((has_identity(true), has_identity(false)), (true, false));
    }
}
