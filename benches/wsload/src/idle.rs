//! Connections that only exist: the rate of handshakes, and memory a connection.
use std::time::Duration;

use serde_json::json;

use crate::args::Args;
use crate::open::{self, Handshake};
use crate::sys;

/// Connections that come before what is measured: the first ones also pay for what all share.
const UNCOUNTED: usize = 100;

pub fn run(args: &Args) -> Result<(), String> {
    let target = args.target()?;
    let count: usize = args.number("conns", 10_000)?;
    let settle = Duration::from_secs_f64(args.number("settle", 1.0)?);
    let pid: Option<i32> = args.optional("pid")?;
    let memory = || {
        (
            pid.map(sys::proc_anonymous_kib).unwrap_or_default(),
            sys::mem_available_kib(),
        )
    };
    let cpu_ns = || pid.and_then(sys::proc_cpu_ns).unwrap_or(0);
    let subprotocol: Option<String> = args.optional("subprotocol")?;
    let handshake = if args.flag("raw") {
        Handshake::Echoed
    } else {
        Handshake::WebSocket {
            subprotocol: subprotocol.as_deref(),
        }
    };

    let first = open::open_all(&target, UNCOUNTED, handshake)?;
    std::thread::sleep(settle);
    let (memory_before, cpu_before, start_ns) = (memory(), cpu_ns(), sys::mono_ns());
    let mut connections = open::open_all(&target, count, handshake)?;
    let elapsed_ns = sys::mono_ns() - start_ns;
    let cpu_after = cpu_ns();
    std::thread::sleep(settle);
    let memory_after = memory();

    let mut buffer = [0; 256];
    connections.extend(first);
    let closed = connections
        .iter_mut()
        .filter_map(|c| matches!(c.stream.recv(&mut buffer), Ok(Some(0)) | Err(_)).then_some(()));
    let closed = closed.count();
    if closed > 0 {
        return Err(format!("the server closed {closed} of {count} connections"));
    }
    let each = |before: u64, after: u64| (after as f64 - before as f64) * 1024.0 / count as f64;
    let line = json!({
        "connections": count,
        "rate": count as f64 * 1e9 / elapsed_ns as f64,
        "server_cpu_us": (cpu_after - cpu_before) as f64 / 1e3 / count as f64,
        "server_memory": each(memory_before.0, memory_after.0),
        "system_memory": each(memory_after.1, memory_before.1),
    });
    if args.flag("json") {
        println!("{line}");
    } else {
        println!(
            "{count} connections: {:.0} handshakes/s, server CPU {:.1} us each",
            line["rate"].as_f64().unwrap_or(0.0),
            line["server_cpu_us"].as_f64().unwrap_or(0.0)
        );
        println!(
            "memory a connection: server {:.0} B, whole system (both ends, kernel) {:.0} B",
            line["server_memory"].as_f64().unwrap_or(0.0),
            line["system_memory"].as_f64().unwrap_or(0.0)
        );
    }
    Ok(())
}
