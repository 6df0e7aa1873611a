//! What hostile peers do, each a row of a table.

use std::io::Write as _;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use rustls::ClientConnection;

use super::arena::{Arena, Flooder, TEXT, read_some, reset};
use super::footprint::descriptor_count;
use crate::support::{UPGRADE, masked_frame};

/// A way to harm others.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    /// Peers at once in the quick form; the long one has many times as many.
    pub(crate) count: usize,
    pub(crate) attack: fn(&Arena),
}

/// All of them. A new one is a row here and a function below.
pub(crate) const FAULTS: &[Fault] = &[
    fault("peers that never say anything", 200, silent_connects),
    fault("terminals that never say anything", 50, silent_terminals),
    fault("readers that read nothing", 10, stalled_readers),
    fault("readers of a byte at a time", 10, trickling_readers),
    fault(
        "connects beyond the last descriptor",
        200,
        too_many_connects,
    ),
    fault("peers that send FIN early", 20, half_closed),
    fault("resets in each phase", 10, resets),
    fault("one byte a write", 10, one_byte_writes),
    fault("heads that never end", 50, endless_heads),
    fault("a flood of pings", 4, pings),
    fault("a flood of pings without reading", 4, unread_pings),
    fault("a flood of tiny fragments", 4, fragments),
    fault("a flood of empty fragments", 4, empty_fragments),
    fault("messages that are never finished", 50, unfinished_messages),
    fault("frames that announce too much", 10, giant_frames),
    fault("a flood of requests", 4, requests),
    fault("a flood of nonsense", 4, nonsense),
    fault("a flood of connects", 50, connects),
    fault("a flood of terminals that come and go", 10, terminals),
    fault("a flood of lines", 4, lines),
    fault("lines that never end", 4, endless_lines),
    fault("a flood of HTTP", 4, http),
    fault("a flood of HTTP without reading", 4, unread_http),
    fault("handshakes that are closed at once", 10, closes),
    fault("members that come and go", 4, comings_and_goings),
    fault("a flood of questions about the past", 4, histories),
    fault("a flood of new rooms", 2, new_rooms),
];

/// Those of a server that speaks TLS, before anything is agreed on.
pub(crate) const TLS_FAULTS: &[Fault] = &[
    fault("TLS: peers that never say anything", 200, silent_connects),
    fault(
        "TLS: terminals that never say anything",
        50,
        silent_terminals,
    ),
    fault("TLS: half a hello", 50, half_hellos),
    fault("TLS: one byte of a hello a write", 10, one_byte_hellos),
    fault("TLS: records that never end", 20, endless_records),
    fault("TLS: hellos whose answer is not read", 20, unread_answers),
    fault("TLS: a flood of hellos", 4, hellos),
    fault("TLS: a flood of handshakes", 4, handshakes),
    fault("TLS: a flood of nonsense", 4, tls_nonsense),
    fault("TLS: a flood of plain text", 4, plain_text),
    fault("TLS: resets in each phase", 10, tls_resets),
    fault("TLS: peers that send FIN early", 20, tls_half_closed),
];

const fn fault(name: &'static str, count: usize, attack: fn(&Arena)) -> Fault {
    Fault {
        name,
        count,
        attack,
    }
}

fn silent_connects(arena: &Arena) {
    let _held: Vec<_> = (0..arena.count).map(|_| arena.connect_web()).collect();
    arena.hold();
}

/// The server may open a few files more, and more than that are asked of it (`EMFILE`). The other
/// limit, the whole system's (`ENFILE`), can't be reached without harm: a unit test of `net` holds
/// that it is treated alike.
fn too_many_connects(arena: &Arena) {
    let limit = descriptor_count(arena.process_id) + SPARE_DESCRIPTORS;
    let usual = set_open_file_limit(arena.process_id, limit);
    // What the system lets wait is bounded too: beyond that, connecting takes seconds.
    let count = arena.count.min(500);
    let held: Vec<_> = (0..count).map(|_| arena.connect_web()).collect();
    arena.hold();
    drop(held);
    set_open_file_limit(arena.process_id, usual);
}

