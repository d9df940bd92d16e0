//! Tokens: kept in a book, looked up in memory.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use bakerst_model::{
    Action, Actor, AgentId, Code, Detail, Digest, Event, Journal as _, MintedToken, Principal,
    Role, TOKEN_RANDOM_BYTES, TokenBook, TokenBookError, TokenId, TokenRecord, mint_token,
};
use serde::Serialize;
use tokio::sync::Mutex;

use crate::gateway::Gateway;
use crate::problem::Problem;
use crate::wire::TokenRequest;

/// The longest name of a token.
const NAME_BYTES_MAX: usize = 64;

/// The book of tokens and its copy in memory.
pub(crate) struct Tokens {
    book: Arc<dyn TokenBook>,
    records: RwLock<HashMap<TokenId, TokenRecord>>,
    /// One change at a time, so that what is recorded is what then happens.
    changing: Mutex<()>,
    /// Takes the place of a record that is not there, so that looking for it costs the same.
    nobody: Digest,
}

impl Tokens {
    pub(crate) async fn read(book: Arc<dyn TokenBook>) -> Result<Self, TokenBookError> {
        let listed = book.list().await?;
        let records = listed.into_iter().map(|record| (record.id, record)).collect();
        let records = RwLock::new(records);
        Ok(Self { book, records, changing: Mutex::new(()), nobody: Digest::of(b"nobody") })
    }

    /// Who presents this id with a secret of this digest. One comparison of digests is made
    /// whether there is such an id or not.
    pub(crate) fn principal(&self, id: TokenId, presented: Digest) -> Option<Principal> {
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        match records.get(&id) {
            Some(record) => record.principal(presented),
            None => {
                std::hint::black_box(self.nobody == presented);
                None
            }
        }
    }

    /// Whether a token that was accepted before still is.
    pub(crate) fn still_good(&self, id: TokenId) -> bool {
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        records.get(&id).is_some_and(|record| record.revoked_at.is_none())
    }

    /// All tokens, those withdrawn included, oldest first.
    pub(crate) fn list(&self) -> Vec<TokenRecord> {
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        let mut listed: Vec<_> = records.values().cloned().collect();
        listed.sort_by_key(|record| (record.created_at, record.id));
        listed
    }

    fn in_use(&self, name_or_id: &str) -> Option<TokenRecord> {
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        let by_id = TokenId::parse(name_or_id).and_then(|id| records.get(&id));
        let named = || records.values().find(|record| is_named(record, name_or_id));
        by_id.filter(|record| record.revoked_at.is_none()).or_else(named).cloned()
    }

    fn keep(&self, record: TokenRecord) {
        let mut records = self.records.write().unwrap_or_else(PoisonError::into_inner);
        records.insert(record.id, record);
    }
}

fn is_named(record: &TokenRecord, name: &str) -> bool {
    record.revoked_at.is_none() && &*record.name == name
}

/// What the log keeps of a change to the tokens.
#[derive(Serialize)]
struct TokenDetail<'t> {
    token: String,
    name: &'t str,
    roles: &'t [Role],
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'t AgentId>,
}

impl Gateway {
    /// Makes a token: recorded first, then written down, then good.
    pub(crate) async fn create_token(
        &self,
        request: TokenRequest,
        actor: Actor,
    ) -> Result<(MintedToken, TokenRecord), Problem> {
        let _one_at_a_time = self.tokens.changing.lock().await;
        let TokenRequest { name, roles, agent } = request;
        check_name(&name)?;
        if roles.is_empty() {
            return Err(Problem::field("`roles` is empty, so the token would be good for nothing"));
        }
        if roles.contains(&Role::Agent) && roles.contains(&Role::Auditor) {
            return Err(Problem::field(
                "a token of the role `agent` cannot have the role `auditor`: no agent reads the log",
            ));
        }
        let agent = agent.as_deref().map(AgentId::parse).transpose()?;
        let minted = self.mint(&name)?;
        let mut distinct = roles;
        distinct.sort_by_key(|role| role.as_str());
        distinct.dedup();
        let record = TokenRecord {
            id: minted.id,
            digest: minted.digest,
            name: name.as_str().into(),
            roles: distinct.into(),
            agent,
            created_at: self.clock.now(),
            revoked_at: None,
        };
        self.record_token_change(Action::TokenCreated, &record, actor).await?;
        if let Err(error) = self.tokens.book.create(record.clone()).await {
            self.raise(format!("the token `{name}` was recorded, but not made: {error}")).await;
            return Err(error.into());
        }
        self.tokens.keep(record.clone());
        Ok((minted, record))
    }

    fn mint(&self, name: &str) -> Result<MintedToken, Problem> {
        if self.tokens.in_use(name).is_some() {
            return Err(TokenBookError::NameTaken(name.into()).into());
        }
        let mut random = [0; TOKEN_RANDOM_BYTES];
        getrandom::fill(&mut random).map_err(|e| {
            Problem::new(Code::StoreFailed, format!("the system gives no random bytes: {e}"))
        })?;
        let minted = mint_token(&random);
        let records = self.tokens.records.read().unwrap_or_else(PoisonError::into_inner);
        match records.contains_key(&minted.id) {
            true => Err(Problem::new(Code::StoreFailed, "the token's id was taken, try again")),
            false => Ok(minted),
        }
    }

    /// Withdraws a token: recorded first, then it is no longer good, whatever the book says.
    pub(crate) async fn revoke_token(
        &self,
        name_or_id: String,
        actor: Actor,
    ) -> Result<TokenRecord, Problem> {
        let _one_at_a_time = self.tokens.changing.lock().await;
        let found = self.tokens.in_use(&name_or_id);
        let record = found.ok_or_else(|| {
            let shown = bakerst_model::Escaped(&name_or_id).to_string();
            Problem::from(TokenBookError::NoSuch(shown))
        })?;
        self.record_token_change(Action::TokenRevoked, &record, actor).await?;
        let now = self.clock.now();
        let revoked = TokenRecord { revoked_at: Some(now), ..record };
        self.tokens.keep(revoked.clone());
        if let Err(error) = self.tokens.book.revoke(revoked.id.to_string(), now).await {
            let name = &revoked.name;
            self.raise(format!("the token `{name}` is refused until a restart only: {error}"))
                .await;
            return Err(error.into());
        }
        Ok(revoked)
    }

    async fn record_token_change(
        &self,
        action: Action,
        record: &TokenRecord,
        actor: Actor,
    ) -> Result<(), Problem> {
        let detail = Detail::of(&TokenDetail {
            token: record.id.to_string(),
            name: &record.name,
            roles: &record.roles,
            agent: record.agent.as_ref(),
        })?;
        self.ledger.append(Event { action, actor, conversation: None, detail }).await?;
        Ok(())
    }
}

/// A name must not read like an id, like ourselves, or like an account on the control socket.
fn check_name(name: &str) -> Result<(), Problem> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(plain) {
        let expected = "expected 1 to 64 letters, digits, `.`, `_` and `-`";
        let shown = bakerst_model::Escaped(name.get(..80).unwrap_or(name)).to_string();
        return Err(Problem::field(format!("`name` is `{shown}`, {expected}")));
    }
    if TokenId::parse(name).is_some() || ["system", "unknown"].contains(&name) {
        return Err(Problem::field(format!("`name` is `{name}`, which means something else here")));
    }
    Ok(())
}
