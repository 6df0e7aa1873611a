//! What is erased because it is too old is nowhere any more, and what is left is as it was.
#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod storage_support;

use chinwag::chat::log::{Append, Fact, LogError, Recorded, RoomFact, Span};
use chinwag::chat::order::Deed;
use chinwag::chat::{GuestId, MessageKey, Party, PersonId, Seq, Timestamp, Topic};
use chinwag::storage::Log;
use storage_support::{Data, decided, edited, in_room, party, posted, reacted, record, room};

/// A lobby where a message was said each second from the first on, numbered and keyed by it.
struct Lobby {
    data: Data,
    log: Log,
}

impl Lobby {
    fn new(count: i64) -> Self {
        let batch = (1..=count).map(|at| post(at, &format!("secret{at}")));
        Self::of(batch.collect())
    }

    fn of(batch: Vec<Append>) -> Self {
        let data = Data::new();
        let mut log = data.log();
        let committed = log.append(batch);
        assert!(committed.iter().all(|it| it.outcome.is_ok()));
        Self { data, log }
    }

    fn record(&mut self, at: i64, fact: Fact) -> Result<Recorded, LogError> {
        record(&mut self.log, at, fact)
    }

    /// Has something else to write.
    fn say(&mut self) {
        let said = self.record(10_000, posted("lobby", &ada(), "x"));
        assert!(said.is_ok(), "{said:?}");
    }

    /// Erases a portion: up to which message, and when what is left was decided.
    fn expire(&mut self, before: i64) -> (Seq, Option<i64>) {
        let before = Timestamp(before);
        match self.record(10_000, in_room("lobby", RoomFact::Expired { before })) {
            Ok(Recorded::Erased {
                up_to, oldest_at, ..
            }) => (up_to, oldest_at.map(|at| at.0)),
            other => panic!("{other:?}"),
        }
    }

    /// Erases the rest of what counts as erased; how many portions it was.
    fn expire_rest(&mut self) -> usize {
        let nothing = in_room(
            "lobby",
            RoomFact::Expired {
                before: Timestamp(0),
            },
        );
        for count in 1..1_000 {
            match self.record(10_000, nothing.clone()) {
                Ok(Recorded::Erased { has_remains, .. }) if has_remains => {}
                Ok(Recorded::Erased { .. }) => return count,
                other => panic!("{other:?}"),
            }
        }
        panic!("it never ends");
    }

    /// Erases all that is too old; what each portion left.
    fn expire_all(&mut self, before: i64) -> Vec<(Seq, Option<i64>)> {
        let mut portions = vec![self.expire(before)];
        while portions.last().unwrap().1.is_some_and(|at| at < before) {
            portions.push(self.expire(before));
            assert!(portions.len() < 10_000, "it never ends");
        }
        portions
    }

    fn seqs(&self) -> Vec<Seq> {
        let page = self.data.page("lobby", Span::Newest);
        page.messages.iter().map(|message| message.seq).collect()
    }

    fn found(&self, words: &str) -> usize {
        self.data.found(words, &[]).len()
    }

    /// Closes the log; what is in its files then agrees with its index, and has none of those texts.
    fn check_files(self, texts: &[&str]) {
        self.log.close();
        self.data.check_index();
        for text in texts {
            assert!(!self.data.has_text(text), "{text} is in the files");
        }
    }
}

fn ada() -> Party {
    party(PersonId::Guest(GuestId(7)), "ada")
}

fn post(at: i64, body: &str) -> Append {
    let mut fact = posted("lobby", &ada(), body);
    if let Fact::MessagePosted { key, .. } = &mut fact {
        *key = Some(MessageKey::parse(&format!("key{at}")).unwrap());
    }
    decided(at, fact)
}

fn edit(seq: Seq, body: &str) -> Fact {
    edited("lobby", &ada(), seq, body)
}

fn react(seq: Seq) -> Fact {
    reacted("lobby", &ada(), seq, "🦊")
}

