//! Counts the bytes of memory that an idle connection holds, library by library.
//!
//! "New" is an open connection that nothing has gone over. "Used" has echoed a message of 125 bytes
//! and one of 16 KiB, and waits. Sockets, TLS and tasks are not counted: they are the same for all.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Read;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use chinwag::websocket::{Connection, Event, Limits};
use fastwebsockets::{FragmentCollector, Role, WebSocket};
use futures_util::{SinkExt, StreamExt};

use crate::pipe::Pipe;
use crate::task::{Direction, Kind, Task};

#[path = "../pipe.rs"]
#[expect(dead_code, reason = "not all of it is used here")]
mod pipe;
#[path = "../task.rs"]
#[expect(dead_code, reason = "not all of it is used here")]
mod task;
#[path = "../wire.rs"]
#[expect(dead_code, reason = "not all of it is used here")]
mod wire;

/// Counts what is allocated and not freed; there is one thread.
struct Counting;

thread_local! {
    static HELD_LEN: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: each call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD_LEN.set(HELD_LEN.get() + layout.size());
        // SAFETY: the caller's promise is ours.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD_LEN.set(HELD_LEN.get() - layout.size());
        // SAFETY: the caller's promise is ours.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    println!("| library | new | used |");
    println!("|---|--:|--:|");

    // Buffers for what is read and written are the thread's, not the connection's.
    let mut scratch = vec![0; 64 * 1024];
    let mut output = Vec::with_capacity(64 * 1024);
    print_row(
        "chinwag",
        |_| Connection::server(Limits::default()),
        |connection, pipe| {
            // The first read gives both messages.
            let Ok(len) = pipe.read(&mut scratch) else {
                return;
            };
            let mut input = &mut scratch[..len];
            while let Some(event) = connection.receive(&mut input, &mut output).unwrap() {
                if let Event::Message(message) = event {
                    connection.send(&message, &mut output).unwrap();
                }
            }
            output.clear();
        },
    );

    print_row(
        "tungstenite",
        |pipe| {
            let role = tungstenite::protocol::Role::Server;
            tungstenite::WebSocket::from_raw_socket(pipe, role, None)
        },
        |socket, _| {
            let message = socket.read().unwrap();
            socket.send(message).unwrap();
        },
    );

    print_row(
        "fastwebsockets",
        |pipe| FragmentCollector::new(WebSocket::after_handshake(pipe, Role::Server)),
        |socket, _| {
            let echoing = pin!(async {
                let frame = socket.read_frame().await.unwrap();
                socket.write_frame(frame).await.unwrap();
            });
            ready(|context| echoing.poll(context));
        },
    );

    print_row(
        "tokio-websockets",
        |pipe| tokio_websockets::ServerBuilder::new().serve(pipe),
        |socket, _| {
            let message = ready(|context| socket.poll_next_unpin(context)).unwrap();
            socket.start_send_unpin(message.unwrap()).unwrap();
            ready(|context| socket.poll_flush_unpin(context)).unwrap();
        },
    );

    print_row(
        "yawc",
        |pipe| {
            let options = yawc::Options::default().with_utf8();
            yawc::WebSocket::from_stream(pipe, yawc::Role::Server, options).unwrap()
        },
        |socket, _| {
            let frame = ready(|context| socket.poll_next_frame(context)).unwrap();
            ready(|context| socket.poll_ready_unpin(context)).unwrap();
            let (opcode, _, payload) = frame.into_parts();
            let echo = yawc::Frame::from((opcode, payload));
            socket.start_send_unpin(echo).unwrap();
            ready(|context| socket.poll_flush_unpin(context)).unwrap();
        },
    );
}

/// Prints what `connect` makes holds, before and after it echoed.
fn print_row<C>(
    name: &str,
    connect: impl FnOnce(Pipe) -> C,
    mut echo: impl FnMut(&mut C, &mut Pipe),
) {
    let wires = [125, 16 * 1024].map(|len| {
        let task = Task::plain(Direction::Decode, Kind::Binary, len, true);
        let mut wire = wire::batch(&task);
        wire.truncate(wire.len() / task.batch_count());
        wire
    });
    let mut pipe = Pipe::new(wires.concat(), None);

    let held_len = HELD_LEN.get();
    let mut connection = connect(pipe.clone());
    let new_len = size_of::<C>() + HELD_LEN.get() - held_len;
    for _ in 0..wires.len() {
        echo(&mut connection, &mut pipe);
    }
    let used_len = size_of::<C>() + HELD_LEN.get() - held_len;
    println!("| {name} | {new_len} B | {used_len} B |");
}

fn ready<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> T {
    match poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the pipe has everything, and yet a library waits"),
    }
}
