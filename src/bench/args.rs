//! What `chinwag bench` can be told.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

#[cfg(test)]
use clap::FromArgMatches as _;
use clap::{Args, ValueEnum};

use crate::bench::pace::{MAX_RATE, MIN_RATE};

/// What `chinwag bench` is told.
#[derive(Args, Debug, Clone)]
#[command(after_help = EXAMPLES)]
pub struct BenchArgs {
    /// Load this server: ws://HOST:PORT/PATH, or wss:// for TLS.
    pub(super) url: String,
    /// What the connections do.
    #[arg(long, value_enum, default_value_t = Mode::Echo)]
    pub(super) mode: Mode,
    /// Open this many connections.
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = at_least_one)]
    pub(super) connections: u64,
    /// Keep this many messages in flight [default: 1; with --rate at most 1024].
    ///
    /// In echo on each connection, in fanout and chat in all; at most a million.
    #[arg(short, long, value_name = "N", value_parser = in_flight)]
    pub(super) pipeline: Option<u64>,
    /// Send messages of this many bytes [default: 125].
    #[arg(short, long, value_name = "BYTES")]
    pub(super) size: Option<usize>,
    /// Send this many messages a second in all, whatever comes back.
    ///
    /// Latencies count from when a message was due, and what never comes counts as long as it was
    /// waited for, so a server that stalls can't hide it. Without a rate, a message is sent when
    /// another one has come back.
    #[arg(short, long, value_name = "PER SECOND", value_parser = rate)]
    pub(super) rate: Option<f64>,
    /// Measure for this many seconds.
    #[arg(short, long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(super) duration: Duration,
    /// Before that, load this many seconds without measuring.
    #[arg(long, value_name = "SECONDS", default_value = "0.5", value_parser = seconds)]
    pub(super) warmup: Duration,
    /// Give up on a connection that takes longer to open, and on replies that come later.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(super) timeout: Duration,
    /// Send text messages.
    #[arg(long, conflicts_with = "binary")]
    pub(super) text: bool,
    /// Send binary messages: the default, except in chat, which is text.
    #[arg(long)]
    pub(super) binary: bool,
    /// Offer to compress messages (permessage-deflate).
    #[arg(long)]
    pub(super) deflate: bool,
    /// In chat, meet in this room [default: a new one]; the room and what was said there stay.
    #[arg(long, value_name = "NAME")]
    pub(super) room: Option<String>,
    /// Open at most this many connections a second.
    #[arg(long, value_name = "PER SECOND", value_parser = rate)]
    pub(super) connect_rate: Option<f64>,
    /// Connect from these addresses in turn, as 127.0.0.2,127.0.0.3.
    ///
    /// One address can connect to another one some 28,000 times.
    #[arg(long, value_name = "IP", value_delimiter = ',')]
    pub(super) source: Vec<IpAddr>,
    /// Spread the connections over this many threads: echo and idle only.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least_one)]
    pub(super) threads: u64,
    /// Send this header with each request; may be given several times.
    #[arg(long, value_name = "NAME: VALUE")]
    pub(super) header: Vec<String>,
    /// Send this Origin, as a page of that site would.
    #[arg(long)]
    pub(super) origin: Option<String>,
    /// Take any certificate: encrypted, but nothing is known about who is at the other end.
    #[arg(long, conflicts_with = "ca")]
    pub(super) insecure: bool,
    /// Trust the certificates in this PEM file, and no others.
    #[arg(long, value_name = "FILE")]
    pub(super) ca: Option<PathBuf>,
    /// Also measure the CPU time and memory of this process: the server's, if it runs here.
    ///
    /// If it can't be measured to the end, that is a failure.
    #[arg(long)]
    pub(super) pid: Option<u32>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub(super) json: bool,
    /// Draw how latencies are distributed into this file.
    #[arg(long, value_name = "FILE")]
    pub(super) svg: Option<PathBuf>,
}

/// What the connections do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    /// Each sends messages, and each reply must be what was sent (`chinwag echo`).
    Echo,
    /// They are held open without a word for the duration, then each must answer a Ping.
    Idle,
    /// One sends, and all must get each message once, in one order (`chinwag echo --broadcast`, path
    /// /broadcast).
    Fanout,
    /// Guests in one chat room talk in turn, and all must see each message once, in one order
    /// (`chinwag serve`, path /ws).
    Chat,
}

impl Mode {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Idle => "idle",
            Self::Fanout => "fanout",
            Self::Chat => "chat",
        }
    }
}

impl BenchArgs {
    /// Returns where the load goes.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns whether messages are text.
    pub(super) fn is_text(&self) -> bool {
        self.text || self.mode == Mode::Chat
    }

    /// Returns how long a message is.
    pub(super) fn size(&self) -> usize {
        self.size.unwrap_or(125)
    }

    /// Returns how many messages may be in flight.
    pub(super) fn max_in_flight(&self) -> u64 {
        let default = if self.rate.is_some() { 1024 } else { 1 };
        self.pipeline.unwrap_or(default)
    }
}

fn at_least_one(text: &str) -> Result<u64, &'static str> {
    match text.parse() {
        Ok(0) => Err("it must be at least 1"),
        Ok(number) => Ok(number),
        Err(_) => Err("it is not a whole number"),
    }
}

fn in_flight(text: &str) -> Result<u64, &'static str> {
    match at_least_one(text)? {
        number if number <= MAX_PIPELINE => Ok(number),
        _ => Err("it must be at most 1000000"),
    }
}

fn rate(text: &str) -> Result<f64, &'static str> {
    match text.parse() {
        Ok(rate) if (MIN_RATE..=MAX_RATE).contains(&rate) => Ok(rate),
        Ok(_) => Err("it must be from 0.001 to 100000000"),
        Err(_) => Err("it is not a number"),
    }
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    match text.parse() {
        Ok(seconds) if (0.0..=MAX_SECONDS).contains(&seconds) => {
            Ok(Duration::from_secs_f64(seconds))
        }
        Ok(_) => Err("it must be from 0 to 1000000"),
        Err(_) => Err("it is not a number"),
    }
}

/// Each message in flight is kept in mind: in chat, where all are asked for at once, this is 100 MB.
const MAX_PIPELINE: u64 = 1_000_000;

/// Twelve days, so that no sum of times is beyond what a clock counts.
const MAX_SECONDS: f64 = 1e6;

const EXAMPLES: &str = "\
Examples:
  chinwag bench ws://127.0.0.1:9001/ -c 100 -p 16
  chinwag bench ws://127.0.0.1:9001/ -c 100 --rate 20000 --svg latency.svg
  chinwag bench ws://127.0.0.1:9001/broadcast --mode fanout -c 1000
  chinwag bench ws://127.0.0.1:8080/ws --mode chat -c 200 --rate 50
  chinwag bench ws://127.0.0.1:9001/ --mode idle -c 10000 --pid 4711

The exit code is 0 if every message came as it had to, 1 if not or if nothing was measured, 2 for wrong
usage.";

#[cfg(test)]
impl BenchArgs {
    /// Understands the words of a command line.
    pub(super) fn of(words: &[&str]) -> Self {
        let command = Self::augment_args(clap::Command::new("bench").no_binary_name(true));
        Self::from_arg_matches(&command.get_matches_from(words)).unwrap()
    }
}
