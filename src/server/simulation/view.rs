//! What a client has seen of a room, against which each word of the server is held.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::ledger::{AsOf, Checked, Ledger, Position, Violation, ensure};

/// A room, as one client knows it.
#[derive(Debug, Default)]
pub(super) struct View {
    /// The newest message that it has; those before it may be missing on purpose only.
    pub(super) seen: u64,
    /// The newest change that it has.
    pub(super) rev: u64,
    /// Whether it is in the room on its connection.
    pub(super) is_in: bool,
    /// Whether it was let in without being told what it has missed: a conversation that opened by
    /// itself.
    pub(super) is_loose: bool,
    /// How much had been recorded when it was let in the last time.
    pub(super) entered_at: Position,
    members: BTreeSet<String>,
}

impl View {
    /// Who is there, as it was told.
    pub(super) fn members(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(String::as_str)
    }

    /// A message was pushed: the next one, and no other.
    pub(super) fn message(&mut self, room: &str, push: &Value, ledger: &Ledger) -> Checked {
        let seq = ledger.check_message(room, push, AsOf::Rev(0))?;
        ensure!(
            seq == self.seen + 1 || self.is_loose && seq > self.seen,
            "message {seq} of {room} follows {}",
            self.seen
        );
        self.seen = seq;
        Ok(())
    }

    /// A change was pushed: the next one, and no other.
    pub(super) fn change(&mut self, room: &str, push: &Value, ledger: &Ledger) -> Checked {
        let rev = ledger.check_change(room, push, None)?;
        ensure!(
            rev == self.rev + 1 || self.is_loose && rev > self.rev,
            "change {rev} of {room} follows {}",
            self.rev
        );
        self.rev = rev;
        Ok(())
    }

    /// Somebody came, went, or has another name.
    pub(super) fn presence(&mut self, push: &Value) -> Checked {
        let name = push["name"].as_str().unwrap_or_default().to_owned();
        match push["state"].as_str() {
            Some("joined") => {
                self.members.insert(name);
            }
            Some("left") => {
                self.members.remove(&name);
            }
            Some("renamed") => {
                self.members.remove(&name);
                self.members.extend(push["to"].as_str().map(str::to_owned));
            }
            _ => return Err(Violation(format!("what is {push}?"))),
        }
        Ok(())
    }

    /// It came in, having seen so much before.
    pub(super) fn joined(
        &mut self,
        room: &str,
        (since, since_rev): (Option<u64>, Option<u64>),
        erased: &RangeInclusive<u64>,
        done: &Value,
        ledger: &Ledger,
    ) -> Checked {
        let number = |name: &str| done[name].as_u64().unwrap_or(u64::MAX);
        let (seq, rev) = (number("seq"), number("rev"));
        let seqs = messages(room, done, ledger, AsOf::Rev(rev))?;
        let first = seqs.first().copied();
        ensure!(
            seqs.last().copied().unwrap_or(seq) == seq,
            "{room} is at {seq} and shows {seqs:?}"
        );
        if done["recovered"] == true {
            ensure!(
                since.is_some_and(|since| {
                    first.map_or(seq, |first| first - 1) == since && since >= *erased.start()
                }),
                "{room}, since {since:?}, shows {seqs:?} of {seq}"
            );
        } else {
            // All that was missed would have fitted.
            let fits = |missed: Option<u64>, max| missed.is_none_or(|count| count <= max);
            let is_there = since >= Some(*erased.end())
                && since_rev.is_none_or(|since| since >= ledger.lost_revs(room));
            let fits_all = is_there
                && since.is_some_and(|since| fits(seq.checked_sub(since), MAX_MISSED))
                && since_rev.is_none_or(|since| fits(rev.checked_sub(since), MAX_MISSED_CHANGES));
            ensure!(
                !fits_all,
                "{room} has {seq}, {rev}, and does not tell what came after {since:?}, {since_rev:?}"
            );
            let page_len = u64::try_from(seqs.len()).expect("a page");
            let is_page = |gone: u64| page_len == seq.saturating_sub(gone).min(PAGE_LEN);
            ensure!(
                erased.clone().any(is_page),
                "{room} has {seq}, without {erased:?}, and shows only {seqs:?}"
            );
        }
        let begin = first.unwrap_or(seq + 1);
        check_more(begin, erased, done)?;
        let mut changed = since_rev.unwrap_or(rev);
        for change in list(done, "changes") {
            let next = ledger.check_change(room, change, Some(rev))?;
            ensure!(
                next == changed + 1,
                "change {next} of {room} follows {changed}"
            );
            changed = next;
        }
        ensure!(
            done["recovered"] == false || changed == rev,
            "{room} has changes up to {rev} and tells those up to {changed}"
        );
        ensure!(
            done["topic"] == ledger.topic(room, rev),
            "{room} has another topic"
        );
        ensure!(
            !self.is_in || self.is_loose || (self.seen, self.rev) == (seq, rev),
            "{room} has {seq}, {rev}, and one who was in it all the time has {}, {}",
            self.seen,
            self.rev
        );
        *self = Self {
            seen: seq,
            rev,
            is_in: true,
            is_loose: false,
            entered_at: ledger.position(),
            members: present(done).map(str::to_owned).collect(),
        };
        Ok(())
    }

