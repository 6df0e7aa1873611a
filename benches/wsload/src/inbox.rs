//! The receiving side of a connection whose messages are taken whole.
use std::os::fd::RawFd;

use crate::open::Opened;
use crate::sys;

pub struct Inbox {
    pub fd: RawFd,
    /// The beginning of a message whose end has not come yet.
    unfinished: Vec<u8>,
}

impl TryFrom<Opened> for Inbox {
    type Error = String;

    fn try_from(opened: Opened) -> Result<Self, String> {
        Ok(Self {
            fd: opened.stream.into_plain()?,
            unfinished: opened.received,
        })
    }
}

impl Inbox {
    /// Reads what there is. `take` is given it and leaves what is not a whole message.
    pub fn receive(
        &mut self,
        buffer: &mut [u8],
        mut take: impl FnMut(&mut &[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        loop {
            let kept = self.unfinished.len();
            if kept >= buffer.len() {
                return Err("a message is longer than the buffer".into());
            }
            let received = match sys::recv(self.fd, &mut buffer[kept..]) {
                Ok(Some(0)) => return Err("the server closed a connection".into()),
                Ok(received) => received.unwrap_or(0),
                Err(e) => return Err(format!("recv: {e}")),
            };
            buffer[..kept].copy_from_slice(&self.unfinished);
            self.unfinished.clear();
            let mut bytes = &buffer[..kept + received];
            take(&mut bytes)?;
            self.unfinished.extend_from_slice(bytes);
            if kept + received < buffer.len() {
                return Ok(());
            }
        }
    }
}
