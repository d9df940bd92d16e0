//! The planner, against sinks that do whatever sinks do.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use bakerst_audit::delivery::{
    Backoff, Circuit, Letter, Moment, Outcome, Pace, Planner, Reason, Span, Step,
};
use bakerst_model::Seq;
use proptest::prelude::*;

const NOW: Moment = Moment(1_000_000);

fn pace() -> Pace {
    Pace { flush_records: 10, batch_records_max: 10, ..Pace::default() }
}

fn span(first: u64, last: u64) -> Span {
    Span::new(Seq(first), Seq(last)).unwrap()
}

fn failed() -> Outcome {
    Outcome::Failed { why: Reason::new("away"), after_millis: None }
}

fn refused() -> Outcome {
    Outcome::Refused(Reason::new("no"))
}

/// A planner with records `1..=head` in the log.
fn with_records(head: u64) -> Planner {
    let mut planner = Planner::new(pace(), Seq(0));
    planner.grown(Seq(head), NOW);
    planner
}

#[test]
fn a_full_batch_leaves_at_once_and_a_small_one_after_a_while() {
    let mut planner = with_records(3);
    assert_eq!(planner.step(NOW), Step::Wait(Some(NOW.plus(5_000))));
    planner.grown(Seq(4), NOW.plus(4_999));
    assert_eq!(planner.step(NOW.plus(4_999)), Step::Wait(Some(NOW.plus(5_000))));
    assert_eq!(planner.step(NOW.plus(5_000)), Step::Send(span(1, 4)));
    planner.settle(Outcome::Accepted, NOW, 0);
    assert_eq!(planner.step(NOW), Step::Wait(None));
    planner.grown(Seq(14), NOW);
    assert_eq!(planner.step(NOW), Step::Send(span(5, 14)));
}

#[test]
fn a_hurried_planner_waits_for_no_more() {
    let mut planner = with_records(3);
    planner.hurry();
    assert_eq!(planner.step(NOW), Step::Send(span(1, 3)));
}

#[test]
fn a_sink_that_keeps_failing_is_left_alone_and_then_probed() {
    let mut planner = with_records(10);
    let mut now = NOW;
    for failures in 1..5 {
        assert_eq!(planner.step(now), Step::Send(span(1, 10)));
        planner.settle(failed(), now, u64::MAX / 2);
        assert_eq!(planner.failures(), failures);
        assert_eq!(planner.circuit(now), Circuit::Closed);
        now = now.plus(pace().backoff.ceiling(failures));
    }
    planner.settle(failed(), now, 0);
    assert_eq!(planner.circuit(now), Circuit::Open);
    assert_eq!(planner.step(now.plus(29_999)), Step::Wait(Some(now.plus(30_000))));
    now = now.plus(30_000);
    assert_eq!(planner.circuit(now), Circuit::Probing);
    assert_eq!(planner.step(now), Step::Send(span(1, 10)));
    planner.settle(Outcome::Accepted, now, 0);
    assert_eq!((planner.circuit(now), planner.acknowledged()), (Circuit::Closed, Seq(10)));
}

#[test]
fn a_sink_that_asks_for_patience_gets_it_within_reason() {
    for (asked, want) in [(7_000, 7_000), (u64::MAX, 600_000)] {
        let mut planner = with_records(10);
        planner.step(NOW);
        let why = Reason::new("busy");
        planner.settle(Outcome::Failed { why, after_millis: Some(asked) }, NOW, 0);
        assert_eq!(planner.step(NOW), Step::Wait(Some(NOW.plus(want))));
    }
}

#[test]
fn a_sink_that_does_not_let_us_in_is_left_alone_at_once_and_no_record_is_to_blame() {
    let mut planner = with_records(10);
    planner.step(NOW);
    planner.settle(Outcome::Denied(Reason::new("401")), NOW, 0);
    assert_eq!(planner.circuit(NOW), Circuit::Open);
    assert_eq!(planner.step(NOW.plus(60_000)), Step::Send(span(1, 10)));
}

