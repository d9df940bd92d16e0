//! What conversations have heard: digests and filters, never a text.

use std::sync::Arc;

use bakerst_guard::flow::{
    ConversationBook, ConversationBookError, ConversationKey, KeptConversation, Overview, Part,
    PartKind, Unreadable as BrokenPart,
};
use bakerst_model::{ConversationId, Pending, UnixMillis};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use crate::Database;
use crate::database::{Stop, Unreadable, millis, read_id, read_millis};

/// How long a conversation must have been silent before it makes room for another.
const SILENT_SECONDS: u64 = 7 * 24 * 3600;

/// The book of conversations in the state database.
#[derive(Clone, Debug)]
pub struct Conversations {
    database: Arc<Database>,
    max: usize,
}

impl Conversations {
    /// The book in this database, which keeps at most `max` conversations.
    #[must_use]
    pub fn new(database: Arc<Database>, max: usize) -> Self {
        Self { database, max }
    }
}

type Step<T> = Result<T, Stop<ConversationBookError>>;

impl ConversationBook for Conversations {
    fn load(&self, key: ConversationKey) -> Pending<'_, Result<Vec<Part>, ConversationBookError>> {
        self.database.run(move |books| load(books, &key))
    }

    fn keep(
        &self,
        key: ConversationKey,
        parts: Vec<Part>,
        at: UnixMillis,
    ) -> Pending<'_, Result<(), ConversationBookError>> {
        let max = self.max;
        self.database.run(move |books| keep(books, &key, &parts, at, max))
    }

    fn list(
        &self,
        named: Option<ConversationId>,
        most: usize,
    ) -> Pending<'_, Result<Vec<KeptConversation>, ConversationBookError>> {
        self.database.run(move |books| list(books, named.as_ref(), most))
    }
}

fn load(books: &Transaction<'_>, key: &ConversationKey) -> Step<Vec<Part>> {
    let Some(number) = number_of(books, key)? else { return Ok(Vec::new()) };
    let mut parts = books.prepare_cached(
        "SELECT kind, place, bytes FROM conversation_parts WHERE conversation = ?1
         ORDER BY kind, place",
    )?;
    let parts = parts.query_map(params![number], |row| {
        let kind = PartKind::of_number(row.get("kind")?).ok_or(Unreadable("kind"))?;
        Ok(Part { kind, place: row.get("place")?, bytes: row.get("bytes")? })
    })?;
    Ok(parts.collect::<rusqlite::Result<_>>()?)
}

fn keep(
    books: &Transaction<'_>,
    key: &ConversationKey,
    parts: &[Part],
    at: UnixMillis,
    max: usize,
) -> Step<()> {
    let number = match number_of(books, key)? {
        Some(number) => number,
        None => begin(books, key, at, max)?,
    };
    books
        .prepare_cached("UPDATE conversations SET heard_at = ?2 WHERE id = ?1")?
        .execute(params![number, millis(at)])?;
    let mut write = books.prepare_cached(
        "INSERT OR REPLACE INTO conversation_parts (conversation, kind, place, bytes)
         VALUES (?1, ?2, ?3, ?4)",
    )?;
    for Part { kind, place, bytes } in parts {
        write.execute(params![number, kind.number(), place, bytes])?;
    }
    Ok(())
}

/// Makes a new entry; where there is no room, those go that have been silent for long.
fn begin(books: &Transaction<'_>, key: &ConversationKey, at: UnixMillis, max: usize) -> Step<i64> {
    if count(books)? >= max {
        let silent = UnixMillis(at.0.saturating_sub(SILENT_SECONDS * 1000));
        books.execute("DELETE FROM conversations WHERE heard_at < ?1", params![millis(silent)])?;
        if count(books)? >= max {
            return Err(Stop::Refused(ConversationBookError::Full { max }));
        }
    }
    books.execute(
        "INSERT INTO conversations (holder, conversation, heard_at) VALUES (?1, ?2, ?3)",
        params![key.holder, key.conversation.as_str(), millis(at)],
    )?;
    Ok(books.last_insert_rowid())
}

fn count(books: &Transaction<'_>) -> rusqlite::Result<usize> {
    let count: i64 = books
        .prepare_cached("SELECT count(*) FROM conversations")?
        .query_row([], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

fn number_of(books: &Transaction<'_>, key: &ConversationKey) -> rusqlite::Result<Option<i64>> {
    let mut find = books
        .prepare_cached("SELECT id FROM conversations WHERE holder = ?1 AND conversation = ?2")?;
    find.query_row(params![key.holder, key.conversation.as_str()], |row| row.get(0)).optional()
}

fn list(
    books: &Transaction<'_>,
    named: Option<&ConversationId>,
    most: usize,
) -> Step<Vec<KeptConversation>> {
    let mut rows = books.prepare_cached(
        "SELECT holder, conversations.conversation, heard_at, bytes
         FROM conversations JOIN conversation_parts
              ON conversation_parts.conversation = conversations.id AND kind = 0
         WHERE ?1 IS NULL OR conversations.conversation = ?1
         ORDER BY heard_at DESC, id DESC LIMIT ?2",
    )?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = rows.query_map(params![named.map(ConversationId::as_str), most], read)?;
    let mut listed = Vec::new();
    for row in rows {
        listed.push(row?.map_err(|broken| Stop::Refused(broken.into()))?);
    }
    Ok(listed)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Result<KeptConversation, BrokenPart>> {
    let holder: Arc<str> = row.get("holder")?;
    let conversation = read_id(row, "conversation", ConversationId::parse)?;
    let conversation = conversation.ok_or(Unreadable("conversation"))?;
    let heard_at = read_millis(row, "heard_at")?.ok_or(Unreadable("heard_at"))?;
    let summary: Vec<u8> = row.get("bytes")?;
    let key = ConversationKey { holder, conversation };
    Ok(Overview::read(&summary).map(|overview| KeptConversation { key, heard_at, overview }))
}
