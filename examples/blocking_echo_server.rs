//! An echo server with a thread per connection.
//!
//! Listens on the address given, or on 127.0.0.1:9001.

#![expect(clippy::print_stdout, reason = "an example talks to who runs it")]

use std::env;
use std::error::Error;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use chinwag::websocket::blocking::{self, Acceptor, Timeouts, same_origin};

fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:9001".to_owned());
    let listener = TcpListener::bind(address)?;
    println!("ws://{}", listener.local_addr()?);
    let mut timeouts = Timeouts::server();
    // Who answers no Ping is gone, and its thread with it.
    timeouts.ping_interval = Some(Duration::from_secs(20));
    let acceptor = Acceptor::new().with_timeouts(timeouts);
    for stream in listener.incoming() {
        let stream = stream?;
        let acceptor = acceptor.clone();
        thread::spawn(move || match serve(stream, &acceptor) {
            Ok(()) => println!("closed"),
            Err(error) => println!("failed: {error}"),
        });
    }
    Ok(())
}

fn serve(stream: TcpStream, acceptor: &Acceptor) -> Result<(), blocking::Error> {
    stream.set_nodelay(true)?;
    let mut socket = acceptor.accept(stream, same_origin)?;
    while let Some(message) = socket.read()? {
        socket.send(&message)?;
    }
    Ok(())
}
