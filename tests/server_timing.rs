//! How long a refusal takes does not tell who has an account, or of what kind.
//!
//! Names of all kinds are tried in rounds, in each in another order, so that whatever else the machine
//! does concerns all of them alike. The times of each kind are compared with those of names that nobody
//! has by the Mann–Whitney U test, which asks nothing of how they are distributed.
//!
//! `CHINWAG_TRIES` says how many rounds there are (80 if unset).
#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod support;

use std::time::Duration;

use serde_json::json;
use support::account::{hello, printed, register, send, set_up_second_factor, user};
use support::{Server, UPGRADE, Ws, now};

/// What is to be known of a name, and the name; the first has no account.
const KINDS: [(&str, &str); 4] = [
    ("unknown", "mallory"),
    ("known", "ada"),
    ("disabled", "bob"),
    ("with a second factor", "carol"),
];

/// A server on which there are such names; whoever asks it may say from where.
fn server() -> Server {
    let server = Server::start(&["--trusted-proxy", "127.0.0.1", "--registration", "open"]);
    for (_, name) in &KINDS[1..] {
        let (mut ws, _) = register(&server, name);
        if *name == "carol" {
            set_up_second_factor(&mut ws);
        }
    }
    let data = server.data_dir().join("data");
    printed(&user(&data, &["disable", "bob"], ""));
    server
}

fn client(round: usize) -> String {
    format!("10.0.{}.{}", round / 256, round % 256)
}

/// How long `refuse` takes for each kind: a name is tried, in that round.
fn measure(
    mut refuse: impl FnMut(usize, &[&str], &mut dyn FnMut(usize, Duration)),
) -> Vec<Vec<f64>> {
    let rounds = std::env::var("CHINWAG_TRIES").map_or(80, |rounds| rounds.parse().unwrap());
    let mut times = vec![Vec::new(); KINDS.len()];
    for round in 0..rounds {
        // Each kind has each place equally often, and those before and behind it change.
        let step = [1, 3][round / KINDS.len() % 2];
        let order = (0..KINDS.len()).map(|nth| (round + step * nth) % KINDS.len());
        let order: Vec<usize> = order.collect();
        let names: Vec<&str> = order.iter().map(|kind| KINDS[*kind].1).collect();
        refuse(round, &names, &mut |nth, time| {
            times[order[nth]].push(time.as_secs_f64());
        });
    }
    times
}

/// How the times of each kind compare with those of names that nobody has, and by how many standard
/// deviations they differ.
fn compare(transport: &str, times: &[Vec<f64>]) -> Vec<(String, f64)> {
    // With nothing hashed a refusal takes less than a millisecond.
    let fastest = times.iter().flatten().copied();
    let fastest = fastest.fold(f64::INFINITY, f64::min);
    assert!(fastest > 0.003, "{fastest}");
    let unknown = &times[0];
    let kinds = KINDS.iter().zip(times).skip(1);
    let compared = kinds.map(|((kind, _), known)| {
        let (superiority, z) = mann_whitney(known, unknown);
        let text = format!(
            "{transport}, {kind}: n {} each, medians {:.2} and {:.2} ms (unknown), \
             P(slower) {superiority:.3}, z {z:.2}, p {:.3}",
            known.len(),
            1e3 * median(known),
            1e3 * median(unknown),
            two_sided_p(z),
        );
        (text, z)
    });
    compared.collect()
}

#[test]
fn refusal_takes_as_long_whatever_the_name_over_websocket() {
    let server = server();
    let times = measure(|round, names, took| {
        let mut http = server.http();
        let header = format!("\r\nX-Forwarded-For: {}\r\n\r\n", client(round));
        assert_eq!(http.ask(&UPGRADE.replace("\r\n\r\n", &header)).status, 101);
        let mut ws = Ws::upgraded(http);
        ws.welcome();
        for (nth, name) in names.iter().enumerate() {
            let asked_at = now();
            assert_eq!(ws.refused(hello(name, "wrong")), "not_authenticated");
            took(nth, asked_at.elapsed());
        }
    });
    for (compared, z) in compare("WebSocket", &times) {
        println!("{compared}");
        assert!(z.abs() < MAX_Z, "{compared}");
    }
}

#[test]
fn refusal_takes_as_long_whatever_the_name_over_http() {
    let server = server();
    let mut http = server.http();
    let times = measure(|round, names, took| {
        let header = format!("X-Forwarded-For: {}\r\n", client(round));
        for (nth, name) in names.iter().enumerate() {
            let body = json!({"name": name, "password": "wrong"}).to_string();
            let asked_at = now();
            let refused = send(&mut http, "POST", "/api/v1/session", &header, &body);
            took(nth, asked_at.elapsed());
            assert_eq!(refused.status, 401);
        }
    });
    for (compared, z) in compare("HTTP", &times) {
        println!("{compared}");
        assert!(z.abs() < MAX_Z, "{compared}");
    }
}

/// How likely it is that one of the first is larger than one of the others, a tie being half of that,
/// and by how many standard deviations that is more than one half.
fn mann_whitney(first: &[f64], others: &[f64]) -> (f64, f64) {
    let wins: f64 = first
        .iter()
        .flat_map(|one| {
            others
                .iter()
                .map(move |other| one.partial_cmp(other).unwrap())
        })
        .map(|order| match order {
            std::cmp::Ordering::Less => 0.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Greater => 1.0,
        })
        .sum();
    let (n, m) = (count(first), count(others));
    // Ties, of which nanoseconds have next to none, would make it smaller.
    let deviation = (n * m * (n + m + 1.0) / 12.0).sqrt();
    (wins / (n * m), (wins - n * m / 2.0) / deviation)
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// How likely it is that chance alone leads so far away: Abramowitz and Stegun, 7.1.26.
fn two_sided_p(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let coefficients = [
        1.061_405_429,
        -1.453_152_027,
        1.421_413_741,
        -0.284_496_736,
        0.254_829_592,
    ];
    let polynomial = coefficients.iter().fold(0.0, |sum, it| (sum + it) * t);
    polynomial * (-x * x).exp()
}

fn count(values: &[f64]) -> f64 {
    f64::from(u32::try_from(values.len()).unwrap())
}

/// Chance alone leads beyond it once in 26 million comparisons, of which there are six. A name that is
/// refused without hashing is near eleven.
const MAX_Z: f64 = 5.5;

#[test]
fn statistic_is_as_in_the_books() {
    // Mann and Whitney 1947: complete separation, and none.
    let (low, high): (Vec<f64>, Vec<f64>) = (
        (0..75).map(f64::from).collect(),
        (75..150).map(f64::from).collect(),
    );
    let (superiority, z) = mann_whitney(&high, &low);
    assert!(superiority == 1.0 && (z - 10.571).abs() < 0.001, "{z}");
    assert_eq!(mann_whitney(&low, &low), (0.5, 0.0));
    let (superiority, z) = mann_whitney(&[1.0, 4.0, 5.0], &[2.0, 3.0]);
    assert!(
        (superiority - 4.0 / 6.0).abs() < 1e-9 && (z - 0.577).abs() < 0.001,
        "{z}"
    );
    for (z, p) in [(0.0, 1.0), (1.96, 0.05), (-2.576, 0.01), (5.5, 3.8e-8)] {
        assert!((two_sided_p(z) - p).abs() < 1e-4, "{z}");
    }
}
