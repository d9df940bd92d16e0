//! What is known of which revisions a server speaks. Nothing is asked ahead of need: a server is
//! spoken to as its client speaks, and only one that does not take that is asked what it does
//! speak.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use axum::http::StatusCode;

use super::super::message::Id;
use super::super::revision::Revision;
use super::downward::NO_SUCH_METHOD;
use super::words::{Answer, answer};
use crate::mcp::answer::INTERNAL;

/// The errors of the newest revision alone.
const OF_THE_NEWEST: std::ops::RangeInclusive<i64> = -32022..=-32020;
/// What older servers say of a session that is not there.
const OF_SESSIONS: [i64; 3] = [-32000, -32001, -32600];
/// These speak of credentials, of patience and of size, whatever the revision.
const OTHERWISE: [u16; 4] = [403, 408, 413, 429];

/// What a server speaks, as far as it matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Speaks {
    /// Nobody has found that it does not speak as its clients do.
    AsAsked,
    /// The revisions with sessions, and no other.
    Old,
    /// The revision without, and no other.
    New,
}

/// What is known of all servers.
#[derive(Debug, Default)]
pub(crate) struct Knowledge(BTreeMap<Arc<str>, Known>);

#[derive(Debug)]
struct Known {
    speaks: AtomicU8,
    /// The configuration says so, and knows better than we do.
    stated: bool,
    /// Whether it was found silent when it was asked last.
    silent: AtomicBool,
}

impl Knowledge {
    /// Of these servers, and what the configuration says that they speak.
    pub(crate) fn of_all(servers: impl Iterator<Item = (Arc<str>, Option<Revision>)>) -> Self {
        let known = servers.map(|(server, stated)| {
            let speaks = match stated {
                None => 0,
                Some(stated) if stated.is_stateless() => 2,
                Some(_) => 1,
            };
            (
                server,
                Known {
                    speaks: AtomicU8::new(speaks),
                    stated: stated.is_some(),
                    silent: AtomicBool::new(false),
                },
            )
        });
        Self(known.collect())
    }

    /// What a server speaks.
    pub(crate) fn of(&self, server: &str) -> Speaks {
        match self.0.get(server).map(|known| known.speaks.load(Ordering::Relaxed)) {
            Some(1) => Speaks::Old,
            Some(2) => Speaks::New,
            _ => Speaks::AsAsked,
        }
    }

    /// Whether the configuration says what a server speaks, or the way to it does.
    pub(crate) fn is_stated(&self, server: &str) -> bool {
        self.0.get(server).is_some_and(|known| known.stated)
    }

    /// Learns whether a server is silent, and whether that is news.
    pub(crate) fn turned_silent(&self, server: &str, is_silent: bool) -> bool {
        let known = self.0.get(server);
        known.is_some_and(|known| known.silent.swap(is_silent, Ordering::Relaxed) != is_silent)
    }

    /// Learns what a server speaks, or that what was known is so no more.
    pub(crate) fn learn(&self, server: &str, speaks: Speaks) {
        if let Some(known) = self.0.get(server).filter(|known| !known.stated) {
            known.speaks.store(
                match speaks {
                    Speaks::AsAsked => 0,
                    Speaks::Old => 1,
                    Speaks::New => 2,
                },
                Ordering::Relaxed,
            );
        }
    }
}

/// Whether an answer to a request in the newest revision comes from a server that does not know
/// it, rather than from one that says no.
pub(crate) fn is_bewildered(status: StatusCode, body: &str, method: &str, id: &Id) -> bool {
    let code = answer(body).and_then(|answer| answer.code());
    if code.is_some_and(|code| OF_THE_NEWEST.contains(&code)) {
        return false;
    }
    if method == "server/discover" && code.is_some() {
        return true;
    }
    if !status.is_client_error() || OTHERWISE.contains(&status.as_u16()) {
        return false;
    }
    let is_ours = super::super::reply::answers(body, id);
    !(is_ours && code.is_some_and(|code| !OF_SESSIONS.contains(&code)))
}

