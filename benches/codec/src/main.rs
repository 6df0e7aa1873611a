//! Measures chinwag's core beside other WebSocket libraries, in memory, and prints Markdown tables.
//!
//!     codec [--rounds N] [--only WORDS] [--row NAME] [--check]
//!
//! Before anything is timed, each library has to produce the right messages and the right bytes.

use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::time::Duration;

use crate::libraries::{LIBRARIES, Library};
use crate::pipe::Pipe;
use crate::rounds::{Effort, Figure};
use crate::task::{Direction, Task};

mod libraries;
mod pipe;
mod primitives;
mod rounds;
mod task;
mod wire;

struct Args {
    effort: Effort,
    /// Only rows whose name contains this.
    only: String,
    /// Only the row of exactly this name.
    only_row: String,
    /// Whether nothing is timed.
    checks_only: bool,
}

impl Args {
    fn picks(&self, task: &Task) -> bool {
        let name = task.to_string();
        name == self.only_row || (self.only_row.is_empty() && name.contains(&self.only))
    }
}

fn main() -> ExitCode {
    let Some(args) = parse_args() else {
        eprintln!("usage: codec [--rounds N] [--only WORDS] [--row NAME] [--check]");
        return ExitCode::from(2);
    };
    let tasks: Vec<Task> = Task::all()
        .into_iter()
        .filter(|task| args.picks(task))
        .collect();
    for task in &tasks {
        for (name, make) in libraries::of(task) {
            check(task, name, *make);
        }
    }
    if args.checks_only {
        println!(
            "{} tasks, {} libraries: all agree",
            tasks.len(),
            LIBRARIES.len()
        );
        return ExitCode::SUCCESS;
    }
    keep_freed_memory();
    if let [task] = &tasks[..]
        && !args.only_row.is_empty()
    {
        print_row(task, &measure(task, args.effort));
        return ExitCode::SUCCESS;
    }
    if "primitives".starts_with(&args.only) {
        primitives::print_table(args.effort);
        println!();
    }
    print_header();
    for task in &tasks {
        // In a process of its own: what rows before did to the heap decides over the next ones.
        run_alone(task, args.effort);
    }
    ExitCode::SUCCESS
}

/// Has glibc's allocator keep freed memory, as one does that has been busy for a while.
///
/// Else what a message of 1 MiB costs is mostly the page faults of its memory, or not, by chance.
/// `mallopt(3)` says under `M_MMAP_THRESHOLD` why freeing one large block helps.
fn keep_freed_memory() {
    drop(black_box(Vec::<u8>::with_capacity(30 * 1024 * 1024)));
}

fn run_alone(task: &Task, effort: Effort) {
    let status = Command::new(std::env::current_exe().expect("this program has a path"))
        .args([
            "--rounds",
            &effort.rounds.to_string(),
            "--row",
            &task.to_string(),
        ])
        .status()
        .expect("this program can be run");
    assert!(status.success(), "{task}: {status}");
}

fn parse_args() -> Option<Args> {
    let mut args = Args {
        effort: Effort {
            rounds: 101,
            round_time: Duration::from_micros(200),
        },
        only: String::new(),
        only_row: String::new(),
        checks_only: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--rounds" => args.effort.rounds = words.next()?.parse().ok().filter(|&n| n > 0)?,
            "--row" => args.only_row = words.next()?,
            "--only" => args.only = words.next()?,
            "--check" => args.checks_only = true,
            _ => return None,
        }
    }
    Some(args)
}

/// Compares what a library makes of a batch with the batch.
///
/// # Panics
///
/// When it is something else.
fn check(task: &Task, name: &str, make: fn(&Task, Pipe) -> Box<dyn Library>) {
    let count = task.batch_count();
    let wire = wire::batch(task);
    let pipe = Pipe::new(wire.clone(), task.read_len);
    let mut parser = wire::Parser::new(task);
    let mut library = make(task, pipe.clone());
    // Twice: the second batch meets a library that has been used.
    for _ in 0..2 {
        pipe.rewind();
        let messages = match task.direction {
            Direction::Decode => {
                let mut messages = Vec::new();
                library.decode(count, &mut |kind, payload| {
                    messages.push((kind, payload.to_vec()));
                });
                messages
            }
            Direction::Encode => {
                library.encode(count);
                let encoded = library.encoded(&pipe);
                // Masking keys are random, and compressors differ.
                let is_determined = !task.is_masked && task.deflate.is_none();
                assert!(
                    !is_determined || encoded == wire,
                    "{name}, {task}: other bytes"
                );
                parser.parse(&encoded)
            }
        };
        let payload = task.payload();
        assert_eq!(messages.len(), count, "{name}, {task}");
        for message in messages {
            assert!(message == (task.kind, payload.clone()), "{name}, {task}");
        }
    }
}

fn measure(task: &Task, effort: Effort) -> Vec<Figure> {
    let count = task.batch_count();
    let mut ways: Vec<Box<dyn FnMut()>> = libraries::of(task)
        .map(|(_, make)| {
            let pipe = Pipe::new(wire::batch(task), task.read_len);
            let mut library = make(task, pipe.clone());
            let direction = task.direction;
            let way: Box<dyn FnMut()> = Box::new(move || {
                pipe.rewind();
                match direction {
                    Direction::Decode => library.decode(count, &mut |kind, payload| {
                        black_box((kind, payload));
                    }),
                    Direction::Encode => library.encode(count),
                }
            });
            way
        })
        .collect();
    rounds::measure(&mut ways, effort)
}

fn print_header() {
    print!("| task | chinwag |");
    for (name, _) in &LIBRARIES[1..] {
        print!(" {name} |");
    }
    println!(" chinwag by the best |");
    println!("|---|{}", "--:|".repeat(LIBRARIES.len() + 1));
}

/// Prints the time of the first library for a message, the others' as a multiple of it.
fn print_row(task: &Task, figures: &[Figure]) {
    let nanos = figures[0].best.as_secs_f64() * 1e9 / task.batch_count() as f64;
    print!("| {task} | {} |", Nanos(nanos));
    let mut ratios = libraries::of(task).zip(figures).peekable();
    for (name, _) in &LIBRARIES[1..] {
        ratios.next_if(|((measured, _), _)| *measured == LIBRARIES[0].0);
        match ratios.next_if(|((measured, _), _)| measured == name) {
            Some((_, figure)) => print!(" {:.2} |", figure.ratio),
            None => print!(" – |"),
        }
    }
    let best = figures
        .iter()
        .map(|figure| figure.ratio)
        .fold(1.0, f64::min);
    println!(" {:.2} |", 1.0 / best);
}

struct Nanos(f64);

impl std::fmt::Display for Nanos {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            nanos if nanos < 1000.0 => write!(f, "{nanos:.1} ns"),
            nanos => write!(f, "{:.2} µs", nanos / 1000.0),
        }
    }
}
