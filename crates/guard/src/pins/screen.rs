//! A server's list of tools held against the lock: what agents may see, and what becomes of a lock
//! when a person approves.

use std::collections::BTreeSet;

use bakerst_detect::injection::Detector;
use bakerst_model::{
    Action, Actor, Code, Detail, Escaped, Event, EventError, Reason, ServerIdentity,
    ToolDefinition, ToolName, canonical_tool_name,
};
use serde::Serialize;

use super::change::Change;
use super::lookalike::{self, Named};
use super::words::Parts;
use super::{Held, Listing, Lock, Pin, Wording};
use crate::glob::Glob;

/// Holds lists of tools against a lock.
#[derive(Clone, Copy, Debug)]
pub struct Screen<'s> {
    /// What was approved.
    pub lock: &'s Lock,
    /// Whether tools may be described in other words.
    pub wording: Wording,
    /// Reads descriptions.
    pub detector: &'s Detector,
}

/// A tool of a list, and what becomes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The name that every door knows it by; a list's own words where they make no name.
    pub name: String,
    /// What becomes of it.
    pub state: State,
    /// What is not as it was approved.
    pub change: Option<Change>,
    /// What there is against approving it: letting it pass takes its name.
    pub objections: Vec<Held>,
    tool: Option<ToolDefinition>,
}

/// What becomes of a listed tool.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum State {
    /// Agents may see it.
    Visible,
    /// They may, and somebody should look.
    Warned(Reason),
    /// They may not, and its calls are denied.
    Hidden(Reason),
}

