//! A transport in memory: bytes to read are put in beforehand, bytes written are kept.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice, Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Both ends of the transport: a library owns one clone, the measurement another.
///
/// A read gets as much as it asks for or as there may be at once, and `WouldBlock` at the end, as
/// from a socket. Reads and writes copy, in pieces, as a kernel does: one long copy would fare better
/// or worse by its exact length, which picks among the instructions for copying.
#[derive(Clone, Default)]
pub struct Pipe {
    shared: Rc<Shared>,
}

#[derive(Default)]
struct Shared {
    input: RefCell<Vec<u8>>,
    consumed_len: Cell<usize>,
    max_read_len: Cell<usize>,
    output: RefCell<Vec<u8>>,
}

impl Pipe {
    /// Makes a pipe that `input` comes out of, at most `max_read_len` bytes at a time, and again
    /// after each [`rewind`](Self::rewind).
    pub fn new(input: Vec<u8>, max_read_len: Option<usize>) -> Self {
        let pipe = Self::default();
        pipe.shared
            .max_read_len
            .set(max_read_len.unwrap_or(usize::MAX));
        // Room for an echo of it.
        pipe.shared.output.borrow_mut().reserve(input.len() + 1024);
        pipe.shared.input.replace(input);
        pipe
    }

    pub fn rewind(&self) {
        self.shared.consumed_len.set(0);
        self.shared.output.borrow_mut().clear();
    }

    /// Returns what was written since the last rewind.
    pub fn output(&self) -> Vec<u8> {
        self.shared.output.borrow().clone()
    }

    fn hand_out(&self, max: usize, copy: impl FnMut(&[u8])) -> Option<usize> {
        let input = self.shared.input.borrow();
        let rest = &input[self.shared.consumed_len.get()..];
        let len = rest.len().min(max).min(self.shared.max_read_len.get());
        rest[..len].chunks(PIECE_LEN).for_each(copy);
        self.shared
            .consumed_len
            .set(self.shared.consumed_len.get() + len);
        (len > 0).then_some(len)
    }

    fn put(&self, bytes: &[u8]) -> usize {
        let mut output = self.shared.output.borrow_mut();
        for piece in bytes.chunks(PIECE_LEN) {
            output.extend_from_slice(piece);
        }
        bytes.len()
    }

    fn put_all(&self, slices: &[IoSlice<'_>]) -> usize {
        slices.iter().map(|slice| self.put(slice)).sum()
    }
}

/// A kernel's buffers of a TCP connection are of that length at most.
const PIECE_LEN: usize = 32 * 1024;

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut rest = &mut *buffer;
        self.hand_out(rest.len(), |bytes| {
            rest.split_off_mut(..bytes.len())
                .expect("there is room")
                .copy_from_slice(bytes);
        })
        .ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.put(bytes))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(self.put_all(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.hand_out(buffer.remaining(), |bytes| buffer.put_slice(bytes)) {
            Some(_) => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.put(bytes)))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.put_all(slices)))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
