//! Drives a client and a server against each other by a sequence of operations, hostile bytes among
//! them.
//!
//! Each end is told exactly what the other has sent, in order, unless bytes were slipped to it that
//! the other has not sent. Then anything may come of it, but for the other end: an end that hears
//! only its peer never fails, whatever the peer hears.

use chinwag::websocket::{
    CompressionLevel, DeflateOptions, DeflateParameters, Role, State, WindowBits,
};

use crate::end::End;
use crate::endpoints::connect;
use crate::naive_inflate::{Inflater, Reach};
use crate::operation::{Operation, Script, Step};

/// Checks a sequence of operations. The first two bytes of `data` choose what was agreed on.
pub fn check(data: &[u8]) {
    let Some((&[flags, windows], data)) = data.split_first_chunk() else {
        return;
    };
    let mut pair = if flags & 1 == 0 {
        Pair::new()
    } else {
        Pair::deflating(flags, windows)
    };
    let mut script = Script(data);
    while let Some(step) = script.next_step() {
        pair.take(step);
    }
    pair.deliver_everything();
    pair.check_end();
}

struct Pair {
    server: End,
    client: End,
}

impl Pair {
    fn new() -> Self {
        Self {
            server: End::new(connect(Role::Server, u32::MAX), None),
            client: End::new(connect(Role::Client, u32::MAX), None),
        }
    }

    fn deflating(flags: u8, windows: u8) -> Self {
        let mut options = DeflateOptions::default();
        options.level = CompressionLevel::new((flags >> 3) % 10).unwrap();
        options.threshold = usize::from(flags >> 7) * 16;
        let agreed = DeflateParameters {
            server_no_context_takeover: flags & 2 != 0,
            client_no_context_takeover: flags & 4 != 0,
            server_max_window_bits: WindowBits::new(9 + windows % 7).unwrap(),
            client_max_window_bits: WindowBits::new(9 + (windows >> 4) % 7).unwrap(),
        };
        let end = |role, bits: WindowBits, no_takeover: bool| {
            let connection = connect(role, u32::MAX).with_deflate(agreed, &options);
            let window_len = bits.window_len();
            let reach = Reach {
                window_len,
                max_distance: window_len,
            };
            End::new(connection, Some(Inflater::new(reach, !no_takeover)))
        };
        Self {
            server: end(
                Role::Server,
                agreed.server_max_window_bits,
                agreed.server_no_context_takeover,
            ),
            client: end(
                Role::Client,
                agreed.client_max_window_bits,
                agreed.client_no_context_takeover,
            ),
        }
    }

    fn take(&mut self, step: Step<'_>) {
        let (end, other) = match step.role {
            Role::Server => (&mut self.server, &mut self.client),
            Role::Client => (&mut self.client, &mut self.server),
        };
        match step.operation {
            Operation::Send(message, way) => end.send(&message, way),
            Operation::SendPart { payload, is_final } => end.send_part(&payload, is_final),
            Operation::Ping(payload) => end.ping(payload),
            Operation::Pong(payload) => end.pong(payload),
            Operation::Close(code, reason) => end.close(code, &reason),
            Operation::Fail(code, reason) => end.fail(code, &reason),
            Operation::Deliver(max) => end.receive_from(other, max, step.is_in_parts),
            Operation::Inject(bytes) => {
                end.hears_others = true;
                end.receive(bytes.to_vec(), other, step.is_in_parts);
            }
        }
    }

    fn deliver_everything(&mut self) {
        let (server, client) = (&mut self.server, &mut self.client);
        // Pong and Close are not answered again, so that it ends.
        for _ in 0..2 {
            server.receive_from(client, usize::MAX, false);
            client.receive_from(server, usize::MAX, true);
        }
        server.receive_from(client, usize::MAX, false);
        assert!(server.is_delivered() && client.is_delivered());
    }

    fn check_end(&mut self) {
        self.server.check_output();
        self.client.check_output();
        let ends = [(&self.server, &self.client), (&self.client, &self.server)];
        for (end, other) in ends {
            if end.hears_others {
                continue;
            }
            end.check_told(other);
            if other.has_sent_close {
                assert_ne!(end.state(), State::Open, "{end:?}");
                assert!(end.has_sent_close);
            }
            let is_broken_off = other.hears_others || end.has_given_up || other.has_given_up;
            if end.has_sent_close && !is_broken_off {
                assert_eq!(end.state(), State::Closed, "{end:?}");
            }
        }
    }
}
