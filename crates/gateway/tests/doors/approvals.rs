//! A person is asked, and the call waits for the answer or comes back for it.

use bakerst_guard::approval::ApprovalState;
use bakerst_model::{Action, Limits, Role};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::{House, Mood, Plan, Reply, destructive, harmless, policy_with, with};

const BEFORE: &str = "/v1/guard/before";
const WAITING: &str = "/v1/guard/before?wait=60s";

/// Asks about a call without waiting, and gives the request's number.
async fn ask(house: &House, call: &Value) -> String {
    let reply = house.socket().await.post(BEFORE, call).await;
    assert_eq!(reply.field("action"), "escalate", "{reply:?}");
    reply.field("approvalId").as_str().unwrap().to_owned()
}

/// Sends a call that waits, and returns once it does.
async fn wait(house: &House, call: &Value, claims: usize) -> JoinHandle<Reply> {
    let (mut agent, call) = (house.socket().await, call.clone());
    let waiting = tokio::spawn(async move { agent.post(WAITING, &call).await });
    house.approvals.claimed(claims).await;
    waiting
}

#[tokio::test]
async fn an_open_question_is_answered_at_once_with_its_number() {
    let house = House::new().await;
    let answer = house.tcp().await.post(BEFORE, &destructive("/a")).await.json();
    assert_eq!(answer["allow"], false);
    assert_eq!(answer["action"], "escalate");
    assert_eq!(answer["approvalId"], "apr-1");
    assert_eq!(answer["retryable"], true);
    assert_eq!(answer["code"], "GRD-031");
    let reason = answer["reason"].as_str().unwrap();
    assert!(reason.contains("`apr-1` waits for a person"), "{reason}");
    assert!(reason.ends_with("Do not try to reach the same end another way."), "{reason}");
    assert_eq!(
        house.journal.actions(),
        ["auth.success", "approval.requested", "tool.asked"],
        "asked, and recorded as such"
    );
}

#[tokio::test]
async fn an_answer_resumes_the_call_that_waits() {
    let house = House::new().await;
    let waiting = wait(&house, &destructive("/a"), 2).await;
    let settled = house.answer("apr-1", true).await;
    assert_eq!((settled.status, settled.field("state")), (200, json!("approved")));
    let answer = waiting.await.unwrap().json();
    assert_eq!((&answer["allow"], &answer["approvalId"]), (&json!(true), &json!("apr-1")));
    assert!(matches!(house.approvals.state("apr-1"), ApprovalState::Used { .. }));
    let actions = house.journal.actions();
    let order: Vec<_> = actions.iter().filter(|action| !action.starts_with("auth.")).collect();
    assert_eq!(order, ["approval.requested", "approval.approved", "tool.allowed"]);
}

#[tokio::test]
async fn a_denial_resumes_the_call_with_the_persons_words() {
    let house = House::new().await;
    let waiting = wait(&house, &destructive("/a"), 2).await;
    house.answer("apr-1", false).await;
    let reply = waiting.await.unwrap();
    assert_eq!(reply.verdict(), "200 GRD-051");
    let reason = reply.field("reason");
    assert!(reason.as_str().unwrap().contains("denied `apr-1`: so be it"), "{reason}");
    assert_eq!(house.journal.of(&Action::ApprovalDenied).len(), 1);
    assert!(house.journal.of(&Action::ToolAllowed).is_empty());
}

