//! Masking and UTF-8 validation, the very files of the library, beside copying as many bytes.

use std::hint::black_box;
use std::time::Duration;

use crate::rounds::{Effort, measure};
use crate::task::Size;

#[path = "../../../src/websocket/mask.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "not all of the library is used here"
)]
mod mask;
#[path = "../../../src/websocket/utf8.rs"]
#[expect(dead_code, reason = "not all of the library is used here")]
mod utf8;

const LENGTHS: [usize; 5] = [125, 1024, 16 * 1024, 1024 * 1024, 64 * 1024 * 1024];

/// Prints the table.
pub fn print_table(effort: Effort) {
    println!("| bytes | memcpy | masking | UTF-8, ASCII | UTF-8, mixed |");
    println!("|--:|--:|--:|--:|--:|");
    for len in LENGTHS {
        let source = vec![b'a'; len];
        let mut target = vec![0; len];
        let mut payload = vec![0; len];
        let mixed = "für ☕ ".repeat(len / 9 + 1);
        let mixed = &mixed.as_bytes()[..mixed.floor_char_boundary(len)];
        let mut ways: [Box<dyn FnMut()>; 4] = [
            Box::new(|| black_box(&mut target[..]).copy_from_slice(black_box(&source))),
            Box::new(|| mask::apply(black_box(&mut payload), black_box([1, 2, 3, 4]))),
            Box::new(|| {
                black_box(utf8::from_utf8(black_box(&source))).ok();
            }),
            Box::new(|| {
                black_box(utf8::from_utf8(black_box(mixed))).ok();
            }),
        ];
        let figures = measure(&mut ways, effort);
        print!("| {} | {} |", Size(len), rate(len, figures[0].best));
        for figure in &figures[1..] {
            print!(" {:.2} |", figure.ratio);
        }
        println!();
    }
}

fn rate(len: usize, time: Duration) -> String {
    format!("{:.1} GB/s", len as f64 / time.as_secs_f64() / 1e9)
}
