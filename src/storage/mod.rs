//! The log: what was decided, made durable in SQLite before anyone sees it.
