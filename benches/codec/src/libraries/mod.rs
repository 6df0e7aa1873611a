//! The libraries behind one interface, each used the fastest way that its documentation shows.

use std::task::{Context, Poll, Waker};

use crate::pipe::Pipe;
use crate::task::{Kind, Task};

mod chinwag;
mod fastwebsockets;
mod tokio_websockets;
mod tungstenite;
mod yawc;

/// One end of an open connection, over a [`Pipe`].
pub trait Library {
    /// Receives `count` messages and shows each to `seen`.
    fn decode(&mut self, count: usize, seen: &mut dyn FnMut(Kind, &[u8]));

    /// Sends the task's message `count` times, and flushes.
    fn encode(&mut self, count: usize);

    /// Returns what was encoded since the pipe was rewound.
    fn encoded(&self, pipe: &Pipe) -> Vec<u8> {
        pipe.output()
    }
}

pub type Make = fn(&Task, Pipe) -> Box<dyn Library>;

/// The columns of the tables; the first one is what the others are compared with.
pub static LIBRARIES: [(&str, Make); 5] = [
    ("chinwag", chinwag::make),
    ("tungstenite", tungstenite::make),
    ("fastwebsockets", fastwebsockets::make),
    ("tokio-websockets", tokio_websockets::make),
    ("yawc", yawc::make),
];

/// Returns the libraries that can do a task: compression is for chinwag and yawc alone.
pub fn of(task: &Task) -> impl Iterator<Item = &'static (&'static str, Make)> {
    let is_deflated = task.deflate.is_some();
    LIBRARIES
        .iter()
        .filter(move |(name, _)| !is_deflated || matches!(*name, "chinwag" | "yawc"))
}

/// Takes the result of a future or poll function that the pipe never keeps waiting.
fn ready<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> T {
    match poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the pipe has everything, and yet a library waits"),
    }
}
