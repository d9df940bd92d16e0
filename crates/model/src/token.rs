//! Bearer tokens: how one is written, and what is kept of it.
//!
//! A token is `bst_<id>_<secret>`. The id finds the record; of the secret only a digest is kept,
//! and digests are compared in constant time.

use std::fmt;
use std::sync::Arc;

use crate::{AgentId, Code, Digest, Pending, Principal, Role, Secret, UnixMillis};

/// The public part of a token, by which it is found.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TokenId(u32);

impl TokenId {
    /// Reads eight lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let id = (text.len() == 8 && text.bytes().all(plain)).then_some(text)?;
        u32::from_str_radix(id, 16).ok().map(Self)
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// How many random bytes a token is made from.
pub const TOKEN_RANDOM_BYTES: usize = 36;

const PREFIX: &str = "bst_";
const SECRET_DIGITS: usize = 64;

/// A token that was just made: the only moment at which its text exists.
#[derive(Debug)]
pub struct MintedToken {
    /// By which it will be found.
    pub id: TokenId,
    /// Of its secret part.
    pub digest: Digest,
    /// What its holder sends.
    pub text: Secret,
}

/// Makes a token from random bytes.
#[must_use]
pub fn mint_token(random: &[u8; TOKEN_RANDOM_BYTES]) -> MintedToken {
    let (id, secret) = random.split_at(4);
    let id = TokenId(id.iter().fold(0, |id, byte| id << 8 | u32::from(*byte)));
    let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let digest = Digest::of(secret.as_bytes());
    MintedToken { id, digest, text: Secret::new(format!("{PREFIX}{id}_{secret}").into_bytes()) }
}

/// Takes a presented token apart: its id, and the digest of its secret.
#[must_use]
pub fn present_token(text: &str) -> Option<(TokenId, Digest)> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let id = TokenId::parse(id)?;
    (secret.len() == SECRET_DIGITS).then(|| (id, Digest::of(secret.as_bytes())))
}

/// What is kept of a token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TokenRecord {
    /// By which it is found.
    pub id: TokenId,
    /// Of its secret part.
    pub digest: Digest,
    /// What people call it; unique among tokens that are not revoked.
    pub name: Arc<str>,
    /// What it is good for.
    pub roles: Arc<[Role]>,
    /// The one agent that it speaks for, where it is bound to one.
    pub agent: Option<AgentId>,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it was withdrawn.
    pub revoked_at: Option<UnixMillis>,
}

impl TokenRecord {
    /// Who presents this token with a secret of this digest: nobody, when the digest differs or
    /// the token was withdrawn.
    #[must_use]
    pub fn principal(&self, presented: Digest) -> Option<Principal> {
        let valid = self.digest == presented && self.revoked_at.is_none();
        valid.then(|| Principal {
            name: self.name.clone(),
            roles: self.roles.clone(),
            agent: self.agent.clone(),
        })
    }
}

/// Why the book of tokens could not do what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum TokenBookError {
    /// Another token in use has this name.
    #[error("another token is named `{0}`")]
    NameTaken(Arc<str>),
    /// There is no token in use of this name or id.
    #[error("there is no token `{0}`")]
    NoSuch(String),
    /// The medium failed.
    #[error("the book of tokens failed: {0}")]
    Failed(String),
}

impl TokenBookError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::NameTaken(_) => Code::TokenNameTaken,
            Self::NoSuch(_) => Code::NoSuchToken,
            Self::Failed(_) => Code::StoreFailed,
        }
    }
}

/// Where tokens are kept.
pub trait TokenBook: Send + Sync {
    /// Writes a token down.
    fn create(&self, token: TokenRecord) -> Pending<'_, Result<(), TokenBookError>>;

    /// All tokens, those withdrawn included, oldest first.
    fn list(&self) -> Pending<'_, Result<Vec<TokenRecord>, TokenBookError>>;

    /// Withdraws the token in use of this name or printed id.
    fn revoke(
        &self,
        name_or_id: String,
        at: UnixMillis,
    ) -> Pending<'_, Result<TokenRecord, TokenBookError>>;
}

/// Where the keys of an issuer of tokens are.
pub trait KeySource: Send + Sync {
    /// Reads the document that holds them, if it is no longer than this; else says why not.
    fn fetch(&self, bytes_max: usize) -> Pending<'_, Result<Vec<u8>, String>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_secret_alone() {
        let minted = mint_token(&std::array::from_fn(|i| u8::try_from(i).unwrap()));
        let text = std::str::from_utf8(minted.text.expose()).unwrap().to_owned();
        assert!(text.starts_with("bst_00010203_04050607"), "{text}");
        let record = TokenRecord {
            id: minted.id,
            digest: minted.digest,
            name: "laptop".into(),
            roles: [Role::Agent].into(),
            agent: None,
            created_at: UnixMillis(0),
            revoked_at: None,
        };
        let (id, digest) = present_token(&text).unwrap();
        assert_eq!(id, record.id);
        assert!(record.principal(digest).unwrap().has(Role::Agent));
        let withdrawn = TokenRecord { revoked_at: Some(UnixMillis(1)), ..record.clone() };
        assert_eq!(withdrawn.principal(digest), None);
        let (_, other) = present_token(&text.replace("_04", "_05")).unwrap();
        assert_eq!(record.principal(other), None);
    }

    #[test]
    fn what_is_no_token_is_not_presented() {
        for wrong in ["", "bst_", "bst_00010203", "bst_00010203_ab", "bst_0001020X_04", "Bearer x"]
        {
            assert!(present_token(wrong).is_none(), "{wrong}");
        }
    }
}