impl Screen<'_> {
    /// What becomes of each tool that `server` lists.
    #[must_use]
    pub fn judge(&self, server: Option<&ServerIdentity>, listing: &Listing) -> Vec<Judged> {
        let mut judged = self.judge_tools(server, listing);
        judged.extend(listing.unusable.iter().map(|unusable| {
            let why = format!("the tool `{}` cannot be used: {}", unusable.name, unusable.why);
            let held = Held { code: Code::ToolUnusable, why };
            Judged {
                name: unusable.name.clone(),
                state: State::Hidden(held.reason()),
                change: None,
                objections: vec![held],
                tool: None,
            }
        }));
        judged
    }

    fn judge_tools(&self, server: Option<&ServerIdentity>, listing: &Listing) -> Vec<Judged> {
        let server_name = server.map(|server| server.name.as_str());
        let names: Vec<Named<'_>> = self
            .lock
            .pins()
            .filter(|(_, pin)| pin.server.as_deref() != server_name)
            .map(|(_, pin)| Named { server: pin.server.as_deref(), tool: pin.definition.name() })
            .chain(
                listing.tools.iter().map(|tool| Named { server: server_name, tool: tool.name() }),
            )
            .collect();
        let before = names.len() - listing.tools.len();
        let taken_for = lookalike::taken_for(&names);
        let likenesses = taken_for.iter().skip(before).map(|other| names.get((*other)?));
        let others: BTreeSet<&str> = names.iter().map(|named| named.tool).collect();
        let impostor = server.and_then(|server| self.server_taken_for(server));
        let tools = listing.tools.iter().zip(likenesses);
        tools
            .map(|(tool, like)| {
                let like = lookalike::disguised(tool.name()).map(str::to_owned).or_else(|| {
                    let Named { server, tool } = like?;
                    let whose =
                        server.map_or_else(String::new, |name| format!(" of `{}`", Escaped(name)));
                    Some(format!("its name looks like that of `{}`{whose}", Escaped(tool)))
                });
                self.judge_tool(server, tool, like.or_else(|| impostor.clone()), &others)
            })
            .collect()
    }

    fn server_taken_for(&self, server: &ServerIdentity) -> Option<String> {
        let own = lookalike::skeleton(&server.name);
        let others = self.lock.servers().filter(|other| other.name != server.name);
        let like = others.into_iter().find(|other| {
            let theirs = lookalike::skeleton(&other.name);
            own == theirs || (own.len() > 4 && lookalike::is_one_slip(&own, &theirs))
        })?;
        Some(format!("its server's name looks like `{}`", Escaped(&like.name)))
    }

    fn judge_tool(
        &self,
        server: Option<&ServerIdentity>,
        tool: &ToolDefinition,
        like: Option<String>,
        others: &BTreeSet<&str>,
    ) -> Judged {
        let server_name = server.map(|server| server.name.as_str());
        let shown = Escaped(tool.name()).to_string();
        let name = match canonical_tool_name(server_name, tool.name()) {
            Ok(name) => name,
            Err(why) => {
                let held =
                    Held { code: Code::ToolUnusable, why: format!("the tool `{shown}`: {why}") };
                let state = State::Hidden(held.reason());
                return Judged {
                    name: shown,
                    state,
                    change: None,
                    objections: vec![held],
                    tool: None,
                };
            }
        };
        let pin = self.lock.pin(name.as_str());
        let is_known = |code| pin.is_some_and(|pin| pin.accepted.contains(&code));
        let mut objections = Vec::new();
        if let Some(why) = like.filter(|_| !is_known(Code::ToolLookalike)) {
            objections.push(Held {
                code: Code::ToolLookalike,
                why: format!("the tool `{shown}`: {why}"),
            });
        }
        let same = pin.is_some_and(|pin| pin.digest == tool.digest(&name, server));
        if !(same && pin.is_some_and(|pin| pin.held.is_none()))
            && let Some(why) = self.poison(tool)
        {
            objections
                .push(Held { code: Code::ToolPoisoned, why: format!("the tool `{shown}`: {why}") });
        }
        let change = pin.filter(|_| !same).map(|pin| {
            let others = others.iter().copied().filter(|other| *other != tool.name()).collect();
            let mut change = Change::between(&pin.definition, tool, &others, self.detector);
            // What nothing above tells apart is whose tool it is.
            change.server = change == Change::default();
            change
        });
        let state = self.state(&name, pin, change.as_ref(), &objections);
        Judged {
            name: name.as_str().to_owned(),
            state,
            change,
            objections,
            tool: Some(tool.clone()),
        }
    }

    /// What in a description reads like instructions to a model.
    fn poison(&self, tool: &ToolDefinition) -> Option<String> {
        let texts = Parts::of(tool.fields()).texts;
        texts.iter().find_map(|(place, text)| {
            let assessment = self.detector.assess_description(text);
            let found = assessment.findings.first().filter(|_| assessment.blocked)?;
            let quoted: String =
                text.get(found.span.clone()).unwrap_or_default().chars().take(120).collect();
            Some(format!("`{}` reads like instructions: `{}`", Escaped(place), Escaped(&quoted)))
        })
    }

    fn state(
        &self,
        name: &ToolName,
        pin: Option<&Pin>,
        change: Option<&Change>,
        objections: &[Held],
    ) -> State {
        let shown = Escaped(name.as_str());
        let Some(pin) = pin else {
            let message = format!("the tool `{shown}` is not in the lock: nobody approved it");
            return State::Hidden(Reason::new(Code::ToolNotPinned, message));
        };
        let Some(change) = change else {
            let held = pin.held.as_ref().or(objections.first());
            return held.map_or(State::Visible, |held| State::Hidden(held.reason()));
        };
        let message = format!("the tool `{shown}` is not what was approved: {}", change.summary());
        match (self.wording, change.is_wording() && objections.is_empty() && pin.held.is_none()) {
            (Wording::Warn, true) => State::Warned(Reason::new(Code::WordingChanged, message)),
            _ => State::Hidden(Reason::new(Code::ToolDrifted, message)),
        }
    }

    /// The lock after a person has looked: `approve` names the tools that are as they should be;
    /// all others that are not what was approved are held. A server that the lock does not know
    /// yet is taken in whole, but for what there is something against; that takes its name.
    #[must_use]
    pub fn pin(
        &self,
        server: Option<&ServerIdentity>,
        listing: &Listing,
        approve: &[Glob],
    ) -> (Lock, Vec<Judged>) {
        let mut lock = self.lock.clone();
        let mut judged = self.judge(server, listing);
        let server_name = server.map(|server| server.name.as_str());
        let first = !self.lock.pins().any(|(_, pin)| pin.server.as_deref() == server_name);
        let moved = server.filter(|server| self.is_elsewhere(server));
        server.into_iter().for_each(|server| lock.set_server(server));
        for one in &mut judged {
            let (Some(tool), Ok(name)) = (&one.tool, ToolName::parse(&one.name)) else { continue };
            let named = |glob: &Glob| glob.matches(&one.name) || glob.matches(tool.name());
            let by_name = approve.iter().any(|glob| glob.is_exact() && named(glob));
            let approved = approve.iter().any(named);
            let known = lock.pin(&one.name).cloned();
            let settled =
                known.as_ref().is_some_and(|pin| pin.held.is_none()) && one.change.is_none();
            if settled && one.objections.is_empty() {
                continue;
            }
            let passes = if one.objections.is_empty() {
                approved || (first && known.is_none())
            } else {
                by_name
            };
            let old = known.as_ref().filter(|_| !passes);
            let definition = old.map_or_else(|| tool.clone(), |pin| pin.definition.clone());
            let digest = definition.digest(&name, server);
            let accepted = match passes {
                true => one.objections.iter().map(|held| held.code).collect(),
                false => known.as_ref().map(|pin| pin.accepted.clone()).unwrap_or_default(),
            };
            let held = (!passes).then(|| one.held());
            one.state = held.as_ref().map_or(State::Visible, |held| State::Hidden(held.reason()));
            let server = server_name.map(str::to_owned);
            lock.set_pin(&one.name, Pin { server, definition, digest, held, accepted });
        }
        moved.into_iter().for_each(|server| lock.hold_rest_of(server, &judged));
        (lock, judged)
    }

    fn is_elsewhere(&self, server: &ServerIdentity) -> bool {
        self.lock.servers().any(|known| known.name == server.name && known != server)
    }
}

