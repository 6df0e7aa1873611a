-- A database as version 2 of the schema made it: accounts and guests are told apart, roles have a table.
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
    (2, 1000, 2, 'room_created',
     '{"name":"den","visibility":"private","topic":"tea","by":"Ada","owner":"9"}'),
    (3, 1001, 2, 'message_posted', '{"from":"Ada","person":"9","body":"first"}');
INSERT INTO rooms VALUES
    (1, 'lobby', 'lobby', 'public', '', 0, 0, 0),
    (2, 'den', 'den', 'private', 'tea', 1000, 1, 0);
INSERT INTO roles VALUES (2, x'0000000000000009', 'owner');
INSERT INTO messages VALUES
    (2, 1, 3, 1001, 'Ada', 'ada', x'0000000000000009', 'first', NULL, NULL);