/// A terminal is in the lobby without a word.
fn silent_terminals(arena: &Arena) {
    let _held: Vec<_> = (0..arena.count).map(|_| arena.connect_lines()).collect();
    arena.hold();
}

/// Members whose systems take little, who ask for all of the past, and read none of it.
fn stalled_readers(arena: &Arena) {
    let _held: Vec<_> = (0..arena.count).filter_map(|_| greedy(arena)).collect();
    arena.hold();
}

fn trickling_readers(arena: &Arena) {
    let mut held: Vec<_> = (0..arena.count).filter_map(|_| greedy(arena)).collect();
    for stream in &held {
        stream.set_nonblocking(true).unwrap();
    }
    arena.is_under_way();
    while arena.goes_on(Duration::from_millis(100)) {
        held.retain_mut(read_one);
    }
}

fn half_closed(arena: &Arena) {
    let phases: [&dyn Fn() -> Option<TcpStream>; 6] = [
        &|| arena.connect_web(),
        &|| arena.connect_lines(),
        &|| after(arena.connect_web(), &UPGRADE.as_bytes()[..30]),
        &|| arena.web_socket(),
        &|| after(arena.web_socket(), &[0x81, 0xfe, 0, 200, 0, 0, 0, 0, b'{']),
        &|| arena.member(),
    ];
    let _held: Vec<_> = in_turns(arena.count, &phases)
        .inspect(|stream| stream.shutdown(Shutdown::Write).unwrap_or_default())
        .collect();
    arena.hold();
}

fn resets(arena: &Arena) {
    let phases: [&dyn Fn() -> Option<TcpStream>; 8] = [
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
        in_turns(arena.count, &phases).for_each(reset);
    }
}

/// A handshake, an entrance and a word, each byte in a segment of its own.
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
        for (stream, said) in &mut peers {
            if let Some(byte) = said.next() {
                // Who is cut off has nobody to write to.
                let _ = stream.write_all(&[byte]);
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
        peers.retain_mut(|stream| stream.write_all(b"y").is_ok());
    }
}

fn pings(arena: &Arena) {
    let ping = masked_frame(9, &[b'p'; 125]).repeat(100);
    flood(arena, || arena.member(), &ping, true);
}

/// The answers stay where they are, and so do those to the room's messages.
fn unread_pings(arena: &Arena) {
    let ping = masked_frame(9, &[b'p'; 125]).repeat(100);
    flood(arena, || arena.member(), &ping, false);
}

fn fragments(arena: &Arena) {
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
    let _held: Vec<_> = (0..arena.count)
        .filter_map(|_| after(arena.web_socket(), &frame))
        .collect();
    arena.hold();
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
        (0..arena.count)
            .filter_map(|_| arena.connect_web())
            .for_each(reset);
    }
}

