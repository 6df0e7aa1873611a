//! What the command was told, as a request: with headers, and with settings of TLS.

use std::fs;
use std::path::Path;

use crate::client::{ClientError, ConnectOptions};
use crate::websocket::DeflateOptions;
use crate::websocket::blocking::ClientTls;
use crate::websocket::handshake::client::ClientRequest;
use crate::websocket::handshake::uri::Uri;

/// Makes the request.
pub(super) fn request(options: &ConnectOptions) -> Result<ClientRequest, ClientError> {
    let mut request =
        ClientRequest::new(Uri::parse(&options.uri)?).deflate(&DeflateOptions::default());
    if let Some(origin) = &options.origin {
        request = request.origin(origin)?;
    }
    for subprotocol in &options.subprotocols {
        request = request.subprotocol(subprotocol)?;
    }
    for header in &options.headers {
        request = match header.strip_prefix('@') {
            Some(path) => add_headers_of_file(request, Path::new(path))?,
            None => add_header(request, header)?,
        };
    }
    Ok(request)
}

/// Reads whom to trust; `None`: whom the system trusts.
pub(super) fn read_tls(options: &ConnectOptions) -> Result<Option<ClientTls>, ClientError> {
    if options.is_insecure {
        return Ok(Some(ClientTls::dangerous_without_verification()));
    }
    let Some(path) = &options.ca else {
        return Ok(None);
    };
    let pem = fs::read(path).map_err(|error| ClientError::File {
        path: path.clone(),
        error,
    })?;
    let tls = ClientTls::with_roots(&pem).map_err(|error| ClientError::Tls {
        path: path.clone(),
        error,
    })?;
    Ok(Some(tls))
}

/// Adds the header of each line; empty lines are none.
fn add_headers_of_file(
    mut request: ClientRequest,
    path: &Path,
) -> Result<ClientRequest, ClientError> {
    let text = fs::read_to_string(path).map_err(|error| ClientError::File {
        path: path.to_owned(),
        error,
    })?;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        request = add_header(request, line)?;
    }
    Ok(request)
}

fn add_header(request: ClientRequest, line: &str) -> Result<ClientRequest, ClientError> {
    let (name, value) = line.split_once(':').ok_or(ClientError::HeaderSyntax)?;
    Ok(request.header(name.trim(), value)?)
}