/// Whether a server that has not done what it was asked says by that what it speaks. One that is
/// busy or fails says nothing of the kind.
pub(crate) fn is_word_of_revisions(status: StatusCode, body: &str) -> bool {
    let code = answer(body).and_then(|answer| answer.code());
    let is_unwell =
        status.is_server_error() || OTHERWISE.contains(&status.as_u16()) || code == Some(INTERNAL);
    code == Some(NO_SUCH_METHOD) || !is_unwell && (code.is_some() || status.is_client_error())
}

/// Whether a server knows the newest revision, by what it says to a `server/discover` that has
/// nothing wrong with it; nothing where that says nothing.
pub(crate) fn knows_the_newest(status: StatusCode, body: &str) -> Option<bool> {
    match answer(body) {
        Some(Answer::Done(told)) => Some(told.get("supportedVersions").is_some()),
        Some(error) if error.code().is_some_and(|code| OF_THE_NEWEST.contains(&code)) => Some(true),
        Some(Answer::Failed(_)) | None => is_word_of_revisions(status, body).then_some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::message::{Kind, Message};
    use super::*;

    #[test]
    fn a_server_that_says_no_is_told_from_one_that_does_not_understand() {
        let Kind::Request(request) =
            Message::read(r#"{"jsonrpc":"2.0","id":1,"method":"x"}"#).unwrap().kind
        else {
            panic!()
        };
        let error = |id: &str, code: i64| {
            format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":"m"}}}}"#)
        };
        for (status, body, method, want) in [
            (400, error("null", -32000), "tools/call", true),
            (400, error("\"server-error\"", -32600), "tools/call", true),
            (400, error("1", -32600), "tools/call", true),
            (422, "expected initialize".to_owned(), "tools/call", true),
            (404, String::new(), "tools/call", true),
            (200, error("1", -32601), "server/discover", true),
            (400, error("1", -32020), "server/discover", false),
            (400, error("1", -32022), "tools/call", false),
            (400, error("1", -32602), "tools/call", false),
            (404, error("1", -32601), "x/y", false),
            (200, error("1", -32601), "tools/call", false),
            (403, String::new(), "tools/call", false),
            (429, String::new(), "tools/call", false),
            (500, String::new(), "tools/call", false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let is = is_bewildered(status, &body, method, &request.id());
            assert_eq!(is, want, "{status} {body} {method}");
        }
    }

    #[test]
    fn a_server_that_is_busy_or_fails_has_not_said_what_it_speaks() {
        let result = |result: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
        let error = |code: i64| {
            format!(r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":{code},"message":"m"}}}}"#)
        };
        for (status, body, want) in [
            (200, result(r#"{"supportedVersions":["2026-07-28"]}"#), Some(true)),
            (200, result("{}"), Some(false)),
            (400, error(-32022), Some(true)),
            (200, error(-32601), Some(false)),
            (500, error(-32601), Some(false)),
            (400, error(-32000), Some(false)),
            (200, error(-32602), Some(false)),
            (404, String::new(), Some(false)),
            (422, "expected initialize".to_owned(), Some(false)),
            (200, String::new(), None),
            (200, error(-32603), None),
            (503, error(-32000), None),
            (503, String::new(), None),
            (502, "<html>".to_owned(), None),
            (429, error(-32000), None),
            (403, String::new(), None),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(knows_the_newest(status, &body), want, "{status} {body}");
        }
    }

    #[test]
    fn what_the_configuration_says_is_not_unlearnt() {
        let servers =
            [("a", None), ("b", Some(Revision::V2025_06_18)), ("c", Some(Revision::NEWEST))];
        let known =
            Knowledge::of_all(servers.into_iter().map(|(name, stated)| (name.into(), stated)));
        let all = || ["a", "b", "c", "d"].map(|name| known.of(name));
        assert_eq!(all(), [Speaks::AsAsked, Speaks::Old, Speaks::New, Speaks::AsAsked]);
        for name in ["a", "b", "c", "d"] {
            known.learn(name, Speaks::Old);
        }
        assert_eq!(all(), [Speaks::Old, Speaks::Old, Speaks::New, Speaks::AsAsked]);
        assert_eq!(["a", "b", "d"].map(|name| known.is_stated(name)), [false, true, false]);
        known.learn("a", Speaks::AsAsked);
        assert_eq!(known.of("a"), Speaks::AsAsked);
    }
}
