//! An echo server's answer to one client, without a socket: bytes in, bytes out.
//!
//! Reads from standard input what a client sends, request and frames, and writes to standard output
//! what the client is answered.

use std::error::Error;
use std::io::{Read as _, Write as _};

use chinwag::websocket::handshake::http::{HttpLimits, parse_request};
use chinwag::websocket::handshake::server::Upgrade;
use chinwag::websocket::{Event, Limits};

fn main() -> Result<(), Box<dyn Error>> {
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes)?;
    let mut output = Vec::new();
    let answered = answer(&mut bytes, &mut output);
    std::io::stdout().write_all(&output)?;
    answered
}

fn answer(bytes: &mut [u8], output: &mut Vec<u8>) -> Result<(), Box<dyn Error>> {
    let parsed = parse_request(bytes, &HttpLimits::default());
    let (request, head_len) = parsed
        .inspect_err(|error| error.write_response(output))?
        .ok_or("the request is incomplete")?;
    let upgrade =
        Upgrade::from_request(&request).inspect_err(|error| error.write_response(output))?;
    let mut connection = upgrade.accept(None, Limits::default(), output);

    let mut input = &mut bytes[head_len..];
    while let Some(event) = connection.receive(&mut input, output)? {
        if let Event::Message(message) = event {
            connection.send(&message, output)?;
        }
    }
    Ok(())
}
