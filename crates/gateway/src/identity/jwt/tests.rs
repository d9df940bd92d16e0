use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use serde_json::json;

use super::*;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        (0..=chunk.len()).for_each(|at| {
            text.push(char::from(DIGITS[(bits >> (18 - 6 * at)) as usize & 63]));
        });
    }
    text
}

fn ed25519() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

fn keys() -> KeySet {
    let x = base64url(ed25519().public_key().as_ref());
    let keys = json!({ "keys": [
        { "kty": "oct", "kid": "shared", "k": x, "alg": "HS256" },
        { "kty": "OKP", "crv": "Ed25519", "kid": "enc", "use": "enc", "x": x },
        { "kty": "OKP", "crv": "Ed25519", "kid": "one", "use": "sig", "alg": "EdDSA", "x": x },
    ]});
    KeySet::read(keys.to_string().as_bytes(), 1 << 20).unwrap()
}

fn issuer() -> Issuer {
    Issuer {
        issuer: "https://idp.example".into(),
        audience: "https://bakerst.example/mcp".into(),
        algorithms: Algorithm::USUAL.to_vec(),
        clock_skew_seconds: 60,
        agent_claim: None,
    }
}

fn head() -> Value {
    json!({ "alg": "EdDSA", "kid": "one", "typ": "at+jwt" })
}

fn claims() -> Value {
    json!({
        "iss": "https://idp.example", "aud": "https://bakerst.example/mcp", "sub": "ann",
        "exp": 1_800_000_600, "nbf": 1_800_000_000, "iat": 1_800_000_000, "azp": "coder",
    })
}

fn signed(head: &str, claims: &str) -> String {
    let message = format!("{}.{}", base64url(head.as_bytes()), base64url(claims.as_bytes()));
    let signature = ed25519().sign(message.as_bytes());
    format!("{message}.{}", base64url(signature.as_ref()))
}

fn with(mut value: Value, name: &str, field: Value) -> Value {
    value[name] = field;
    value
}

fn holder(head: &Value, claims: &Value) -> Result<Holder, Unfit> {
    issuer().holder(&signed(&head.to_string(), &claims.to_string()), &keys(), NOW)
}

#[test]
fn a_good_token_says_whose_it_is() {
    let ann = holder(&head(), &claims()).unwrap();
    assert_eq!((ann.subject.as_str(), ann.agent), ("ann", None));
    assert_eq!(ann.until, UnixMillis(1_800_000_660_000));
    let named = Issuer { agent_claim: Some("azp".into()), ..issuer() };
    let token = signed(&head().to_string(), &claims().to_string());
    let agent = named.holder(&token, &keys(), NOW).unwrap().agent.unwrap();
    assert_eq!(agent.as_str(), "coder");
    let several = json!(["else", "https://bakerst.example/mcp"]);
    assert!(holder(&head(), &with(claims(), "aud", several)).is_ok());
    let without_kid = json!({ "alg": "EdDSA" });
    assert!(holder(&without_kid, &claims()).is_ok());
}

#[test]
fn no_token_chooses_how_it_is_checked() {
    for alg in ["none", "None", "HS256", "HS512", "eddsa", "PS256", "ES384", ""] {
        let wrong = holder(&with(head(), "alg", json!(alg)), &claims());
        assert_eq!(wrong, Err(Unfit::Algorithm), "{alg}");
    }
    // An algorithm that is good, with a key that is not for it.
    assert_eq!(holder(&with(head(), "alg", json!("RS256")), &claims()), Err(Unfit::Key));
    for kid in ["shared", "enc", "two"] {
        assert_eq!(holder(&with(head(), "kid", json!(kid)), &claims()), Err(Unfit::Key), "{kid}");
    }
    for (name, value) in
        [("crit", json!(["exp"])), ("b64", json!(false)), ("typ", json!("dpop+jwt"))]
    {
        assert_eq!(holder(&with(head(), name, value), &claims()), Err(Unfit::Unreadable));
    }
    // A public key as the secret of an HMAC, and no signature at all.
    let token = signed(&head().to_string(), &claims().to_string());
    let (message, _) = token.rsplit_once('.').unwrap();
    for signature in ["", "AA"] {
        let forged = issuer().holder(&format!("{message}.{signature}"), &keys(), NOW);
        assert_eq!(forged, Err(Unfit::Signature));
    }
}

