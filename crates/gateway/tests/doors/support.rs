//! A house to test: a gateway behind real sockets, over books in memory.

mod books;
mod client;
mod clock;
mod custody;
pub(crate) mod frames;
mod listened;
mod program;
mod upstream;
mod vitals;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use bakerst_gateway::{
    Enforcement, Gateway, Listeners, McpServer, McpServers, Ports, bind_socket, serve,
};
use bakerst_guard::document::Node;
use bakerst_guard::flow::FlowKey;
use bakerst_guard::{Policy, PolicySource, Registry};
use bakerst_model::{
    AgentId, Digest, Limits, Role, Secret, TOKEN_RANDOM_BYTES, TokenBook, TokenRecord, UnixMillis,
    mint_token,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) use books::{FakeApprovals, FakeConversations, FakeJournal, FakeTokens, Mood, Taken};
pub(crate) use client::{Client, Reply, request};
pub(crate) use clock::TestClock;
pub(crate) use custody::FakeCustody;
pub(crate) use listened::Listened;
pub(crate) use program::{Pipes, Program};
pub(crate) use upstream::{Seen, Upstream, said, streaming};
pub(crate) use vitals::FakeVitals;

/// What a house is made of, before it is opened.
pub(crate) struct Plan {
    pub(crate) policy: Policy,
    pub(crate) limits: Limits,
    pub(crate) enforcement: Enforcement,
    pub(crate) journal: Arc<FakeJournal>,
    pub(crate) approvals: Arc<FakeApprovals>,
    pub(crate) tokens: Arc<FakeTokens>,
    pub(crate) conversations: Arc<FakeConversations>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) vitals: Arc<FakeVitals>,
    pub(crate) custody: Arc<FakeCustody>,
}

impl Plan {
    pub(crate) fn new() -> Self {
        let limits = Limits::default();
        Self {
            policy: Policy::built_in().unwrap(),
            journal: Arc::default(),
            approvals: Arc::new(FakeApprovals::new(limits.approvals_pending_max)),
            tokens: Arc::default(),
            conversations: Arc::new(FakeConversations::new(limits.conversations_max)),
            clock: Arc::new(TestClock::new()),
            vitals: Arc::default(),
            custody: Arc::default(),
            enforcement: Enforcement::On,
            limits,
        }
    }

    pub(crate) fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// The built-in policy, some of its text replaced.
    pub(crate) fn policy_with(self, replace: &str, by: &str) -> Self {
        Self { policy: policy_with(replace, by), ..self }
    }

    pub(crate) async fn gateway(self) -> Arc<Gateway> {
        let ports = Ports {
            journal: self.journal,
            approvals: self.approvals,
            tokens: self.tokens,
            conversations: self.conversations,
            flow_key: FlowKey::new([7; 16]),
            clock: self.clock,
            vitals: self.vitals,
            custody: self.custody,
            pseudonym_key: Secret::new(vec![7; 32]),
        };
        Gateway::open(ports, self.policy, self.limits, self.enforcement).await.unwrap()
    }

