//! Tokens of an issuer's: who is let in by one, and for how long.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bakerst_gateway::{Algorithm, Issuer};
use bakerst_model::{Action, KeySource, Pending, UnixMillis};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::support::{Client, House, Plan, harmless, with};

const BEFORE: &str = "/v1/guard/before";
const AUDIENCE: &str = "https://bakerst.example/mcp";

/// An issuer whose keys can be changed, and which counts how often it is asked.
#[derive(Default)]
struct FakeKeys {
    document: Mutex<Option<String>>,
    asked: AtomicUsize,
}

impl FakeKeys {
    fn publish(&self, ids: &[(&str, u8)]) {
        let key = |(id, seed): &(&str, u8)| {
            let x = URL_SAFE_NO_PAD.encode(pair(*seed).public_key().as_ref());
            json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "alg": "EdDSA", "x": x })
        };
        let keys: Vec<Value> = ids.iter().map(key).collect();
        *self.document.lock().unwrap() = Some(json!({ "keys": keys }).to_string());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl KeySource for FakeKeys {
    fn fetch(&self, _: usize) -> Pending<'_, Result<Vec<u8>, String>> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let document = self.document.lock().unwrap().clone();
            document.map(String::into_bytes).ok_or("it is away".into())
        })
    }
}

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn token(kid: &str, seed: u8, claims: &Value) -> String {
    let head = json!({ "alg": "EdDSA", "kid": kid }).to_string();
    let message =
        format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = pair(seed).sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

/// Claims of a token that is good for ten minutes from the house's clock.
fn claims(now_seconds: u64) -> Value {
    json!({
        "iss": "https://idp.example", "aud": AUDIENCE, "sub": "ann", "azp": "coder",
        "exp": now_seconds + 600,
    })
}

/// Lets a house trust an issuer, and gives the issuer's keys.
fn trusted(house: &House) -> Arc<FakeKeys> {
    let keys = Arc::<FakeKeys>::default();
    keys.publish(&[("one", 1)]);
    let issuer = Issuer {
        issuer: "https://idp.example".into(),
        audience: AUDIENCE.into(),
        algorithms: Algorithm::USUAL.to_vec(),
        clock_skew_seconds: 60,
        agent_claim: Some("azp".into()),
    };
    house.gateway.trust_issuer(issuer, keys.clone());
    keys
}

/// Lets a house trust an issuer.
pub(crate) fn trust(house: &House) {
    trusted(house);
}

/// A token of that issuer's.
pub(crate) fn good_token(user: &str, agent: Option<&str>, now: UnixMillis) -> String {
    let mut claims = with(claims(now.0 / 1000), "sub", user);
    claims["azp"] = agent.into();
    token("one", 1, &claims)
}

pub(crate) struct Trusting {
    pub(crate) house: House,
    keys: Arc<FakeKeys>,
    now: u64,
    clock: Arc<crate::support::TestClock>,
}

impl Trusting {
    pub(crate) async fn new() -> Self {
        let plan = Plan::new();
        let clock = plan.clock.clone();
        let house = plan.open().await;
        let keys = trusted(&house);
        let now = bakerst_model::Clock::now(&*clock).0 / 1000;
        Self { house, keys, now, clock }
    }

    async fn fate(&self, token: &str) -> String {
        let mut client = Client::tcp(self.house.address, Some(token)).await;
        let reply = client.post(BEFORE, &harmless()).await;
        format!("{} {}", reply.status, reply.field("code").as_str().unwrap_or("-"))
    }
}

#[tokio::test]
async fn whoever_holds_an_issuers_token_is_an_agent_and_goes_by_their_name() {
    let trusting = Trusting::new().await;
    let good = token("one", 1, &claims(trusting.now));
    assert_eq!(trusting.fate(&good).await, "200 GRD-000");
    let allowed = trusting.house.journal.of(&Action::ToolAllowed).remove(0).actor;
    assert_eq!(&*allowed.name, "issued to ann");
    assert_eq!(allowed.agent.unwrap().as_str(), "coder");
    assert_eq!(trusting.house.journal.of(&Action::AuthSuccess).len(), 1);
    let mut client = Client::tcp(trusting.house.address, Some(&good)).await;
    assert_eq!(client.get("/api/approvals").await.verdict(), "403 AUT-003");
    let other = with(harmless(), "agent", "root");
    assert_eq!(client.post(BEFORE, &other).await.verdict(), "403 AUT-004");
    // Our own tokens are as good as ever.
    assert_eq!(trusting.fate(&trusting.house.agent).await, "200 GRD-000");
    assert_eq!(trusting.keys.asked(), 1);
}

#[tokio::test]
async fn a_token_that_is_not_for_us_is_refused_and_recorded() {
    let trusting = Trusting::new().await;
    let now = trusting.now;
    for wrong in [
        token("one", 1, &with(claims(now), "aud", "https://bakerst.example")),
        token("one", 1, &with(claims(now), "iss", "https://other.example")),
        token("one", 1, &with(claims(now), "exp", now - 61)),
        token("one", 2, &claims(now)),
        token("two", 2, &claims(now)),
        format!("{}.", token("one", 1, &claims(now)).rsplit_once('.').unwrap().0),
    ] {
        assert_eq!(trusting.fate(&wrong).await, "401 AUT-007", "{wrong}");
    }
    let rejected = trusting.house.journal.of(&Action::AuthRejected);
    assert_eq!(rejected.len(), 6);
    assert_eq!(rejected[0].detail["reason"], "the token is for another audience");
    assert!(trusting.keys.asked() <= 2, "unknown keys do not make us ask without end");
}

#[tokio::test]
async fn keys_are_kept_renewed_and_not_kept_for_ever() {
    let trusting = Trusting::new().await;
    let first = token("one", 1, &with(claims(trusting.now), "exp", trusting.now + 200_000));
    let second = token("two", 2, &with(claims(trusting.now), "exp", trusting.now + 200_000));
    assert_eq!(trusting.fate(&first).await, "200 GRD-000");
    trusting.keys.publish(&[("two", 2)]);
    assert_eq!(trusting.fate(&second).await, "401 AUT-007", "asked a moment ago");
    trusting.clock.advance(31_000);
    assert_eq!(trusting.fate(&second).await, "200 GRD-000");
    assert_eq!(trusting.fate(&first).await, "401 AUT-007", "its key is withdrawn");
    // The issuer is away: what is known is good for a day.
    *trusting.keys.document.lock().unwrap() = None;
    trusting.clock.advance(23 * 3_600_000);
    assert_eq!(trusting.fate(&second).await, "200 GRD-000");
    trusting.clock.advance(3_600_000);
    assert_eq!(trusting.fate(&second).await, "401 AUT-007");
}

#[tokio::test]
async fn whoever_has_no_token_learns_where_to_get_one() {
    let trusting = Trusting::new().await;
    let mut nobody = Client::tcp(trusting.house.address, None).await;
    let at = "https://bakerst.example/.well-known/oauth-protected-resource/mcp";
    let challenge = format!("Bearer resource_metadata=\"{at}\"");
    let reply = nobody.post("/mcp/files", &json!({})).await;
    assert_eq!((reply.status, reply.header("www-authenticate")), (401, Some(challenge.as_str())));
    for path in ["", "/mcp", "/mcp/files"] {
        let reply = nobody.get(&format!("/.well-known/oauth-protected-resource{path}")).await;
        assert_eq!(
            (reply.field("resource"), reply.field("authorization_servers")),
            (json!(AUDIENCE), json!(["https://idp.example"]))
        );
    }
    let house = House::new().await;
    let mut nobody = Client::tcp(house.address, None).await;
    let none = nobody.get("/.well-known/oauth-protected-resource").await;
    assert_eq!(none.verdict(), "404 API-008");
}