#[test]
fn a_poisoned_record_is_found_by_halving_and_the_others_go_through() {
    let mut planner = with_records(10);
    let mut sent = Vec::new();
    loop {
        match planner.step(NOW) {
            Step::Send(part) if part.holds(Seq(7)) => planner.settle(refused(), NOW, 0),
            Step::Send(part) => {
                sent.push(part.to_string());
                planner.settle(Outcome::Accepted, NOW, 0);
            }
            Step::Bury(letters) => {
                assert_eq!(letters, [Letter { seq: Seq(7), why: Reason::new("no") }]);
                planner.buried(NOW);
            }
            Step::Wait(until) => {
                assert_eq!(until, None);
                break;
            }
        }
    }
    assert_eq!(sent, ["1 to 5", "6", "8", "9 to 10"]);
    assert_eq!(planner.acknowledged(), Seq(10));
}

#[test]
fn a_sink_that_refuses_everything_is_left_alone_before_the_whole_log_is_buried() {
    let mut planner = Planner::new(pace(), Seq(0));
    planner.grown(Seq(1_000), NOW);
    let mut buried = 0;
    loop {
        match planner.step(NOW) {
            Step::Send(_) => planner.settle(refused(), NOW, 0),
            Step::Bury(letters) => {
                buried += letters.len();
                planner.buried(NOW);
            }
            Step::Wait(_) => break,
        }
    }
    assert!(buried < 10, "{buried} were buried");
    assert_eq!(planner.circuit(NOW), Circuit::Open);
}

#[test]
fn dead_letters_that_cannot_be_written_hold_the_sink_and_lose_nothing() {
    let mut planner = with_records(10);
    planner.step(NOW);
    let letters = vec![Letter { seq: Seq(3), why: Reason::new("no") }];
    planner.settle(Outcome::AcceptedExcept(letters.clone()), NOW, 0);
    assert_eq!(planner.step(NOW), Step::Bury(letters.clone()));
    planner.not_buried(NOW, 100);
    assert_eq!(planner.acknowledged(), Seq(0));
    let Step::Wait(Some(until)) = planner.step(NOW) else { panic!("it does not wait") };
    assert_eq!(planner.step(until), Step::Bury(letters));
    planner.buried(until);
    assert_eq!(planner.acknowledged(), Seq(10));
}

#[test]
fn words_of_a_sink_are_bounded_and_escaped() {
    assert_eq!(Reason::new("no\n\u{1b}[2J").as_str(), "no\\n\\u{1b}[2J");
    assert!(Reason::new("\u{1b}é".repeat(10_000)).as_str().len() <= Reason::BYTES_MAX);
}

/// What a made-up sink does with an attempt.
#[derive(Clone, Debug)]
enum Does {
    Accept,
    /// It takes the records and the answer is lost.
    AcceptInSilence,
    Fail(Option<u64>),
    Deny,
    RefuseWhole,
    /// It refuses those whose place leaves no rest by this.
    RefuseSome(u64),
}

fn does() -> impl Strategy<Value = Does> {
    prop_oneof![
        4 => Just(Does::Accept),
        2 => Just(Does::AcceptInSilence),
        2 => proptest::option::of(0_u64..100_000).prop_map(Does::Fail),
        1 => Just(Does::Deny),
        2 => Just(Does::RefuseWhole),
        2 => (1_u64..7).prop_map(Does::RefuseSome),
    ]
}

/// A world with one sink in it.
struct World {
    planner: Planner,
    now: Moment,
    head: u64,
    checked: u64,
    /// How often the sink was handed each record.
    taken: BTreeMap<u64, u32>,
    buried: BTreeMap<u64, u32>,
    /// The first deliveries, in the order in which they came.
    order: Vec<u64>,
}

