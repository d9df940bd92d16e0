//! The book of conversations over restarts, bounds and damage.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use bakerst_guard::Labels;
use bakerst_guard::flow::{
    Conversation, ConversationBook as _, ConversationBookError, ConversationKey, FlowKey, Part,
    PartKind,
};
use bakerst_model::{ConversationId, ToolName, UnixMillis};
use bakerst_store::{Conversations, Database, StateFolder};
use serde_json::json;
use tempfile::TempDir;

const WEEK: u64 = 7 * 24 * 3600 * 1000;

fn open(path: &Path, max: usize) -> Conversations {
    Conversations::new(Database::open(&StateFolder::open(path).unwrap()).unwrap(), max)
}

fn key(holder: &str, conversation: &str) -> ConversationKey {
    let conversation = ConversationId::parse(conversation).unwrap();
    ConversationKey { holder: holder.into(), conversation }
}

fn heard() -> Conversation {
    let mut heard = Conversation::new(FlowKey::new([1; 16]));
    heard.hear_prompt("write to ann@example.org");
    let labels =
        Labels { untrusted: true, private: true, sends: false, sensitive: false, declared: true };
    let tool = ToolName::parse("mail").unwrap();
    let found = Some("found".to_owned());
    heard.hear_output(&tool, labels, &json!({}), &json!("to eve@evil.example"), found);
    heard
}

#[tokio::test]
async fn what_was_kept_comes_back_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let mut conversation = heard();
    let parts = conversation.take_changes();
    open(folder.path(), 10).keep(key("laptop", "c"), parts, UnixMillis(5)).await.unwrap();
    let book = open(folder.path(), 10);
    let parts = book.load(key("laptop", "c")).await.unwrap();
    let back = Conversation::restore(FlowKey::new([1; 16]), &parts).unwrap();
    let input = json!({ "a": "ann@example.org", "b": "eve@evil.example" });
    assert_eq!(back.trace(&input), conversation.trace(&input));
    assert_eq!(book.load(key("other", "c")).await.unwrap(), []);
    let listed = book.list(None, 10).await.unwrap();
    assert_eq!(listed.len(), 1);
    let first = listed.first().unwrap();
    assert_eq!((first.heard_at, first.overview.outputs), (UnixMillis(5), 1));
    assert!(first.overview.taint.is_some());
    assert_eq!(book.list(ConversationId::parse("d").ok(), 10).await.unwrap(), []);
}

#[tokio::test]
async fn one_too_many_is_refused_until_another_was_silent_for_long() {
    let folder = TempDir::new().unwrap();
    let book = open(folder.path(), 1);
    let keep =
        |name: &str, at| book.keep(key("laptop", name), heard().take_changes(), UnixMillis(at));
    keep("a", 0).await.unwrap();
    keep("a", 1).await.unwrap();
    let full = keep("b", WEEK).await.unwrap_err();
    assert!(matches!(full, ConversationBookError::Full { max: 1 }), "{full}");
    keep("b", WEEK + 2).await.unwrap();
    assert_eq!(book.load(key("laptop", "a")).await.unwrap(), []);
}

#[tokio::test]
async fn a_damaged_summary_is_said_and_not_guessed() {
    let folder = TempDir::new().unwrap();
    let book = open(folder.path(), 10);
    let bytes = b"{".to_vec();
    let part = Part { kind: PartKind::Summary, place: 0, bytes };
    book.keep(key("laptop", "c"), vec![part], UnixMillis(1)).await.unwrap();
    let error = book.list(None, 10).await.unwrap_err();
    assert!(matches!(error, ConversationBookError::Unreadable(_)), "{error}");
}