    pub(crate) async fn open(self) -> House {
        let agent = self.token("laptop", &[Role::Agent], None).await;
        let approver = self.token("ann", &[Role::Approver], None).await;
        let admin = self.token("root", &[Role::Admin], None).await;
        let folder = TempDir::new().unwrap();
        let (hook, control) = (folder.path().join("hook.sock"), folder.path().join("ctl.sock"));
        let link = folder.path().join("mcp.sock");
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let listeners = Listeners {
            tcp: vec![tcp],
            hook: Some(bind_socket(&hook, 0o600).unwrap()),
            control: Some(bind_socket(&control, 0o600).unwrap()),
            link: Some(bind_socket(&link, 0o600).unwrap()),
        };
        let limits = self.limits.clone();
        let (journal, approvals) = (self.journal.clone(), self.approvals.clone());
        let tokens = self.tokens.clone();
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
            link,
            limits,
            journal,
            approvals,
            tokens,
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
    pub(crate) async fn token(&self, name: &str, roles: &[Role], agent: Option<&str>) -> String {
        let mut random = [7; TOKEN_RANDOM_BYTES];
        let digest = Digest::of(name.as_bytes());
        random.iter_mut().zip(digest.as_bytes()).for_each(|(random, byte)| *random = *byte);
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

pub(crate) fn policy_with(replace: &str, by: &str) -> Policy {
    let text = PolicySource::default_text();
    assert!(text.contains(replace), "the built-in policy has no `{replace}`");
    let (text, limits) = (text.replace(replace, by), Limits::default());
    let node = Node::parse_yaml(&text, 1 << 20).unwrap();
    let (guardrails, tools) = (node.get("guardrails"), node.get("tools"));
    let source = PolicySource::read(guardrails, tools, &Registry::default(), &limits).unwrap();
    Policy::compile(source, limits).unwrap()
}

/// An open house.
pub(crate) struct House {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) link: PathBuf,
    pub(crate) limits: Limits,
    pub(crate) journal: Arc<FakeJournal>,
    pub(crate) approvals: Arc<FakeApprovals>,
    pub(crate) tokens: Arc<FakeTokens>,
    pub(crate) address: SocketAddr,
    pub(crate) hook: PathBuf,
    pub(crate) control: PathBuf,
    pub(crate) agent: String,
    pub(crate) approver: String,
    pub(crate) admin: String,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
    _folder: TempDir,
}

impl House {
    pub(crate) async fn new() -> Self {
        Plan::new().open().await
    }

    /// An agent on a fresh TCP connection.
    pub(crate) async fn tcp(&self) -> Client {
        Client::tcp(self.address, Some(&self.agent)).await
    }

    /// An agent on a fresh connection to the hook socket.
    pub(crate) async fn socket(&self) -> Client {
        Client::unix(&self.hook, Some(&self.agent)).await
    }

    /// A person on the control socket.
    pub(crate) async fn person(&self) -> Client {
        Client::unix(&self.control, None).await
    }

    /// Puts a server behind the MCP door, under the name `files`.
    pub(crate) fn put_behind(&self, server: &Upstream) {
        self.put_all_behind(&[("files", server, None)]);
    }

    /// Puts a server of any kind there.
    pub(crate) fn put(&self, server: McpServer) {
        self.put_all([("files".to_owned(), server)], &[]);
    }

    /// Puts servers behind the MCP door, under these names, and says what they speak where that is
    /// known.
    pub(crate) fn put_all_behind(&self, servers: &[(&str, &Upstream, Option<&str>)]) {
        let named = servers
            .iter()
            .map(|(name, server, _)| ((*name).to_owned(), McpServer::Http(server.address())));
        let stated = servers.iter().filter_map(|(name, _, stated)| Some((*name, (*stated)?)));
        self.put_all(named, &stated.collect::<Vec<_>>());
    }

    pub(crate) fn put_all(
        &self,
        servers: impl IntoIterator<Item = (String, McpServer)>,
        stated: &[(&str, &str)],
    ) {
        let ready = McpServers::new(servers, &self.limits).map_err(|(_, error)| error).unwrap();
        let speaking = |ready: McpServers, (name, revision): &(&str, &str)| {
            ready.speaking(name, revision).unwrap()
        };
        self.gateway.open_mcp(stated.iter().fold(ready, speaking)).unwrap();
    }

    /// Asks the server to stop, and does not wait for it.
    pub(crate) fn begin_to_stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits until the server has stopped.
    pub(crate) async fn stopped(self) {
        self.serving.await.unwrap();
    }

    /// Approves or denies, as a person would.
    pub(crate) async fn answer(&self, id: &str, approve: bool) -> Reply {
        let body = json!({ "approve": approve, "note": "so be it" });
        self.person().await.post(&format!("/api/approvals/{id}"), &body).await
    }
}

/// A call to a tool of the built-in policy that nothing speaks against.
pub(crate) fn harmless() -> Value {
    json!({ "conversationId": "c-1", "toolName": "timezone_lookup", "toolInput": { "city": "Tokyo" } })
}

/// A call that a person is asked about.
pub(crate) fn destructive(path: &str) -> Value {
    json!({ "conversationId": "c-1", "toolName": "filesystem_delete", "toolInput": { "path": path } })
}

/// The same value with one more field.
pub(crate) fn with(mut value: Value, name: &str, field: impl Into<Value>) -> Value {
    value[name] = field.into();
    value
}
