-- A database as version 1 of the schema made it: two rooms, guests, interleaved messages, a topic.
PRAGMA application_id = 1667790695;
PRAGMA user_version = 1;
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    room INTEGER NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL
) STRICT;
CREATE TABLE rooms (
    id INTEGER PRIMARY KEY REFERENCES events,
    key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    visibility TEXT NOT NULL CHECK (visibility IN ('public', 'private')),
    topic TEXT NOT NULL,
    owner BLOB CHECK (length(owner) = 16),
    created_at INTEGER NOT NULL,
    seq INTEGER NOT NULL DEFAULT 0 CHECK (seq >= 0),
    rev INTEGER NOT NULL DEFAULT 0 CHECK (rev >= 0)
) STRICT;
CREATE TABLE messages (
    room INTEGER NOT NULL REFERENCES rooms,
    seq INTEGER NOT NULL CHECK (seq > 0),
    at INTEGER NOT NULL,
    sender TEXT NOT NULL,
    sender_key TEXT NOT NULL,
    guest BLOB NOT NULL CHECK (length(guest) = 16),
    body TEXT NOT NULL,
    key TEXT,
    reply_to INTEGER CHECK (reply_to >= 0),
    PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX messages_by_key ON messages (room, sender_key, key) WHERE key IS NOT NULL;
CREATE TABLE changes (
    room INTEGER NOT NULL REFERENCES rooms,
    rev INTEGER NOT NULL CHECK (rev > 0),
    event INTEGER NOT NULL REFERENCES events,
    PRIMARY KEY (room, rev)
) STRICT, WITHOUT ROWID;

INSERT INTO events VALUES
    (1, 0, 1, 'room_created', '{"name":"lobby","visibility":"public","topic":""}'),
    (2, 1000, 1, 'message_posted',
     '{"from":"Ada","guest":"00000000000000000000000000000007","body":"first","key":"k1"}'),
    (3, 1001, 3, 'room_created',
     '{"name":"Dev","visibility":"public","topic":"","by":"Ada","owner":"00000000000000000000000000000007"}'),
    (4, 1002, 3, 'message_posted',
     '{"from":"Ada","guest":"00000000000000000000000000000007","body":"in dev"}'),
    (5, 1003, 1, 'message_posted',
     '{"from":"bob","guest":"00000000000000000000000000000008","body":"second","reply_to":1}'),
    (6, 1004, 3, 'topic_changed', '{"topic":"compilers","by":"Ada"}');
INSERT INTO rooms VALUES
    (1, 'lobby', 'lobby', 'public', '', NULL, 0, 2, 0),
    (3, 'dev', 'Dev', 'public', 'compilers', x'00000000000000000000000000000007', 1001, 1, 1);
INSERT INTO messages VALUES
    (1, 1, 1000, 'Ada', 'ada', x'00000000000000000000000000000007', 'first', 'k1', NULL),
    (1, 2, 1003, 'bob', 'bob', x'00000000000000000000000000000008', 'second', NULL, 1),
    (3, 1, 1002, 'Ada', 'ada', x'00000000000000000000000000000007', 'in dev', NULL, NULL);
INSERT INTO changes VALUES (3, 1, 6);
