//! While a person decides: what the client hears, and what becomes of the question once nobody
//! waits for its answer any more.

use bakerst_guard::approval::ApprovalState;
use bakerst_model::{Action, Role};
use serde_json::{Value, json};

use super::link::Wrapper;
use super::{LEGACY, call, echo, fate, messages, modern, post};
use crate::support::{Client, House, Plan, Upstream, harmless};

fn delete() -> Value {
    call(5, "filesystem_delete", &json!({ "path": "/data/old" }))
}

fn taken_back() -> Value {
    json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 5 } })
}

async fn with_server(plan: Plan) -> (House, Upstream) {
    let (house, server) = (plan.open().await, Upstream::start(echo).await);
    house.put_behind(&server);
    (house, server)
}

/// The call was taken back: that is on record, nobody is asked any more, and whoever answers all
/// the same is on record too and lets nothing through.
async fn withdrawn(house: &House) {
    house.journal.until(Action::ApprovalWithdrawn, 1).await;
    assert!(matches!(house.approvals.state("apr-1"), ApprovalState::Withdrawn { .. }));
    let late = house.answer("apr-1", true).await;
    assert_eq!(late.status, 409, "{}", late.text);
    let [late] = &house.journal.of(&Action::ApprovalTooLate)[..] else { panic!("not recorded") };
    assert_eq!(late.detail["note"], "so be it");
    assert_eq!(house.journal.of(&Action::ToolAllowed).len(), 0);
}

#[tokio::test]
async fn a_client_that_asked_for_progress_hears_some_while_a_person_thinks() {
    let (house, server) = with_server(Plan::new()).await;
    let mut agent = house.tcp().await;
    let mut message = delete();
    message["params"]["_meta"] = json!({ "progressToken": "p-1" });
    let answered = tokio::spawn(async move { post(&mut agent, LEGACY, &message).await });
    // waits: the first word comes a moment after the question
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    house.approvals.claimed(2).await;
    house.answer("apr-1", true).await;
    let messages = messages(&answered.await.unwrap());
    let [first, .., last] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!(
        (&first["method"], &first["params"]["progressToken"]),
        (&json!("notifications/progress"), &json!("p-1"))
    );
    assert_eq!((fate(last), server.methods()), ("made".into(), vec!["tools/call".into()]));
}

#[tokio::test]
async fn a_client_over_pipes_hears_progress_too() {
    let house = House::new().await;
    let mut wrapper = Wrapper::connect(&house).await;
    let mut message = delete();
    message["params"]["_meta"] = json!({ "progressToken": 7 });
    wrapper.from('c', &message).await;
    let (to, word) = wrapper.next().await;
    assert_eq!((to, &word["params"]["progressToken"]), ('c', &json!(7)));
    house.answer("apr-1", true).await;
    assert_eq!(wrapper.next().await, ('s', message));
}

