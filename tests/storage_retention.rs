//! What is erased because it is too old is nowhere any more, and what is left is as it was.
#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

use chinwag::chat::hub::SessionId;
use chinwag::chat::log::{
    Append, Context, Fact, LogError, Page, Purpose, Read, Recorded, RoomFact, Span,
};
use chinwag::chat::order::Deed;
use chinwag::chat::search::{Query, Scope, Search};
use chinwag::chat::{
    Body, Emoji, GuestId, MessageKey, Party, PersonId, RoomName, Seq, Timestamp, Topic, UserName,
};
use chinwag::storage::{DataDir, Log, Reader};
use tempfile::TempDir;

struct Data {
    temporary: TempDir,
    dir: DataDir,
    log: Log,
}

impl Data {
    fn new() -> Self {
        let temporary = TempDir::new().unwrap();
        let dir = DataDir::open(temporary.path()).unwrap();
        let log = Log::open(&dir).unwrap();
        Self {
            temporary,
            dir,
            log,
        }
    }

    /// A message each second from the first on, numbered and keyed by it.
    fn with_messages(count: i64) -> Self {
        let mut data = Self::new();
        let batch = (1..=count).map(|at| post(at, &format!("secret{at}")));
        let committed = data.log.append(batch.collect());
        assert!(committed.iter().all(|it| it.outcome.is_ok()));
        data
    }

    fn record(&mut self, at: i64, fact: Fact) -> Result<Recorded, LogError> {
        let append = append(at, fact);
        self.log.append(vec![append]).pop().unwrap().outcome
    }

    fn expire(&mut self, before: i64) -> (Seq, Option<i64>) {
        let fact = RoomFact::Expired {
            before: Timestamp(before),
        };
        match self.record(10_000, in_lobby(fact)) {
            Ok(Recorded::Erased { up_to, oldest_at }) => (up_to, oldest_at.map(|at| at.0)),
            other => panic!("{other:?}"),
        }
    }

    fn read(&self, span: Span) -> Result<Page, LogError> {
        let read = Read {
            purpose: Purpose::Recent,
            room: RoomName::lobby(),
            span,
            max_messages: 2_000,
            max_weight: 10_000_000,
            max_changes: 100,
        };
        Reader::open(&self.dir).unwrap().read(read).outcome
    }

    fn seqs(&self) -> Vec<Seq> {
        let page = self.read(Span::Newest).unwrap();
        page.messages.iter().map(|message| message.seq).collect()
    }

    fn found(&self, words: &str) -> usize {
        let search = Search {
            context: context(),
            query: Query::parse(words).unwrap(),
            scope: Scope::Readable {
                private: Vec::new(),
            },
            before: None,
            max_messages: 50,
            max_weight: 1_000_000,
        };
        let findings = Reader::open(&self.dir).unwrap().search(search);
        findings.outcome.unwrap().messages.len()
    }

    /// What is in all files when the log is closed.
    fn files(self) -> Vec<Vec<u8>> {
        self.log.close();
        let files = std::fs::read_dir(self.temporary.path()).unwrap();
        files
            .map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .collect()
    }
}

fn context() -> Context {
    Context {
        session: SessionId::operator(0),
        from: None,
        re: None,
    }
}

fn append(at: i64, fact: Fact) -> Append {
    Append {
        context: context(),
        at: Timestamp(at),
        fact,
    }
}

fn in_lobby(fact: RoomFact) -> Fact {
    let room = RoomName::lobby();
    Fact::Room { room, fact }
}

fn ada() -> Party {
    Party {
        person: PersonId::Guest(GuestId(7)),
        name: UserName::parse("ada").unwrap(),
    }
}

fn post(at: i64, body: &str) -> Append {
    append(
        at,
        Fact::MessagePosted {
            room: RoomName::lobby(),
            from: ada().name,
            person: ada().person,
            body: Body::parse(body).unwrap(),
            key: Some(MessageKey::parse(&format!("key{at}")).unwrap()),
            reply_to: None,
        },
    )
}

fn edit(seq: Seq, body: &str) -> Fact {
    Fact::MessageEdited {
        room: RoomName::lobby(),
        seq,
        body: Body::parse(body).unwrap(),
        by: ada().name,
        person: ada().person,
    }
}

fn react(seq: Seq) -> Fact {
    Fact::Reacted {
        room: RoomName::lobby(),
        seq,
        emoji: Emoji::parse("🦊").unwrap(),
        on: true,
        from: ada().name,
        person: ada().person,
    }
}

