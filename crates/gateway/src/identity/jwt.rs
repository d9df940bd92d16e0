//! Tokens of somebody else's: signed by an issuer that the operator trusts, for us, and not for
//! long.
//!
//! Which algorithms are good is the operator's word and never the token's; a key is used for the
//! algorithm that it is for and for no other. There are no shared secrets among them, so no public
//! key can be taken for one, and `none` cannot be written down.

use bakerst_model::json::{self, DEPTH_CEILING};
use bakerst_model::{AgentId, UnixMillis, UserId};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::base64::{self, URL};

/// The longest token that is read.
const TOKEN_BYTES_MAX: usize = 12 << 10;
/// The most keys of an issuer's that are kept.
const KEYS_MAX: usize = 64;
/// The longest subject.
const SUBJECT_BYTES_MAX: usize = 200;

/// A way of signing.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Algorithm {
    /// RSA with PKCS1 v1.5 and SHA-256.
    RS256,
    /// The same with SHA-384.
    RS384,
    /// The same with SHA-512.
    RS512,
    /// RSA with PSS and SHA-256.
    PS256,
    /// ECDSA on P-256.
    ES256,
    /// ECDSA on P-384.
    ES384,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// Those that are good where the operator says nothing.
    pub const USUAL: [Self; 3] = [Self::RS256, Self::ES256, Self::EdDsa];

    fn parse(text: &str) -> Option<Self> {
        serde_json::from_value(Value::from(text)).ok()
    }
}

/// Whose tokens are good, and for what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Issuer {
    /// The issuer, exactly as its tokens name it.
    pub issuer: String,
    /// Whom a token must be for: us, as the issuer names us.
    pub audience: String,
    /// The ways of signing that are good.
    pub algorithms: Vec<Algorithm>,
    /// How far its clock and ours may be apart.
    pub clock_skew_seconds: u64,
    /// The claim that names the agent, where tokens name one.
    pub agent_claim: Option<String>,
}

/// Who a token says that its holder is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Holder {
    pub(crate) subject: UserId,
    pub(crate) agent: Option<AgentId>,
    /// When it ends, our patience included.
    pub(crate) until: UnixMillis,
}

/// Why a token is not good.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Unfit {
    /// It is none, or says a thing twice.
    #[error("the token cannot be read")]
    Unreadable,
    /// It is signed in a way that is not allowed here.
    #[error("the token is signed in a way that is not allowed here")]
    Algorithm,
    /// No key is known that could have signed it.
    #[error("no key of the issuer's is known by which the token could be signed")]
    Key,
    /// Its signature is wrong.
    #[error("the token's signature is wrong")]
    Signature,
    /// It is somebody else's.
    #[error("the token is by another issuer")]
    Issuer,
    /// It is for somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// It is over, or has no end.
    #[error("the token is over, or says no end")]
    Over,
    /// It is not good yet.
    #[error("the token is not good yet")]
    Early,
    /// It does not say who holds it.
    #[error("the token does not say whose it is")]
    Subject,
    /// It does not name an agent where it must.
    #[error("the token names no agent under the claim that must name one")]
    Agent,
}

/// An issuer's keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeySet(Vec<Key>);

#[derive(Clone, Debug)]
struct Key {
    id: Option<String>,
    algorithm: Option<Algorithm>,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl KeySet {
    /// Reads a document of keys. Keys that are not for signing, or of kinds that we do not know,
    /// are passed over; shared secrets are none of ours.
    pub(crate) fn read(bytes: &[u8], bytes_max: usize) -> Result<Self, String> {
        let document = json::parse(bytes, bytes_max, DEPTH_CEILING).map_err(|e| e.to_string())?;
        let Some(Value::Array(keys)) = document.get("keys") else {
            return Err("it has no list under `keys`".to_owned());
        };
        if keys.len() > KEYS_MAX {
            return Err(format!("it holds more than {KEYS_MAX} keys"));
        }
        let keys: Vec<Key> = keys.iter().filter_map(Key::read).collect();
        match keys.is_empty() {
            true => Err("it holds no key that signatures can be checked with".to_owned()),
            false => Ok(Self(keys)),
        }
    }

    /// The keys by which a token with this head could be signed.
    fn fitting<'k>(&'k self, head: &'k Head) -> impl Iterator<Item = &'k Key> {
        self.0.iter().filter(move |key| {
            let same_id = head.id.is_none() || key.id == head.id;
            same_id && key.fits(head.algorithm)
        })
    }
}

impl Key {
    fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let bytes = |name: &str| base64::unpadded(text(name)?, URL);
        if text("use").is_some_and(|meant| meant != "sig") {
            return None;
        }
        let point = |length: usize| {
            let (x, y) = (bytes("x")?, bytes("y")?);
            let fits = x.len() == length && y.len() == length;
            fits.then(|| [&[4], x.as_slice(), y.as_slice()].concat())
        };
        let material = match (text("kty")?, text("crv")) {
            ("RSA", _) => Material::Rsa { n: bytes("n")?, e: bytes("e")? },
            ("EC", Some("P-256")) => Material::P256(point(32)?),
            ("EC", Some("P-384")) => Material::P384(point(48)?),
            ("OKP", Some("Ed25519")) => Material::Ed25519(bytes("x")?),
            _ => return None,
        };
        let algorithm = match text("alg") {
            None => None,
            Some(text) => Some(Algorithm::parse(text)?),
        };
        Some(Self { id: text("kid").map(str::to_owned), algorithm, material })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        let of_kind = match self.material {
            Material::Rsa { .. } => matches!(
                algorithm,
                Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512 | Algorithm::PS256
            ),
            Material::P256(_) => algorithm == Algorithm::ES256,
            Material::P384(_) => algorithm == Algorithm::ES384,
            Material::Ed25519(_) => algorithm == Algorithm::EdDsa,
        };
        of_kind && self.algorithm.is_none_or(|own| own == algorithm)
    }

    fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let verified =
            match &self.material {
                Material::Rsa { n, e } => {
                    let parameters = match algorithm {
                        Algorithm::RS384 => &RSA_PKCS1_2048_8192_SHA384,
                        Algorithm::RS512 => &RSA_PKCS1_2048_8192_SHA512,
                        Algorithm::PS256 => &RSA_PSS_2048_8192_SHA256,
                        _ => &RSA_PKCS1_2048_8192_SHA256,
                    };
                    RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
                }
                Material::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                    .verify(message, signature),
                Material::P384(point) => UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point)
                    .verify(message, signature),
                Material::Ed25519(key) => {
                    UnparsedPublicKey::new(&ED25519, key).verify(message, signature)
                }
            };
        verified.is_ok()
    }
}

/// The head of a token.
struct Head {
    algorithm: Algorithm,
    id: Option<String>,
}

/// Whether a bearer token looks like one of these at all.
pub(crate) fn is_one(token: &str) -> bool {
    token.len() <= TOKEN_BYTES_MAX && token.split('.').count() == 3 && token.starts_with("ey")
}

impl Issuer {
    /// Whose token this is, if it is good now.
    pub(crate) fn holder(
        &self,
        token: &str,
        keys: &KeySet,
        now: UnixMillis,
    ) -> Result<Holder, Unfit> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Unfit::Unreadable);
        }
        let mut parts = token.split('.');
        let (Some(head), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Unfit::Unreadable);
        };
        let signed = token.get(..head.len() + 1 + claims.len()).ok_or(Unfit::Unreadable)?;
        let head = self.head(&part(head)?)?;
        let signature = base64::unpadded(signature, URL).ok_or(Unfit::Unreadable)?;
        let mut fitting = keys.fitting(&head).peekable();
        if fitting.peek().is_none() {
            return Err(Unfit::Key);
        }
        if !fitting.any(|key| key.verifies(head.algorithm, signed.as_bytes(), &signature)) {
            return Err(Unfit::Signature);
        }
        // Nothing of the claims is looked at before.
        self.claims(&part(claims)?, now)
    }

    fn head(&self, head: &Map<String, Value>) -> Result<Head, Unfit> {
        // What must be understood and is not makes a token no token.
        if head.contains_key("crit") || head.contains_key("b64") {
            return Err(Unfit::Unreadable);
        }
        let kind = head.get("typ").map(Value::as_str);
        let known =
            |kind: &str| ["jwt", "at+jwt", "application/at+jwt"].contains(&&*kind.to_lowercase());
        if kind.is_some_and(|kind| !kind.is_some_and(known)) {
            return Err(Unfit::Unreadable);
        }
        let algorithm = head.get("alg").and_then(Value::as_str).and_then(Algorithm::parse);
        let algorithm = algorithm.filter(|algorithm| self.algorithms.contains(algorithm));
        let id = head.get("kid").and_then(Value::as_str).map(str::to_owned);
        Ok(Head { algorithm: algorithm.ok_or(Unfit::Algorithm)?, id })
    }

    fn claims(&self, claims: &Map<String, Value>, now: UnixMillis) -> Result<Holder, Unfit> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("iss") != Some(&self.issuer) {
            return Err(Unfit::Issuer);
        }
        let ours = match claims.get("aud") {
            Some(Value::String(audience)) => *audience == self.audience,
            Some(Value::Array(all)) => all.iter().any(|one| *one == *self.audience),
            _ => false,
        };
        if !ours {
            return Err(Unfit::Audience);
        }
        let moment = |name: &str| -> Result<Option<UnixMillis>, Unfit> {
            match claims.get(name) {
                None => Ok(None),
                // A number of seconds, perhaps with a fraction: that is cut off.
                Some(value) => {
                    let seconds = value.as_f64().filter(|seconds| (0.0..1e12).contains(seconds));
                    let seconds = seconds.ok_or(Unfit::Unreadable)?;
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "its range was just looked at"
                    )]
                    Ok(Some(UnixMillis(seconds as u64 * 1000)))
                }
            }
        };
        let until = moment("exp")?.ok_or(Unfit::Over)?.plus_seconds(self.clock_skew_seconds);
        if now >= until {
            return Err(Unfit::Over);
        }
        let patient = now.plus_seconds(self.clock_skew_seconds);
        for name in ["nbf", "iat"] {
            if moment(name)?.is_some_and(|from| from > patient) {
                return Err(Unfit::Early);
            }
        }
        let subject = text("sub").filter(|sub| sub.len() <= SUBJECT_BYTES_MAX);
        let subject = subject.and_then(|sub| UserId::parse(sub).ok()).ok_or(Unfit::Subject)?;
        let agent = match &self.agent_claim {
            None => None,
            Some(name) => {
                let agent = text(name).and_then(|agent| AgentId::parse(agent).ok());
                Some(agent.ok_or(Unfit::Agent)?)
            }
        };
        Ok(Holder { subject, agent, until })
    }
}

/// One part of a token: strict, since what two readers could take differently proves nothing.
fn part(text: &str) -> Result<Map<String, Value>, Unfit> {
    let bytes = base64::unpadded(text, URL).ok_or(Unfit::Unreadable)?;
    match json::parse(&bytes, TOKEN_BYTES_MAX, DEPTH_CEILING) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(Unfit::Unreadable),
    }
}

#[cfg(test)]
mod tests;