#[tokio::test]
async fn a_call_that_is_taken_back_takes_its_question_back() {
    let (house, server) = with_server(Plan::new()).await;
    let (mut agent, mut again) = (house.tcp().await, house.tcp().await);
    let answered = tokio::spawn(async move { post(&mut agent, LEGACY, &delete()).await });
    house.approvals.claimed(2).await;
    assert_eq!(post(&mut again, LEGACY, &taken_back()).await.status, 202);
    answered.await.unwrap();
    withdrawn(&house).await;
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_client_that_is_gone_takes_its_question_back() {
    let (house, server) = with_server(Plan::new()).await;
    let mut agent = house.tcp().await;
    let answered = tokio::spawn(async move { post(&mut agent, LEGACY, &delete()).await });
    house.approvals.claimed(2).await;
    answered.abort();
    withdrawn(&house).await;
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_call_over_pipes_that_is_taken_back_takes_its_question_back() {
    for gone in [false, true] {
        let house = House::new().await;
        let mut wrapper = Wrapper::connect(&house).await;
        wrapper.from('c', &delete()).await;
        house.approvals.claimed(2).await;
        match gone {
            true => drop(wrapper),
            false => wrapper.from('c', &taken_back()).await,
        }
        withdrawn(&house).await;
    }
}

#[tokio::test]
async fn a_question_that_somebody_else_waits_for_stays() {
    let (house, server) = with_server(Plan::new()).await;
    let (mut agent, mut other, mut again) =
        (house.tcp().await, house.tcp().await, house.tcp().await);
    let first = tokio::spawn(async move { post(&mut agent, LEGACY, &delete()).await });
    house.approvals.claimed(2).await;
    let mut message = delete();
    message["id"] = json!(6);
    let second = tokio::spawn(async move { post(&mut other, LEGACY, &message).await });
    house.approvals.claimed(4).await;
    post(&mut again, LEGACY, &taken_back()).await;
    first.await.unwrap();
    house.answer("apr-1", true).await;
    let reply = second.await.unwrap();
    let last = messages(&reply).pop().unwrap_or_else(|| reply.json());
    assert_eq!((fate(&last), server.methods().len()), ("made".into(), 1));
}

/// Under the revision without sessions no connection is held for as long as a person thinks: the
/// client comes back with what it was given.
#[tokio::test]
async fn a_call_in_rounds_is_made_once_a_person_agrees() {
    let plan = Plan::new().limits(|limits| limits.wait_seconds_max = 1);
    let other = plan.token("mallory", &[Role::Agent], None).await;
    let (house, server) = with_server(plan).await;
    let (message, headers) = modern(delete());
    let mut agent = house.tcp().await;
    let reply = post(&mut agent, &headers, &message).await;
    let first = messages(&reply).pop().unwrap_or_else(|| reply.json());
    assert_eq!(first["result"]["resultType"], "input_required", "{first}");
    let state = first["result"]["requestState"].clone();
    assert!(!state.to_string().contains("apr-1"), "{state}");

    let mut back = message.clone();
    back["id"] = json!(6);
    back["params"]["requestState"] = state;
    let mut mallory = Client::tcp(house.address, Some(&other)).await;
    let stolen = post(&mut mallory, &headers, &back).await.json();
    assert_eq!(fate(&stolen), "error -32602");
    let mut bent = back.clone();
    bent["params"]["requestState"] = json!("bakerst1:00");
    assert_eq!(fate(&post(&mut agent, &headers, &bent).await.json()), "error -32602");
    // The same word for another call is good for nothing.
    let mut swapped = back.clone();
    swapped["params"]["arguments"]["path"] = json!("/data");
    assert_eq!(fate(&post(&mut agent, &headers, &swapped).await.json()), "GRD-053");

    house.answer("apr-1", true).await;
    assert_eq!(fate(&post(&mut agent, &headers, &back).await.json()), "made");
    let [seen] = &server.seen()[..] else { panic!("{:?}", server.methods()) };
    assert_eq!(seen.message()["params"], message["params"], "the server never sees our word");
    assert_eq!(fate(&post(&mut agent, &headers, &back).await.json()), "GRD-053", "used up");
}

#[tokio::test]
async fn what_a_server_has_given_a_client_to_bring_along_reaches_it() {
    let (house, server) = with_server(Plan::new()).await;
    let (mut message, headers) = modern(call(1, "timezone_lookup", &json!({ "city": "Tokyo" })));
    message["params"]["requestState"] = json!("the server's own");
    message["params"]["inputResponses"] = json!({ "a": {} });
    assert_eq!(fate(&post(&mut house.tcp().await, &headers, &message).await.json()), "made");
    assert_eq!(server.seen()[0].text, message.to_string());
}

#[tokio::test]
async fn a_call_too_many_waits_at_this_door_as_well() {
    for rates in crate::rates::one_a_minute() {
        let (house, server) = with_server(Plan::new()).await;
        house.gateway.limit_rates(rates);
        let lookup = call(1, "timezone_lookup", &json!({ "city": "Tokyo" }));
        let mut agent = house.tcp().await;
        assert_eq!(fate(&post(&mut agent, LEGACY, &lookup).await.json()), "made");
        let late = post(&mut agent, LEGACY, &lookup).await;
        assert_eq!((late.status, late.header("retry-after")), (429, Some("60")), "{rates:?}");
        assert_eq!(
            (late.json()["id"].clone(), fate(&late.json())),
            (json!(1), "error -32603".into())
        );
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_call_too_many_waits_behind_pipes_as_well() {
    for rates in crate::rates::one_a_minute() {
        let (house, _server) = with_server(Plan::new()).await;
        house.gateway.limit_rates(rates);
        let mut wrapper = Wrapper::connect(&house).await;
        for (id, want) in [(1, 's'), (2, 'c')] {
            let lookup = call(id, "timezone_lookup", &json!({ "city": "Tokyo" }));
            wrapper.from('c', &lookup).await;
            let (to, told) = wrapper.next().await;
            assert_eq!(to, want, "{rates:?}: {told}");
            assert!(to == 's' || told["error"]["data"]["code"] == "API-020", "{told}");
        }
    }
}

/// Whoever says a word may hold the conversation that the next line needs, and its word may find
/// no room: the words of others must go out meanwhile.
#[tokio::test]
async fn words_of_progress_do_not_hold_up_what_waits_for_their_conversation() {
    let plan = Plan::new().limits(|limits| limits.conversations_held_max = 1);
    let conversations = plan.conversations.clone();
    let house = plan.open().await;
    let (mut wrapper, mut other) = (Wrapper::connect(&house).await, house.tcp().await);
    let lookup = call(1, "timezone_lookup", &json!({ "city": "Tokyo" }));
    wrapper.from('c', &lookup).await;
    assert_eq!(wrapper.next().await, ('s', lookup));
    let waiting = |id: usize| {
        let mut message = delete();
        message["id"] = json!(id);
        message["params"]["_meta"] = json!({ "progressToken": id });
        message
    };
    // More words than there is room for, a moment later.
    for id in 100..180 {
        wrapper.from('c', &waiting(id)).await;
    }
    house.approvals.claimed(160).await;
    // The conversation makes room for another, and is read once more, slowly: by a call that will
    // say a word too, and for the answer to the first.
    other.post("/v1/guard/before", &harmless()).await;
    conversations.take_time(true);
    wrapper.from('c', &waiting(180)).await;
    conversations.read(3).await;
    wrapper.from('s', &json!({ "jsonrpc": "2.0", "id": 1, "result": {} })).await;
    // waits: the words come a moment after their questions
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    conversations.take_time(false);
    let answered = async { while wrapper.next().await.1["id"] != 1 {} };
    tokio::time::timeout(std::time::Duration::from_secs(10), answered).await.unwrap();
}
