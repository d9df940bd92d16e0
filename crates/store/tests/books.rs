//! The books of tokens and approvals over restarts, races and damage.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::future::Future;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use bakerst_guard::approval::{
    Approval, ApprovalAnswer, ApprovalBook as _, ApprovalFilter, ApprovalRequest, ApprovalState,
    AskedBecause, BookError, Claim,
};
use bakerst_model::{
    AgentId, ApprovalId, Code, ConversationId, Digest, Role, TokenBook as _, TokenId, TokenRecord,
    ToolName, UnixMillis, UserId,
};
use bakerst_store::{Approvals, Database, StateFolder, Tokens};
use tempfile::TempDir;

fn open(path: &Path) -> Arc<Database> {
    Database::open(&StateFolder::open(path).unwrap()).unwrap()
}

fn token(id: &str, name: &str) -> TokenRecord {
    TokenRecord {
        id: TokenId::parse(id).unwrap(),
        digest: Digest::of(id.as_bytes()),
        name: name.into(),
        roles: [Role::Agent, Role::Auditor].into(),
        agent: AgentId::parse("bot").ok(),
        created_at: UnixMillis(5),
        revoked_at: None,
    }
}

fn request(call: &str, expires_at: Option<u64>) -> ApprovalRequest {
    ApprovalRequest {
        binding: Digest::of(call.as_bytes()),
        conversation: ConversationId::parse("c").unwrap(),
        agent: AgentId::parse("bot").unwrap(),
        user: UserId::parse("ann").ok(),
        tool: ToolName::parse("pay").unwrap(),
        input: r#"{"to":"'; DROP TABLE approvals; --"}"#.into(),
        reasons: vec![AskedBecause {
            guardrail: "tool-policy".into(),
            code: "GRD-031".into(),
            message: "it says \"so\"".into(),
        }],
        policy: Digest::of(b"policy"),
        asked_at: UnixMillis(1_000),
        expires_at: expires_at.map(UnixMillis),
        usable_seconds: 10,
    }
}

fn answer(approve: bool, at: u64) -> ApprovalAnswer {
    let note = (!approve).then(|| "not today".to_owned());
    ApprovalAnswer { approve, by: "eve".into(), note, at: UnixMillis(at) }
}

/// A folder with one request that was approved at 2,000.
async fn approved() -> (TempDir, Approvals, ApprovalId) {
    let folder = tempfile::tempdir().unwrap();
    let book = Approvals::new(open(folder.path()), 10);
    let (asked, _) = book.open(request("a", Some(60_000))).await.unwrap();
    book.answer(asked.id, answer(true, 2_000)).await.unwrap();
    (folder, book, asked.id)
}

async fn all<T>(work: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>) -> Vec<T>
where
    T: Send + 'static,
{
    let tasks: Vec<_> = work.into_iter().map(tokio::spawn).collect();
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.unwrap());
    }
    done
}

#[tokio::test]
async fn tokens_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::new(open(folder.path()));
    let (first, second) = (token("00000001", "laptop"), token("ffffffff", "robot"));
    tokens.create(first.clone()).await.unwrap();
    tokens.create(second.clone()).await.unwrap();
    drop(tokens);
    let tokens = Tokens::new(open(folder.path()));
    assert_eq!(tokens.list().await.unwrap(), [first.clone(), second.clone()]);
    let revoked = tokens.revoke("laptop".into(), UnixMillis(9)).await.unwrap();
    let first = TokenRecord { revoked_at: Some(UnixMillis(9)), ..first };
    assert_eq!(revoked, first);
    drop(tokens);
    let tokens = Tokens::new(open(folder.path()));
    assert_eq!(tokens.list().await.unwrap(), [first, second]);
}

#[tokio::test]
async fn a_name_is_one_tokens_while_it_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::new(open(folder.path()));
    tokens.create(token("00000001", "laptop")).await.unwrap();
    let taken = tokens.create(token("00000002", "laptop")).await.unwrap_err();
    assert_eq!(taken.code(), Code::TokenNameTaken);
    tokens.revoke("laptop".into(), UnixMillis(9)).await.unwrap();
    let gone = tokens.revoke("laptop".into(), UnixMillis(10)).await.unwrap_err();
    assert_eq!(gone.code(), Code::NoSuchToken);
    tokens.create(token("00000002", "laptop")).await.unwrap();
    // An id that is taken is no name that is taken.
    let same_id = tokens.create(token("00000002", "other")).await.unwrap_err();
    assert_eq!(same_id.code(), Code::StoreFailed);
    // A token that is named like another's id cannot stand in its way.
    tokens.create(token("00000003", "00000002")).await.unwrap();
    let revoked = tokens.revoke("00000002".into(), UnixMillis(11)).await.unwrap();
    assert_eq!(&*revoked.name, "laptop");
}

