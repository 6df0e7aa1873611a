//! An echo server on the core alone, a thread per connection: the caller reads, writes and waits.
//!
//! Listens on the address given, or on 127.0.0.1:9001. The same loop with the calls of an async
//! runtime, or of an event loop, makes a server there.

#![expect(clippy::print_stdout, reason = "an example talks to who runs it")]

use std::env;
use std::error::Error;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use chinwag::websocket::handshake::HandshakeError;
use chinwag::websocket::handshake::http::{HeadScanner, HttpLimits, parse_request};
use chinwag::websocket::handshake::server::Upgrade;
use chinwag::websocket::{Connection, Event, Limits, ProtocolError, State};

fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:9001".to_owned());
    let listener = TcpListener::bind(address)?;
    println!("ws://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || match serve(&stream) {
            Ok(()) => println!("closed"),
            Err(error) => println!("failed: {error}"),
        });
    }
    Ok(())
}

fn serve(stream: &TcpStream) -> Result<(), Box<dyn Error>> {
    stream.set_nodelay(true)?;
    // Who is silent for a minute is given up; a program that pings instead has a `Keepalive`.
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.set_write_timeout(Some(Duration::from_secs(60)))?;
    let (mut connection, mut received) = open(stream)?;
    let mut buffer = [0; 16 * 1024];
    let mut output = Vec::new();
    loop {
        let verdict = echo(&mut connection, &mut received, &mut output);
        // Whatever the verdict: what the peer is owed may be the reason for failing.
        write(stream, &mut output)?;
        if connection.state() != State::Open {
            end(stream)?;
            return Ok(verdict?);
        }
        match read(stream, &mut buffer)? {
            0 => return Err("the stream ended without a Close".into()),
            len => received = buffer[..len].to_vec(),
        }
    }
}

/// Reads until the head of the request is there, in however many parts, and answers it. What came
/// after the head belongs to the connection.
fn open(stream: &TcpStream) -> Result<(Connection, Vec<u8>), Box<dyn Error>> {
    let limits = HttpLimits::default();
    let mut scanner = HeadScanner::new(&limits);
    let mut received = Vec::new();
    let mut buffer = [0; 4 * 1024];
    let mut output = Vec::new();
    let opened = loop {
        match scanner.scan(&received) {
            Ok(Some(_)) => break accept(&received, &limits, &mut output),
            Ok(None) => {}
            Err(error) => break Err(error),
        }
        match read(stream, &mut buffer)? {
            0 => return Err("the stream ended inside the request".into()),
            len => received.extend_from_slice(&buffer[..len]),
        }
    };
    let opened = opened.inspect_err(|error| error.write_response(&mut output));
    write(stream, &mut output)?;
    match opened {
        Ok((connection, head_len)) => Ok((connection, received.split_off(head_len))),
        Err(error) => {
            end(stream)?;
            Err(error.into())
        }
    }
}

/// Appends the answer that opens a connection, and returns the head's length, too.
fn accept(
    received: &[u8],
    limits: &HttpLimits,
    output: &mut Vec<u8>,
) -> Result<(Connection, usize), HandshakeError> {
    let (request, head_len) = parse_request(received, limits)?.expect("the head is complete");
    let upgrade = Upgrade::from_request(&request)?;
    // Here a server for browsers judges `request.path()` and the `Origin` header.
    Ok((upgrade.accept(None, Limits::default(), output), head_len))
}

/// Takes all events out of the input. Bytes in, bytes out: nothing here waits.
fn echo(
    connection: &mut Connection,
    received: &mut [u8],
    output: &mut Vec<u8>,
) -> Result<(), ProtocolError> {
    let mut input = received;
    while let Some(event) = connection.receive(&mut input, output)? {
        if let Event::Message(message) = event {
            let sent = connection.send(&message, output);
            sent.expect("messages come only while the connection is open");
        }
    }
    Ok(())
}

/// The server ends first (RFC 6455 §7.1.1): no byte follows. Then it reads until the peer ends, too,
/// as a socket that is closed with bytes unread resets the connection, and the Close is lost.
fn end(mut stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut buffer = [0; 4 * 1024];
    // Bounded, for peers that never stop.
    for _ in 0..256 {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    Ok(())
}

fn read(mut stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn write(mut stream: &TcpStream, output: &mut Vec<u8>) -> io::Result<()> {
    stream.write_all(output)?;
    output.clear();
    Ok(())
}