#[test]
fn oldest_messages_are_gone_and_numbers_go_on() {
    let mut lobby = Lobby::new(10);
    assert_eq!(lobby.expire_all(8).last(), Some(&(7, Some(8))));
    assert_eq!(lobby.seqs(), [8, 9, 10]);
    let page = lobby.data.page("lobby", Span::Newest);
    assert_eq!((page.erased, page.seq), (7, 10));
    assert_eq!(lobby.data.page("lobby", Span::Before(8)).messages, []);
    assert_eq!(lobby.found("secret7"), 0);
    assert_eq!(lobby.found("secret8"), 1);
    for seq in [1, 7] {
        let refused = Err(LogError::NoSuchMessage);
        assert_eq!(lobby.record(11, edit(seq, "x")), refused);
        assert_eq!(lobby.record(11, react(seq)), refused);
    }
    // The key of what is gone is free, that of what is kept is not.
    let again = lobby
        .log
        .append(vec![post(3, "once more"), post(9, "once more")]);
    assert_eq!(again[0].outcome, Ok(Recorded::Posted { seq: 11 }));
    let first = Timestamp(9);
    assert_eq!(
        again[1].outcome,
        Ok(Recorded::Repeated { seq: 9, at: first })
    );
    drop(lobby.log);
    let rooms = lobby.data.log().rooms().unwrap();
    let books = &rooms[0].books;
    assert_eq!((books.erased, rooms[0].seq), (7, 11));
    assert_eq!(books.oldest_at, Some(Timestamp(8)));
}

#[test]
fn nothing_is_left_of_what_is_erased() {
    let mut lobby = Lobby::new(3);
    lobby.record(4, edit(1, "hidden words")).unwrap();
    lobby.record(5, react(1)).unwrap();
    let topic = Fact::TopicChanged {
        room: room("lobby"),
        topic: Topic::parse("whispered").unwrap(),
        by: ada().name,
    };
    lobby.record(6, topic).unwrap();
    // The edit is younger than what it changed, and goes with it all the same.
    assert_eq!(lobby.expire(2), (1, Some(2)));
    let page = lobby.data.page("lobby", Span::Newest);
    assert_eq!(page.changes.len(), 3);
    assert_eq!(lobby.expire(6), (3, Some(6)));
    let page = lobby.data.page("lobby", Span::Newest);
    assert_eq!(
        (page.messages.len(), page.changes.len(), page.rev),
        (0, 1, 3)
    );
    assert_eq!(lobby.expire(7), (3, None));
    assert_eq!(lobby.found("secret1") + lobby.found("hidden"), 0);
    lobby.check_files(&["secret1", "hidden", "🦊", "key1", "\"ada\""]);
}

#[test]
fn numbers_of_events_are_not_given_again() {
    let mut lobby = Lobby::new(3);
    let newest = |lobby: &Lobby| -> i64 {
        let sql = "SELECT max(id) FROM events";
        lobby
            .data
            .database()
            .query_row(sql, (), |row| row.get(0))
            .unwrap()
    };
    let before = newest(&lobby);
    lobby.expire(3);
    assert_eq!(
        newest(&lobby),
        before,
        "an event more for what is not needed"
    );
    lobby.expire(4);
    assert_eq!(newest(&lobby), before + 1);
}

#[test]
fn much_is_erased_in_portions() {
    let mut lobby = Lobby::new(200);
    let mut erased = 0;
    while erased < 100 {
        lobby.say();
        let (up_to, oldest_at) = lobby.expire(101);
        // Each message has 8 or 9 letters.
        let count = up_to - erased;
        assert!((1..=20).contains(&count), "{count} at once");
        assert_eq!(oldest_at, Some(i64::try_from(up_to).unwrap() + 1));
        erased = up_to;
    }
    assert_eq!(erased, 100);
    assert_eq!(lobby.expire(101), (100, Some(101)), "nothing is left to do");
    assert_eq!(lobby.found("secret100"), 0);
    assert_eq!(lobby.found("secret101"), 1);
    lobby.check_files(&["secret100"]);
}

#[test]
fn portions_grow_as_long_as_nobody_has_anything_else_to_write() {
    let mut lobby = Lobby::of((1..900).map(|at| post(at, "secret")).collect());
    let mut erased = 0;
    let mut portion = |lobby: &mut Lobby| {
        let (up_to, _) = lobby.expire(1_000);
        up_to - std::mem::replace(&mut erased, up_to)
    };
    let first = portion(&mut lobby);
    let mut last = first;
    for times in [2, 4, 8, 8] {
        last = portion(&mut lobby);
        let expected = first * times;
        assert!(last.abs_diff(expected) <= times, "{last}, not {expected}");
    }
    lobby.say();
    let next = portion(&mut lobby);
    assert!(next.abs_diff(first) <= 1, "{next} after {last}");
    lobby.check_files(&[]);
}

