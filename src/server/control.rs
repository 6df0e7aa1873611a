//! What the main thread waits for, once the server runs.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Sender;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Something that only the main thread acts on.
#[derive(Debug)]
pub(crate) enum Control {
    /// SIGTERM or SIGINT.
    Terminate,
    /// SIGHUP.
    Reload,
    /// While the server drains: the last user is gone.
    Drained,
    /// A successor asks to take over, and waits at the other end.
    HandOver(UnixStream),
}

/// Sends the signals that end or reload a server to the main thread.
///
/// # Errors
/// The system's, when handlers or the thread can't be installed.
pub(crate) fn watch_signals(control: Sender<Control>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let watch = move || {
        for signal in signals.forever() {
            let told = if signal == SIGHUP {
                Control::Reload
            } else {
                Control::Terminate
            };
            if control.send(told).is_err() {
                break;
            }
        }
    };
    std::thread::Builder::new()
        .name("chinwag-signals".into())
        .spawn(watch)?;
    Ok(())
}
