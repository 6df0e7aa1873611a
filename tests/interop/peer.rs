//! The chinwag among the peers: the blocking client and server, driven by words on the command line.
//!
//!     peer lead URL [--offer NAME[=BITS]]...    talks to a server that echoes, and checks the echo
//!     peer follow URL                           echoes until the server closes; prints its code
//!     peer serve                                echoes; prints its port, knows subprotocol "echo"

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that tells how it went"
)]

use std::error::Error;
use std::net::TcpListener;
use std::process::ExitCode;
use std::thread;

use chinwag::websocket::blocking::{Acceptor, ClientStream, Connector, WebSocket};
use chinwag::websocket::handshake::client::ClientRequest;
use chinwag::websocket::handshake::uri::Uri;
use chinwag::websocket::{CloseCode, DeflateOptions, Event, Message, WindowBits};

type AnyError = Box<dyn Error>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let result = match &words[..] {
        ["lead", url, offers @ ..] => lead(url, offers),
        ["follow", url] => follow(url),
        ["serve"] => serve(),
        _ => Err("usage: peer lead|follow URL, peer serve".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peer {}: {error}", words.join(" "));
            ExitCode::FAILURE
        }
    }
}

/// Sends messages of all kinds, and closes with 4001.
fn lead(url: &str, offers: &[&str]) -> Result<(), AnyError> {
    let mut socket = open(url, offers)?;
    let long = "1 MiB, ".repeat(1024 * 1024 / 7);
    // Twice, as compression remembers.
    for text in ["", "a", "grüß Gott, 𝄞, 雪", &long, "a", &long] {
        check_echo(&mut socket, &Message::text(text))?;
    }
    for len in [0, 1, 125, 126, 65_535, 65_536, 1 << 20] {
        let bytes: Vec<u8> = (0..=250).cycle().take(len).collect();
        check_echo(&mut socket, &Message::binary(bytes))?;
    }
    socket.ping(b"ping")?;
    let answer = socket.read_event()?;
    if answer != Event::Pong(b"ping".into()) {
        return Err(format!("{answer:?} is no answer to a Ping").into());
    }
    let code = CloseCode::new(4001).ok_or("4001 is a code")?;
    socket.close(code, "bye")?;
    match socket.closed().and_then(|closed| closed.code) {
        Some(answer) if answer == code => Ok(()),
        answer => Err(format!("closed with {answer:?}").into()),
    }
}

fn check_echo(socket: &mut WebSocket<ClientStream>, message: &Message<'_>) -> Result<(), AnyError> {
    socket.send(message)?;
    match socket.read()? {
        Some(echo) if echo == *message => Ok(()),
        Some(echo) => {
            let (sent, len) = (message.as_bytes().len(), echo.as_bytes().len());
            Err(format!("a message of {sent} bytes came back as another of {len}").into())
        }
        None => Err("closed instead of an echo".into()),
    }
}

/// Echoes, and prints the code with which the server closes.
fn follow(url: &str) -> Result<(), AnyError> {
    let mut socket = open(url, &["any"])?;
    while let Some(message) = socket.read()? {
        socket.send(&message)?;
    }
    let code = socket.closed().and_then(|closed| closed.code);
    println!("{}", code.map_or(1005, CloseCode::get));
    Ok(())
}

/// Opens a connection. With offers compression is wished for, and has to be agreed on.
fn open(url: &str, offers: &[&str]) -> Result<WebSocket<ClientStream>, AnyError> {
    let mut request = ClientRequest::new(Uri::parse(url)?).subprotocol("echo")?;
    if !offers.is_empty() {
        request = request.deflate(&options(offers)?);
    }
    let connected = Connector::new().connect(&request)?;
    let agreed = connected.response.header("Sec-WebSocket-Extensions");
    if offers.first().is_some_and(|first| *first != "any") && agreed.is_none() {
        return Err("compression is not agreed on".into());
    }
    if connected.subprotocol.as_deref() != Some("echo") {
        return Err("the subprotocol is not agreed on".into());
    }
    Ok(connected.web_socket)
}

fn options(offers: &[&str]) -> Result<DeflateOptions, AnyError> {
    let mut options = DeflateOptions::default();
    for offer in offers {
        let (name, bits) = offer.split_once('=').unwrap_or((offer, "15"));
        let bits = WindowBits::new(bits.parse()?).ok_or("bits are 9 to 15")?;
        match name {
            "server_no_context_takeover" => options.server_no_context_takeover = true,
            "client_no_context_takeover" => options.client_no_context_takeover = true,
            "server_max_window_bits" => options.server_max_window_bits = bits,
            "client_max_window_bits" => options.client_max_window_bits = bits,
            "any" | "default" => {}
            _ => return Err(format!("no parameter {name}").into()),
        }
    }
    Ok(options)
}

/// Serves until it is killed, a thread a connection.
fn serve() -> Result<(), AnyError> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || {
            let acceptor = Acceptor::new().with_deflate(DeflateOptions::default());
            let opened = acceptor.accept(stream, |_, upgrade, acceptance| {
                Ok(acceptance.subprotocol(upgrade.select_subprotocol(&["echo"])))
            });
            // How a connection ends is the peer's to judge: some cases are about mistakes.
            let Ok(mut socket) = opened else { return };
            while let Ok(Some(message)) = socket.read() {
                if socket.send(&message).is_err() {
                    break;
                }
            }
        });
    }
    Ok(())
}
