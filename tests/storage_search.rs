//! What a search finds, in which rooms, and how it is bounded.

#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests cannot do fails the test"
)]

mod storage_support;

use chinwag::chat::log::{Fact, LogError, Visibility};
use chinwag::chat::search::{Findings, Place, Query, Scope, Search};
use chinwag::chat::{Body, GuestId, PersonId, RoomName, Topic, UserName};
use chinwag::storage::{Log, Reader};
use proptest::prelude::*;
use storage_support::{Data, nobody, posted, record, room};

#[test]
fn words_phrases_and_beginnings_are_found_newest_first() {
    let mut archive = Archive::new();
    for body in [
        "green tea",
        "Tea, green and black",
        "greener grass",
        "TÉA",
        "steam",
        "一緒に お茶",
        "well-known",
    ] {
        archive.post("lobby", body);
    }
    archive.check("tea", &["TÉA", "Tea, green and black", "green tea"]);
    archive.check("tea green", &["Tea, green and black", "green tea"]);
    archive.check("\"green tea\"", &["green tea"]);
    archive.check(
        "gre",
        &["greener grass", "Tea, green and black", "green tea"],
    );
    archive.check("gre ", &[]);
    archive.check("green ", &["Tea, green and black", "green tea"]);
    archive.check("te gr", &[]);
    archive.check("お茶", &["一緒に お茶"]);
    archive.check("known well", &["well-known"]);
    archive.check("coffee", &[]);
    // What is a language to the index is only words here.
    for query in ["tea OR coffee", "NOT tea", "body: tea", "tea AND NEAR(x y)"] {
        archive.check(query, &[]);
    }
    archive.check("tea*", &["TÉA", "Tea, green and black", "green tea"]);
}

#[test]
fn marks_say_where_in_characters() {
    let mut archive = Archive::new();
    archive.post("lobby", "🦊 Füchse und \"füchse\", fuchsrot");
    let found = archive.find("fuchs", Scope::Room(RoomName::lobby()), None, 10);
    let marks: Vec<_> = found.messages[0]
        .marks
        .iter()
        .map(|mark| (mark.start, mark.count))
        .collect();
    assert_eq!(marks, [(2, 6), (14, 6), (23, 8)]);
}

#[test]
fn private_rooms_are_searched_for_who_is_in_them_only() {
    let mut archive = Archive::new();
    for room in ["den", "attic"] {
        archive.create(room, Visibility::Private);
        archive.post(room, &format!("tea in the {room}"));
    }
    archive.create("dev", Visibility::Public);
    archive.post("dev", "tea in dev");
    let rooms = |names: &[&str]| Scope::Readable {
        private: names.iter().map(|name| room(name)).collect(),
    };
    let mut bodies = |scope| bodies(&archive.find("tea", scope, None, 10));
    assert_eq!(bodies(rooms(&[])), ["tea in dev"]);
    assert_eq!(bodies(rooms(&["den"])), ["tea in dev", "tea in the den"]);
    assert_eq!(bodies(Scope::Room(room("attic"))), ["tea in the attic"]);
    assert_eq!(bodies(rooms(&["gone"])), ["tea in dev"]);
    let nowhere = archive.search("tea", Scope::Room(room("nowhere")), None, 10);
    assert_eq!(nowhere, Err(LogError::NoSuchRoom));
    // The words that name rooms in the index are in nobody's message.
    archive.check("public", &[]);
}

#[test]
fn edited_messages_are_found_by_what_they_say_now_and_deleted_ones_not() {
    let mut archive = Archive::new();
    archive.post("lobby", "coffee");
    archive.post("lobby", "tea");
    archive.change(|room, by, person| Fact::MessageEdited {
        room,
        seq: 1,
        body: Body::parse("tea too").unwrap(),
        by,
        person,
    });
    archive.check("coffee", &[]);
    archive.check("tea", &["tea", "tea too"]);
    archive.change(|room, by, person| Fact::MessageDeleted {
        room,
        seq: 2,
        by,
        person,
        others: false,
    });
    archive.check("tea", &["tea too"]);
}

