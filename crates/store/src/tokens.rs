//! Tokens, kept as digests.

use std::sync::Arc;

use bakerst_model::{
    AgentId, Pending, Role, TokenBook, TokenBookError, TokenId, TokenRecord, UnixMillis,
};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use crate::Database;
use crate::database::{Stop, Unreadable, millis, read_digest, read_id, read_millis};

/// The book of tokens in the state database.
#[derive(Clone, Debug)]
pub struct Tokens(Arc<Database>);

impl Tokens {
    /// The book in this database.
    #[must_use]
    pub fn new(database: Arc<Database>) -> Self {
        Self(database)
    }
}

impl TokenBook for Tokens {
    fn create(&self, token: TokenRecord) -> Pending<'_, Result<(), TokenBookError>> {
        self.0.run(move |books| create(books, &token))
    }

    fn list(&self) -> Pending<'_, Result<Vec<TokenRecord>, TokenBookError>> {
        self.0.run(|books| {
            let mut all =
                books.prepare_cached("SELECT * FROM tokens ORDER BY created_at, rowid")?;
            let all = all.query_map([], read)?.collect::<rusqlite::Result<_>>()?;
            Ok(all)
        })
    }

    fn revoke(
        &self,
        name_or_id: String,
        at: UnixMillis,
    ) -> Pending<'_, Result<TokenRecord, TokenBookError>> {
        self.0.run(move |books| revoke(books, name_or_id, at))
    }
}

fn create(books: &Transaction<'_>, token: &TokenRecord) -> Result<(), Stop<TokenBookError>> {
    let TokenRecord { id, digest, name, roles, agent, created_at, revoked_at } = token;
    let taken = "SELECT 1 FROM tokens WHERE name = ?1 AND revoked_at IS NULL";
    if books.prepare_cached(taken)?.exists(params![name])? {
        return Err(Stop::Refused(TokenBookError::NameTaken(name.clone())));
    }
    let roles: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
    books.execute(
        "INSERT INTO tokens (id, digest, name, roles, agent, created_at, revoked_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            id.to_string(),
            digest.as_bytes(),
            name,
            roles.join(","),
            agent.as_ref().map(AgentId::as_str),
            millis(*created_at),
            revoked_at.map(millis),
        ],
    )?;
    Ok(())
}

/// Withdraws one token. An id is what no other token can be named by mistake, so it goes before
/// a name of the same spelling.
fn revoke(
    books: &Transaction<'_>,
    name_or_id: String,
    at: UnixMillis,
) -> Result<TokenRecord, Stop<TokenBookError>> {
    let mut revoke = books.prepare_cached(
        "UPDATE tokens SET revoked_at = ?2 WHERE revoked_at IS NULL AND id =
            (SELECT id FROM tokens WHERE revoked_at IS NULL AND (id = ?1 OR name = ?1)
             ORDER BY id = ?1 DESC LIMIT 1)
         RETURNING *",
    )?;
    let revoked = revoke.query_row(params![name_or_id, millis(at)], read).optional()?;
    revoked.ok_or(Stop::Refused(TokenBookError::NoSuch(name_or_id)))
}

fn read(row: &Row<'_>) -> rusqlite::Result<TokenRecord> {
    let id = TokenId::parse(&row.get::<_, String>("id")?).ok_or(Unreadable("id"))?;
    let roles: String = row.get("roles")?;
    let roles: Option<Vec<_>> =
        roles.split(',').filter(|role| !role.is_empty()).map(Role::parse).collect();
    Ok(TokenRecord {
        id,
        digest: read_digest(row, "digest")?,
        name: row.get("name")?,
        roles: roles.ok_or(Unreadable("roles"))?.into(),
        agent: read_id(row, "agent", AgentId::parse)?,
        created_at: read_millis(row, "created_at")?.ok_or(Unreadable("created_at"))?,
        revoked_at: read_millis(row, "revoked_at")?,
    })
}
