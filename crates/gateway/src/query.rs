//! Query parameters, few and strict.

use std::time::Duration;

use bakerst_model::{Code, Escaped, Limits};

use crate::problem::Problem;

/// A parameter that a route takes.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) example: &'static str,
}

/// The parameters of one request: each known to the route, and named once.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(&'static str, String)>);

impl Query {
    /// Reads what stands behind the question mark.
    pub(crate) fn read(text: Option<&str>, known: &'static [Parameter]) -> Result<Self, Problem> {
        let mut read = Vec::new();
        for pair in text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(parameter) = known.iter().find(|parameter| parameter.name == name) else {
                let message = format!("there is no query parameter `{}` here", Escaped(name));
                return Err(Problem::new(Code::BadQuery, message));
            };
            if read.iter().any(|(there, _)| *there == parameter.name) {
                let message = format!("the query names `{}` twice", parameter.name);
                return Err(Problem::new(Code::BadQuery, message));
            }
            read.push((parameter.name, value.to_owned()));
        }
        Ok(Self(read))
    }

    /// One parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(there, _)| *there == name).map(|(_, value)| value.as_str())
    }

    /// How long to wait for a person: whole seconds, from one to the limit.
    pub(crate) fn wait(&self, limits: &Limits) -> Result<Option<Duration>, Problem> {
        let Some(text) = self.get("wait") else { return Ok(None) };
        let digits = text.strip_suffix('s').filter(|digits| {
            (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
        });
        let seconds = digits.and_then(|digits| digits.parse().ok());
        match seconds.filter(|seconds| (1..=limits.wait_seconds_max).contains(seconds)) {
            Some(seconds) => Ok(Some(Duration::from_secs(seconds))),
            None => Err(Problem::new(
                Code::BadQuery,
                format!(
                    "`wait` is `{}`, expected whole seconds from `1s` to `{}s` (`wait_seconds_max`)",
                    Escaped(text),
                    limits.wait_seconds_max
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &str) {
        const KNOWN: &[Parameter] = &[Parameter { name: "wait", about: "", example: "" }];
        let limits = Limits { wait_seconds_max: 60, ..Limits::default() };
        let read = Query::read(Some(text), KNOWN).and_then(|query| query.wait(&limits));
        let got = match read {
            Ok(wait) => format!("{:?}", wait.map(|wait| wait.as_secs())),
            Err(problem) => problem.code().to_string(),
        };
        assert_eq!(got, want, "{text}");
    }

    #[test]
    fn a_wait_is_whole_seconds_within_the_limit() {
        check("", "None");
        check("wait=1s", "Some(1)");
        check("wait=60s", "Some(60)");
        for wrong in ["wait", "wait=", "wait=s", "wait=0s", "wait=61s", "wait=5", "wait=-1s"] {
            check(wrong, "API-011");
        }
        for wrong in ["wait=+1s", "wait=1.5s", "wait=1s&wait=2s", "wiat=1s", "wait=99999999999999s"]
        {
            check(wrong, "API-011");
        }
    }
}
