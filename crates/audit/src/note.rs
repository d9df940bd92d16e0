//! Signed notes (C2SP `signed-note`, version 1): a text, and lines that say who signed it.

use std::fmt;

use bakerst_model::{Code, Digest, Escaped, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::hex;

/// What Ed25519 is called in the bytes that a key's id is made of.
const ED25519: u8 = 1;
/// How a signature's line begins: an em dash and a space.
const SIGNED_BY: &str = "\u{2014} ";
/// The longest note that is read.
const NOTE_BYTES_MAX: usize = 64 << 10;

/// Who signs, and how signatures are told apart.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Name {
    text: String,
    id: [u8; 4],
}

impl Name {
    fn of(text: &str, public: &VerifyingKey) -> Option<Self> {
        let strange = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if text.is_empty() || text.contains(strange) {
            return None;
        }
        let named = [text.as_bytes(), b"\n", &[ED25519], public.as_bytes()].concat();
        let id = *Digest::of(&named).as_bytes().first_chunk()?;
        Some(Self { text: text.to_owned(), id })
    }
}

/// The key that checkpoints are signed with.
pub struct CheckpointKey {
    key: SigningKey,
    public: PublicKey,
}

/// The key that anyone may have, to check checkpoints with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicKey {
    name: Name,
    key: VerifyingKey,
}

/// Why a note, or a key for notes, cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoteError {
    /// Not 32 bytes.
    #[error("the key that signs checkpoints is {bytes} bytes long, 32 are needed")]
    KeyLength {
        /// How long it is.
        bytes: usize,
    },
    /// Empty, or with what a signature's line cannot hold.
    #[error("the log's name `{0}` is empty, or holds a space or a `+`")]
    Name(String),
    /// Not `NAME+ID+KEY`.
    #[error("this is no public key of the form `NAME+ID+KEY` for Ed25519 signatures")]
    PublicKey,
    /// Not a text, an empty line and signatures.
    #[error("this is no signed note")]
    NotANote,
    /// By none of the keys that are trusted.
    #[error("the note is signed by none of the keys that are trusted")]
    Unsigned,
    /// It claims to be signed by a trusted key, and is not.
    #[error("the note's signature is wrong")]
    WrongSignature,
    /// A signed note, but not a checkpoint.
    #[error("the note is no checkpoint: {0}")]
    NotACheckpoint(&'static str),
}

impl NoteError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::KeyLength { .. } | Self::Name(_) | Self::PublicKey | Self::Unsigned => {
                Code::LogKeyMissing
            }
            Self::NotANote | Self::WrongSignature | Self::NotACheckpoint(_) => Code::LogTampered,
        }
    }
}

impl CheckpointKey {
    /// Makes the key ready for a log of this name.
    ///
    /// # Errors
    /// When the secret is no key, or the name none for a signature.
    pub fn new(secret: &Secret, name: &str) -> Result<Self, NoteError> {
        let bytes = secret.expose();
        let seed = bytes.try_into().map_err(|_| NoteError::KeyLength { bytes: bytes.len() })?;
        let key = SigningKey::from_bytes(seed);
        let public = PublicKey::of(name, key.verifying_key())?;
        Ok(Self { key, public })
    }

    /// The other half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The text, signed. It ends in a line end, and holds no control character but those.
    pub(crate) fn sign(&self, text: &str) -> String {
        let signature = self.key.sign(text.as_bytes());
        let Name { text: name, id } = &self.public.name;
        let bytes = [&id[..], &signature.to_bytes()].concat();
        format!("{text}\n{SIGNED_BY}{name} {}\n", STANDARD.encode(bytes))
    }
}

impl fmt::Debug for CheckpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CheckpointKey({})", self.public)
    }
}

impl PublicKey {
    fn of(name: &str, key: VerifyingKey) -> Result<Self, NoteError> {
        let named = Name::of(name, &key);
        let name = named.ok_or_else(|| NoteError::Name(Escaped(name).to_string()))?;
        Ok(Self { name, key })
    }

    /// Reads `NAME+ID+KEY`, as it is printed and as other tools for signed notes write it.
    ///
    /// # Errors
    /// When it is something else, or its parts do not belong together.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::PublicKey);
        };
        let key = STANDARD.decode(key).map_err(|_| NoteError::PublicKey)?;
        let Some((&ED25519, key)) = key.split_first() else { return Err(NoteError::PublicKey) };
        let key = key.try_into().map_err(|_| NoteError::PublicKey)?;
        let key = VerifyingKey::from_bytes(key).map_err(|_| NoteError::PublicKey)?;
        let parsed = Self::of(name, key)?;
        match hex::parse(id.as_bytes()) {
            Some(id) if id == parsed.name.id => Ok(parsed),
            _ => Err(NoteError::PublicKey),
        }
    }

    /// The name that it signs under: the log's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name.text
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, key } = self;
        let bytes = [&[ED25519][..], key.as_bytes()].concat();
        write!(f, "{}+{}+{}", name.text, hex::text(&name.id), STANDARD.encode(bytes))
    }
}

