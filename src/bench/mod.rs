//! A load generator for WebSocket servers: `chinwag bench`.
//!
//! A thread drives many connections (`engine`) with the protocol's core; what they say and must hear
//! is a `Load`: `echo`, `idle`, `fanout`, `chat`. The main thread watches: it measures the server's
//! process at the beginning and the end of the measured time, shows how far things are, and merges
//! what the threads have counted.
//!
//! ```text
//! open all ─► log in (chat) ─► all threads ready ─► warm-up ─► measured ─► what is in flight ─► close
//! ```

mod args;
mod chat;
mod clock;
mod echo;
mod engine;
mod error;
mod fanout;
mod idle;
mod ledger;
mod load;
mod numbers;
mod pace;
mod payload;
mod peer;
mod picture;
mod plan;
mod process;
mod report;
mod shared;
mod stream;
mod svg;
mod tally;
mod watch;

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

pub use args::BenchArgs;
pub use error::{BenchError, ConnectionError};

use crate::bench::args::Mode;
use crate::bench::chat::Chat;
use crate::bench::echo::Echo;
use crate::bench::engine::{Engine, Outcome};
use crate::bench::fanout::Fanout;
use crate::bench::idle::Idle;
use crate::bench::picture::Picture;
use crate::bench::plan::{Plan, Share};
use crate::bench::report::Report;
use crate::bench::shared::Shared;
use crate::bench::watch::Watch;

/// Runs `chinwag bench`: loads a server, and prints what came of it.
///
/// # Errors
///
/// Why nothing was measured; [`BenchError::Faults`] if something was, and the server made mistakes.
pub fn bench(args: &BenchArgs) -> Result<(), BenchError> {
    let plan = Plan::new(args)?;
    let picture = args.svg.as_deref().map(Picture::open).transpose()?;
    let shares = plan.shares();
    let shared = Shared::new(shares.len());
    end_on_signals(&shared).map_err(BenchError::system("a signal handler"))?;
    let mut watch = Watch::new(&plan, &shared)?;
    let outcome = thread::scope(|scope| {
        let (sender, ended) = mpsc::channel();
        for share in shares {
            let (plan, shared, sender) = (&plan, &shared, sender.clone());
            let thread = thread::Builder::new().name(format!("chinwag-bench-{}", share.thread));
            let spawned =
                thread.spawn_scoped(scope, move || report_end(plan, share, shared, &sender));
            if let Err(error) = spawned {
                shared.stop();
                return Err(BenchError::system("a thread")(error));
            }
        }
        drop(sender);
        watch.until_all_have_ended(&ended)
    })?;
    let report = Report::new(&plan, &outcome, &watch.seen());
    let text = match args.json {
        true => report.json(),
        false => report.text(args.mode),
    };
    let printed = io::stdout().lock().write_all(text.as_bytes());
    printed.map_err(BenchError::Output)?;
    if let Some(picture) = picture {
        let title = format!("{} {}", args.mode.name(), args.url);
        picture.write(&svg::draw(&outcome.tally.latencies, &title))?;
    }
    outcome.tally.judge()?;
    watch.judge()
}

/// Runs a thread's share, and says how that ended.
fn report_end(
    plan: &Plan,
    share: Share,
    shared: &Shared,
    ended: &Sender<Result<Outcome, BenchError>>,
) {
    let outcome = run(plan, share, shared);
    if outcome.is_err() {
        shared.stop();
    }
    // The main thread waits for all of us.
    let _ = ended.send(outcome);
}

fn run(plan: &Plan, share: Share, shared: &Shared) -> Result<Outcome, BenchError> {
    match plan.args.mode {
        Mode::Echo => Engine::new(plan, share, shared, Echo::new(plan, share))?.run(),
        Mode::Idle => Engine::new(plan, share, shared, Idle::new(share))?.run(),
        Mode::Fanout => Engine::new(plan, share, shared, Fanout::new(plan, share.count))?.run(),
        Mode::Chat => {
            let chat = Chat::new(plan, share.count, peer::random());
            Engine::new(plan, share, shared, chat)?.run()
        }
    }
}

/// The first Ctrl-C ends the load, and there are results; the second one ends the program.
fn end_on_signals(shared: &Shared) -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(&shared.stop))?;
        flag::register(signal, Arc::clone(&shared.stop))?;
    }
    Ok(())
}

/// The exit code of a program that SIGINT ends, as shells have it.
const INTERRUPTED: i32 = 130;
