//! What every door shares.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bakerst_audit::custody::Custody;
use bakerst_audit::delivery::Vitals;
use bakerst_guard::approval::{ApprovalBook, BookError};
use bakerst_guard::flow::{ConversationBook, FlowKey};
use bakerst_guard::{NameBook, Policy};
use bakerst_model::{Clock, Journal, KeySource, Limits, Secret, TokenBook, TokenBookError};
use tokio::sync::watch;

use crate::conversations::Conversations;
use crate::desk::Desk;
use crate::identity::{AuthWatch, Issued, Issuer};
use crate::ledger::Ledger;
use crate::mcp::{self, McpServers};
use crate::metrics::Decided;
use crate::opa::OpaDesk;
use crate::rates::RateDesk;
use crate::tokens::Tokens;

/// The world, as the doors reach it.
#[derive(Clone)]
pub struct Ports {
    /// Where events are kept.
    pub journal: Arc<dyn Journal>,
    /// Where requests for approval are kept.
    pub approvals: Arc<dyn ApprovalBook>,
    /// Where tokens are kept.
    pub tokens: Arc<dyn TokenBook>,
    /// Where it is kept what conversations have heard.
    pub conversations: Arc<dyn ConversationBook>,
    /// The key under which that is digested.
    pub flow_key: FlowKey,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How the log and the sinks fare.
    pub vitals: Arc<dyn Vitals>,
    /// The log, to those who may read it and those who keep it.
    pub custody: Arc<dyn Custody>,
    /// Keys what is remembered of values that got names.
    pub pseudonym_key: Secret,
}

/// Whether calls are judged at all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Enforcement {
    /// They are.
    On,
    /// Consumer mode: hooks that do nothing, on a path of their own, and an alarm.
    Off,
}

impl Enforcement {
    /// As it is written in configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
        }
    }

    /// What is said in every answer's head while nothing is enforced.
    pub(crate) const fn alarm(self) -> Option<&'static str> {
        match self {
            Self::On => None,
            Self::Off => Some("enforcement is off: no call is checked"),
        }
    }
}

/// Why a gateway could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The tokens could not be read.
    #[error("cannot read the tokens")]
    Tokens(#[source] TokenBookError),
    /// The requests for approval could not be read.
    #[error("cannot read the requests for approval")]
    Approvals(#[source] BookError),
}

/// What every door shares: the policy in force, the ports, and what is counted.
pub struct Gateway {
    policy: RwLock<Arc<Policy>>,
    mcp: RwLock<Option<Arc<mcp::Door>>>,
    pub(crate) ledger: Ledger,
    pub(crate) desk: Desk,
    pub(crate) tokens: Tokens,
    pub(crate) auth: AuthWatch,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) conversations: Conversations,
    pub(crate) vitals: Arc<dyn Vitals>,
    pub(crate) custody: Arc<dyn Custody>,
    pub(crate) decided: Decided,
    pub(crate) names: NameBook,
    pub(crate) rates: RateDesk,
    issued: RwLock<Option<Arc<Issued>>>,
    /// Seals what clients keep for us between two requests.
    pub(crate) states: mcp::Seal,
    pub(crate) opa: OpaDesk,
    pub(crate) limits: Limits,
    pub(crate) enforcement: Enforcement,
    in_flight: AtomicUsize,
    closing: watch::Sender<bool>,
}

impl Gateway {
    /// Reads the books and makes a gateway. The tokens are kept in memory from here on, so the
    /// book of tokens must have no other writer.
    ///
    /// # Errors
    /// When a book cannot be read.
    pub async fn open(
        ports: Ports,
        policy: Policy,
        limits: Limits,
        enforcement: Enforcement,
    ) -> Result<Arc<Self>, OpenError> {
        let Ports {
            journal,
            approvals,
            tokens,
            conversations,
            flow_key,
            clock,
            vitals,
            custody,
            pseudonym_key,
        } = ports;
        let tokens = Tokens::read(tokens).await.map_err(OpenError::Tokens)?;
        let desk = Desk::read(approvals, &limits).await.map_err(OpenError::Approvals)?;
        Ok(Arc::new(Self {
            policy: RwLock::new(Arc::new(policy)),
            mcp: RwLock::default(),
            ledger: Ledger::new(journal),
            desk,
            tokens,
            auth: AuthWatch::default(),
            clock,
            conversations: Conversations::new(conversations, flow_key, &limits),
            vitals,
            custody,
            decided: Decided::default(),
            rates: RateDesk::default(),
            issued: RwLock::default(),
            states: mcp::Seal::derived(&pseudonym_key, b"mcp request state"),
            names: NameBook::new(pseudonym_key, &limits),
            opa: OpaDesk::new(&limits),
            limits,
            enforcement,
            in_flight: AtomicUsize::new(0),
            closing: watch::Sender::new(false),
        }))
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts another policy in force and hands back the one before. Calls that are being judged
    /// keep the policy they began with; those that wait for a person are judged anew once they
    /// are answered.
    pub fn replace_policy(&self, policy: Policy) -> Arc<Policy> {
        let mut in_force = self.policy.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut in_force, Arc::new(policy))
    }

    /// Opens the MCP door to these servers. Sessions with those that were reached before begin
    /// anew.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn open_mcp(&self, servers: McpServers) -> Result<(), getrandom::Error> {
        let door = Arc::new(mcp::Door::new(servers)?);
        *self.mcp.write().unwrap_or_else(PoisonError::into_inner) = Some(door);
        Ok(())
    }

    /// Ends what was begun with servers behind the MCP door, and waits for it a while: programs that
    /// were started have ended by then, if they end when they are told to.
    pub async fn end_servers(&self) {
        if let Some(door) = self.mcp() {
            door.servers.end().await;
        }
    }

    /// The MCP door, where it is open.
    pub(crate) fn mcp(&self) -> Option<Arc<mcp::Door>> {
        self.mcp.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets in whoever holds a token of this issuer's, as an agent. Only what was issued for us
    /// by name is good.
    pub fn trust_issuer(&self, issuer: Issuer, keys: Arc<dyn KeySource>) {
        let issued = Issued::new(issuer, keys, self.clock.clone(), &self.limits);
        *self.issued.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(issued));
    }

    /// The issuer whose tokens are good.
    pub(crate) fn issued(&self) -> Option<Arc<Issued>> {
        self.issued.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts a request in, unless as many are being worked on as may be.
    pub(crate) fn enter(&self) -> Option<InFlight<'_>> {
        let guard = InFlight(&self.in_flight);
        let before = self.in_flight.fetch_add(1, Ordering::AcqRel);
        (before < self.limits.requests_max).then_some(guard)
    }

    /// Tells everybody who waits that the server is about to stop.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Becomes true when the server is about to stop.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// Ends when the server is about to stop.
    pub(crate) async fn closing(&self) {
        let mut closing = self.stopping();
        // The sender lives as long as the gateway, so waiting cannot fail.
        let _ = closing.wait_for(|closing| *closing).await;
    }
}

/// A request that is being worked on.
pub(crate) struct InFlight<'g>(&'g AtomicUsize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
