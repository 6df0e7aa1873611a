//! A client that asks one question and leaves: `cargo run --example client --features tls -- URI`.

use std::env;
use std::error::Error;
use std::process::ExitCode;

use chinwag::websocket::blocking::{Connector, Proxies};
use chinwag::websocket::handshake::client::ClientRequest;
use chinwag::websocket::{CloseCode, Message};

fn main() -> ExitCode {
    let uri = env::args().nth(1);
    let uri = uri.as_deref().unwrap_or("ws://127.0.0.1:9001/");
    match ask(uri) {
        Ok(answer) => {
            print(&answer);
            ExitCode::SUCCESS
        }
        Err(error) => {
            print(&format!("ask {uri}: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Sends a message, waits for another one, and closes.
fn ask(uri: &str) -> Result<String, Box<dyn Error>> {
    // A connector is made once and shared: it keeps connections to one server from opening at once.
    let connector = Connector::new()
        .with_proxies(Proxies::from_environment()?)
        .with_redirects(5);
    let request = ClientRequest::new(uri.parse()?).header("User-Agent", "chinwag-example")?;
    let mut socket = connector.connect(&request)?.web_socket;
    socket.send(&Message::text("Is anybody there?"))?;
    let answer = match socket.read()? {
        Some(Message::Text(text)) => text.into_owned(),
        Some(Message::Binary(bytes)) => format!("{} bytes", bytes.len()),
        None => "a Close".to_owned(),
    };
    socket.close(CloseCode::NORMAL, "")?;
    Ok(answer)
}

#[expect(clippy::print_stdout, reason = "an example shows what it got")]
fn print(line: &str) {
    println!("{line}");
}
