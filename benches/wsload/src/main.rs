//! wsload: loads a WebSocket server on this machine and checks every message that comes back.
mod args;
mod chat;
mod clock;
mod echo;
mod fanout;
mod frames;
mod idle;
mod inbox;
mod ledger;
mod measure;
mod open;
mod pace;
mod stream;
mod sys;

use args::Args;

const HELP: &str = "\
wsload echo   --url URL [--conns 1] [--pipeline 1] [--size 125]
    each connection keeps --pipeline messages of --size bytes in flight
wsload fanout --url URL [--subs 1000] [--size 64] [--window 4 | --rate R]
    one publisher; the server must send each message to every client of that URL, the publisher too
wsload chat   --url URL [--members 1000] [--senders 1] [--size 64] [--window 4 | --rate R]
    a chat room (chinwag.v1), [--room NAME]: each member must get each message once, all in one
    order; --size is the body's
wsload idle   --url URL [--conns 10000] [--settle SECONDS] [--subprotocol NAME]
    opens connections; the rate of handshakes, and the server's anonymous memory a connection

URL is ws://127.0.0.1:PORT/PATH; echo and idle also take wss://, from whatever certificate. --window bounds the messages that not everyone has yet; --rate
sends so many a second instead. All but idle: [--secs 2] [--warmup 0.4] [--text]. All: [--pid PID]
also measures that process, [--json] prints one line of JSON, [--raw] speaks bare TCP or TLS (not chat).
Exit code 1, with the reason, on any wrong, lost, doubled or reordered message.";

fn main() {
    let mut words = std::env::args().skip(1);
    let mode = words.next().unwrap_or_default();
    let result = Args::parse(words).and_then(|args| match mode.as_str() {
        "echo" => echo::run(&args),
        "fanout" => fanout::run(&args),
        "chat" => chat::run(&args),
        "idle" => idle::run(&args),
        _ => {
            eprintln!("{HELP}");
            std::process::exit(2);
        }
    });
    if let Err(reason) = result {
        eprintln!("wsload {mode}: {reason}");
        std::process::exit(1);
    }
}