#[test]
fn oldest_messages_are_gone_and_numbers_go_on() {
    let mut data = Data::with_messages(10);
    assert_eq!(data.expire(8), (7, Some(8)));
    assert_eq!(data.seqs(), [8, 9, 10]);
    let page = data.read(Span::Newest).unwrap();
    assert_eq!((page.erased, page.seq), (7, 10));
    assert_eq!(data.read(Span::Before(8)).unwrap().messages, []);
    assert_eq!(data.found("secret7"), 0);
    assert_eq!(data.found("secret8"), 1);
    for seq in [1, 7] {
        assert_eq!(
            data.record(11, edit(seq, "x")),
            Err(LogError::NoSuchMessage)
        );
        assert_eq!(data.record(11, react(seq)), Err(LogError::NoSuchMessage));
    }
    // The key of what is gone is free, that of what is kept is not.
    let again = data
        .log
        .append(vec![post(3, "once more"), post(9, "once more")]);
    assert_eq!(again[0].outcome, Ok(Recorded::Posted { seq: 11 }));
    let first = Timestamp(9);
    assert_eq!(
        again[1].outcome,
        Ok(Recorded::Repeated { seq: 9, at: first })
    );
    drop(data.log);
    let rooms = Log::open(&data.dir).unwrap().rooms().unwrap();
    let books = &rooms[0].books;
    assert_eq!((books.erased, rooms[0].seq), (7, 11));
    assert_eq!(books.oldest_at, Some(Timestamp(8)));
}

#[test]
fn nothing_is_left_of_what_is_erased() {
    let mut data = Data::with_messages(3);
    data.record(4, edit(1, "hidden words")).unwrap();
    data.record(5, react(1)).unwrap();
    let topic = Topic::parse("whispered").unwrap();
    let by = ada().name;
    let room = RoomName::lobby();
    data.record(6, Fact::TopicChanged { room, topic, by })
        .unwrap();
    // The edit is younger than what it changed, and goes with it all the same.
    assert_eq!(data.expire(2), (1, Some(2)));
    let page = data.read(Span::Newest).unwrap();
    assert_eq!(page.changes.len(), 3);
    assert_eq!(data.expire(6), (3, Some(6)));
    let page = data.read(Span::Newest).unwrap();
    assert_eq!(
        (page.messages.len(), page.changes.len(), page.rev),
        (0, 1, 3)
    );
    assert_eq!(data.expire(7), (3, None));
    assert_eq!(data.found("secret1") + data.found("hidden"), 0);
    let files = data.files();
    for text in ["secret1", "hidden", "🦊", "key1", "\"ada\""] {
        let text = text.as_bytes();
        let has_text = |file: &Vec<u8>| file.windows(text.len()).any(|bytes| bytes == text);
        assert!(!files.iter().any(has_text), "{}", text.escape_ascii());
    }
}

#[test]
fn much_is_erased_in_bounded_parts() {
    let mut data = Data::with_messages(1_200);
    assert_eq!(data.expire(1_101), (500, Some(501)));
    assert_eq!(data.seqs().len(), 700);
    assert_eq!(data.expire(1_101), (1_000, Some(1_001)));
    assert_eq!(data.expire(1_101), (1_100, Some(1_101)));
    assert_eq!(
        data.expire(1_101),
        (1_100, Some(1_101)),
        "nothing is left to do"
    );
    assert_eq!(data.seqs().len(), 100);
    assert_eq!(data.found("secret1100"), 0);
    assert_eq!(data.found("secret1101"), 1);
}

#[test]
fn only_a_beginning_goes_whatever_the_clock_said() {
    let mut data = Data::new();
    // The clock was set back between the second and the third.
    let batch = [5, 9, 3, 10].map(|at| post(at, "x")).to_vec();
    assert!(data.log.append(batch).iter().all(|it| it.outcome.is_ok()));
    assert_eq!(data.expire(6), (1, Some(9)));
    assert_eq!(data.seqs(), [2, 3, 4]);
    assert_eq!(data.expire(10), (3, Some(10)));
}

#[test]
fn retention_is_kept_and_audited() {
    let mut data = Data::new();
    let (by, days) = (ada(), 30);
    data.record(1, in_lobby(RoomFact::RetentionSet { by, days }))
        .unwrap();
    let read = Read {
        purpose: Purpose::Audit(context()),
        room: RoomName::lobby(),
        span: Span::Newest,
        max_messages: 10,
        max_weight: 0,
        max_changes: 0,
    };
    let page = Reader::open(&data.dir).unwrap().read(read).outcome.unwrap();
    assert_eq!(page.audit[0].deed, Deed::Retention { days: 30 });
    drop(data.log);
    let rooms = Log::open(&data.dir).unwrap().rooms().unwrap();
    assert_eq!(rooms[0].books.retention_days, Some(30));
}
