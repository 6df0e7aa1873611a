//! fastwebsockets on one thread, as in its own echo example: it has no buffered write, so each frame
//! is a write of its own.
use bytes::Bytes;
use fastwebsockets::upgrade::{UpgradeFut, upgrade};
use fastwebsockets::{
    FragmentCollector, FragmentCollectorRead, Frame, OpCode, Payload, WebSocketError,
};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use peers::Group;

type Message = (OpCode, Bytes);

fn main() {
    peers::runtime().block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", peers::port()))
            .await
            .expect("the port is free");
        let group = Group::default();
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).ok();
                tokio::spawn(serve(stream, group.clone()));
            }
        }
    })
}

async fn serve(stream: TcpStream, group: Group<Message>) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        let group = group.clone();
        async move {
            let is_broadcast = request.uri().path() == "/broadcast";
            let (response, upgraded) = upgrade(&mut request)?;
            tokio::spawn(tokio::task::unconstrained(async move {
                if is_broadcast {
                    broadcast(upgraded, group).await
                } else {
                    echo(upgraded).await
                }
            }));
            Ok::<Response<Empty<Bytes>>, WebSocketError>(response)
        }
    });
    http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await
        .ok();
}

async fn echo(upgraded: UpgradeFut) -> Result<(), WebSocketError> {
    let mut socket = upgraded.await?;
    socket.set_max_message_size(64 << 20);
    socket.set_writev(true);
    let mut socket = FragmentCollector::new(socket);
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
            _ => {}
        }
    }
}

async fn broadcast(upgraded: UpgradeFut, group: Group<Message>) -> Result<(), WebSocketError> {
    let (receiver, mut sender) = upgraded.await?.split(tokio::io::split);
    let mut receiver = FragmentCollectorRead::new(receiver);
    let (id, mut queue) = group.join();
    let writer = tokio::spawn(async move {
        while let Some((opcode, payload)) = queue.recv().await {
            let frame = Frame::new(true, opcode, None, Payload::Borrowed(&payload));
            if sender.write_frame(frame).await.is_err() {
                break;
            }
        }
    });
    let ended = loop {
        match receiver
            .read_frame::<_, WebSocketError>(&mut |_| async { Ok(()) })
            .await
        {
            Ok(frame) => match frame.opcode {
                OpCode::Close => break Ok(()),
                OpCode::Text | OpCode::Binary => {
                    group.send(&(frame.opcode, Bytes::copy_from_slice(&frame.payload)));
                }
                _ => {}
            },
            Err(error) => break Err(error),
        }
    };
    group.leave(id);
    writer.abort();
    ended
}
