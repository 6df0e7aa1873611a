-- A database as version 2 of the schema made it: two rooms, a role, a guest's and an account's messages.
PRAGMA application_id = 1667790695;
PRAGMA user_version = 2;
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
    created_at INTEGER NOT NULL,
    seq INTEGER NOT NULL DEFAULT 0 CHECK (seq >= 0),
    rev INTEGER NOT NULL DEFAULT 0 CHECK (rev >= 0)
) STRICT;
CREATE TABLE changes (
    room INTEGER NOT NULL REFERENCES rooms,
    rev INTEGER NOT NULL CHECK (rev > 0),
    event INTEGER NOT NULL REFERENCES events,
    PRIMARY KEY (room, rev)
) STRICT, WITHOUT ROWID;
CREATE TABLE roles (
    room INTEGER NOT NULL REFERENCES rooms,
    person BLOB NOT NULL CHECK (length(person) IN (8, 16)),
    role TEXT NOT NULL CHECK (role IN ('op', 'owner')),
    PRIMARY KEY (room, person)
) STRICT, WITHOUT ROWID;
CREATE TABLE messages (
    room INTEGER NOT NULL REFERENCES rooms,
    seq INTEGER NOT NULL CHECK (seq > 0),
    event INTEGER NOT NULL,
    at INTEGER NOT NULL,
    sender TEXT NOT NULL,
    sender_key TEXT NOT NULL,
    person BLOB NOT NULL CHECK (length(person) IN (8, 16)),
    body TEXT NOT NULL,
    key TEXT,
    reply_to INTEGER CHECK (reply_to >= 0),
    PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX messages_by_key ON messages (room, sender_key, key) WHERE key IS NOT NULL;
CREATE UNIQUE INDEX messages_by_event ON messages (event);

INSERT INTO events VALUES
    (1, 0, 1, 'room_created', '{"name":"lobby","visibility":"public","topic":""}'),
    (2, 1000, 1, 'message_posted',
     '{"from":"Ada","person":"00000000000000000000000000000007","body":"first words","key":"k1"}'),
    (3, 1001, 3, 'room_created',
     '{"name":"Den","visibility":"private","topic":"","by":"Ada","owner":"00000000000000000000000000000007"}'),
    (4, 1002, 3, 'message_posted', '{"from":"Bob","person":"5","body":"secret words"}'),
    (5, 1003, 3, 'topic_changed', '{"topic":"compilers","by":"Ada"}');
INSERT INTO rooms VALUES
    (1, 'lobby', 'lobby', 'public', '', 0, 1, 0),
    (3, 'den', 'Den', 'private', 'compilers', 1001, 1, 1);
INSERT INTO messages VALUES
    (1, 1, 2, 1000, 'Ada', 'ada', x'00000000000000000000000000000007', 'first words', 'k1', NULL),
    (3, 1, 4, 1002, 'Bob', 'bob', x'0000000000000005', 'secret words', NULL, NULL);
INSERT INTO roles VALUES (3, x'00000000000000000000000000000007', 'owner');
INSERT INTO changes VALUES (3, 1, 5);
