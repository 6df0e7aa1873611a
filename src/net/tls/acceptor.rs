//! The server's settings of TLS, as they hold for each connection that comes.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{NoServerSessionStorage, UnbufferedServerConnection};
use rustls::sign::SingleCertAndKey;

use crate::net::tls::{TlsIdentity, TlsIdentityError, TlsSession};

/// Makes the server's end of TLS (versions 1.3 and 1.2) for connections. Cheap to clone.
///
/// The key exchange is hybrid with clients that know it: X25519 and ML-KEM-768. AES-GCM comes first
/// but for clients that prefer ChaCha20, having no AES in hardware. Sessions are resumed by tickets,
/// so that the server remembers none.
#[derive(Clone)]
pub struct TlsAcceptor {
    config: Arc<ServerConfig>,
}

impl TlsAcceptor {
    /// Speaks as `identity`.
    ///
    /// # Errors
    ///
    /// [`TlsIdentityError::NoRandomness`] when no key for tickets can be made.
    pub fn new(identity: TlsIdentity) -> Result<Self, TlsIdentityError> {
        // Named, so that it does not depend on what else in the program has chosen one.
        let provider = Arc::new(aws_lc_rs::default_provider());
        let resolver = Arc::new(SingleCertAndKey::from(identity.into_certified_key()));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has suites for both versions")
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(|_| TlsIdentityError::NoRandomness)?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        // A resumed connection brings a new one, so a client is never without.
        config.send_tls13_tickets = 1;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
        })
    }

    /// The same under another identity: tickets that were given out stay good.
    #[must_use]
    pub fn with_identity(&self, identity: TlsIdentity) -> Self {
        let mut config = ServerConfig::clone(&self.config);
        config.cert_resolver = Arc::new(SingleCertAndKey::from(identity.into_certified_key()));
        Self {
            config: Arc::new(config),
        }
    }

    /// Begins a connection, whose handshake must be completed in time.
    pub(in crate::net) fn accept(&self, until: Instant) -> TlsSession {
        let connection = UnbufferedServerConnection::new(Arc::clone(&self.config))
            .expect("it fails for a size of fragments alone, which is left as it is");
        TlsSession::new(connection, until)
    }
}

/// Shows nothing of what it holds, among which are keys.
impl fmt::Debug for TlsAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsAcceptor").finish_non_exhaustive()
    }
}
