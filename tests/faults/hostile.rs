//! What hostile peers do, each a row of a table.

use std::fs::{self, File};
use std::net::Shutdown;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::json;

use super::arena::{Arena, Flooder, Peer, TEXT, next_name, read_into, read_some, reset};
use super::footprint::processor_time;
use crate::support::{PATIENCE, Server, UPGRADE, descriptor_count, masked_frame, now};

/// A way to harm others.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    /// Peers at once in the quick form; the long one has many times as many.
    pub(crate) count: usize,
    pub(crate) attack: fn(&Arena),
    /// What the server says of itself when the attack reaches it.
    pub(crate) effect: Effect,
}

/// What shows an attack in the server's metrics; nothing that honest users do moves these.
#[derive(Clone, Copy)]
pub(crate) enum Effect {
    /// As many were let in as there are peers, and no more is to be seen. Those who look are counted
    /// too, so one looks once.
    Accepted,
    /// A counter has grown when the attack is over.
    Counted(&'static str),
    /// A gauge is above what it was while the attack lasts.
    Held(&'static str),
}

impl Effect {
    /// What the metric is now.
    pub(crate) fn value(self, server: &Server) -> f64 {
        match self {
            Self::Accepted => server.metric(ACCEPTED) - server.metric(REFUSED),
            Self::Counted(metric) | Self::Held(metric) => server.metric(metric),
        }
    }

    /// By how much it grows at least if there are so many peers.
    pub(crate) fn growth(self, peer_count: usize) -> f64 {
        match self {
            Self::Accepted => f64::from(u32::try_from(peer_count).unwrap()),
            Self::Counted(_) | Self::Held(_) => 1.0,
        }
    }
}

/// All of them. A new one is a row here and a function below.
pub(crate) const FAULTS: &[Fault] = &[
    fault("peers that never say anything", 200, silent_connects).held(HTTP),
    fault("terminals that never say anything", 50, silent_terminals).held(TERMINALS),
    fault("readers that read nothing", 5, stalled_readers).held(QUEUE),
    fault("readers of a byte at a time", 5, trickling_readers).held(QUEUE),
    fault(
        "connects beyond the last descriptor",
        200,
        too_many_connects,
    )
    .counted(NO_FILES),
    fault("peers that send FIN early", 20, half_closed).counted(LOST),
    fault("resets in each phase", 10, resets).counted(LOST),
    fault("one byte a write", 10, one_byte_writes).counted(LOST),
    fault("heads that never end", 50, endless_heads).held(HTTP),
    fault("a flood of pings", 4, pings).held(WEB_SOCKETS),
    fault("a flood of pings without reading", 4, unread_pings).held(QUEUE),
    fault("a flood of tiny fragments", 4, fragments).counted(CAST_OUT),
    fault("a flood of empty fragments", 4, empty_fragments).counted(CAST_OUT),
    fault("messages that are never finished", 50, unfinished_messages).held(WEB_SOCKETS),
    fault("frames that announce too much", 10, giant_frames).counted(TOO_BIG),
    fault("a flood of requests", 4, requests).counted(TOO_FAST),
    fault("a flood of nonsense", 4, nonsense).counted(TOO_FAST),
    fault("a flood of connects", 50, connects),
    fault("a flood of terminals that come and go", 10, terminals),
    fault("a flood of lines", 4, lines).held(TERMINALS),
    fault("lines that never end", 4, endless_lines).held(TERMINALS),
    fault("a flood of HTTP", 4, http),
    fault("a flood of HTTP without reading", 4, unread_http),
    fault("handshakes that are closed at once", 10, closes).counted(CLOSED),
    fault("members that come and go", 4, comings_and_goings).counted(TOO_FAST),
    fault("a flood of questions about the past", 4, histories).counted(TOO_FAST),
    fault("a flood of new rooms", 2, new_rooms).held(WEB_SOCKETS),
];

/// Those of a server under which is `tests/accept_shim.c`.
pub(crate) const SYSTEM_FAULTS: &[Fault] =
    &[fault("a system without a file to spare", 20, exhausted_system).counted(ACCEPT_PAUSES)];

/// A fault that shows in nothing but connections.
pub(crate) const fn fault(name: &'static str, count: usize, attack: fn(&Arena)) -> Fault {
    Fault {
        name,
        count,
        attack,
        effect: Effect::Accepted,
    }
}

impl Fault {
    /// With a counter that shows it.
    pub(crate) const fn counted(self, metric: &'static str) -> Self {
        let effect = Effect::Counted(metric);
        Self { effect, ..self }
    }

    /// With a gauge that shows it.
    pub(crate) const fn held(self, metric: &'static str) -> Self {
        let effect = Effect::Held(metric);
        Self { effect, ..self }
    }
}

pub(crate) fn silent_connects(arena: &Arena) {
    let held = (0..arena.count)
        .filter_map(|_| arena.connect_web())
        .collect();
    arena.hold(held);
}

/// The server may open a few files more, and more than that are asked of it (`EMFILE`).
fn too_many_connects(arena: &Arena) {
    let limit = descriptor_count(arena.process_id) + SPARE_DESCRIPTORS;
    let usual = set_open_file_limit(arena.process_id, limit);
    // What the system lets wait is bounded too: beyond that, connecting takes seconds.
    let count = arena.count.min(500);
    let held = (0..count).filter_map(|_| arena.connect_web()).collect();
    arena.hold(held);
    set_open_file_limit(arena.process_id, usual);
}

/// The whole system has no file to spare (`ENFILE`): so the server is told, and goes on asking now and
/// then.
fn exhausted_system(arena: &Arena) {
    File::create(arena.accept_faults()).unwrap();
    let (began_at, used) = (now(), processor_time(arena.process_id));
    let peers: Vec<_> = (0..arena.count)
        .filter_map(|_| after(arena.connect_web(), UPGRADE.as_bytes()))
        .collect();
    arena.is_under_way();
    while arena.goes_on(PATIENCE) {}
    let time = began_at.elapsed();
    let used = processor_time(arena.process_id) - used;
    let tries = fs::metadata(arena.accept_faults()).unwrap().len();
    fs::remove_file(arena.accept_faults()).unwrap();
    assert!(tries > 0, "nobody was refused a file");
    assert!(
        tries < MAX_TRIES_PER_SECOND * (1 + time.as_secs()),
        "{tries} tries in {time:?}"
    );
    assert!(used < time / 2, "used {used:?} in {time:?}");
    // Who has waited is let in.
    for mut peer in peers {
        arena.did(read_some(&mut peer).expect("an answer"));
    }
}

/// A terminal is in the lobby without a word.
pub(crate) fn silent_terminals(arena: &Arena) {
    let held = (0..arena.count)
        .filter_map(|_| arena.connect_lines())
        .collect();
    arena.hold(held);
}

/// Members whose systems take little, who ask for all of the past, and read none of it.
pub(crate) fn stalled_readers(arena: &Arena) {
    arena.hold(greedy_readers(arena));
}

fn trickling_readers(arena: &Arena) {
    let mut held = greedy_readers(arena);
    for peer in &held {
        peer.socket().set_nonblocking(true).unwrap();
    }
    arena.is_under_way();
    while arena.goes_on(Duration::from_millis(100)) {
        held.retain_mut(|peer| {
            let read = read_into(peer, &mut [0]);
            arena.did(read.unwrap_or_default());
            read.is_some()
        });
    }
}

fn half_closed(arena: &Arena) {
    let phases: [&dyn Fn() -> Option<Peer>; 6] = [
        &|| arena.connect_web(),
        &|| arena.connect_lines(),
        &|| after(arena.connect_web(), &UPGRADE.as_bytes()[..30]),
        &|| arena.web_socket(),
        &|| after(arena.web_socket(), &[0x81, 0xfe, 0, 200, 0, 0, 0, 0, b'{']),
        &|| arena.member(),
    ];
    let held = in_turns(arena.count, &phases)
        .inspect(|peer| peer.socket().shutdown(Shutdown::Write).unwrap_or_default())
        .collect();
    arena.hold(held);
}

fn resets(arena: &Arena) {
    let phases: [&dyn Fn() -> Option<Peer>; 8] = [
        &|| arena.connect_web(),
        &|| arena.connect_lines(),
        &|| after(arena.connect_web(), &UPGRADE.as_bytes()[..30]),
        &|| after(arena.connect_web(), UPGRADE.as_bytes()),
        &|| arena.web_socket(),
        // Inside a frame's header, inside its payload, and between two fragments.
        &|| after(arena.web_socket(), &[0x81, 0xfe, 0]),
        &|| after(arena.web_socket(), &[0x81, 0x85, 0, 0, 0, 0, b'a']),
        &|| after(arena.member(), &[0x01, 0x81, 0, 0, 0, 0, b'a']),
    ];
    arena.is_under_way();
    while arena.goes_on(PAUSE) {
        arena.did(in_turns(arena.count, &phases).map(reset).count());
    }
}

/// A handshake, an entrance and a word, each byte in a segment of its own; and again.
fn one_byte_writes(arena: &Arena) {
    let open = || {
        let mut said = UPGRADE.as_bytes().to_vec();
        said.extend(arena.entrance());
        said.extend(masked_frame(TEXT, br#"{"type":"who","room":"lobby"}"#));
        Some((arena.connect_web()?, said.into_iter()))
    };
    let mut peers: Vec<_> = (0..arena.count).filter_map(|_| open()).collect();
    arena.is_under_way();
    while arena.goes_on(BREATH) {
        for (peer, said) in &mut peers {
            let is_written = said
                .next()
                .is_some_and(|byte| peer.write_all(&[byte]).is_ok());
            if is_written {
                arena.did(1);
            } else {
                // The server has heard what it answers.
                read_some(peer);
                if let Some(next) = open() {
                    (*peer, *said) = next;
                }
            }
        }
    }
}

fn endless_heads(arena: &Arena) {
    let mut peers: Vec<_> = (0..arena.count)
        .filter_map(|_| after(arena.connect_web(), b"GET / HTTP/1.1\r\nX: "))
        .collect();
    arena.is_under_way();
    while arena.goes_on(PAUSE) {
        peers.retain_mut(|peer| peer.write_all(b"y").is_ok());
        arena.did(peers.len());
    }
}

pub(crate) fn pings(arena: &Arena) {
    let ping = masked_frame(9, &[b'p'; 125]).repeat(100);
    flood(arena, || arena.member(), &ping, true);
}

/// The answers stay where they are, and so do those to the room's messages.
fn unread_pings(arena: &Arena) {
    let ping = masked_frame(9, &[b'p'; 125]).repeat(100);
    flood(arena, || arena.member(), &ping, false);
}

pub(crate) fn fragments(arena: &Arena) {
    let fragment = [0x00, 0x81, 0, 0, 0, 0, b'a'].repeat(1_000);
    flood(arena, || unfinished(arena), &fragment, true);
}

fn empty_fragments(arena: &Arena) {
    let fragment = [0x00, 0x80, 0, 0, 0, 0].repeat(1_000);
    flood(arena, || unfinished(arena), &fragment, true);
}

/// A hundred KiB each, one byte short of its end.
fn unfinished_messages(arena: &Arena) {
    let mut frame = masked_frame(TEXT, &vec![b'a'; 100 * 1024]);
    frame.pop();
    let held = (0..arena.count)
        .filter_map(|_| after(arena.web_socket(), &frame))
        .collect();
    arena.hold(held);
}

fn giant_frames(arena: &Arena) {
    let mut frame = vec![0x82, 0xff];
    frame.extend((u64::MAX >> 1).to_be_bytes());
    frame.extend([0; 4]);
    flood(arena, || arena.web_socket(), &frame, true);
}

fn requests(arena: &Arena) {
    let request = masked_frame(TEXT, br#"{"type":"rooms"}"#).repeat(100);
    flood(arena, || arena.member(), &request, true);
}

fn nonsense(arena: &Arena) {
    let mut frames = masked_frame(TEXT, b"[[[[[[[[[[{").repeat(10);
    frames.extend(masked_frame(TEXT, br#"{"type":"dance"}"#).repeat(10));
    flood(arena, || arena.member(), &frames, true);
}

/// Opens and closes as fast as it can.
fn connects(arena: &Arena) {
    arena.is_under_way();
    while arena.goes_on(BREATH) {
        let peers = (0..arena.count).filter_map(|_| arena.connect_web());
        arena.did(peers.map(reset).count());
    }
}

fn terminals(arena: &Arena) {
    arena.is_under_way();
    while arena.goes_on(BREATH) {
        let peers: Vec<_> = (0..arena.count)
            .filter_map(|_| arena.connect_lines())
            .collect();
        arena.did(peers.into_iter().map(reset).count());
    }
}

fn lines(arena: &Arena) {
    flood(arena, || arena.connect_lines(), b"me again\n--who:\n", true);
}

fn endless_lines(arena: &Arena) {
    flood(arena, || arena.connect_lines(), &[b'a'; 64 * 1024], true);
}

fn http(arena: &Arena) {
    let requests = b"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n";
    flood(arena, || arena.connect_web(), &requests.repeat(10), true);
}

/// Who is owed a little more than nothing is answered no further, and comes again.
fn unread_http(arena: &Arena) {
    let request = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(10);
    flood(arena, || arena.connect_narrow(), &request, false);
}

fn closes(arena: &Arena) {
    let close = masked_frame(8, &1000_u16.to_be_bytes());
    arena.is_under_way();
    while arena.goes_on(PAUSE) {
        for _ in 0..arena.count {
            let Some(mut closed) = after(arena.web_socket(), &close) else {
                continue;
            };
            while let Some(len @ 1..) = read_some(&mut closed) {
                arena.did(len);
            }
        }
    }
}

/// Each makes the server tell everyone in the room, twice.
fn comings_and_goings(arena: &Arena) {
    let mut frames = masked_frame(TEXT, br#"{"type":"join","room":"lobby"}"#);
    frames.extend(masked_frame(TEXT, br#"{"type":"leave","room":"lobby"}"#));
    frames.extend(masked_frame(TEXT, br#"{"type":"typing","room":"lobby"}"#));
    flood(arena, || arena.member(), &frames, true);
}

/// Little to ask, much to answer.
fn histories(arena: &Arena) {
    let history = br#"{"type":"history","room":"lobby","limit":200,"before":1000000}"#;
    flood(arena, || arena.member(), &masked_frame(TEXT, history), true);
}

/// As many as one is let make for long, each announced to everybody on the server. They stay as
/// long as it runs.
fn new_rooms(arena: &Arena) {
    let mut peers: Vec<_> = (0..arena.count).filter_map(|_| arena.member()).collect();
    for peer in &peers {
        peer.socket().set_nonblocking(true).unwrap();
    }
    arena.is_under_way();
    while arena.goes_on(ROOM_INTERVAL) {
        peers.retain_mut(|peer| {
            let create = format!(r#"{{"type":"create","room":"hostile-{}"}}"#, next_name());
            let is_written = peer
                .write_all(&masked_frame(TEXT, create.as_bytes()))
                .is_ok();
            let read = read_some(peer);
            arena.did(read.unwrap_or_default());
            is_written && read.is_some()
        });
    }
}

/// Has peers write the same over and over, as much as the server takes; who is cut off comes back.
pub(crate) fn flood(arena: &Arena, open: impl Fn() -> Option<Peer>, bytes: &[u8], reads: bool) {
    let flooder = || Some(Flooder::new(open()?, bytes.to_vec(), reads));
    let mut peers: Vec<_> = (0..arena.count).filter_map(|_| flooder()).collect();
    arena.is_under_way();
    while arena.goes_on(BREATH) {
        for peer in &mut peers {
            if let Some(len) = peer.push() {
                arena.did(len);
            } else if let Some(next) = flooder() {
                *peer = next;
            }
        }
    }
}

/// Opens so many, one way after the other.
pub(crate) fn in_turns<'a>(
    count: usize,
    phases: &'a [&'a dyn Fn() -> Option<Peer>],
) -> impl Iterator<Item = Peer> + 'a {
    (0..count).filter_map(|nth| phases[nth % phases.len()]())
}

/// A connection on which that has been said.
pub(crate) fn after(peer: Option<Peer>, said: &[u8]) -> Option<Peer> {
    let mut peer = peer?;
    peer.write_all(said).ok()?;
    Some(peer)
}

/// A member with a message that has begun.
fn unfinished(arena: &Arena) -> Option<Peer> {
    after(arena.member(), &[0x01, 0x81, 0, 0, 0, 0, b'a'])
}

/// Who come one after the other: what others are to bear is not that they ask, but that they do not
/// read.
fn greedy_readers(arena: &Arena) -> Vec<Peer> {
    write_past(arena);
    let arrivals = (0..arena.count).take_while(|_| arena.goes_on(PAUSE));
    arrivals.filter_map(|_| greedy(arena)).collect()
}

/// A member who asks for more than is ever taken, and reads none of it.
fn greedy(arena: &Arena) -> Option<Peer> {
    let mut said = arena.entrance();
    said.extend(masked_frame(TEXT, br#"{"type":"join","room":"past"}"#));
    let history = br#"{"type":"history","room":"past","limit":20}"#;
    said.extend(masked_frame(TEXT, history).repeat(50));
    after(arena.narrow_web_socket(), &said)
}

/// Gives a room a past that is more than what systems keep of it for whoever does not read.
fn write_past(arena: &Arena) {
    let mut writer = arena.guest().expect("the server takes one more");
    writer.done(json!({"type": "join", "room": "past", "create": true}));
    for _ in 0..PAST_COUNT {
        writer.say("past", &"x".repeat(PAST_LEN));
    }
}

/// Changes how many files a process may have open, and returns how many it might before.
fn set_open_file_limit(process_id: u32, limit: usize) -> usize {
    let process = Pid::from_raw(i32::try_from(process_id).unwrap()).unwrap();
    let Rlimit { current, maximum } = prlimit(
        Some(process),
        Resource::Nofile,
        Rlimit {
            current: Some(u64::try_from(limit).unwrap()),
            maximum: getrlimit(Resource::Nofile).maximum,
        },
    )
    .unwrap();
    usize::try_from(current.or(maximum).unwrap()).unwrap()
}

// Metrics, by what they show of an attack.
pub(crate) const HTTP: &str = "chinwag_connections{transport=\"http\"}";
pub(crate) const WEB_SOCKETS: &str = "chinwag_connections{transport=\"websocket\"}";
const TERMINALS: &str = "chinwag_connections{transport=\"line\"}";
pub(crate) const QUEUE: &str = "chinwag_send_queue_bytes";
const NO_FILES: &str = "chinwag_refused_total{reason=\"files\"}";
const TOO_FAST: &str = "chinwag_rate_limited_total{scope=\"connection\"}";
const CLOSED: &str = "chinwag_disconnects_total{code=\"1000\"}";
const LOST: &str = "chinwag_disconnects_total{code=\"1006\"}";
pub(crate) const CAST_OUT: &str = "chinwag_disconnects_total{code=\"1008\"}";
const TOO_BIG: &str = "chinwag_disconnects_total{code=\"1009\"}";
const ACCEPTED: &str = "chinwag_accepted_total";
const ACCEPT_PAUSES: &str = "chinwag_accept_pauses_total";
const REFUSED: &str = "chinwag_refused_total{reason=\"full\"}";

/// Between two rounds of a flood: it is the server that is to be busy, not the peers on the same
/// machine.
pub(crate) const BREATH: Duration = Duration::from_millis(1);

/// What one user may say at once, and at length.
const PAST_COUNT: usize = 20;
const PAST_LEN: usize = 8_000;

/// A room costs 5 of the 20 that a connection may ask for in a second.
const ROOM_INTERVAL: Duration = Duration::from_millis(250);

/// Each of two workers asks again after a tenth of a second.
const MAX_TRIES_PER_SECOND: u64 = 40;

/// What a server may open beyond what it has when its descriptors run out.
const SPARE_DESCRIPTORS: usize = 20;

/// Between two rounds of what would otherwise keep this machine busy, not the server.
pub(crate) const PAUSE: Duration = Duration::from_millis(10);