#[tokio::test(start_paused = true)]
async fn silence_becomes_a_denial_and_wakes_the_call_that_waits() {
    let plan = Plan::new().policy_with("timeout_seconds: 300", "timeout_seconds: 20");
    let house = plan.open().await;
    let reply = house.socket().await.post(WAITING, &destructive("/a")).await;
    assert_eq!(reply.verdict(), "200 GRD-052");
    assert_eq!(house.journal.of(&Action::ApprovalExpired).len(), 1);
    assert!(matches!(house.approvals.state("apr-1"), ApprovalState::Expired { .. }));
    assert_eq!(house.socket().await.get("/readyz").await.field("pending_approvals"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_ends_leaves_the_question_open() {
    let house = House::new().await;
    let began = tokio::time::Instant::now();
    let reply = house.socket().await.post(WAITING, &destructive("/a")).await;
    assert_eq!(began.elapsed().as_secs(), 60);
    assert_eq!(reply.field("action"), "escalate");
    assert_eq!(house.approvals.state("apr-1"), ApprovalState::Pending);
}

#[tokio::test]
async fn an_approval_is_good_for_one_use() {
    let house = House::new().await;
    let id = ask(&house, &destructive("/a")).await;
    let back = with(destructive("/a"), "approvalId", id.as_str());
    let mut agent = house.socket().await;
    assert_eq!(agent.post(BEFORE, &back).await.field("action"), "escalate", "not yet answered");
    house.answer(&id, true).await;
    assert_eq!(agent.post(BEFORE, &back).await.field("allow"), true);
    assert_eq!(agent.post(BEFORE, &back).await.verdict(), "200 GRD-053");
    assert_eq!(ask(&house, &destructive("/a")).await, "apr-2", "asked anew");
}

/// ATK: an approval of one call must not let another through.
#[tokio::test]
async fn an_approval_is_good_for_no_other_call() {
    let house = House::new().await;
    let id = ask(&house, &destructive("/a")).await;
    house.answer(&id, true).await;
    let mut agent = house.socket().await;
    for other in [
        destructive("/b"),
        with(destructive("/a"), "userId", "eve"),
        with(destructive("/a"), "agent", "eve"),
        with(destructive("/a"), "conversationId", "c-2"),
    ] {
        let reply = agent.post(BEFORE, &with(other, "approvalId", id.as_str())).await;
        assert_eq!(reply.verdict(), "200 GRD-053");
    }
    let unknown = with(destructive("/a"), "approvalId", "apr-99");
    assert_eq!(agent.post(BEFORE, &unknown).await.verdict(), "200 GRD-053");
    let own = with(destructive("/a"), "approvalId", id.as_str());
    assert_eq!(agent.post(BEFORE, &own).await.field("allow"), true, "it was not used up");
}

#[tokio::test]
async fn the_same_call_attaches_to_the_question_that_is_open() {
    let house = House::new().await;
    let id = ask(&house, &destructive("/a")).await;
    assert_eq!(ask(&house, &destructive("/a")).await, id);
    let (first, second) =
        (wait(&house, &destructive("/a"), 4).await, wait(&house, &destructive("/a"), 6).await);
    house.answer(&id, true).await;
    let answers = [first.await.unwrap(), second.await.unwrap()].map(|reply| reply.verdict());
    assert!(answers.contains(&"200 GRD-000".to_owned()), "{answers:?}");
    assert!(answers.contains(&"200 GRD-053".to_owned()), "one approval, one call: {answers:?}");
    assert_eq!(house.journal.of(&Action::ApprovalRequested).len(), 1);
}

#[tokio::test]
async fn an_answer_survives_a_restart() {
    let plan = Plan::new();
    let approvals = plan.approvals.clone();
    let mut house = plan.open().await;
    let id = ask(&house, &destructive("/a")).await;
    house.begin_to_stop();
    house.stopped().await;
    let house = Plan { approvals: approvals.clone(), ..Plan::new() }.open().await;
    assert_eq!(house.socket().await.get("/readyz").await.field("pending_approvals"), 1);
    house.answer(&id, true).await;
    let house = Plan { approvals, ..Plan::new() }.open().await;
    let back = with(destructive("/a"), "approvalId", id.as_str());
    assert_eq!(house.socket().await.post(BEFORE, &back).await.field("allow"), true);
}

#[tokio::test]
async fn a_waiter_that_hangs_up_uses_nothing_up() {
    let house = House::new().await;
    let waiting = wait(&house, &destructive("/a"), 2).await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    house.answer("apr-1", true).await;
    let back = with(destructive("/a"), "approvalId", "apr-1");
    let reply = house.socket().await.post(BEFORE, &back).await;
    assert_eq!(reply.field("allow"), true, "{reply:?}");
}

#[tokio::test]
async fn of_two_answers_one_wins_and_the_log_holds_no_other() {
    let house = House::new().await;
    let id = ask(&house, &destructive("/a")).await;
    let (yes, no) = tokio::join!(house.answer(&id, true), house.answer(&id, false));
    let mut statuses = [yes.status, no.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let answers = house.journal.of(&Action::ApprovalApproved).len()
        + house.journal.of(&Action::ApprovalDenied).len();
    assert_eq!(answers, 1);
    let loser = if yes.status == 409 { yes } else { no };
    assert_eq!(loser.verdict(), "409 API-014");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_with_the_expiry_is_one_or_the_other() {
    let plan = Plan::new().policy_with("timeout_seconds: 300", "timeout_seconds: 5");
    let house = plan.open().await;
    let waiting = wait(&house, &destructive("/a"), 2).await;
    tokio::time::sleep_until(tokio::time::Instant::now() + std::time::Duration::from_secs(5)).await;
    let answer = house.answer("apr-1", true).await;
    assert_eq!(answer.verdict(), "409 API-014", "{answer:?}");
    assert_eq!(waiting.await.unwrap().verdict(), "200 GRD-052");
    assert_eq!(house.journal.of(&Action::ApprovalApproved).len(), 0);
    assert_eq!(house.journal.of(&Action::ApprovalExpired).len(), 1);
}

#[tokio::test]
async fn an_answer_that_cannot_be_recorded_does_not_take_effect() {
    let house = House::new().await;
    let waiting = wait(&house, &destructive("/a"), 2).await;
    let mut person = house.person().await;
    assert_eq!(person.get("/api/approvals").await.status, 200);
    house.journal.set(Mood::Unwritable);
    let reply = person.post("/api/approvals/apr-1", &json!({ "approve": true })).await;
    assert_eq!(reply.verdict(), "503 AUD-001");
    assert_eq!(house.approvals.state("apr-1"), ApprovalState::Pending);
    house.journal.set(Mood::Takes);
    house.answer("apr-1", false).await;
    assert_eq!(waiting.await.unwrap().verdict(), "200 GRD-051");
}

#[tokio::test]
async fn after_a_wait_the_policy_in_force_decides() {
    let house = House::new().await;
    let waiting = wait(&house, &destructive("/a"), 2).await;
    let shut = policy_with(
        "  filesystem_delete:\n    risk: destructive\n    schema: { type: object, properties: { path: { type: string } }, required: [path] }\n",
        "  filesystem_delete:\n    risk: destructive\n    schema: { type: object, properties: { path: { type: string, pattern: \"^/data\" } }, required: [path] }\n",
    );
    let before = house.gateway.replace_policy(shut);
    assert_ne!(before.digest(), house.gateway.policy().digest());
    house.answer("apr-1", true).await;
    let reply = waiting.await.unwrap();
    assert_eq!(reply.verdict(), "200 GRD-020");
    let blocked = house.journal.of(&Action::ToolBlocked).remove(0);
    assert_eq!(blocked.detail["policy"], house.gateway.policy().digest().to_string());
}

#[tokio::test]
async fn a_token_that_is_withdrawn_during_the_wait_gets_nothing() {
    let house = House::new().await;
    let waiting = wait(&house, &destructive("/a"), 2).await;
    assert_eq!(house.person().await.delete("/api/tokens/laptop").await.status, 200);
    house.answer("apr-1", true).await;
    assert_eq!(waiting.await.unwrap().verdict(), "401 AUT-002");
    assert!(matches!(house.approvals.state("apr-1"), ApprovalState::Approved { .. }));
}

#[tokio::test]
async fn a_book_that_fails_or_is_full_allows_nothing() {
    let plan = Plan::new();
    let plan = Plan {
        approvals: std::sync::Arc::new(crate::support::FakeApprovals::new(1)),
        limits: Limits { approvals_pending_max: 1, ..Limits::default() },
        ..plan
    };
    let house = plan.open().await;
    ask(&house, &destructive("/a")).await;
    let mut agent = house.socket().await;
    assert_eq!(agent.post(BEFORE, &destructive("/b")).await.verdict(), "200 GRD-054");
    house.approvals.break_down();
    let reply = agent.post(BEFORE, &destructive("/a")).await;
    assert_eq!(reply.verdict(), "200 API-017");
    assert_eq!((reply.field("allow"), reply.field("retryable")), (json!(false), json!(true)));
    assert_eq!(agent.post(BEFORE, &harmless()).await.field("allow"), true, "nobody was asked");
}

#[tokio::test]
async fn people_see_what_they_are_asked() {
    let house = House::new().await;
    let key = ["sk-", "ant-", "abcdefghijklmnopqrstuvwxyz"].concat();
    let call = with(destructive(&format!("/a/{key}")), "userId", "bob");
    let id = ask(&house, &call).await;
    ask(&house, &destructive("/b")).await;
    house.answer("apr-2", false).await;
    let mut person = house.person().await;
    let listed = person.get("/api/approvals").await.json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(person.get("/api/approvals?state=all").await.json().as_array().unwrap().len(), 2);
    assert_eq!(person.get("/api/approvals?state=some").await.verdict(), "400 API-011");
    let shown = person.get(&format!("/api/approvals/{id}")).await.json();
    assert_eq!(listed[0], shown);
    assert_eq!(shown["id"], "apr-1");
    assert_eq!(shown["state"], "pending");
    assert_eq!(shown["tool"], "filesystem_delete");
    assert_eq!(shown["agent"], "default");
    assert_eq!(shown["userId"], "bob");
    assert_eq!(shown["conversationId"], "c-1");
    assert_eq!(shown["input"], r#"{"path":"/a/[REDACTED_API_KEY]"}"#);
    assert_eq!(shown["reasons"][0]["code"], "GRD-031");
    assert!(shown["askedAt"].is_string() && shown["expiresAt"].is_string(), "{shown}");
    let denied = person.get("/api/approvals/apr-2").await.json();
    assert_eq!((&denied["state"], &denied["note"]), (&json!("denied"), &json!("so be it")));
    assert!(denied["answeredBy"].as_str().unwrap().starts_with("operator (uid "), "{denied}");
    for path in ["/api/approvals/apr-9", "/api/approvals/9"] {
        assert_eq!(person.get(path).await.verdict(), "404 API-013");
        let answer = json!({ "approve": true });
        assert_eq!(person.post(path, &answer).await.verdict(), "404 API-013");
    }
    let long = json!({ "approve": true, "note": "x".repeat(2001) });
    assert_eq!(person.post("/api/approvals/apr-1", &long).await.verdict(), "400 API-005");
    assert_eq!(person.post("/api/approvals/apr-1", &json!({})).await.verdict(), "400 API-005");
}

#[tokio::test]
async fn a_token_with_the_role_answers_and_no_agent_does() {
    let plan = Plan::new();
    let both = plan.token("both", &[Role::Agent, Role::Approver], None).await;
    let house = plan.open().await;
    let id = ask(&house, &destructive("/a")).await;
    let (path, yes) = (format!("/api/approvals/{id}"), json!({ "approve": true, "note": null }));
    assert_eq!(house.tcp().await.post(&path, &yes).await.verdict(), "403 AUT-003");
    assert_eq!(house.approvals.state(&id), ApprovalState::Pending);
    let mut ann = house.tcp().await.with_token(&house.approver);
    let settled = ann.post(&path, &yes).await;
    assert_eq!((settled.status, settled.field("answeredBy")), (200, json!("ann")));
    assert_eq!(ann.post(&path, &yes).await.verdict(), "409 API-014");
    assert_eq!(house.tcp().await.with_token(&both).get(&path).await.status, 200);
}
