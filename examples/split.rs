//! A server that counts for its clients while it listens to them: two threads a connection.
//!
//! Listens on the address given, or on 127.0.0.1:9001; for Unix, where connections have halves. Each
//! client is sent a number a second, and may send text meanwhile, which is answered in capitals.

#![expect(clippy::print_stdout, reason = "an example talks to who runs it")]

#[cfg(unix)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    server::run()
}

#[cfg(not(unix))]
fn main() {
    println!("connections have halves on Unix only");
}

#[cfg(unix)]
mod server {
    use std::env;
    use std::error::Error;
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
    use std::thread;
    use std::time::Duration;

    use chinwag::websocket::Message;
    use chinwag::websocket::blocking::{self, Acceptor, Writer, same_origin};

    pub(crate) fn run() -> Result<(), Box<dyn Error>> {
        let address = env::args().nth(1).unwrap_or("127.0.0.1:9001".to_owned());
        let listener = TcpListener::bind(address)?;
        println!("ws://{}", listener.local_addr()?);
        for stream in listener.incoming() {
            let stream = stream?;
            thread::spawn(move || {
                if let Err(error) = serve(stream) {
                    println!("failed: {error}");
                }
            });
        }
        Ok(())
    }

    fn serve(stream: TcpStream) -> Result<(), blocking::Error> {
        stream.set_nodelay(true)?;
        let (mut reader, writer) = Acceptor::new().accept(stream, same_origin)?.split()?;
        let (is_open, until_closed) = mpsc::channel::<()>();
        let counter = writer.clone();
        thread::spawn(move || count(&counter, &until_closed));
        while let Some(message) = reader.read()? {
            if let Message::Text(text) = message {
                writer.send(&Message::text(text.to_uppercase()))?;
            }
        }
        // The counter hears of it at once, not at its next number.
        drop(is_open);
        Ok(())
    }

    fn count(writer: &Writer, until_closed: &Receiver<()>) {
        let second = Duration::from_secs(1);
        for number in 0_u64.. {
            let waited = until_closed.recv_timeout(second);
            let message = Message::text(number.to_string());
            if waited != Err(RecvTimeoutError::Timeout) || writer.send(&message).is_err() {
                break;
            }
        }
    }
}
