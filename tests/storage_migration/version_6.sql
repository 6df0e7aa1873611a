-- A database as version 6 of the schema made it: a room whose beginning was erased, a ban from a room
-- with addresses and two from the server, an operator, an edit of what is gone, a room that was removed.
PRAGMA application_id = 1667790695;
PRAGMA user_version = 6;
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
, slow_seconds INTEGER NOT NULL DEFAULT 0 CHECK (slow_seconds >= 0), removed_at INTEGER, retention_days INTEGER CHECK (retention_days >= 0), erased INTEGER NOT NULL DEFAULT 0 CHECK (erased >= 0)) STRICT;
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
    until INTEGER, addresses BLOB, decided_by TEXT, decided_at INTEGER, reason TEXT,
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
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY REFERENCES events,
    key TEXT NOT NULL UNIQUE,
    look TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    password TEXT,
    is_admin INTEGER NOT NULL CHECK (is_admin IN (0, 1)),
    is_disabled INTEGER NOT NULL DEFAULT 0 CHECK (is_disabled IN (0, 1)),
    totp_secret BLOB CHECK (length(totp_secret) = 20),
    totp_step INTEGER
, is_op INTEGER NOT NULL DEFAULT 0 CHECK (is_op IN (0, 1))) STRICT;
CREATE TABLE recovery_codes (
    account INTEGER NOT NULL REFERENCES accounts,
    code BLOB NOT NULL CHECK (length(code) = 32),
    PRIMARY KEY (account, code)
) STRICT, WITHOUT ROWID;
CREATE TABLE logins (
    id INTEGER PRIMARY KEY REFERENCES events,
    account INTEGER NOT NULL REFERENCES accounts,
    token BLOB NOT NULL UNIQUE CHECK (length(token) = 32),
    label TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT;
CREATE TABLE registration_invites (
    code BLOB PRIMARY KEY CHECK (length(code) = 32),
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE bans (
    id INTEGER PRIMARY KEY REFERENCES events,
    person BLOB UNIQUE CHECK (length(person) IN (8, 16)),
    network TEXT UNIQUE,
    name TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    decided_at INTEGER NOT NULL,
    until INTEGER,
    reason TEXT NOT NULL,
    CHECK ((person IS NULL) <> (network IS NULL))
) STRICT;
CREATE TABLE server_audit (
    event INTEGER PRIMARY KEY REFERENCES events
) STRICT;

INSERT INTO events VALUES
    (1, 0, 1, 'room_created', '{"name":"lobby","visibility":"public","topic":""}'),
    (2, 1000, 0, 'account_opened', '{"name":"root","is_admin":true}'),
    (3, 1001, 0, 'account_opened', '{"name":"Ada","is_admin":false}'),
    (4, 1002, 0, 'logged_in', '{"account":3,"label":"phone","ended":[]}'),
    (5, 1003, 5, 'room_created',
     '{"name":"Den","visibility":"public","topic":"","by":"Ada","owner":"3"}'),
    (7, 1005, 5, 'message_posted', '{"from":"Ada","person":"3","body":"second words","key":"k2"}'),
    (8, 1006, 5, 'message_edited', '{"seq":1,"by":"Ada","person":"3"}'),
    (9, 1007, 5, 'message_edited', '{"seq":2,"body":"newer words","by":"Ada","person":"3"}'),
    (10, 1008, 5, 'measured',
     '{"by":"Ada","by_person":"3","name":"eve","person":"00000000000000000000000000000009","measure":"ban","reason":"spam"}'),
    (11, 1009, 5, 'retention_set', '{"by":"Ada","by_person":"3","days":30}'),
    (12, 1010, 0, 'server_banned',
     '{"by":"root","by_person":"2","network":"203.0.113.0/24","reason":"flood"}'),
    (13, 1011, 0, 'server_role_set', '{"by":"root","by_person":"2","name":"Ada","person":"3","role":"op"}'),
    (14, 1012, 5, 'expired', '{"until":1005}'),
    (15, 1013, 0, 'server_banned',
     '{"by":"Ada","by_person":"3","name":"eve","person":"00000000000000000000000000000009","until":9000}'),
    (16, 1014, 16, 'room_created',
     '{"name":"Gone","visibility":"public","topic":"","by":"Ada","owner":"3"}'),
    (17, 1015, 16, 'message_posted', '{"from":"Ada","person":"3","body":"forgotten words"}'),
    (18, 1016, 16, 'room_removed', '{"by":"Ada","by_person":"3"}');
INSERT INTO rooms VALUES
    (1, 'lobby', 'lobby', 'public', '', 0, 0, 0, 0, NULL, NULL, 0),
    (5, 'den', 'Den', 'public', '', 1003, 2, 2, 0, NULL, 30, 1),
    (16, '#16', 'Gone', 'public', '', 1014, 1, 0, 0, 1016, NULL, 0);
INSERT INTO messages VALUES
    (5, 2, 7, 1005, 'Ada', 'ada', x'0000000000000003', 'newer words', 'k2', NULL, 1007, 0, NULL),
    (16, 1, 17, 1015, 'Ada', 'ada', x'0000000000000003', 'forgotten words', NULL, NULL, NULL, 0, NULL);
INSERT INTO changes VALUES (5, 1, 8, 1), (5, 2, 9, 2);
INSERT INTO roles VALUES (5, x'0000000000000003', 'owner');
INSERT INTO members VALUES (5, 3, 'Ada', 2);
INSERT INTO restraints VALUES
    (5, 'ban', x'00000000000000000000000000000009', 'eve', NULL,
     x'00000000000000000000ffffcb007107', 'Ada', 1008, 'spam');
INSERT INTO invites VALUES
    (5, x'0202020202020202020202020202020202020202020202020202020202020202', 9000);
INSERT INTO audit VALUES (5, 10), (5, 11);
INSERT INTO accounts VALUES
    (2, 'root', 'root', 'root', '$argon2id$root', 1, 0, NULL, NULL, 0),
    (3, 'ada', 'ada', 'Ada', '$argon2id$ada', 0, 0, NULL, NULL, 1);
INSERT INTO recovery_codes VALUES
    (3, x'0303030303030303030303030303030303030303030303030303030303030303');
INSERT INTO logins VALUES
    (4, 3, x'0101010101010101010101010101010101010101010101010101010101010101', 'phone', 1002, 1002);
INSERT INTO registration_invites VALUES
    (x'0404040404040404040404040404040404040404040404040404040404040404', 9000);
INSERT INTO bans VALUES
    (12, NULL, '203.0.113.0/24', '', 'root', 1010, NULL, 'flood'),
    (15, x'00000000000000000000000000000009', NULL, 'eve', 'Ada', 1013, 9000, '');
INSERT INTO server_audit VALUES (12), (13), (15);
INSERT INTO message_words (message_words, rank) VALUES ('secure-delete', 1);
INSERT INTO message_words (message_words) VALUES ('rebuild');
