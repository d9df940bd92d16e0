//! A tool call, as every door hands it to the chain.

use serde_json::Value;

use crate::{AgentId, ConversationId, Digest, ToolName, Untrusted, UserId};

/// What an agent wants to do: one tool, one input, on behalf of somebody.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    /// The conversation that the call belongs to.
    pub conversation: ConversationId,
    /// The person behind it, where the door knows.
    pub user: Option<UserId>,
    /// The agent that makes it.
    pub agent: AgentId,
    /// The tool, by name.
    pub tool: ToolName,
    /// Its arguments.
    pub input: Untrusted<Value>,
    /// The person's own request, where the door knows it.
    pub prompt: Option<Untrusted<String>>,
}

impl ToolCall {
    /// What an approval binds to: who, in which conversation, which tool, exactly which
    /// arguments. An answer for one call is never an answer for another.
    #[must_use]
    pub fn binding(&self) -> Digest {
        // Objects hold their keys sorted, so equal values give equal bytes.
        self.binding_with(&self.input.expose().to_string())
    }

    /// The same, for whoever has written the input as JSON already.
    #[must_use]
    pub fn binding_with(&self, input: &str) -> Digest {
        let user = self.user.as_ref().map_or("", UserId::as_str);
        let conversation = self.conversation.as_str();
        Self::binding_of(self.agent.as_str(), user, conversation, self.tool.as_str(), input)
    }

    /// The binding of a call that is known by its parts; `user` is empty where there is none, and
    /// `input` is its JSON without a space, keys sorted.
    #[must_use]
    pub fn binding_of(
        agent: &str,
        user: &str,
        conversation: &str,
        tool: &str,
        input: &str,
    ) -> Digest {
        Digest::of_parts(&[
            b"bakerst call binding v1",
            agent.as_bytes(),
            user.as_bytes(),
            conversation.as_bytes(),
            tool.as_bytes(),
            input.as_bytes(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(tool: &str, input: Value) -> ToolCall {
        ToolCall {
            conversation: ConversationId::parse("c").unwrap(),
            user: None,
            agent: AgentId::unnamed(),
            tool: ToolName::parse(tool).unwrap(),
            input: Untrusted::new(input),
            prompt: None,
        }
    }

    #[test]
    fn a_binding_covers_every_argument_and_no_key_order() {
        let paid = call("pay", json!({"to": "ann", "amount": 5}));
        let order: Value = serde_json::from_str(r#"{"amount":5,"to":"ann"}"#).unwrap();
        assert_eq!(paid.binding(), call("pay", order).binding());
        assert_ne!(paid.binding(), call("pay", json!({"to": "ann", "amount": 6})).binding());
        assert_ne!(paid.binding(), call("pay2", json!({"to": "ann", "amount": 5})).binding());
        let other_user = ToolCall { user: Some(UserId::parse("eve").unwrap()), ..paid.clone() };
        assert_ne!(paid.binding(), other_user.binding());
    }
}