/// Opens a note: its text, and the first of the trusted keys that signed it.
///
/// Signatures by others are passed over, as the format wants it: witnesses may have added theirs.
///
/// # Errors
/// When it is no note, when no trusted key signed it, or when one of them did not although the
/// note says so.
pub(crate) fn open<'n, 'k>(
    note: &'n str,
    trusted: &'k [PublicKey],
) -> Result<(&'n str, &'k PublicKey), NoteError> {
    if note.len() > NOTE_BYTES_MAX || note.contains(|c: char| c < ' ' && c != '\n') {
        return Err(NoteError::NotANote);
    }
    // The text ends with its last line end, and the last empty line parts it from the signatures.
    let blank = note.rfind("\n\n").ok_or(NoteError::NotANote)?;
    let (text, signatures) = note.split_at_checked(blank + 1).ok_or(NoteError::NotANote)?;
    let lines = signatures.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n'));
    let mut signer = None;
    for line in lines.ok_or(NoteError::NotANote)?.split('\n') {
        let signed = line.strip_prefix(SIGNED_BY).and_then(|line| line.split_once(' '));
        let (name, signature) = signed.ok_or(NoteError::NotANote)?;
        let signature = STANDARD.decode(signature).map_err(|_| NoteError::NotANote)?;
        let (id, signature) = signature.split_first_chunk::<4>().ok_or(NoteError::NotANote)?;
        let known = trusted.iter().find(|key| key.name.text == name && key.name.id == *id);
        let Some(known) = known else { continue };
        let genuine = Signature::from_slice(signature)
            .is_ok_and(|signature| known.key.verify_strict(text.as_bytes(), &signature).is_ok());
        if !genuine {
            return Err(NoteError::WrongSignature);
        }
        signer = signer.or(Some(known));
    }
    signer.map(|key| (text, key)).ok_or(NoteError::Unsigned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the documentation of Go's package `note`, which defined the format.
    const PRIVATE: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                        then you don't know what your problem is.\n";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\u{2014} PeterNeumann \
        x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn key() -> CheckpointKey {
        let private = STANDARD.decode(PRIVATE).unwrap();
        CheckpointKey::new(&Secret::new(private[1..].to_vec()), "PeterNeumann").unwrap()
    }

    #[test]
    fn notes_and_keys_are_those_of_other_tools() {
        let public = PublicKey::parse(PUBLIC).unwrap();
        assert_eq!(public.to_string(), PUBLIC);
        assert_eq!(key().public(), &public);
        assert_eq!(key().sign(TEXT), NOTE);
        assert_eq!(open(NOTE, std::slice::from_ref(&public)).unwrap(), (TEXT, &public));
    }

    #[test]
    fn signatures_of_others_are_passed_over_and_wrong_ones_are_not() {
        let public = PublicKey::parse(PUBLIC).unwrap();
        let trusted = std::slice::from_ref(&public);
        let witnessed = format!("{NOTE}\u{2014} witness.example AAAAAAAA\n");
        assert!(open(&witnessed, trusted).is_ok());
        assert_eq!(open(NOTE, &[]).unwrap_err(), NoteError::Unsigned);
        for (from, to, why) in [
            ("think", "thank", NoteError::WrongSignature),
            ("PeterNeumann", "PeterNewmann", NoteError::Unsigned),
            ("ZJku", "ZJkv", NoteError::WrongSignature),
            ("x08g", "x08h", NoteError::Unsigned),
            ("\u{2014} ", "- ", NoteError::NotANote),
            ("\n\n", "\n", NoteError::NotANote),
            ("AM=\n", "AM=", NoteError::NotANote),
            ("think", "th\tnk", NoteError::NotANote),
        ] {
            let changed = NOTE.replacen(from, to, 1);
            assert_eq!(open(&changed, trusted).unwrap_err(), why, "{from}");
        }
    }

    #[test]
    fn public_keys_whose_parts_do_not_belong_together_are_refused() {
        for (from, to) in
            [("Peter", "Pete"), ("c74f", "c74e"), ("ARpc", "ArpC"), ("+AR", "+AA"), ("+", " ")]
        {
            assert!(PublicKey::parse(&PUBLIC.replacen(from, to, 1)).is_err(), "{from}");
        }
        let short = CheckpointKey::new(&Secret::new(vec![1; 31]), "log").unwrap_err();
        assert_eq!(short, NoteError::KeyLength { bytes: 31 });
        for name in ["", "a b", "a+b", "a\n"] {
            assert!(CheckpointKey::new(&Secret::new(vec![1; 32]), name).is_err(), "{name}");
        }
    }
}
