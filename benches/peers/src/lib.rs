//! What the peer servers share: the port argument, the runtime, and groups for broadcast.
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The port to listen on, from the command line.
pub fn port() -> u16 {
    let Some(port) = std::env::args().nth(1).and_then(|port| port.parse().ok()) else {
        eprintln!("the only argument is the port to listen on");
        std::process::exit(2);
    };
    port
}

/// One thread, like every server in a comparison.
pub fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_io()
        .build()
        .expect("a runtime can be made")
}

/// Clients that each get every message that is sent to the group.
#[derive(Clone)]
pub struct Group<M> {
    members: Arc<Mutex<Members<M>>>,
}

struct Members<M> {
    last_id: u64,
    senders: HashMap<u64, UnboundedSender<M>>,
}

impl<M: Clone> Default for Group<M> {
    fn default() -> Self {
        Self {
            members: Arc::new(Mutex::new(Members {
                last_id: 0,
                senders: HashMap::new(),
            })),
        }
    }
}

impl<M: Clone> Group<M> {
    /// Adds a member; returns its id and its queue.
    pub fn join(&self) -> (u64, UnboundedReceiver<M>) {
        let (sender, receiver) = unbounded_channel();
        let mut members = self.members.lock().unwrap();
        members.last_id += 1;
        let id = members.last_id;
        members.senders.insert(id, sender);
        (id, receiver)
    }

    pub fn leave(&self, id: u64) {
        self.members.lock().unwrap().senders.remove(&id);
    }

    pub fn send(&self, message: &M) {
        for sender in self.members.lock().unwrap().senders.values() {
            sender.send(message.clone()).ok();
        }
    }
}