    /// It was shown a page of the past, having seen so much when it asked.
    pub(super) fn history(
        room: &str,
        (before, limit): (Option<u64>, usize),
        (seen, erased): (u64, &RangeInclusive<u64>),
        as_of: AsOf,
        done: &Value,
        ledger: &Ledger,
    ) -> Checked {
        let seqs = messages(room, done, ledger, as_of)?;
        let newest = seqs.last().copied().unwrap_or(0);
        let due = before.map_or(seen, |before| before.saturating_sub(1).min(seen));
        let is_newest = newest == due || before.is_none() && newest > due;
        let is_newest = is_newest || seqs.is_empty() && *erased.end() >= due;
        ensure!(
            is_newest,
            "history of {room} before {before:?} ends at {newest}; {seen} was seen"
        );
        ensure!(
            seqs.len() == limit
                || seqs.len() < limit && seqs.first().is_none_or(|it| erased.contains(&(it - 1))),
            "history of {room} has {seqs:?}, where {limit} were asked for"
        );
        match seqs.first() {
            Some(first) => check_more(*first, erased, done),
            None => check_more(*erased.end() + 1, erased, done),
        }
    }

    /// Compares who is said to be there to who came and went.
    pub(super) fn audit(&self, room: &str, done: &Value) -> Checked {
        let names: BTreeSet<&str> = present(done).collect();
        ensure!(
            self.members
                .iter()
                .map(String::as_str)
                .eq(names.iter().copied()),
            "in {room} are {names:?}, and {:?} were told of",
            self.members
        );
        Ok(())
    }
}

/// Checks that it is said whether there are messages before one, where some may be gone.
fn check_more(first: u64, erased: &RangeInclusive<u64>, done: &Value) -> Checked {
    ensure!(
        first > *erased.start(),
        "messages up to {} were gone, and {first} is shown",
        erased.start()
    );
    let mut has_more = erased.clone().map(|gone| first > gone + 1);
    ensure!(
        has_more.any(|has_more| done["more"] == has_more),
        "are there more? {done}"
    );
    Ok(())
}

/// The numbers of the messages in an answer, which have no holes.
fn messages(room: &str, done: &Value, ledger: &Ledger, as_of: AsOf) -> Checked<Vec<u64>> {
    let shown = list(done, "messages").iter();
    let seqs: Vec<u64> = shown
        .map(|message| ledger.check_message(room, message, as_of))
        .collect::<Checked<_>>()?;
    ensure!(
        seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]),
        "{room} shows {seqs:?}"
    );
    Ok(seqs)
}

/// The names of those who are there, of all who belong to a room.
fn present(done: &Value) -> impl Iterator<Item = &str> {
    let members = list(done, "members").iter();
    let present = members.filter(|member| member["online"] != false);
    present.filter_map(|member| member["name"].as_str())
}

pub(super) fn list<'a>(done: &'a Value, name: &str) -> &'a [Value] {
    done[name].as_array().map_or(&[], Vec::as_slice)
}

/// What a room remembers.
const MAX_MISSED: u64 = 500;

const MAX_MISSED_CHANGES: u64 = 200;

/// What newcomers are shown.
const PAGE_LEN: u64 = 100;
