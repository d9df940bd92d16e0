//! What conversations have heard: a few in memory, all of them in their book.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bakerst_guard::flow::{
    Conversation, ConversationBook, ConversationBookError, ConversationKey, FlowKey,
    KeptConversation, Taint,
};
use bakerst_guard::{Facts, Instructions, Policy};
use bakerst_model::{
    Action, Actor, Code, ConversationId, Detail, Escaped, Event, Journal as _, Limits, ToolCall,
    ToolName, UnixMillis,
};
use serde::Serialize;
use serde_json::Value;

use crate::gateway::Gateway;
use crate::identity::Caller;
use crate::judge::Asking;
use crate::problem::Problem;

/// One conversation at a time hears one thing at a time. Empty until it was read from the book.
type Slot = Arc<tokio::sync::Mutex<Option<Conversation>>>;

/// The conversations that were heard last.
pub(crate) struct Conversations {
    pub(crate) book: Arc<dyn ConversationBook>,
    key: FlowKey,
    held: Mutex<Held>,
    held_max: usize,
}

#[derive(Default)]
struct Held {
    slots: HashMap<ConversationKey, (Slot, u64)>,
    uses: u64,
}

impl Conversations {
    pub(crate) fn new(book: Arc<dyn ConversationBook>, key: FlowKey, limits: &Limits) -> Self {
        let held_max = limits.conversations_held_max.max(1);
        Self { book, key, held: Mutex::default(), held_max }
    }

    fn slot(&self, key: &ConversationKey) -> Slot {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.uses += 1;
        let use_now = held.uses;
        if let Some((slot, last)) = held.slots.get_mut(key) {
            *last = use_now;
            return slot.clone();
        }
        while held.slots.len() >= self.held_max {
            // One that somebody works with stays: there must be no second of it.
            let idle = held.slots.iter().filter(|(_, (slot, _))| Arc::strong_count(slot) == 1);
            let Some(oldest) = idle.min_by_key(|(_, (_, last))| *last).map(|(key, _)| key.clone())
            else {
                break;
            };
            held.slots.remove(&oldest);
        }
        let slot = Slot::default();
        held.slots.insert(key.clone(), (slot.clone(), use_now));
        slot
    }

    /// Lets a conversation hear something, and keeps what that changed before anybody acts on it.
    async fn with<T>(
        &self,
        key: &ConversationKey,
        at: UnixMillis,
        work: impl FnOnce(&mut Conversation) -> T,
    ) -> Result<T, ConversationBookError> {
        let slot = self.slot(key);
        let mut slot = slot.lock().await;
        // Taken out meanwhile: what fails on the way is read again, as it was kept.
        let mut conversation = match slot.take() {
            Some(conversation) => conversation,
            None => {
                let parts = self.book.load(key.clone()).await?;
                Conversation::restore(self.key.clone(), &parts)?
            }
        };
        let done = work(&mut conversation);
        let changes = conversation.take_changes();
        if !changes.is_empty() {
            self.book.keep(key.clone(), changes, at).await?;
        }
        *slot = Some(conversation);
        Ok(done)
    }
}

/// What was made of an output.
pub(crate) struct Heard {
    /// What reads like instructions in it.
    pub(crate) instructions: Option<Instructions>,
    /// What it was heard as, where conversations are followed.
    pub(crate) flow: Option<HeardAs>,
}

/// What an output was heard as, for the log.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct HeardAs {
    untrusted: bool,
    private: bool,
}

/// What the log keeps of a conversation that was cleared.
#[derive(Serialize)]
struct ClearedDetail<'d> {
    holder: &'d str,
    tool: &'d ToolName,
    found: &'d str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'d str>,
}

impl Gateway {
    /// What guardrails may know of a call: the moment, the places that its paths lead to, and where
    /// its values come from.
    pub(crate) async fn facts(
        &self,
        policy: &Policy,
        call: &ToolCall,
        asking: Asking<'_>,
    ) -> Result<Facts, Problem> {
        let now = self.clock.now();
        let listed = asking.listed.and_then(|listed| listed.objection(policy));
        let paths = crate::paths::resolve(policy.paths_to_resolve(call)).await;
        if !policy.follows_flows() {
            return Ok(Facts { now, paths, flow: None, listed });
        }
        let key = key_of(call, asking.caller);
        let traced = self.conversations.with(&key, now, |conversation| {
            if let Some(prompt) = &call.prompt {
                conversation.hear_prompt(prompt.expose());
            }
            conversation.trace(call.input.expose())
        });
        Ok(Facts { now, paths, flow: Some(Arc::new(traced.await?)), listed })
    }

    /// Lets a conversation hear what a call returned, before anybody else gets it.
    pub(crate) async fn hear_output(
        &self,
        policy: &Policy,
        call: &ToolCall,
        output: &Value,
        caller: &Caller,
    ) -> Result<Heard, Problem> {
        let (instructions, flow) = match policy.follows_flows() {
            false => (policy.instructions_in(output), None),
            true => {
                let (key, now) = (key_of(call, caller), self.clock.now());
                let heard = self
                    .conversations
                    .with(&key, now, |conversation| policy.hear_output(conversation, call, output));
                let labels = policy.labels(&call.tool);
                let (untrusted, private) = (labels.untrusted, labels.private);
                (heard.await?, Some(HeardAs { untrusted, private }))
            }
        };
        Ok(Heard { instructions, flow })
    }

    /// Takes it that a person has looked at the instructions that were found in the conversations
    /// of this name: recorded first, then in force.
    pub(crate) async fn clear_conversation(
        &self,
        name: &str,
        note: Option<String>,
        actor: Actor,
    ) -> Result<Vec<KeptConversation>, Problem> {
        let named = self.conversations_named(name).await?;
        for kept in &named {
            if let Some(taint) = &kept.overview.taint {
                self.ledger.append(cleared(kept, taint, note.as_deref(), actor.clone())?).await?;
                let now = self.clock.now();
                self.conversations.with(&kept.key, now, Conversation::clear).await?;
            }
        }
        self.conversations_named(name).await
    }

    /// The conversations of this name, of whoever leads them.
    pub(crate) async fn conversations_named(
        &self,
        name: &str,
    ) -> Result<Vec<KeptConversation>, Problem> {
        const HOLDERS_MAX: usize = 500;
        let no_such = || {
            let message = format!("there is no conversation `{}`", Escaped(name));
            Problem::new(Code::NoSuchConversation, message)
        };
        let named = ConversationId::parse(name).map_err(|_| no_such())?;
        let listed = self.conversations.book.list(Some(named), HOLDERS_MAX).await?;
        if listed.is_empty() { Err(no_such()) } else { Ok(listed) }
    }
}

fn key_of(call: &ToolCall, caller: &Caller) -> ConversationKey {
    let holder = caller.principal.name.clone();
    ConversationKey { holder, conversation: call.conversation.clone() }
}

fn cleared(
    kept: &KeptConversation,
    taint: &Taint,
    note: Option<&str>,
    actor: Actor,
) -> Result<Event, Problem> {
    let detail = Detail::of(&ClearedDetail {
        holder: &kept.key.holder,
        tool: &taint.tool,
        found: &taint.found,
        note,
    })?;
    let conversation = Some(kept.key.conversation.clone());
    Ok(Event { action: Action::ConversationCleared, actor, conversation, detail })
}

impl From<ConversationBookError> for Problem {
    fn from(error: ConversationBookError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
