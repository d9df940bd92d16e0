//! A house to test: a gateway behind real sockets, over books in memory.

mod books;
mod client;
mod clock;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use bakerst_gateway::{Enforcement, Gateway, Listeners, Ports, bind_socket, serve};
use bakerst_guard::document::Node;
use bakerst_guard::{Policy, PolicySource, Registry};
use bakerst_model::{
    AgentId, Limits, Role, TOKEN_RANDOM_BYTES, TokenBook, TokenRecord, UnixMillis,
    mint_token,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use books::{FakeApprovals, FakeJournal, FakeTokens, Mood};
pub use client::{Client, Reply, request};
pub use clock::TestClock;

/// What a house is made of, before it is opened.
pub struct Plan {
    pub policy: Policy,
    pub limits: Limits,
    pub enforcement: Enforcement,
    pub journal: Arc<FakeJournal>,
    pub approvals: Arc<FakeApprovals>,
    pub tokens: Arc<FakeTokens>,
    pub clock: Arc<TestClock>,
}

impl Plan {
    pub fn new() -> Self {
        let limits = Limits::default();
        Self {
            policy: Policy::built_in().unwrap(),
            journal: Arc::default(),
            approvals: Arc::new(FakeApprovals::new(limits.approvals_pending_max)),
            tokens: Arc::default(),
            clock: Arc::new(TestClock::new()),
            enforcement: Enforcement::On,
            limits,
        }
    }

    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// The built-in policy, some of its text replaced.
    pub fn policy_with(self, replace: &str, by: &str) -> Self {
        Self { policy: policy_with(replace, by), ..self }
    }

    pub async fn gateway(self) -> Arc<Gateway> {
        let ports = Ports {
            journal: self.journal,
            approvals: self.approvals,
            tokens: self.tokens,
            clock: self.clock,
        };
        Gateway::open(ports, self.policy, self.limits, self.enforcement).await.unwrap()
    }

    pub async fn open(self) -> House {
        let agent = self.token("laptop", &[Role::Agent], None).await;
        let approver = self.token("ann", &[Role::Approver], None).await;
        let admin = self.token("root", &[Role::Admin], None).await;
        let folder = TempDir::new().unwrap();
        let (hook, control) = (folder.path().join("hook.sock"), folder.path().join("ctl.sock"));
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let listeners = Listeners {
            tcp: vec![tcp],
            hook: Some(bind_socket(&hook, 0o600).unwrap()),
            control: Some(bind_socket(&control, 0o600).unwrap()),
        };
        let (journal, approvals) = (self.journal.clone(), self.approvals.clone());
        let (tokens, clock) = (self.tokens.clone(), self.clock.clone());
        let gateway = self.gateway().await;
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn({
            let gateway = gateway.clone();
            async move {
                let shutdown = async { stopped.await.unwrap_or_default() };
                serve(listeners, gateway, shutdown).await.unwrap();
            }
        });
        House {
            gateway,
            journal,
            approvals,
            tokens,
            clock,
            address,
            hook,
            control,
            agent,
            approver,
            admin,
            stop: Some(stop),
            serving,
            _folder: folder,
        }
    }

    /// Makes a token and gives its text.
    pub async fn token(&self, name: &str, roles: &[Role], agent: Option<&str>) -> String {
        let mut random = [7; TOKEN_RANDOM_BYTES];
        random.iter_mut().zip(name.bytes()).for_each(|(random, byte)| *random = byte);
        let minted = mint_token(&random);
        let record = TokenRecord {
            id: minted.id,
            digest: minted.digest,
            name: name.into(),
            roles: roles.into(),
            agent: agent.map(|agent| AgentId::parse(agent).unwrap()),
            created_at: UnixMillis(0),
            revoked_at: None,
        };
        self.tokens.create(record).await.unwrap();
        String::from_utf8(minted.text.expose().to_vec()).unwrap()
    }
}

pub fn policy_with(replace: &str, by: &str) -> Policy {
    let text = PolicySource::default_text();
    assert!(text.contains(replace), "the built-in policy has no `{replace}`");
    let (text, limits) = (text.replace(replace, by), Limits::default());
    let node = Node::parse_yaml(&text, 1 << 20).unwrap();
    let (guardrails, tools) = (node.get("guardrails"), node.get("tools"));
    let source = PolicySource::read(guardrails, tools, &Registry::default(), &limits).unwrap();
    Policy::compile(source, limits).unwrap()
}

/// An open house.
pub struct House {
    pub gateway: Arc<Gateway>,
    pub journal: Arc<FakeJournal>,
    pub approvals: Arc<FakeApprovals>,
    pub tokens: Arc<FakeTokens>,
    pub clock: Arc<TestClock>,
    pub address: SocketAddr,
    pub hook: PathBuf,
    pub control: PathBuf,
    pub agent: String,
    pub approver: String,
    pub admin: String,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
    _folder: TempDir,
}

impl House {
    pub async fn new() -> Self {
        Plan::new().open().await
    }

    /// An agent on a fresh TCP connection.
    pub async fn tcp(&self) -> Client {
        Client::tcp(self.address, Some(&self.agent)).await
    }

    /// An agent on a fresh connection to the hook socket.
    pub async fn socket(&self) -> Client {
        Client::unix(&self.hook, Some(&self.agent)).await
    }

    /// A person on the control socket.
    pub async fn person(&self) -> Client {
        Client::unix(&self.control, None).await
    }

    /// Asks the server to stop, and does not wait for it.
    pub fn begin_to_stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits until the server has stopped.
    pub async fn stopped(self) {
        self.serving.await.unwrap();
    }

    /// Approves or denies, as a person would.
    pub async fn answer(&self, id: &str, approve: bool) -> Reply {
        let body = json!({ "approve": approve, "note": "so be it" });
        self.person().await.post(&format!("/api/approvals/{id}"), &body).await
    }
}

/// A call to a tool of the built-in policy that nothing speaks against.
pub fn harmless() -> Value {
    json!({ "conversationId": "c-1", "toolName": "timezone_lookup", "toolInput": { "city": "Tokyo" } })
}

/// A call that a person is asked about.
pub fn destructive(path: &str) -> Value {
    json!({ "conversationId": "c-1", "toolName": "filesystem_delete", "toolInput": { "path": path } })
}

/// The same value with one more field.
pub fn with(mut value: Value, name: &str, field: impl Into<Value>) -> Value {
    value[name] = field.into();
    value
}