impl Lock {
    /// Holds the tools of a server that is reached another way now, but for those that were judged.
    fn hold_rest_of(&mut self, server: &ServerIdentity, judged: &[Judged]) {
        let rest = self.pins().filter(|(name, pin)| {
            pin.server.as_ref() == Some(&server.name)
                && !judged.iter().any(|one| one.name == **name)
        });
        let rest: Vec<(String, Pin)> =
            rest.map(|(name, pin)| (name.to_owned(), pin.clone())).collect();
        for (name, mut pin) in rest {
            if let Ok(tool) = ToolName::parse(&name) {
                pin.digest = pin.definition.digest(&tool, Some(server));
            }
            let why = format!(
                "the tool `{}` is not what was approved: its server is another",
                Escaped(&name)
            );
            pin.held = Some(Held { code: Code::ToolDrifted, why });
            self.set_pin(&name, pin);
        }
    }
}

impl Judged {
    /// Why it is held when nobody approves it.
    fn held(&self) -> Held {
        let first = self.objections.first().cloned();
        first.unwrap_or_else(|| match &self.state {
            State::Hidden(reason) | State::Warned(reason) => {
                Held { code: reason.code, why: reason.message.to_string() }
            }
            State::Visible => Held { code: Code::ToolDrifted, why: "it changed".to_owned() },
        })
    }

    /// What the log is to know about it; nothing where it is as it was approved.
    ///
    /// # Errors
    /// When what there is to say has no JSON form.
    pub fn event(&self, server: Option<&ServerIdentity>) -> Result<Option<Event>, EventError> {
        #[derive(Serialize)]
        struct DriftDetail<'d> {
            tool: &'d str,
            #[serde(skip_serializing_if = "Option::is_none")]
            server: Option<&'d str>,
            hidden: bool,
            code: &'static str,
            reason: &'d str,
            #[serde(skip_serializing_if = "Option::is_none")]
            change: Option<&'d Change>,
        }
        let (hidden, reason) = match &self.state {
            State::Visible => return Ok(None),
            State::Warned(reason) => (false, reason),
            State::Hidden(reason) => (true, reason),
        };
        let detail = Detail::of(&DriftDetail {
            tool: &self.name,
            server: server.map(|server| server.name.as_str()),
            hidden,
            code: reason.code.as_str(),
            reason: &reason.message,
            change: self.change.as_ref(),
        })?;
        Ok(Some(Event {
            action: Action::ToolDrift,
            actor: Actor::system(),
            conversation: None,
            detail,
        }))
    }
}
