//! The client under test: takes the suite's cases one by one, and echoes what comes.
//!
//!     client URL     URL of the suite's fuzzing server

#![expect(clippy::print_stderr, reason = "a program's last words")]

use std::error::Error;
use std::process::ExitCode;

use chinwag::websocket::DeflateOptions;
use chinwag::websocket::blocking::{Connector, connect};
use chinwag::websocket::handshake::client::ClientRequest;
use chinwag::websocket::handshake::uri::Uri;

/// The name in the suite's report.
const AGENT: &str = "chinwag";

fn main() -> ExitCode {
    let Some(url) = std::env::args().nth(1) else {
        eprintln!("usage: client URL");
        return ExitCode::from(2);
    };
    match run_all(&url) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("client: the cases at {url}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_all(url: &str) -> Result<(), Box<dyn Error>> {
    let mut counter = connect(&format!("{url}/getCaseCount"))?;
    let count = counter
        .read()?
        .ok_or("the suite tells no number of cases")?;
    let count: u32 = str::from_utf8(count.as_bytes())?.parse()?;
    let connector = Connector::new();
    for case in 1..=count {
        run(
            &connector,
            &format!("{url}/runCase?case={case}&agent={AGENT}"),
        )?;
    }
    connect(&format!("{url}/updateReports?agent={AGENT}"))?.read()?;
    Ok(())
}

/// Runs a case to its end. How a connection ends is the suite's to judge: many cases are about
/// mistakes.
fn run(connector: &Connector, url: &str) -> Result<(), Box<dyn Error>> {
    let request = ClientRequest::new(Uri::parse(url)?).deflate(&DeflateOptions::default());
    let mut socket = connector.connect(&request)?.web_socket;
    while let Ok(Some(message)) = socket.read() {
        if socket.send(&message).is_err() {
            break;
        }
    }
    Ok(())
}
