-- A database as version 4 of the schema made it: a room with members and rules, a conversation of two
-- that can be read only, a room that was removed and is not erased yet.
PRAGMA application_id = 1667790695;
PRAGMA user_version = 4;
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
, slow_seconds INTEGER NOT NULL DEFAULT 0 CHECK (slow_seconds >= 0), removed_at INTEGER) STRICT;
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
CREATE INDEX rooms_removed ON rooms (removed_at) WHERE removed_at IS NOT NULL;
CREATE TABLE members (
    room INTEGER NOT NULL REFERENCES rooms,
    account INTEGER NOT NULL,
    name TEXT NOT NULL,
    read INTEGER NOT NULL CHECK (read >= 0),
    PRIMARY KEY (room, account)
) STRICT, WITHOUT ROWID;
CREATE TABLE parties (
    room INTEGER NOT NULL REFERENCES rooms,
    person BLOB NOT NULL CHECK (length(person) IN (8, 16)),
    name TEXT NOT NULL,
    PRIMARY KEY (room, person)
) STRICT, WITHOUT ROWID;
CREATE TABLE restraints (
    room INTEGER NOT NULL REFERENCES rooms,
    kind TEXT NOT NULL CHECK (kind IN ('ban', 'mute')),
    person BLOB NOT NULL CHECK (length(person) IN (8, 16)),
    name TEXT NOT NULL,
    until INTEGER,
    PRIMARY KEY (room, kind, person)
) STRICT, WITHOUT ROWID;
CREATE TABLE invites (
    room INTEGER NOT NULL REFERENCES rooms,
    code BLOB NOT NULL CHECK (length(code) = 32),
    until INTEGER NOT NULL,
    PRIMARY KEY (room, code)
) STRICT, WITHOUT ROWID;
CREATE TABLE audit (
    room INTEGER NOT NULL REFERENCES rooms,
    event INTEGER NOT NULL,
    PRIMARY KEY (room, event)
) STRICT, WITHOUT ROWID;

INSERT INTO events VALUES
    (1, 0, 1, 'room_created', '{"name":"lobby","visibility":"public","topic":""}'),
    (2, 1000, 2, 'room_created',
     '{"name":"Den","visibility":"public","topic":"compilers","by":"Ada","owner":"3"}'),
    (3, 1001, 2, 'member_joined', '{"name":"Bob","person":"4"}'),
    (4, 1002, 2, 'message_posted', '{"from":"Ada","person":"3","body":"first words"}'),
    (5, 1003, 2, 'reacted', '{"seq":1,"emoji":"🦊","on":true,"by":"Bob","person":"4"}'),
    (6, 1004, 2, 'measured',
     '{"by":"Ada","by_person":"3","name":"eve","person":"00000000000000000000000000000009","measure":"ban","until":9000,"reason":"spam"}'),
    (7, 1005, 7, 'direct_opened',
     '{"by":"Ada","by_person":"3","name":"Bob","person":"4"}'),
    (8, 1006, 7, 'message_posted', '{"from":"Bob","person":"4","body":"whispered words"}'),
    (9, 1007, 9, 'room_created',
     '{"name":"Gone","visibility":"public","topic":"","by":"Bob","owner":"4"}'),
    (10, 1008, 9, 'message_posted', '{"from":"Bob","person":"4","body":"forgotten words"}'),
    (11, 1009, 9, 'topic_changed', '{"topic":"forgotten topic","by":"Bob"}'),
    (12, 1010, 9, 'room_removed', '{"by":"Bob","by_person":"4"}');
INSERT INTO rooms VALUES
    (1, 'lobby', 'lobby', 'public', '', 0, 0, 0, 0, NULL),
    (2, 'den', 'Den', 'public', 'compilers', 1000, 1, 1, 30, NULL),
    (7, '@2narh55gpljk5y6f', '@2narh55gpljk5y6f', 'private', '', 1005, 1, 0, 0, NULL),
    (9, '#9', 'Gone', 'public', 'forgotten topic', 1007, 1, 1, 0, 1010);
INSERT INTO messages VALUES
    (2, 1, 4, 1002, 'Ada', 'ada', x'0000000000000003', 'first words', NULL, NULL, NULL, 0,
     '[{"emoji":"🦊","names":["Bob"],"count":1}]'),
    (7, 1, 8, 1006, 'Bob', 'bob', x'0000000000000004', 'whispered words', 'k1', NULL, NULL, 0, NULL),
    (9, 1, 10, 1008, 'Bob', 'bob', x'0000000000000004', 'forgotten words', NULL, NULL, NULL, 0, NULL);
INSERT INTO changes VALUES (2, 1, 5, NULL), (9, 1, 11, NULL);
INSERT INTO reactors VALUES (4, '🦊', x'0000000000000004', 'Bob');
INSERT INTO roles VALUES (2, x'0000000000000003', 'owner');
INSERT INTO members VALUES (2, 3, 'Ada', 1), (2, 4, 'Bob', 0), (7, 3, 'Ada', 0), (7, 4, 'Bob', 1);
INSERT INTO parties VALUES (7, x'0000000000000003', 'Ada'), (7, x'0000000000000004', 'Bob');
INSERT INTO restraints VALUES
    (2, 'ban', x'00000000000000000000000000000009', 'eve', 9000);
INSERT INTO invites VALUES
    (2, x'0202020202020202020202020202020202020202020202020202020202020202', 9000);
INSERT INTO audit VALUES (2, 6);
INSERT INTO message_words (message_words, rank) VALUES ('secure-delete', 1);
INSERT INTO message_words (message_words) VALUES ('rebuild');
