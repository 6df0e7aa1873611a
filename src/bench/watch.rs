//! The main thread's part of a run: it measures processes, and shows how far things are.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::bench::BenchError;
use crate::bench::clock::now;
use crate::bench::engine::Outcome;
use crate::bench::numbers::{grouped, microseconds, per_second, real, time};
use crate::bench::plan::Plan;
use crate::bench::process::{CpuTime, Memory, cpu_time, memory};
use crate::bench::report::Seen;
use crate::bench::shared::Shared;

/// What the main thread has seen so far.
pub(super) struct Watch<'a> {
    shared: &'a Shared,
    connection_count: u64,
    /// The server's process.
    pid: Option<u32>,
    memory_before: Option<Memory>,
    /// At the beginning and the end of the measured time.
    start: Option<Look>,
    end: Option<Look>,
    memory_after: Option<Memory>,
    /// Why the server's process could not be looked at.
    failure: Option<BenchError>,
    /// Whether somebody reads what is shown.
    is_shown: bool,
    began_at: Instant,
    shown_at: Instant,
    shown_count: u64,
}

/// What both processes have spent, as far as they can be looked at.
#[derive(Debug, Clone, Copy)]
struct Look {
    generator: Option<CpuTime>,
    server: Option<CpuTime>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(plan: &Plan, shared: &'a Shared) -> Result<Self, BenchError> {
        let pid = plan.args.pid;
        let look = |pid| memory(pid).map_err(|error| BenchError::Process { pid, error });
        let memory_before = pid.map(look).transpose()?;
        let now = now();
        Ok(Self {
            shared,
            connection_count: plan.args.connections,
            pid,
            memory_before,
            start: None,
            end: None,
            memory_after: None,
            failure: None,
            is_shown: !plan.args.json && io::stderr().is_terminal(),
            began_at: now,
            shown_at: now,
            shown_count: 0,
        })
    }

    /// Waits for all threads, and merges what they have measured.
    pub(super) fn until_all_have_ended(
        &mut self,
        ended: &Receiver<Result<Outcome, BenchError>>,
    ) -> Result<Outcome, BenchError> {
        let mut merged: Option<Outcome> = None;
        let mut failure: Option<BenchError> = None;
        loop {
            match ended.recv_timeout(self.look_and_show()) {
                Ok(Ok(outcome)) => match &mut merged {
                    Some(merged) => merged.merge(&outcome),
                    None => merged = Some(outcome),
                },
                // One thread's failure interrupts the others: the cause is what is told.
                Ok(Err(error))
                    if matches!(failure, None | Some(BenchError::Interrupted { .. })) =>
                {
                    failure = Some(error);
                }
                Ok(Err(_)) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if self.end.is_none() {
            self.look_at_the_end();
        }
        self.erase();
        match (failure, merged) {
            (None, Some(outcome)) => Ok(outcome),
            (Some(failure), _) => Err(failure),
            (None, None) => Err(BenchError::Interrupted {
                open_count: 0,
                count: self.connection_count,
            }),
        }
    }

    /// Returns what was seen of both processes.
    pub(super) fn seen(&self) -> Seen {
        let Some((start, end)) = self.start.zip(self.end) else {
            return Seen::default();
        };
        let both = |start: Option<_>, end| Some([start?, end?]);
        Seen {
            generator: both(start.generator, end.generator),
            server: both(start.server, end.server),
            server_memory: self.memory_before.zip(self.memory_after).map(Into::into),
        }
    }

    /// Returns an error if the server's process could not be measured to the end.
    pub(super) fn judge(self) -> Result<(), BenchError> {
        self.failure.map_or(Ok(()), Err)
    }

    /// Does what is due, and returns how long there is nothing more to do.
    fn look_and_show(&mut self) -> Duration {
        let now = now();
        let Some(window) = self.shared.settled_window() else {
            self.show(now);
            return UNSETTLED_WAIT;
        };
        if self.start.is_none() && now >= window.starts_at {
            self.start = Some(self.look());
        }
        if self.end.is_none() && now >= window.ends_at {
            self.look_at_the_end();
        }
        self.show(now);
        let next_at = match (self.start, self.end) {
            (None, _) => window.starts_at,
            (Some(_), None) => window.ends_at,
            (Some(_), Some(_)) => now + SHOWING_INTERVAL,
        };
        next_at.saturating_duration_since(now).min(SHOWING_INTERVAL)
    }

    fn look_at_the_end(&mut self) {
        self.end = Some(self.look());
        self.memory_after = self.look_at_server(memory);
    }

    fn look(&mut self) -> Look {
        Look {
            generator: cpu_time(std::process::id()).ok(),
            server: self.look_at_server(cpu_time),
        }
    }

    fn look_at_server<T>(&mut self, look: impl FnOnce(u32) -> io::Result<T>) -> Option<T> {
        let pid = self.pid?;
        match look(pid) {
            Ok(seen) => Some(seen),
            Err(error) => {
                self.failure
                    .get_or_insert(BenchError::Process { pid, error });
                None
            }
        }
    }

    /// Writes one line over the one before.
    fn show(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.shown_at);
        if !self.is_shown || elapsed < SHOWING_INTERVAL {
            return;
        }
        let (open_count, message_count, p99_ns) = self.shared.progress();
        let rate = per_second(message_count - self.shown_count.min(message_count), elapsed);
        (self.shown_at, self.shown_count) = (now, message_count);
        let since = now.saturating_duration_since(self.began_at).as_secs_f64();
        let mut line = format!(
            "{since:6.1} s  {} of {} open",
            grouped(real(open_count)),
            grouped(real(self.connection_count))
        );
        if p99_ns > 0 {
            let p99 = time(microseconds(p99_ns));
            line += &format!("  {} messages/s  p99 {p99}", grouped(rate));
        }
        // Without a terminal there is nobody to show it to.
        let _ = write!(io::stderr(), "\r{line}\x1b[K");
    }

    fn erase(&self) {
        if self.is_shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// How often the line changes.
const SHOWING_INTERVAL: Duration = Duration::from_millis(250);

/// How late the beginning of the load may be noticed: a tick of the system's own counting.
const UNSETTLED_WAIT: Duration = Duration::from_millis(10);