#[test]
fn pages_of_a_search_follow_each_other_without_holes() {
    let mut archive = Archive::new();
    let all: Vec<String> = (0..25).map(|i| format!("tea {i}")).collect();
    all.iter().for_each(|body| archive.post("lobby", body));
    let (mut seen, mut before, mut lens) = (Vec::new(), None, Vec::new());
    loop {
        let page = archive.find("tea", Scope::Room(RoomName::lobby()), before, 10);
        lens.push(page.messages.len());
        seen.extend(bodies(&page));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(lens, [10, 10, 5]);
    assert!(seen.iter().eq(all.iter().rev()));
    let exact = archive.find("tea", Scope::Room(RoomName::lobby()), None, 25);
    assert_eq!((exact.messages.len(), exact.next), (25, None));
}

#[test]
fn answers_are_bounded_by_weight_but_one_message_comes() {
    let mut archive = Archive::new();
    for _ in 0..3 {
        archive.post("lobby", &"tea ".repeat(2_000));
    }
    let mut search = search("tea", Scope::Room(RoomName::lobby()), None, 10);
    for (max_weight, expected) in [(0, 1), (16_500, 2), (1_000_000, 3)] {
        search.max_weight = max_weight;
        let found = archive.reader.search(search.clone()).outcome.unwrap();
        assert_eq!(found.messages.len(), expected);
        assert_eq!(found.next.is_some(), expected < 3);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_text_is_an_error_to_the_index(
        texts in prop::collection::vec("(\\PC|[\"*()^:+{} \\-\\x00-\\x1f]|AND|OR|NOT|NEAR|place|a){0,30}", 8),
    ) {
        let mut archive = Archive::new();
        archive.post("lobby", "a b c");
        for text in texts {
            if let Ok(query) = Query::parse(&text) {
                let scope = Scope::Readable { private: Vec::new() };
                let outcome = archive.reader.search(Search {
                    query,
                    ..search("a", scope, None, 10)
                }).outcome;
                prop_assert!(outcome.is_ok(), "{:?}: {:?}", text, outcome);
            }
        }
    }

    #[test]
    fn whole_bodies_are_found_as_phrases(words in prop::collection::vec("[a-zA-Zäéß0-9]{1,8}", 1..12)) {
        let mut archive = Archive::new();
        let body = words.join(" ");
        archive.post("lobby", &body);
        let found = archive.find(&format!("\"{body}\""), Scope::Room(RoomName::lobby()), None, 10);
        prop_assert_eq!(bodies(&found), [body.clone()]);
        let mark = found.messages[0].marks[0];
        prop_assert_eq!((mark.start, mark.count), (0, body.chars().count()));
    }
}

/// A log in which things are said, and a reader of it.
struct Archive {
    log: Log,
    reader: Reader,
    _data: Data,
}

impl Archive {
    fn new() -> Self {
        let data = Data::new();
        Self {
            log: data.log(),
            reader: data.reader(),
            _data: data,
        }
    }

    fn create(&mut self, name: &str, visibility: Visibility) {
        self.append(Fact::RoomCreated {
            room: room(name),
            visibility,
            topic: Topic::default(),
            by: UserName::parse("ada").unwrap(),
            owner: ADA,
            join: false,
        });
    }

    fn post(&mut self, name: &str, body: &str) {
        self.append(posted(name, &storage_support::party(ADA, "ada"), body));
    }

    fn change(&mut self, fact: impl FnOnce(RoomName, UserName, PersonId) -> Fact) {
        let by = UserName::parse("ada").unwrap();
        self.append(fact(RoomName::lobby(), by, ADA));
    }

    fn append(&mut self, fact: Fact) {
        record(&mut self.log, 1, fact).unwrap();
    }

    /// What is found everywhere that everybody may read.
    fn check(&mut self, query: &str, expected: &[&str]) {
        let scope = Scope::Readable {
            private: Vec::new(),
        };
        assert_eq!(
            bodies(&self.find(query, scope, None, 50)),
            expected,
            "{query}"
        );
    }

    fn find(&mut self, query: &str, scope: Scope, before: Option<Place>, max: usize) -> Findings {
        self.search(query, scope, before, max).unwrap()
    }

    fn search(
        &mut self,
        query: &str,
        scope: Scope,
        before: Option<Place>,
        max: usize,
    ) -> Result<Findings, LogError> {
        self.reader
            .search(search(query, scope, before, max))
            .outcome
    }
}

fn search(query: &str, scope: Scope, before: Option<Place>, max_messages: usize) -> Search {
    Search {
        context: nobody(),
        query: Query::parse(query).unwrap(),
        scope,
        before,
        max_messages,
        max_weight: usize::MAX,
    }
}

fn bodies(found: &Findings) -> Vec<String> {
    let messages = found.messages.iter();
    messages
        .map(|it| it.message.said().unwrap().body.as_str().to_owned())
        .collect()
}

const ADA: PersonId = PersonId::Guest(GuestId(7));
