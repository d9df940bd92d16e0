//! What stands inside a sealed file: names and values, each preceded by its length.

use std::collections::BTreeMap;

use bakerst_model::Secret;
use zeroize::Zeroizing;

/// Named secrets, in the order of their names.
pub(crate) type Named = BTreeMap<String, Secret>;

const LENGTH_BYTES: usize = 4;

/// Writes all secrets one after another. The room is known beforehand, so that nothing is copied
/// about in memory that is not cleared.
pub(crate) fn encode(secrets: &Named) -> Zeroizing<Vec<u8>> {
    let fields = || secrets.iter().flat_map(|(name, value)| [name.as_bytes(), value.expose()]);
    let room = fields().map(|field| field.len() + LENGTH_BYTES).sum();
    let mut out = Zeroizing::new(Vec::with_capacity(room));
    for field in fields() {
        // Sealed files are bounded far below what four bytes can count.
        let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(field);
    }
    out
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode(mut bytes: &[u8]) -> Option<Named> {
    let mut secrets = Named::new();
    while !bytes.is_empty() {
        let name = std::str::from_utf8(field(&mut bytes)?).ok()?.to_owned();
        let value = Secret::new(field(&mut bytes)?.to_vec());
        if secrets.insert(name, value).is_some() {
            return None;
        }
    }
    Some(secrets)
}

fn field<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
    let (field, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    *bytes = rest;
    Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_read_back_and_parts_do_not() {
        let value = |text: &str| Secret::new(text.as_bytes().to_vec());
        let secrets = Named::from([("a".into(), value("one")), ("b".into(), value(""))]);
        let bytes = encode(&secrets);
        let read = decode(&bytes).unwrap();
        assert_eq!(read.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(read["a"].expose(), b"one");
        for end in 1..bytes.len() {
            // A whole first secret is a shorter list; anything else is nothing.
            assert_eq!(decode(&bytes[..end]).is_some(), end == 12, "{end}");
        }
        assert!(decode(&[&bytes[..], &bytes[..]].concat()).is_none());
    }
}
