//! TLS as a client that trusts the server's own certificate.

use std::fs;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::Server;

/// The flag with which a server has such a certificate.
pub(crate) const SELF_SIGNED: &str = "--tls-self-signed";

/// The certificate that a server has made itself, as PEM.
pub(crate) fn kept_certificate(server: &Server) -> Vec<u8> {
    fs::read(server.data_dir().join("data/tls-self-signed.pem")).unwrap()
}

/// TLS over a connection to a server that has this certificate.
pub(crate) fn secure<S: std::io::Read + std::io::Write>(
    stream: S,
    certificate: &[u8],
) -> StreamOwned<ClientConnection, S> {
    StreamOwned::new(client(certificate), stream)
}

/// A client's end of TLS, before its first byte.
pub(crate) fn client(certificate: &[u8]) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(certificate).unwrap())
        .unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap()
}