impl World {
    fn new(pace: Pace) -> Self {
        let (taken, buried, order) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        Self {
            planner: Planner::new(pace, Seq(0)),
            now: NOW,
            head: 0,
            checked: 0,
            taken,
            buried,
            order,
        }
    }

    fn grow(&mut self, by: u64) {
        self.head += by;
        self.planner.grown(Seq(self.head), self.now);
    }

    fn take(&mut self, part: Span, except: impl Fn(u64) -> bool) {
        for seq in (part.first().0..=part.last().0).filter(|seq| !except(*seq)) {
            let times = self.taken.entry(seq).or_default();
            *times += 1;
            if *times == 1 {
                self.order.push(seq);
            }
        }
    }

    /// Lets one attempt happen, and sees to it that nothing was skipped.
    fn attempt(&mut self, does: &Does, random: u64, cut: u64) {
        match self.planner.step(self.now) {
            Step::Wait(Some(until)) => self.now = until,
            Step::Wait(None) => {}
            Step::Bury(letters) => {
                for letter in &letters {
                    *self.buried.entry(letter.seq.0).or_default() += 1;
                }
                self.planner.buried(self.now);
            }
            Step::Send(part) => {
                let shorter = Seq(part.first().0 + cut % part.records());
                self.planner.cut(shorter);
                let Step::Send(part) = self.planner.step(self.now) else { panic!("no longer due") };
                let outcome = self.outcome(does, part);
                self.planner.settle(outcome, self.now, random);
            }
        }
        let acknowledged = self.planner.acknowledged().0;
        for seq in self.checked + 1..=acknowledged {
            let settled = self.taken.contains_key(&seq) || self.buried.contains_key(&seq);
            assert!(settled, "record {seq} is acknowledged, and nobody has it");
        }
        self.checked = acknowledged;
        assert!(self.planner.parts() <= 8, "{} parts are kept", self.planner.parts());
    }

    fn outcome(&mut self, does: &Does, part: Span) -> Outcome {
        match does {
            Does::Accept => {
                self.take(part, |_| false);
                Outcome::Accepted
            }
            Does::AcceptInSilence => {
                self.take(part, |_| false);
                failed()
            }
            Does::Fail(after_millis) => {
                Outcome::Failed { why: Reason::new("away"), after_millis: *after_millis }
            }
            Does::Deny => Outcome::Denied(Reason::new("401")),
            Does::RefuseWhole => refused(),
            Does::RefuseSome(by) => {
                self.take(part, |seq| seq % by == 0);
                let refused = (part.first().0..=part.last().0).filter(|seq| seq % by == 0);
                let letter = |seq| Letter { seq: Seq(seq), why: Reason::new("no") };
                Outcome::AcceptedExcept(refused.map(letter).collect())
            }
        }
    }
}

proptest! {
    #[test]
    fn whatever_a_sink_does_nothing_is_skipped_and_the_order_is_kept(
        script in proptest::collection::vec((does(), any::<u64>(), any::<u64>(), 0_u64..40), 1..200),
        flush in 1_u64..20,
        max in 20_u64..64,
    ) {
        let pace = Pace { flush_records: flush, batch_records_max: max, ..Pace::default() };
        let mut world = World::new(pace);
        for (does, random, cut, grown) in &script {
            world.grow(*grown);
            world.attempt(does, *random, *cut);
        }
        // Once the sink is well again, everything arrives.
        for _ in 0..100_000 {
            if world.planner.is_done() {
                break;
            }
            world.attempt(&Does::Accept, 7, u64::MAX);
        }
        prop_assert_eq!(world.planner.acknowledged(), Seq(world.head));
        // What a sink takes for the first time comes in the log's order.
        prop_assert!(world.order.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn no_wait_is_longer_than_it_may_be(failures in 1_u32..200, random in any::<u64>()) {
        let backoff = Backoff { first_millis: 500, max_millis: 60_000 };
        prop_assert!(backoff.wait(failures, random) <= 60_000);
    }
}
