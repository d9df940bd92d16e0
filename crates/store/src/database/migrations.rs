//! The tables, and how older files come by them.

use rusqlite::{Connection, TransactionBehavior};

use super::DatabaseError;

/// What each version adds. Entries are never changed once they were released; the number of
/// those a file has seen is its `user_version`.
const STEPS: &[&str] = &[
    "
    CREATE TABLE tokens (
        id          TEXT PRIMARY KEY,
        digest      BLOB NOT NULL,
        name        TEXT NOT NULL,
        roles       TEXT NOT NULL,
        agent       TEXT,
        created_at  INTEGER NOT NULL,
        revoked_at  INTEGER
    ) STRICT;
    CREATE UNIQUE INDEX tokens_in_use ON tokens (name) WHERE revoked_at IS NULL;

    -- AUTOINCREMENT: a number that was given to one request never names another.
    CREATE TABLE approvals (
        id              INTEGER PRIMARY KEY AUTOINCREMENT,
        state           TEXT NOT NULL
                        CHECK (state IN ('pending', 'approved', 'used', 'denied', 'expired')),
        binding         BLOB NOT NULL,
        conversation    TEXT NOT NULL,
        agent           TEXT NOT NULL,
        user            TEXT,
        tool            TEXT NOT NULL,
        input           TEXT NOT NULL,
        reasons         TEXT NOT NULL,
        policy          BLOB NOT NULL,
        asked_at        INTEGER NOT NULL,
        expires_at      INTEGER,
        usable_seconds  INTEGER NOT NULL,
        settled_by      TEXT,
        settled_at      INTEGER,
        usable_until    INTEGER,
        note            TEXT
    ) STRICT;
    CREATE INDEX approvals_by_state ON approvals (state, id);
    CREATE INDEX approvals_pending ON approvals (binding) WHERE state = 'pending';
",
    "
    CREATE TABLE conversations (
        id              INTEGER PRIMARY KEY,
        holder          TEXT NOT NULL,
        conversation    TEXT NOT NULL,
        heard_at        INTEGER NOT NULL,
        UNIQUE (holder, conversation)
    ) STRICT;
    CREATE INDEX conversations_by_time ON conversations (heard_at);
    CREATE INDEX conversations_by_name ON conversations (conversation);

    CREATE TABLE conversation_parts (
        conversation    INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
        kind            INTEGER NOT NULL,
        place           INTEGER NOT NULL,
        bytes           BLOB NOT NULL,
        PRIMARY KEY (conversation, kind, place)
    ) STRICT;
",
];

/// Brings the tables up to date, all or nothing. The outer error is SQLite's, the inner one says
/// that the file is of a version to come.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<Result<(), DatabaseError>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    let Some(missing) = usize::try_from(found).ok().and_then(|found| STEPS.get(found..)) else {
        return Ok(Err(DatabaseError::Newer { found, known }));
    };
    if !missing.is_empty() {
        missing.iter().try_for_each(|step| transaction.execute_batch(step))?;
        transaction.pragma_update(None, "user_version", known)?;
        transaction.commit()?;
    }
    Ok(Ok(()))
}