fn terminals(arena: &Arena) {
    arena.is_under_way();
    while arena.goes_on(BREATH) {
        let peers: Vec<_> = (0..arena.count)
            .filter_map(|_| arena.connect_lines())
            .collect();
        peers.into_iter().for_each(reset);
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

fn unread_http(arena: &Arena) {
    let request = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(10);
    flood(arena, || arena.connect_narrow(), &request, false);
}

fn closes(arena: &Arena) {
    let close = masked_frame(8, &1000_u16.to_be_bytes());
    arena.is_under_way();
    while arena.goes_on(PAUSE) {
        for _ in 0..arena.count {
            let mut closed = after(arena.web_socket(), &close);
            while closed.as_mut().is_some_and(read_some) {}
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

/// Each is announced to everybody on the server.
fn new_rooms(arena: &Arena) {
    let frames: Vec<u8> = (0..MAX_NEW_ROOMS)
        .flat_map(|nth| {
            let create = format!(r#"{{"type":"create","room":"hostile-{nth}"}}"#);
            masked_frame(TEXT, create.as_bytes())
        })
        .collect();
    flood(arena, || arena.member(), &frames, true);
}

fn half_hellos(arena: &Arena) {
    let hello = arena.hello();
    let half = &hello[..hello.len() / 2];
    let _held: Vec<_> = (0..arena.count)
        .filter_map(|_| after(arena.connect_web(), half))
        .collect();
    arena.hold();
}

/// Each byte in a segment of its own, and in the end nothing more.
fn one_byte_hellos(arena: &Arena) {
    let hello = arena.hello();
    let mut peers: Vec<_> = (0..arena.count)
        .filter_map(|_| arena.connect_web())
        .collect();
    arena.is_under_way();
    for byte in hello {
        // Who is cut off has nobody to write to.
        peers.retain_mut(|stream| stream.write_all(&[byte]).is_ok());
        if !arena.goes_on(BREATH) {
            return;
        }
    }
    arena.hold();
}

/// Handshake messages that announce 16 MiB, in records that come and come.
fn endless_records(arena: &Arena) {
    let mut record = vec![HANDSHAKE, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff];
    record.resize(5 + 0x4000, 0);
    flood(arena, || arena.connect_web(), &record, true);
}

/// The server has done its part, and waits for theirs.
fn unread_answers(arena: &Arena) {
    let hello = arena.hello();
    let _held: Vec<_> = (0..arena.count)
        .filter_map(|_| after(arena.connect_narrow(), &hello))
        .collect();
    arena.hold();
}

/// Has the server sign for nothing: it costs a peer one write, the same each time.
fn hellos(arena: &Arena) {
    let hello = arena.hello();
    arena.is_under_way();
    while arena.goes_on(BREATH) {
        for _ in 0..arena.count {
            let Some(mut stream) = after(arena.connect_web(), &hello) else {
                continue;
            };
            // When the answer begins to come, its price is paid.
            let mut kind = [0];
            if std::io::Read::read_exact(&mut stream, &mut kind).is_ok() {
                assert_eq!(kind, [HANDSHAKE], "the hello is a good one");
                reset(stream);
            }
        }
    }
}

/// Complete ones, by clients that have nothing to say then.
fn handshakes(arena: &Arena) {
    arena.is_under_way();
    while arena.goes_on(BREATH) {
        for _ in 0..arena.count {
            shaken(arena).into_iter().for_each(reset);
        }
    }
}

fn tls_nonsense(arena: &Arena) {
    let record = [HANDSHAKE, 3, 1, 0, 4, 2, 0, 0, 0];
    flood(arena, || arena.connect_web(), &record.repeat(100), true);
}

fn plain_text(arena: &Arena) {
    flood(arena, || arena.connect_web(), UPGRADE.as_bytes(), true);
}

fn tls_resets(arena: &Arena) {
    let hello = arena.hello();
    with_phases(arena, &hello, |phases| {
        arena.is_under_way();
        while arena.goes_on(PAUSE) {
            in_turns(arena.count, phases).for_each(reset);
        }
    });
}

fn tls_half_closed(arena: &Arena) {
    let hello = arena.hello();
    with_phases(arena, &hello, |phases| {
        let _held: Vec<_> = in_turns(arena.count, phases)
            .inspect(|stream| stream.shutdown(Shutdown::Write).unwrap_or_default())
            .collect();
        arena.hold();
    });
}

/// Lets `act` have connections in each phase of TLS.
fn with_phases(arena: &Arena, hello: &[u8], act: impl FnOnce(&[&dyn Fn() -> Option<TcpStream>])) {
    act(&[
        &|| arena.connect_web(),
        &|| arena.connect_lines(),
        // Inside a record's header, inside the hello, and behind it.
        &|| after(arena.connect_web(), &hello[..3]),
        &|| after(arena.connect_web(), &hello[..hello.len() / 2]),
        &|| after(arena.connect_web(), hello),
        // The client has understood everything, and the server hears nothing of it.
        &|| answered(arena).map(|(_, stream)| stream),
        &|| shaken(arena),
        // Inside a record of what is said then.
        &|| after(shaken(arena), &[0x17, 3, 3, 0, 100, 1, 2, 3]),
    ]);
}

/// A handshake of which the client has read all, and not said its last words.
fn answered(arena: &Arena) -> Option<(ClientConnection, TcpStream)> {
    let (mut tls, mut stream) = (arena.tls(), arena.connect_web()?);
    while tls.wants_write() {
        tls.write_tls(&mut stream).ok()?;
    }
    while tls.is_handshaking() {
        if tls.read_tls(&mut stream).ok()? == 0 {
            return None;
        }
        tls.process_new_packets().ok()?;
    }
    Some((tls, stream))
}

/// A connection on which TLS is agreed on.
fn shaken(arena: &Arena) -> Option<TcpStream> {
    let (mut tls, mut stream) = answered(arena)?;
    while tls.wants_write() {
        tls.write_tls(&mut stream).ok()?;
    }
    Some(stream)
}

/// Has peers write the same over and over, as much as the server takes; who is cut off comes back.
fn flood(arena: &Arena, open: impl Fn() -> Option<TcpStream>, bytes: &[u8], reads: bool) {
    let flooder = || Some(Flooder::new(open()?, bytes.to_vec(), reads));
    let mut peers: Vec<_> = (0..arena.count).filter_map(|_| flooder()).collect();
    arena.is_under_way();
    while arena.goes_on(BREATH) {
        for peer in &mut peers {
            if !peer.push()
                && let Some(next) = flooder()
            {
                *peer = next;
            }
        }
    }
}

/// Opens so many, one way after the other.
fn in_turns<'a>(
    count: usize,
    phases: &'a [&'a dyn Fn() -> Option<TcpStream>],
) -> impl Iterator<Item = TcpStream> + 'a {
    (0..count).filter_map(|nth| phases[nth % phases.len()]())
}

/// A connection on which that has been said.
fn after(stream: Option<TcpStream>, said: &[u8]) -> Option<TcpStream> {
    let mut stream = stream?;
    stream.write_all(said).ok()?;
    Some(stream)
}

/// A member with a message that has begun.
fn unfinished(arena: &Arena) -> Option<TcpStream> {
    after(arena.member(), &[0x01, 0x81, 0, 0, 0, 0, b'a'])
}

/// A member who asks for more than is ever taken, and reads none of it.
fn greedy(arena: &Arena) -> Option<TcpStream> {
    let mut stream = arena.upgrade(arena.connect_narrow()?)?;
    stream.write_all(&arena.entrance()).ok()?;
    let history = br#"{"type":"history","room":"lobby","limit":200}"#;
    after(Some(stream), &masked_frame(TEXT, history).repeat(50))
}

/// Reads one byte; false at the end.
fn read_one(stream: &mut TcpStream) -> bool {
    let mut byte = [0];
    match std::io::Read::read(stream, &mut byte) {
        Ok(len) => len > 0,
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
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

/// Between two rounds of a flood: it is the server that is to be busy, not the peers on the same
/// machine.
const BREATH: Duration = Duration::from_millis(1);

/// They stay as long as the server runs, so that those who come after have them too.
const MAX_NEW_ROOMS: usize = 2_000;

/// What a record of TLS begins with that belongs to a handshake.
const HANDSHAKE: u8 = 0x16;

/// What a server may open beyond what it has when its descriptors run out.
const SPARE_DESCRIPTORS: usize = 20;

/// Between two rounds of what would otherwise keep this machine busy, not the server.
const PAUSE: Duration = Duration::from_millis(10);
