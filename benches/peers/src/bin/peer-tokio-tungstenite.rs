//! tokio-tungstenite on one thread; all replies to what was read at once are flushed together.
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message, Result};

use peers::Group;

fn main() {
    peers::runtime().block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", peers::port()))
            .await
            .expect("the port is free");
        let group = Group::default();
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(tokio::task::unconstrained(serve(stream, group.clone())));
            }
        }
    })
}

async fn serve(stream: TcpStream, group: Group<Message>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut is_broadcast = false;
    #[expect(clippy::result_large_err, reason = "the type is the library's")]
    let callback = |request: &Request, response: Response| {
        is_broadcast = request.uri().path() == "/broadcast";
        Ok(response)
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(64 << 20))
        .max_frame_size(Some(64 << 20));
    let socket =
        tokio_tungstenite::accept_hdr_async_with_config(stream, callback, Some(config)).await?;
    if is_broadcast {
        broadcast(socket, group).await;
        Ok(())
    } else {
        echo(socket).await
    }
}

async fn echo(mut socket: WebSocketStream<TcpStream>) -> Result<()> {
    while let Some(first) = socket.next().await {
        let mut message = first?;
        loop {
            if message.is_text() || message.is_binary() {
                socket.feed(message).await?;
            }
            match socket.next().now_or_never() {
                Some(Some(next)) => message = next?,
                Some(None) => return Ok(()),
                None => break,
            }
        }
        socket.flush().await?;
    }
    Ok(())
}

async fn broadcast(socket: WebSocketStream<TcpStream>, group: Group<Message>) {
    let (mut sender, mut receiver) = socket.split();
    let (id, mut queue) = group.join();
    let writer = tokio::spawn(async move {
        while let Some(message) = queue.recv().await {
            sender.feed(message).await?;
            while let Ok(message) = queue.try_recv() {
                sender.feed(message).await?;
            }
            sender.flush().await?;
        }
        Ok::<(), Error>(())
    });
    while let Some(Ok(message)) = receiver.next().await {
        if message.is_text() || message.is_binary() {
            group.send(&message);
        }
    }
    group.leave(id);
    writer.abort();
}