#[tokio::test]
async fn requests_and_answers_outlive_the_process() {
    let (folder, book, id) = approved().await;
    let (denied, new) = book.open(request("b", None)).await.unwrap();
    assert!(new);
    book.answer(denied.id, answer(false, 3_000)).await.unwrap();
    let (pending, _) = book.open(request("c", Some(70_000))).await.unwrap();
    drop(book);
    let book = Approvals::new(open(folder.path()), 10);
    let at = UnixMillis(2_000);
    let state = ApprovalState::Approved { by: "eve".into(), at, usable_until: UnixMillis(12_000) };
    let want = Approval { id, request: request("a", Some(60_000)), state };
    assert_eq!(book.find(id).await.unwrap(), Some(want.clone()));
    let (by, note) = ("eve".into(), Some("not today".to_owned()));
    let state = ApprovalState::Denied { by, at: UnixMillis(3_000), note };
    let denied = Approval { state, ..denied };
    let latest = book.list(ApprovalFilter::Latest, 9).await.unwrap();
    assert_eq!(latest, [pending.clone(), denied, want]);
    let newest = [pending];
    assert_eq!(book.list(ApprovalFilter::Latest, 1).await.unwrap(), newest);
    assert_eq!(book.list(ApprovalFilter::Pending, 9).await.unwrap(), newest);
    assert_eq!(book.find(ApprovalId(99)).await.unwrap(), None);
    assert_eq!(book.find(ApprovalId(u64::MAX)).await.unwrap(), None);
}

