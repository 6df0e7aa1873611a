-- A database as version 7 of the schema made it: a guest who became two accounts, one after the other,
-- with a message of the guest's, and a ban that both took over; a room that was removed.
PRAGMA application_id = 1667790695;
PRAGMA user_version = 7;
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
CREATE INDEX changes_by_event ON changes (event);
CREATE INDEX logins_by_account ON logins (account);
CREATE TABLE heirs (
    account INTEGER NOT NULL REFERENCES accounts,
    guest BLOB NOT NULL CHECK (length(guest) = 16),
    PRIMARY KEY (account, guest)
) STRICT, WITHOUT ROWID;

INSERT INTO events VALUES
    (1, 0, 1, 'room_created', '{"name":"lobby","visibility":"public","topic":""}'),
    (2, 1000, 0, 'account_opened', '{"name":"root","is_admin":true}'),
    (3, 1001, 3, 'room_created',
     '{"name":"Den","visibility":"public","topic":"","by":"root","owner":"2"}'),
    (4, 1002, 3, 'message_posted',
     '{"from":"Eve","person":"00000000000000000000000000000009","body":"first words","key":"k1"}'),
    (5, 1003, 3, 'measured',
     '{"by":"root","by_person":"2","name":"Eve","person":"00000000000000000000000000000009","measure":"ban","reason":"spam"}'),
    (6, 1004, 0, 'account_opened', '{"name":"Ada","is_admin":false}'),
    (7, 1005, 0, 'inherited',
     '{"account":6,"name":"Ada","guest":"00000000000000000000000000000009","rooms":[],"restraints":[{"room":"Den","kind":"ban","by":"root","at":1003,"reason":"spam"}]}'),
    (8, 1006, 0, 'account_opened', '{"name":"Bob","is_admin":false}'),
    (9, 1007, 0, 'inherited',
     '{"account":8,"name":"Bob","guest":"00000000000000000000000000000009","rooms":[],"restraints":[{"room":"Den","kind":"ban","by":"root","at":1003,"reason":"spam"}]}'),
    (10, 1008, 10, 'room_created',
     '{"name":"Gone","visibility":"public","topic":"","by":"root","owner":"2"}'),
    (11, 1009, 10, 'message_posted', '{"from":"root","person":"2","body":"forgotten words"}'),
    (12, 1010, 10, 'room_removed', '{"by":"root","by_person":"2"}');
INSERT INTO rooms VALUES
    (1, 'lobby', 'lobby', 'public', '', 0, 0, 0, 0, NULL, NULL, 0),
    (3, 'den', 'Den', 'public', '', 1001, 1, 0, 0, NULL, NULL, 0),
    (10, '#10', 'Gone', 'public', '', 1008, 1, 0, 0, 1010, NULL, 0);
INSERT INTO messages VALUES
    (3, 1, 4, 1002, 'Eve', 'eve', x'00000000000000000000000000000009', 'first words', 'k1', NULL, NULL, 0, NULL),
    (10, 1, 11, 1009, 'root', 'root', x'0000000000000002', 'forgotten words', NULL, NULL, NULL, 0, NULL);
INSERT INTO roles VALUES (3, x'0000000000000002', 'owner');
INSERT INTO members VALUES (3, 2, 'root', 0);
INSERT INTO restraints VALUES
    (3, 'ban', x'00000000000000000000000000000009', 'Eve', NULL, NULL, 'root', 1003, 'spam'),
    (3, 'ban', x'0000000000000006', 'Ada', NULL, NULL, 'root', 1003, 'spam'),
    (3, 'ban', x'0000000000000008', 'Bob', NULL, NULL, 'root', 1003, 'spam');
INSERT INTO audit VALUES (3, 5);
INSERT INTO accounts VALUES
    (2, 'root', 'root', 'root', '$argon2id$root', 1, 0, NULL, NULL, 0),
    (6, 'ada', 'ada', 'Ada', '$argon2id$ada', 0, 0, NULL, NULL, 0),
    (8, 'bob', 'bob', 'Bob', '$argon2id$bob', 0, 0, NULL, NULL, 0);
INSERT INTO heirs VALUES
    (6, x'00000000000000000000000000000009'),
    (8, x'00000000000000000000000000000009');
INSERT INTO message_words (message_words, rank) VALUES ('secure-delete', 1);
INSERT INTO message_words (message_words) VALUES ('rebuild');
