//! The program's side that opens connections: `chinwag connect`.
//!
//! Two threads share a connection: one turns standard input into messages, the other one prints what
//! comes. It ends with the end of the input, by a closing handshake, up to which what still comes is
//! printed; or when the server ends it.

mod close_words;
mod error;
mod escape;
mod input;
mod output;
mod request;

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

pub use error::ClientError;

use crate::client::close_words::close_words;
use crate::client::input::feed;
use crate::client::output::Printer;
use crate::client::request::{read_tls, request};
use crate::websocket::blocking::{
    Closed, Connected, Connector, Error, Proxies, Reader, Timeouts, Writer,
};
use crate::websocket::{CloseCode, SendError};

/// What `chinwag connect` is told.
#[derive(Debug, Clone, Default)]
pub struct ConnectOptions {
    /// Where to: a `ws` or `wss` URI.
    pub uri: String,
    /// Send and print bytes as they are, instead of lines of text.
    pub is_binary: bool,
    /// Headers, each `Name: value`, or `@FILE` with one in each line.
    pub headers: Vec<String>,
    /// The `Origin` header.
    pub origin: Option<String>,
    /// Subprotocols to offer, the best one first.
    pub subprotocols: Vec<String>,
    /// Trust any certificate.
    pub is_insecure: bool,
    /// Trust the certificates in this PEM file, and no other authority.
    pub ca: Option<PathBuf>,
}

/// Runs `chinwag connect` on the standard streams; `say` takes what is to be said beside them.
///
/// # Errors
///
/// Why it did not connect, or how it ended otherwise than by the closing handshake of one side that
/// had nothing to complain about.
pub fn connect(options: &ConnectOptions, say: fn(&str)) -> Result<(), ClientError> {
    let request = request(options)?;
    let mut timeouts = Timeouts::client();
    timeouts.ping_interval = Some(PING_INTERVAL);
    timeouts.close_timeout = CLOSE_TIMEOUT;
    let mut connector = Connector::new()
        .with_timeouts(timeouts)
        .with_proxies(Proxies::from_environment()?)
        .with_redirects(MAX_REDIRECT_COUNT)
        .with_delivery_while_closing();
    if let Some(tls) = read_tls(options)? {
        connector = connector.with_tls(tls);
    }
    let connected = connector.connect(&request)?;
    let is_watched = io::stderr().is_terminal();
    if is_watched {
        say(&greeting(&connected));
    }
    let (reader, writer) = connected.web_socket.split()?;
    let input = feed_in_thread(writer, options.is_binary)?;
    let printer = Printer::new(io::stdout(), options.is_binary, io::stdout().is_terminal());
    let closed = print_all(reader, printer, say)?;
    judge_end(closed, &input, is_watched.then_some(say))
}

fn greeting(connected: &Connected) -> String {
    match &connected.subprotocol {
        Some(subprotocol) => format!("connected to {}, {subprotocol}", connected.uri),
        None => format!("connected to {}", connected.uri),
    }
}

/// Sends what standard input says; how that ended is received once it has.
fn feed_in_thread(
    writer: Writer,
    is_binary: bool,
) -> Result<Receiver<Result<(), ClientError>>, ClientError> {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::Builder::new().name("chinwag-input".to_owned());
    let spawned = thread.spawn(move || {
        let fed = feed(io::stdin().lock(), is_binary, |message| {
            writer.send(message)
        });
        // The word comes before the Close: whoever sees its answer knows who closed.
        let _ = sender.send(fed);
        // A connection that is closed already, or has failed, is the other thread's to tell.
        let _ = writer.close(CloseCode::NORMAL, "");
    });
    // It ends with the program, as nothing else ends a wait for standard input.
    spawned.map_err(ClientError::Input)?;
    Ok(receiver)
}

/// Prints what comes, and returns the server's last word; `None` if nobody reads what is printed.
fn print_all(
    mut reader: Reader,
    mut printer: Printer<io::Stdout>,
    say: fn(&str),
) -> Result<Option<Closed>, ClientError> {
    while let Some(message) = reader.read()? {
        match printer.print(&message) {
            Ok(true) => {}
            Ok(false) => {
                let len = message.as_bytes().len();
                say(&format!(
                    "a binary message of {len} bytes is not shown: see --binary"
                ));
            }
            // As `head` does when it has seen enough. The server is told by the end of the reader.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(None),
            Err(error) => return Err(ClientError::Output(error)),
        }
    }
    Ok(reader.closed())
}

/// Judges how it ended: what was wrong with the input, or what the server closed for. Its answer to
/// the end of the input may be a complaint, too: about the last message, most often.
fn judge_end(
    closed: Option<Closed>,
    input: &Receiver<Result<(), ClientError>>,
    say: Option<fn(&str)>,
) -> Result<(), ClientError> {
    let Some(closed) = closed else {
        return Ok(());
    };
    let is_answer = match input.try_recv() {
        // The server has closed first, and what is sent now has no way.
        Err(_) | Ok(Err(ClientError::Connection(Error::Send(SendError::Closed)))) => false,
        Ok(Err(error)) => return Err(error),
        Ok(Ok(())) => true,
    };
    if let Some(say) = say.filter(|_| !is_answer) {
        say(&format!("server closed: {}", close_words(closed.code)));
    }
    match closed.code {
        None | Some(CloseCode::NORMAL | CloseCode::GOING_AWAY) => Ok(()),
        Some(code) => Err(ClientError::ClosedByServer(code)),
    }
}

/// Silence after which the server is asked whether it is there. 30 s: less than what proxies and
/// home routers take for the end of a connection.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// For what still comes after the end of the input, and the server's Close. 10 s: who waits for more
/// keeps the input open.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Redirects that are followed. 10: a server that needs more has a loop.
const MAX_REDIRECT_COUNT: usize = 10;
