//! What the database looks like, and how one of an older version gets there.

/// Marks a database as chinwag's: `chwg` in ASCII, in the file's header.
pub(super) const APPLICATION_ID: i32 = 0x6368_7767;

/// The newest version of the schema: the number of steps to it.
pub(super) const VERSION: i32 = 8;

/// Each step leads from the version that is its index to the next one, in one transaction.
pub(super) const STEPS: [&str; 8] = [
    VERSION_1, VERSION_2, VERSION_3, VERSION_4, VERSION_5, VERSION_6, VERSION_7, VERSION_8,
];

/// Settings of each connection.
///
/// `synchronous = FULL` syncs the write-ahead log before a commit returns. The log is brought into
/// the database every 4 MiB, and cut back to 16 MiB if a long read made it grow. A cache of 32 MiB
/// holds all pages of the largest batch, so that nothing is written before it commits. What is
/// deleted is overwritten, not only left for others to be put in its place.
pub(super) const SETTINGS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA wal_autocheckpoint = 1000;
    PRAGMA journal_size_limit = 16777216;
    PRAGMA cache_size = -32768;
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
    PRAGMA secure_delete = ON;
";

/// A room is known by the number of the event that created it. What an event says stands in its
/// payload, as JSON, so that new kinds of events need no new columns. `messages` are clustered by
/// room: a page of history is one stretch of the table.
const VERSION_1: &str = r#"
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

    INSERT INTO events (id, at, room, kind, payload) VALUES
        (1, 0, 1, 'room_created', '{"name":"lobby","visibility":"public","topic":""}');
    INSERT INTO rooms (id, key, name, visibility, topic, created_at) VALUES
        (1, 'lobby', 'lobby', 'public', '', 0);
"#;

/// Tells accounts from guests. A person is a guest's 16 bytes, or an account's number in 8, big end
/// first. Each message knows the event that posted it, so that what refers to messages of all rooms
/// has one number for each.
///
/// Events of messages were written in the order of the messages' numbers.
const VERSION_2: &str = r#"
    CREATE TABLE roles (
        room INTEGER NOT NULL REFERENCES rooms,
        person BLOB NOT NULL CHECK (length(person) IN (8, 16)),
        role TEXT NOT NULL CHECK (role IN ('op', 'owner')),
        PRIMARY KEY (room, person)
    ) STRICT, WITHOUT ROWID;

    INSERT INTO roles SELECT id, owner, 'owner' FROM rooms WHERE owner IS NOT NULL;
    ALTER TABLE rooms DROP COLUMN owner;

    CREATE TABLE new_messages (
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

    INSERT INTO new_messages
        SELECT room, seq, id, messages.at, sender, sender_key, guest, body, key, reply_to
        FROM messages JOIN (
            SELECT id, room, row_number() OVER (PARTITION BY room ORDER BY id) AS seq
            FROM events WHERE kind = 'message_posted'
        ) USING (room, seq);

    DROP TABLE messages;
    ALTER TABLE new_messages RENAME TO messages;
    CREATE UNIQUE INDEX messages_by_key ON messages (room, sender_key, key) WHERE key IS NOT NULL;
    CREATE UNIQUE INDEX messages_by_event ON messages (event);
"#;

/// Messages are edited, deleted and reacted to; all of them are found by their words.
///
/// A deleted message keeps its row and loses its text, also in the events that `changes.edited` leads
/// to. `messages.reactions` is what is shown of `reactors`, as JSON.
///
/// `message_words` is an index without a text of its own: it reads bodies through `searchable`, and
/// must be told of each that comes, goes or changes. The word `public` and a room's number stand in
/// `place`, so that a search in few rooms does not walk through all that others said. Beginnings of
/// up to four letters are words of the index, as of those there are the most.
const VERSION_3: &str = r#"
    ALTER TABLE messages ADD COLUMN edited_at INTEGER;
    ALTER TABLE messages ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1));
    ALTER TABLE messages ADD COLUMN reactions TEXT;

    ALTER TABLE changes ADD COLUMN edited INTEGER CHECK (edited > 0);
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
    INSERT INTO message_words (message_words, rank) VALUES ('secure-delete', 1);
    INSERT INTO message_words (message_words) VALUES ('rebuild');
"#;

/// What is kept of rooms beside their past. `members` are accounts; a guest is a member as long as
/// connected. `parties` are the two of a direct conversation. A room that was removed keeps its row,
/// under a key that is nobody's, until all that was said there is erased.
const VERSION_4: &str = r#"
    ALTER TABLE rooms ADD COLUMN slow_seconds INTEGER NOT NULL DEFAULT 0 CHECK (slow_seconds >= 0);
    ALTER TABLE rooms ADD COLUMN removed_at INTEGER;
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
"#;

/// Accounts. What is secret, or was hashed from a secret, stands here and in no event, so that it can
/// be forgotten. Events about accounts are about no room: theirs is 0.
const VERSION_5: &str = r#"
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
    ) STRICT;

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
"#;

/// Keeping order on the whole server. A ban is about a person or a network, as text; its number is
/// that of the event. What decided a restraint of a room is found in the room's audit log, by name.
///
/// `addresses` are those that are banned together with somebody, 16 bytes each; they stand in no
/// event, so that they go with the ban. Of a room's messages those up to `erased` are gone;
/// `retention_days` is `NULL` where the server's own holds.
const VERSION_6: &str = r#"
    ALTER TABLE accounts ADD COLUMN is_op INTEGER NOT NULL DEFAULT 0 CHECK (is_op IN (0, 1));

    ALTER TABLE rooms ADD COLUMN retention_days INTEGER CHECK (retention_days >= 0);
    ALTER TABLE rooms ADD COLUMN erased INTEGER NOT NULL DEFAULT 0 CHECK (erased >= 0);

    ALTER TABLE restraints ADD COLUMN addresses BLOB;
    ALTER TABLE restraints ADD COLUMN decided_by TEXT;
    ALTER TABLE restraints ADD COLUMN decided_at INTEGER;
    ALTER TABLE restraints ADD COLUMN reason TEXT;
    UPDATE restraints SET (decided_by, decided_at, reason) = (
        SELECT json_extract(payload, '$.by'), at, json_extract(payload, '$.reason')
        FROM audit JOIN events ON events.id = audit.event
        WHERE audit.room = restraints.room AND events.kind = 'measured'
            AND json_valid(payload)
            AND json_extract(payload, '$.measure') = restraints.kind
            AND json_extract(payload, '$.name') = restraints.name
        ORDER BY audit.event DESC LIMIT 1
    );

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
"#;

/// What is deleted must be found by what refers to it, however much there is: without the first of
/// the indexes each event that goes is looked for in all changes. And what guests wrote is the
/// accounts' who they became: as many as they showed to be.
const VERSION_7: &str = "
    CREATE INDEX changes_by_event ON changes (event);
    CREATE INDEX logins_by_account ON logins (account);
    CREATE TABLE heirs (
        account INTEGER NOT NULL REFERENCES accounts,
        guest BLOB NOT NULL CHECK (length(guest) = 16),
        PRIMARY KEY (account, guest)
    ) STRICT, WITHOUT ROWID;
";

/// What a guest said with a key is found for the account too: by the name that the guest had when the
/// event handed over to the account. Of whom became one before, that is not known.
const VERSION_8: &str = "
    ALTER TABLE heirs ADD COLUMN event INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE heirs ADD COLUMN sender_key TEXT;
    CREATE INDEX heirs_by_guest ON heirs (guest);
";
