//! tungstenite with one blocking thread a connection: echo on any path, `/broadcast` sends to all.
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use tungstenite::handshake::server::{Request, Response};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, Result, WebSocket};

type Writer = Arc<Mutex<WebSocket<TcpStream>>>;
type Writers = Arc<Mutex<Vec<(usize, Writer)>>>;

fn main() {
    let listener = TcpListener::bind(("127.0.0.1", peers::port())).expect("the port is free");
    let writers = Writers::default();
    for (id, stream) in listener.incoming().flatten().enumerate() {
        let writers = writers.clone();
        std::thread::Builder::new()
            .stack_size(64 * 1024)
            .spawn(move || {
                serve(stream, id, &writers).ok();
                writers.lock().unwrap().retain(|writer| writer.0 != id);
            })
            .expect("a thread can be started");
    }
}

fn serve(stream: TcpStream, id: usize, writers: &Writers) -> Result<()> {
    stream.set_nodelay(true)?;
    let second_handle = stream.try_clone()?;
    let mut is_broadcast = false;
    #[expect(clippy::result_large_err, reason = "the type is the library's")]
    let callback = |request: &Request, response: Response| {
        is_broadcast = request.uri().path() == "/broadcast";
        Ok(response)
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(64 << 20))
        .max_frame_size(Some(64 << 20));
    let mut socket = tungstenite::accept_hdr_with_config(stream, callback, Some(config))
        .map_err(|_| Error::ConnectionClosed)?;
    if is_broadcast {
        let writer = WebSocket::from_raw_socket(second_handle, Role::Server, Some(config));
        writers
            .lock()
            .unwrap()
            .push((id, Arc::new(Mutex::new(writer))));
    } else {
        drop(second_handle);
    }
    loop {
        let message = socket.read()?;
        if !matches!(message, Message::Text(_) | Message::Binary(_)) {
            continue;
        }
        if is_broadcast {
            // The list is copied so that one slow client doesn't keep others from joining.
            let all: Vec<Writer> = writers
                .lock()
                .unwrap()
                .iter()
                .map(|writer| writer.1.clone())
                .collect();
            for writer in all {
                writer.lock().unwrap().send(message.clone()).ok();
            }
        } else {
            socket.send(message)?;
        }
    }
}