#[tokio::test]
async fn a_call_that_is_asked_about_is_not_asked_about_twice() {
    let folder = tempfile::tempdir().unwrap();
    let book = Approvals::new(open(folder.path()), 2);
    let (first, new) = book.open(request("a", Some(5_000))).await.unwrap();
    assert!(new);
    assert_eq!(book.open(request("a", Some(6_000))).await.unwrap(), (first.clone(), false));
    book.open(request("b", None)).await.unwrap();
    let full = book.open(request("c", None)).await.unwrap_err();
    assert!(matches!(full, BookError::Full { max: 2 }), "{full}");
    assert_eq!(book.open(request("a", None)).await.unwrap(), (first.clone(), false));
    // Once it is overdue, the same call is asked about anew.
    let ended = book.expire(UnixMillis(5_000)).await.unwrap();
    assert_eq!(ended.iter().map(|ended| ended.id).collect::<Vec<_>>(), [first.id]);
    let (second, new) = book.open(request("a", None)).await.unwrap();
    assert!(new && second.id > first.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_answers_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let book = Approvals::new(open(folder.path()), 10);
    for round in 0..10 {
        let (asked, _) = book.open(request(&format!("call {round}"), None)).await.unwrap();
        let answers = all((0..16).map(|n| {
            let book = book.clone();
            async move { book.answer(asked.id, answer(n % 2 == 0, 2_000)).await }
        }))
        .await;
        let won: Vec<_> = answers.iter().flatten().collect();
        assert_eq!(won.len(), 1);
        assert_eq!(book.find(asked.id).await.unwrap().as_ref(), Some(won[0]));
        let lost = answers.iter().filter_map(|answer| answer.as_ref().err());
        assert!(lost.into_iter().all(|lost| lost.code() == Code::ApprovalSettled));
    }
    let nobody = book.answer(ApprovalId(99), answer(true, 2_000)).await.unwrap_err();
    assert_eq!(nobody.code(), Code::NoSuchApproval);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_approval_is_used_once_even_over_a_restart() {
    let (folder, book, id) = approved().await;
    let own = Digest::of(b"a");
    let other = book.claim(id, Digest::of(b"b"), UnixMillis(3_000)).await.unwrap();
    assert_eq!(other, Claim::Mismatch);
    let claims = all((0..32).map(|_| {
        let book = book.clone();
        async move { book.claim(id, own, UnixMillis(3_000)).await.unwrap() }
    }))
    .await;
    let granted = claims.iter().filter(|claim| **claim == Claim::Granted { by: "eve".into() });
    assert_eq!(granted.count(), 1);
    assert_eq!(claims.iter().filter(|claim| **claim == Claim::Mismatch).count(), 31);
    drop(book);
    let book = Approvals::new(open(folder.path()), 10);
    assert_eq!(book.claim(id, own, UnixMillis(3_001)).await.unwrap(), Claim::Mismatch);
    let used = ApprovalState::Used { by: "eve".into(), at: UnixMillis(3_000) };
    assert_eq!(book.find(id).await.unwrap().unwrap().state, used);
}

#[tokio::test]
async fn what_is_overdue_ends_once_and_takes_no_answer() {
    let (_folder, book, approved) = approved().await;
    let (short, _) = book.open(request("b", Some(5_000))).await.unwrap();
    let (endless, _) = book.open(request("c", None)).await.unwrap();
    let late = book.answer(short.id, answer(true, 5_000)).await.unwrap_err();
    assert_eq!(late.to_string(), format!("`{}` is expired already", short.id));
    let claim = book.claim(short.id, short.request.binding, UnixMillis(5_000)).await.unwrap();
    assert_eq!(claim, Claim::Expired);
    assert_eq!(book.expire(UnixMillis(4_999)).await.unwrap(), []);
    let ended = book.expire(UnixMillis(20_000)).await.unwrap();
    let state = ApprovalState::Expired { at: UnixMillis(20_000) };
    assert_eq!(ended.iter().map(|ended| ended.id).collect::<Vec<_>>(), [approved, short.id]);
    assert!(ended.iter().all(|ended| ended.state == state));
    assert_eq!(book.expire(UnixMillis(30_000)).await.unwrap(), []);
    let waits = book.claim(endless.id, endless.request.binding, UnixMillis(u64::MAX)).await;
    assert_eq!(waits.unwrap(), Claim::Waiting);
}

#[tokio::test]
async fn what_is_taken_back_takes_no_answer_and_allows_nothing() {
    let (folder, book, approved) = approved().await;
    let (asked, _) = book.open(request("b", None)).await.unwrap();
    for id in [approved, asked.id] {
        let gone = book.withdraw(id, UnixMillis(3_000)).await.unwrap().unwrap();
        assert_eq!(gone.state, ApprovalState::Withdrawn { at: UnixMillis(3_000) });
        assert_eq!(book.withdraw(id, UnixMillis(3_001)).await.unwrap(), None);
        let claim = book.claim(id, gone.request.binding, UnixMillis(3_001)).await.unwrap();
        assert_eq!(claim, Claim::Expired);
    }
    let late = book.answer(asked.id, answer(true, 4_000)).await.unwrap_err();
    assert_eq!(late.to_string(), format!("`{}` is withdrawn already", asked.id));
    assert_eq!(book.withdraw(ApprovalId(99), UnixMillis(0)).await.unwrap(), None);
    drop(book);
    let book = Approvals::new(open(folder.path()), 10);
    let state = ApprovalState::Withdrawn { at: UnixMillis(3_000) };
    assert_eq!(book.find(asked.id).await.unwrap().unwrap().state, state);
}

#[tokio::test]
async fn old_settled_requests_make_room_and_their_numbers_never_return() {
    let (folder, book, approved) = approved().await;
    let (denied, _) = book.open(request("b", None)).await.unwrap();
    book.answer(denied.id, answer(false, 2_000)).await.unwrap();
    let (pending, _) = book.open(request("c", None)).await.unwrap();
    // As if ten thousand more had been asked.
    let file = rusqlite::Connection::open(folder.path().join("state.db")).unwrap();
    file.execute("UPDATE sqlite_sequence SET seq = 10002", []).unwrap();
    let (next, _) = book.open(request("d", None)).await.unwrap();
    assert_eq!(next.id, ApprovalId(10_003));
    let left = book.list(ApprovalFilter::Latest, 9).await.unwrap();
    let left: Vec<_> = left.iter().map(|left| left.id).collect();
    assert_eq!(left, [next.id, pending.id, approved], "what is open is never pruned");
}

#[tokio::test]
async fn the_file_is_its_owners_and_what_is_wrong_with_it_is_said() {
    let (folder, book, id) = approved().await;
    let path = folder.path().join("state.db");
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute("UPDATE approvals SET policy = x'00'", []).unwrap();
    let failed = book.find(id).await.unwrap_err();
    assert_eq!(failed.code(), Code::StoreFailed);
    assert!(failed.to_string().contains("`policy`"), "{failed}");
    file.pragma_update(None, "user_version", 7).unwrap();
    drop((file, book));
    let refuse = || Database::open(&StateFolder::open(folder.path()).unwrap()).unwrap_err();
    let newer = refuse();
    assert_eq!(newer.code(), Code::StateBroken);
    assert_eq!(newer.to_string(), "the state database is of version 7, at most 2 is known");
    fs::write(&path, "not a database, but a text that is long enough to look like one".repeat(99))
        .unwrap();
    assert_eq!(refuse().code(), Code::StateBroken);
}
