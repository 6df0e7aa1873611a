//! A server that sends what one client says to all of them, encoded once.
//!
//! Listens on the address given, or on 127.0.0.1:9001; for Unix, where connections have halves. One
//! thread owns the list of clients. A client that does not keep up is left out: its queue is bounded,
//! and nobody waits for it. One that talks too much waits: so is the queue of what they say.

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
    use std::collections::HashMap;
    use std::env;
    use std::error::Error;
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
    use std::thread;

    use chinwag::websocket::blocking::{self, Acceptor, Writer, same_origin};
    use chinwag::websocket::{CloseCode, PreparedMessage};

    /// What clients' threads tell the one that owns the list.
    enum News {
        Joined(u64, SyncSender<PreparedMessage>),
        Said(PreparedMessage),
        Left(u64),
    }

    /// Messages that may wait for one client.
    const MAX_QUEUED: usize = 64;

    /// News that may wait for the thread that owns the list; it waits for nobody.
    const MAX_NEWS: usize = 64;

    pub(crate) fn run() -> Result<(), Box<dyn Error>> {
        let address = env::args().nth(1).unwrap_or("127.0.0.1:9001".to_owned());
        let listener = TcpListener::bind(address)?;
        println!("ws://{}", listener.local_addr()?);
        let (news, received) = mpsc::sync_channel(MAX_NEWS);
        thread::spawn(move || distribute(&received));
        for (client, stream) in (0..).zip(listener.incoming()) {
            let stream = stream?;
            let news = news.clone();
            thread::spawn(move || {
                if let Err(error) = serve(client, stream, &news) {
                    println!("client {client} failed: {error}");
                }
                let _ = news.send(News::Left(client));
            });
        }
        Ok(())
    }

    fn distribute(news: &Receiver<News>) {
        let mut queues: HashMap<u64, SyncSender<PreparedMessage>> = HashMap::new();
        for news in news {
            match news {
                News::Joined(client, queue) => drop(queues.insert(client, queue)),
                News::Left(client) => drop(queues.remove(&client)),
                News::Said(message) => queues.retain(|_, queue| {
                    // Clones share the bytes. The end of its queue ends a client that is too slow.
                    !matches!(
                        queue.try_send(message.clone()),
                        Err(TrySendError::Full(_) | TrySendError::Disconnected(_))
                    )
                }),
            }
        }
    }

    fn serve(
        client: u64,
        stream: TcpStream,
        news: &SyncSender<News>,
    ) -> Result<(), blocking::Error> {
        stream.set_nodelay(true)?;
        let (mut reader, writer) = Acceptor::new().accept(stream, same_origin)?.split()?;
        let (queue, queued) = mpsc::sync_channel(MAX_QUEUED);
        thread::spawn(move || send_queued(&writer, &queued));
        let _ = news.send(News::Joined(client, queue));
        while let Some(message) = reader.read()? {
            let _ = news.send(News::Said(PreparedMessage::new(&message)));
        }
        Ok(())
    }

    fn send_queued(writer: &Writer, queued: &Receiver<PreparedMessage>) {
        for message in queued {
            if writer.send_prepared(&message).is_err() {
                return;
            }
        }
        // Without effect on a connection that has ended already.
        let _ = writer.fail(CloseCode::POLICY_VIOLATION, "too slow");
    }
}
