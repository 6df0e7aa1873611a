-- A database as version 3 of the schema made it: a public room with an edited, a deleted and a praised
-- message, and a private one that can be searched by whoever is there.
PRAGMA application_id = 1667790695;
PRAGMA user_version = 3;
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
    event INTEGER NOT NULL REFERENCES events, edited INTEGER CHECK (edited > 0),
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
    reply_to INTEGER CHECK (reply_to >= 0), edited_at INTEGER, deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)), reactions TEXT,
    PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX messages_by_key ON messages (room, sender_key, key) WHERE key IS NOT NULL;
CREATE UNIQUE INDEX messages_by_event ON messages (event);
CREATE INDEX changes_by_edited ON changes (room, edited) WHERE edited IS NOT NULL;
CREATE TABLE reactors (
    message INTEGER NOT NULL,
    emoji TEXT NOT NULL,
    person BLOB NOT NULL CHECK (length(person) IN (8, 16)),
    name TEXT NOT NULL,
    PRIMARY KEY (message, emoji, person)
) STRICT, WITHOUT ROWID;
CREATE VIEW searchable (event, body, place) AS
    SELECT event, body, CASE visibility WHEN 'public' THEN 'public ' ELSE '' END || room
    FROM messages JOIN rooms ON rooms.id = room WHERE deleted = 0;
CREATE VIRTUAL TABLE message_words USING fts5 (
    body, place, content = 'searchable', content_rowid = 'event', columnsize = 0,
    tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3 4'
);

INSERT INTO events VALUES
    (1, 0, 1, 'room_created', '{"name":"lobby","visibility":"public","topic":""}'),
    (2, 1000, 1, 'message_posted',
     '{"from":"Ada","person":"00000000000000000000000000000007","body":"fist words","key":"k1"}'),
    (3, 1001, 1, 'message_posted',
     '{"from":"eve","person":"00000000000000000000000000000009"}'),
    (4, 1002, 1, 'message_edited',
     '{"seq":1,"body":"first words","by":"Ada","person":"00000000000000000000000000000007"}'),
    (5, 1003, 1, 'message_deleted',
     '{"seq":2,"by":"eve","person":"00000000000000000000000000000009"}'),
    (6, 1004, 1, 'reacted',
     '{"seq":1,"emoji":"🦊","on":true,"by":"eve","person":"00000000000000000000000000000009"}'),
    (7, 1005, 7, 'room_created',
     '{"name":"Den","visibility":"private","topic":"","by":"Ada","owner":"00000000000000000000000000000007"}'),
    (8, 1006, 7, 'message_posted', '{"from":"Bob","person":"5","body":"secret words"}');
INSERT INTO rooms VALUES
    (1, 'lobby', 'lobby', 'public', '', 0, 2, 3),
    (7, 'den', 'Den', 'private', '', 1005, 1, 0);
INSERT INTO messages VALUES
    (1, 1, 2, 1000, 'Ada', 'ada', x'00000000000000000000000000000007', 'first words', 'k1', NULL, 1002, 0,
     '[{"emoji":"🦊","names":["eve"],"count":1}]'),
    (1, 2, 3, 1001, 'eve', 'eve', x'00000000000000000000000000000009', '', NULL, NULL, NULL, 1, NULL),
    (7, 1, 8, 1006, 'Bob', 'bob', x'0000000000000005', 'secret words', NULL, NULL, NULL, 0, NULL);
INSERT INTO changes VALUES (1, 1, 4, 1), (1, 2, 5, NULL), (1, 3, 6, NULL);
INSERT INTO reactors VALUES (2, '🦊', x'00000000000000000000000000000009', 'eve');
INSERT INTO roles VALUES (7, x'00000000000000000000000000000007', 'owner');
INSERT INTO message_words (message_words, rank) VALUES ('secure-delete', 1);
INSERT INTO message_words (message_words) VALUES ('rebuild');
