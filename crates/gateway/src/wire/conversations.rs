//! What conversations have heard, for those who run Baker Street.

use bakerst_guard::flow::{KeptConversation, Overview, Taint};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A person has looked at the instructions that were found in a conversation.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ClearRequest {
    /// In the person's words, for the log.
    pub note: Option<String>,
}

/// What a conversation has heard.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationView {
    /// Its name, as the application gave it.
    conversation_id: String,
    /// The token under which it is led.
    holder: String,
    /// When it last heard something.
    heard_at: String,
    /// How many prompts of the user it knows.
    prompts: u32,
    /// How many outputs it has heard.
    outputs: u64,
    /// Whether any that others may have written.
    untrusted: bool,
    /// Whether any that must not leak.
    private: bool,
    /// Whether there was more than is remembered: what is not known is then untrusted.
    full: bool,
    /// Instructions that were found in an output and that nobody has cleared.
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<TaintView>,
}

/// Instructions that were found in an output.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TaintView {
    /// The tool that returned it.
    tool: String,
    /// What was found, escaped for printing.
    found: String,
}

impl From<KeptConversation> for ConversationView {
    fn from(KeptConversation { key, heard_at, overview }: KeptConversation) -> Self {
        let Overview { prompts, outputs, untrusted, private, taint, full } = overview;
        let taint = taint.map(|Taint { tool, found }| TaintView { tool: tool.to_string(), found });
        Self {
            conversation_id: key.conversation.to_string(),
            holder: key.holder.to_string(),
            heard_at: heard_at.to_string(),
            prompts,
            outputs,
            untrusted,
            private,
            full,
            instructions: taint,
        }
    }
}