#[test]
fn rest_of_what_counts_as_erased_goes_whatever_is_kept_by_now() {
    let words = (0..1_000).map(|nth| format!("word{nth}"));
    let long = words.collect::<Vec<_>>().join(" ");
    let mut lobby = Lobby::of(vec![post(1, &long), post(2, "kept")]);
    assert_eq!(lobby.expire(2), (1, Some(1)));
    assert!(lobby.log.rooms().unwrap()[0].books.has_remains);
    // Even if a server starts in between, and the portions are others.
    drop(lobby.log);
    lobby.log = lobby.data.log();
    assert!(lobby.expire_rest() > 3);
    assert!(!lobby.log.rooms().unwrap()[0].books.has_remains);
    assert_eq!(lobby.expire_rest(), 1, "nothing is left to do");
    assert_eq!((lobby.seqs(), lobby.found("word999")), (vec![2], 0));
    lobby.check_files(&["word0", "word500", "word999"]);
}

#[test]
fn long_message_goes_piece_by_piece_and_is_gone_from_the_first_on() {
    let words = (0..1_000).map(|nth| format!("word{nth}"));
    let long = words.collect::<Vec<_>>().join(" ");
    let mut lobby = Lobby::of(vec![post(1, &long), post(2, &long), post(3, "short")]);
    assert_eq!(lobby.expire(2), (1, Some(1)));
    assert_eq!(lobby.seqs(), [2, 3]);
    assert_eq!(lobby.data.page("lobby", Span::Before(2)).messages, []);
    assert_eq!(lobby.data.page("lobby", Span::After(0)).messages.len(), 2);
    assert_eq!(lobby.found("word999"), 1, "only in the second message");
    assert_eq!(lobby.record(4, edit(1, "x")), Err(LogError::NoSuchMessage));
    assert_eq!(lobby.record(4, react(1)), Err(LogError::NoSuchMessage));
    let again = lobby.log.append(vec![post(1, "another")]).remove(0).outcome;
    assert_eq!(again, Ok(Recorded::Posted { seq: 4 }));
    // A server that starts in the midst of it goes on.
    drop(lobby.log);
    lobby.log = lobby.data.log();
    let oldest_at = lobby.log.rooms().unwrap()[0].books.oldest_at;
    assert_eq!(oldest_at, Some(Timestamp(1)));
    let portions = lobby.expire_all(2);
    assert!((5..20).contains(&portions.len()), "{}", portions.len());
    assert_eq!(portions.last(), Some(&(1, Some(2))));
    assert_eq!(lobby.found("word999"), 1);
    lobby.expire_all(3);
    assert_eq!(lobby.found("word0") + lobby.found("word999"), 0);
    lobby.check_files(&["word0", "word500", "word999"]);
}

#[test]
fn message_with_much_attached_goes_piece_by_piece() {
    let mut lobby = Lobby::new(2);
    let reactions = (0..250).map(|nth| {
        let whom = party(PersonId::Guest(GuestId(nth)), &format!("fan{nth}"));
        decided(3, reacted("lobby", &whom, 1, "🦊"))
    });
    let edits = (0..250).map(|nth| decided(3, edit(1, &format!("version{nth}"))));
    let committed = lobby.log.append(reactions.chain(edits).collect());
    assert!(committed.iter().all(|it| it.outcome.is_ok()));
    let portions = lobby.expire_all(2);
    assert!((4..10).contains(&portions.len()), "{portions:?}");
    assert_eq!(lobby.seqs(), [2]);
    assert_eq!(lobby.data.page("lobby", Span::Newest).changes.len(), 500);
    assert_eq!(lobby.found("version249"), 0);
    let left: i64 = lobby
        .data
        .database()
        .query_row("SELECT count(*) FROM reactors", (), |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0);
    lobby.check_files(&["secret1", "version0", "version249"]);
}

#[test]
fn only_a_beginning_goes_whatever_the_clock_said() {
    // The clock was set back between the second and the third.
    let mut lobby = Lobby::of([5, 9, 3, 10].map(|at| post(at, "x")).to_vec());
    assert_eq!(lobby.expire(6), (1, Some(9)));
    assert_eq!(lobby.seqs(), [2, 3, 4]);
    assert_eq!(lobby.expire(10), (3, Some(10)));
}

#[test]
fn retention_is_kept_and_audited() {
    let mut lobby = Lobby::new(0);
    let (by, days) = (ada(), 30);
    let fact = in_room("lobby", RoomFact::RetentionSet { by, days });
    lobby.record(1, fact).unwrap();
    let deeds = lobby.data.audit(Some("lobby"), None, 10).into_iter();
    assert!(deeds.map(|it| it.deed).eq([Deed::Retention { days: 30 }]));
    assert!(lobby.data.audit(None, None, 10).is_empty());
    drop(lobby.log);
    let rooms = lobby.data.log().rooms().unwrap();
    assert_eq!(rooms[0].books.retention_days, Some(30));
}