#[test]
fn a_token_is_for_us_by_the_right_issuer_and_for_now() {
    for (name, value, want) in [
        ("iss", json!("https://idp.example/"), Unfit::Issuer),
        ("iss", json!(null), Unfit::Issuer),
        ("aud", json!("https://bakerst.example"), Unfit::Audience),
        ("aud", json!(["else"]), Unfit::Audience),
        ("aud", json!(null), Unfit::Audience),
        ("exp", json!(1_799_999_940), Unfit::Over),
        ("exp", json!("1800000600"), Unfit::Unreadable),
        ("exp", json!(-1), Unfit::Unreadable),
        ("nbf", json!(1_800_000_061), Unfit::Early),
        ("iat", json!(1_800_000_061), Unfit::Early),
        ("sub", json!(""), Unfit::Subject),
        ("sub", json!("x".repeat(201)), Unfit::Subject),
    ] {
        let shown = value.to_string();
        assert_eq!(holder(&head(), &with(claims(), name, value)), Err(want), "{name}: {shown}");
    }
    let mut endless = claims();
    endless.as_object_mut().unwrap().remove("exp");
    assert_eq!(holder(&head(), &endless), Err(Unfit::Over));
    // Clocks may be a minute apart.
    assert!(holder(&head(), &with(claims(), "exp", json!(1_799_999_941))).is_ok());
    assert!(holder(&head(), &with(claims(), "nbf", json!(1_800_000_060))).is_ok());
    let named = Issuer { agent_claim: Some("agent".into()), ..issuer() };
    let token = signed(&head().to_string(), &claims().to_string());
    assert_eq!(named.holder(&token, &keys(), NOW), Err(Unfit::Agent));
    let twice = claims().to_string().replacen('{', "{\"sub\":\"eve\",", 1);
    let twice = issuer().holder(&signed(&head().to_string(), &twice), &keys(), NOW);
    assert_eq!(twice, Err(Unfit::Unreadable));
}

#[test]
fn keys_on_a_curve_verify_too() {
    let random = SystemRandom::new();
    let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let pair = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(kind, pair.as_ref(), &random).unwrap();
    let point = pair.public_key().as_ref();
    let key = json!({ "kty": "EC", "crv": "P-256", "x": base64url(&point[1..33]), "y": base64url(&point[33..]) });
    let keys = KeySet::read(json!({ "keys": [key] }).to_string().as_bytes(), 1 << 20).unwrap();
    let head = json!({ "alg": "ES256" }).to_string();
    let message =
        format!("{}.{}", base64url(head.as_bytes()), base64url(claims().to_string().as_bytes()));
    let signature = pair.sign(&random, message.as_bytes()).unwrap();
    let token = format!("{message}.{}", base64url(signature.as_ref()));
    assert!(issuer().holder(&token, &keys, NOW).is_ok());
}

/// The example of RFC 7515, appendix A.2: a signature that others made.
#[test]
fn rsa_signatures_of_others_verify() {
    let n = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    let head = "eyJhbGciOiJSUzI1NiJ9";
    let claims = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    let key = json!({ "keys": [{ "kty": "RSA", "n": n, "e": "AQAB" }] });
    let keys = KeySet::read(key.to_string().as_bytes(), 1 << 20).unwrap();
    let token = format!("{head}.{claims}.{signature}");
    // Its signature is right, so it is looked at, and found to be somebody else's.
    assert_eq!(issuer().holder(&token, &keys, NOW), Err(Unfit::Issuer));
    let bent = token.replace("RpbDA5", "RpbDA4").replace("cC4h", "cC4i");
    assert_eq!(issuer().holder(&bent, &keys, NOW), Err(Unfit::Signature));
}

#[test]
fn a_document_of_keys_is_bounded_and_must_hold_some() {
    let read = |text: &str| KeySet::read(text.as_bytes(), 1_000).map(|_| ()).unwrap_err();
    assert!(read("{}").contains("`keys`"));
    assert!(read(r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#).contains("no key"));
    assert!(read(&"x".repeat(2_000)).contains("2000 bytes"));
    let many = json!({ "keys": vec![json!(1); 65] }).to_string();
    assert!(read(&many).contains("more than 64"));
}

proptest! {
    #[test]
    fn nothing_but_what_was_signed_is_accepted(at in 0usize..400, by in "[A-Za-z0-9_.=-]") {
        let good = signed(&head().to_string(), &claims().to_string());
        let mut bent: Vec<char> = good.chars().collect();
        let at = at % bent.len();
        bent[at] = by.chars().next().unwrap();
        let bent: String = bent.into_iter().collect();
        let read = issuer().holder(&bent, &keys(), NOW);
        prop_assert_eq!(read.is_ok(), bent == good);
    }

    #[test]
    fn what_is_no_token_is_refused(text in "\\PC{0,80}") {
        prop_assert!(issuer().holder(&text, &keys(), NOW).is_err());
    }

    #[test]
    fn each_run_of_bytes_has_one_text(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        prop_assert_eq!(base64::unpadded(&base64url(&bytes), URL), Some(bytes));
    }
}
