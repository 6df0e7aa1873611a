//! What hostile peers do to a server that speaks TLS, each a row of a table.

use std::io::Read as _;
use std::net::Shutdown;

use rustls::ClientConnection;

use super::arena::{Arena, Peer, reset};
use super::hostile::{
    BREATH, CAST_OUT, Fault, HTTP, PAUSE, QUEUE, WEB_SOCKETS, after, fault, flood, fragments,
    in_turns, pings, silent_connects, silent_terminals, stalled_readers,
};
use crate::support::UPGRADE;

/// Before anything is agreed on, and what rows of the other table do after it.
pub(crate) const TLS_FAULTS: &[Fault] = &[
    fault("TLS: peers that never say anything", 200, silent_connects).held(HTTP),
    fault(
        "TLS: terminals that never say anything",
        50,
        silent_terminals,
    ),
    fault("TLS: half a hello", 50, half_hellos).held(HTTP),
    fault("TLS: one byte of a hello a write", 10, one_byte_hellos).held(HTTP),
    fault("TLS: records that never end", 20, endless_records).counted(BROKEN),
    fault("TLS: hellos whose answer is not read", 20, unread_answers).held(HTTP),
    fault("TLS: a flood of hellos", 4, hellos),
    fault("TLS: a flood of handshakes", 4, handshakes).counted(HANDSHAKES),
    fault("TLS: a flood of nonsense", 4, tls_nonsense).counted(BROKEN),
    fault("TLS: a flood of plain text", 4, plain_text).counted(PLAIN),
    fault("TLS: resets in each phase", 10, tls_resets).counted(HANDSHAKES),
    fault("TLS: peers that send FIN early", 20, tls_half_closed).counted(HANDSHAKES),
    fault("TLS: readers that read nothing", 5, stalled_readers).held(QUEUE),
    fault("TLS: a flood of pings", 4, pings).held(WEB_SOCKETS),
    fault("TLS: a flood of tiny fragments", 4, fragments).counted(CAST_OUT),
];

fn half_hellos(arena: &Arena) {
    let hello = arena.hello();
    let half = &hello[..hello.len() / 2];
    let held = (0..arena.count)
        .filter_map(|_| after(arena.connect_web(), half))
        .collect();
    arena.hold(held);
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
        peers.retain_mut(|peer| peer.write_all(&[byte]).is_ok());
        arena.did(peers.len());
        if !arena.goes_on(BREATH) {
            return;
        }
    }
    arena.hold(peers);
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
    let held = (0..arena.count)
        .filter_map(|_| after(arena.connect_narrow(), &hello))
        .collect();
    arena.hold(held);
}

/// Has the server sign for nothing: it costs a peer one write, the same each time.
fn hellos(arena: &Arena) {
    let hello = arena.hello();
    arena.is_under_way();
    while arena.goes_on(BREATH) {
        for _ in 0..arena.count {
            let Some(mut peer) = after(arena.connect_web(), &hello) else {
                continue;
            };
            // When the answer begins to come, its price is paid.
            let mut kind = [0];
            if peer.read_exact(&mut kind).is_ok() {
                assert_eq!(kind, [HANDSHAKE], "the hello is a good one");
                reset(peer);
                arena.did(1);
            }
        }
    }
}

/// Complete ones, by clients that have nothing to say then.
fn handshakes(arena: &Arena) {
    arena.is_under_way();
    while arena.goes_on(BREATH) {
        let peers = (0..arena.count).filter_map(|_| shaken(arena));
        arena.did(peers.map(reset).count());
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
            arena.did(in_turns(arena.count, phases).map(reset).count());
        }
    });
}

fn tls_half_closed(arena: &Arena) {
    let hello = arena.hello();
    with_phases(arena, &hello, |phases| {
        let held = in_turns(arena.count, phases)
            .inspect(|peer| peer.socket().shutdown(Shutdown::Write).unwrap_or_default())
            .collect();
        arena.hold(held);
    });
}

/// Lets `act` have connections in each phase of TLS.
fn with_phases(arena: &Arena, hello: &[u8], act: impl FnOnce(&[&dyn Fn() -> Option<Peer>])) {
    act(&[
        &|| arena.connect_web(),
        &|| arena.connect_lines(),
        // Inside a record's header, inside the hello, and behind it.
        &|| after(arena.connect_web(), &hello[..3]),
        &|| after(arena.connect_web(), &hello[..hello.len() / 2]),
        &|| after(arena.connect_web(), hello),
        // The client has understood everything, and the server hears nothing of it.
        &|| answered(arena).map(|(_, peer)| peer),
        &|| shaken(arena),
        // Inside a record of what is said then.
        &|| after(shaken(arena), &[0x17, 3, 3, 0, 100, 1, 2, 3]),
    ]);
}

/// A handshake of which the client has read all, and not said its last words.
fn answered(arena: &Arena) -> Option<(ClientConnection, Peer)> {
    let (mut tls, mut peer) = (arena.tls(), arena.connect_web()?);
    while tls.wants_write() {
        tls.write_tls(&mut peer).ok()?;
    }
    while tls.is_handshaking() {
        if tls.read_tls(&mut peer).ok()? == 0 {
            return None;
        }
        tls.process_new_packets().ok()?;
    }
    Some((tls, peer))
}

/// A connection on which TLS is agreed on.
fn shaken(arena: &Arena) -> Option<Peer> {
    let (mut tls, mut peer) = answered(arena)?;
    while tls.wants_write() {
        tls.write_tls(&mut peer).ok()?;
    }
    Some(peer)
}

const HANDSHAKES: &str = "chinwag_tls_handshakes_total";
const BROKEN: &str = "chinwag_refused_total{reason=\"tls\"}";
const PLAIN: &str = "chinwag_refused_total{reason=\"plaintext\"}";

/// What a record of TLS begins with that belongs to a handshake.
const HANDSHAKE: u8 = 0x16;
