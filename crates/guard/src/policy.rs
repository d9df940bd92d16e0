//! A compiled policy.

use std::borrow::Cow;
use std::sync::Arc;

use bakerst_detect::redact::{Pseudonyms, Redactor, Rule};
use bakerst_model::{
    AgentId, Code, ConversationId, Digest, Escaped, Limits, Secret, ToolCall, ToolName, UnixMillis,
    Untrusted, Verdict,
};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::agents::Agents;
use crate::approval::{ApprovalRequest, AskedBecause};
use crate::args::ArgRules;
use crate::authorization::{Authorization, Engine, RegoSource, RiskBook};
use crate::chain::{Judge, Rail};
use crate::config::refuse_between_tools_and_agents;
use crate::config::{Example, Guardrails, PolicySource, RailConfig, RailEntry, read_tools};
use crate::document::{Fault, Node};
use crate::flow::Labels;
use crate::permit::{Loggable, written};
use crate::pins::{Lock, Pins};
use crate::rails::authorization;
use crate::rails::destructive_gate::DestructiveGate;
use crate::rails::flow_control::FlowControl;
use crate::rails::human_approval::Approver;
use crate::rails::output_sanitization::{Media, SECRETS, USUAL};
use crate::rails::prompt_injection::PromptInjection;
use crate::rails::schema_validation::SchemaValidation;
use crate::rails::tool_policy::{self, ToolPolicy};
use crate::sanitize::{Cleaner, Sanitized, Sanitizer};
use crate::{ApprovalNeed, Chain, Facts, Guardrail, Mode, Registry, Run, Step};

/// The policy that applies where none is given.
const DEFAULT: &str = include_str!("default.yaml");

/// A policy, compiled once and used for every call.
pub struct Policy {
    chain: Chain,
    sanitizer: Option<Sanitizer>,
    /// Looks for instructions in outputs, as `prompt-injection` does in inputs.
    pub(crate) detector: Option<(Mode, Arc<PromptInjection>)>,
    /// Keeps secrets out of the log, whatever the policy says about outputs.
    pub(crate) log_redactor: Redactor,
    /// Keeps secrets from people who are asked. They see whom a call would reach, or they could
    /// not answer.
    ask_redactor: Redactor,
    source: PolicySource,
    /// Whether any rule wants paths followed.
    resolves: bool,
    limits: Limits,
}

/// The sections of a configuration that make a policy.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sections<'n> {
    /// The mapping with `chain` in it.
    pub guardrails: Option<&'n Node>,
    /// The mapping of tools.
    pub tools: Option<&'n Node>,
    /// The security team's own policy.
    pub authorization: Option<&'n Node>,
    /// The mapping of agents.
    pub agents: Option<&'n Node>,
    /// What is said about pins, and the lock that it names.
    pub pins: Option<(&'n Node, &'n Arc<Lock>)>,
}

impl<'n> Sections<'n> {
    /// Those that stand in a configuration. Pins are not among them: their lock is a file.
    #[must_use]
    pub fn of(config: &'n Node) -> Self {
        Self {
            guardrails: config.get("guardrails"),
            tools: config.get("tools"),
            authorization: config.get("authorization"),
            agents: config.get("agents"),
            pins: None,
        }
    }
}

impl PolicySource {
    /// The built-in policy, as text: a file to start from.
    #[must_use]
    pub fn default_text() -> &'static str {
        DEFAULT
    }

    /// Reads a policy; what is not given is the built-in policy's.
    ///
    /// # Errors
    /// Says what does not fit, and where.
    pub fn read(
        guardrails: Option<&Node>,
        tools: Option<&Node>,
        registry: &Registry,
        limits: &Limits,
    ) -> Result<Self, Fault> {
        let sections = Sections { guardrails, tools, ..Sections::default() };
        Self::read_sections(&sections, registry, limits)
    }

    /// The same from all sections that make a policy.
    ///
    /// # Errors
    /// Says what does not fit, and where.
    pub fn read_sections(
        sections: &Sections<'_>,
        registry: &Registry,
        limits: &Limits,
    ) -> Result<Self, Fault> {
        let Sections { guardrails, tools, authorization, agents, pins } = *sections;
        let built_in = Node::parse_yaml(DEFAULT, DEFAULT.len())?;
        let empty = Node::empty();
        let guardrails_given = guardrails.is_some();
        let guardrails = guardrails.or(built_in.get("guardrails")).unwrap_or(&empty);
        // The built-in examples speak of the built-in tools, and of no agent.
        let keeps_examples = guardrails_given || (tools.is_none() && agents.is_none());
        let tools = tools.or(built_in.get("tools")).unwrap_or(&empty);
        let mut source = Self {
            guardrails: Guardrails::read(guardrails, registry, limits)?,
            tools: read_tools(tools, limits)?,
            authorization: authorization
                .map(|node| Authorization::read(node, registry, limits))
                .transpose()?,
            agents: agents.map(|node| Agents::read(node, limits)).transpose()?,
            pins: pins.map(|(node, lock)| Pins::new(node, lock.clone())).transpose()?,
        };
        refuse_between_tools_and_agents(&source, tools, agents)?;
        if !keeps_examples {
            source.drop_examples();
        }
        source.imply_tool_policy();
        source.imply_authorization();
        Ok(source)
    }

    /// Whether conversations are to be followed.
    pub(crate) fn follows_flows(&self) -> bool {
        let mut enabled = self.guardrails.chain.iter().filter(|entry| entry.enabled);
        enabled.any(|entry| matches!(entry.config, RailConfig::FlowControl(_)))
    }

    /// Every policy in Rego that it has.
    pub fn rego(&self) -> impl Iterator<Item = &RegoSource> {
        let own = self.authorization.iter().filter_map(|section| match &section.engine {
            Engine::Rego(rego) => Some(rego),
            Engine::Opa(_) => None,
        });
        let custom = self.guardrails.chain.iter().filter_map(|entry| match &entry.config {
            RailConfig::Rego(rego) => Some(rego),
            _ => None,
        });
        own.chain(custom)
    }

    /// The same with one guardrail switched off, to see what the others do without it; nothing where
    /// it has none of that name. Examples, which it might contradict now, are left out.
    #[must_use]
    pub fn without(&self, guardrail: &str) -> Option<Self> {
        let mut source = self.clone();
        let entry = source.guardrails.chain.iter_mut().find(|entry| entry.name == guardrail)?;
        entry.enabled = false;
        source.drop_examples();
        Some(source)
    }

    fn drop_examples(&mut self) {
        let Guardrails { must_allow, must_ask, must_deny, .. } = &mut self.guardrails;
        [must_allow, must_ask, must_deny].into_iter().for_each(Vec::clear);
    }

    /// Default deny holds unless it is switched off by name: a chain that does not mention
    /// `tool-policy` has it, after what checks the input's shape.
    fn imply_tool_policy(&mut self) {
        let chain = &mut self.guardrails.chain;
        if chain.iter().any(|entry| entry.name == "tool-policy") {
            return;
        }
        let config = RailConfig::ToolPolicy(tool_policy::Config::default());
        let first = ["prompt-injection", "schema-validation"];
        let place = chain.iter().take_while(|entry| first.contains(&entry.name.as_str())).count();
        chain.insert(place, RailEntry::implied("tool-policy", config));
    }

    /// Whoever writes a policy means it: a chain that does not mention `authorization` has it,
    /// behind what costs less.
    fn imply_authorization(&mut self) {
        let chain = &mut self.guardrails.chain;
        if self.authorization.is_none() || chain.iter().any(|entry| entry.name == "authorization") {
            return;
        }
        let before = ["prompt-injection", "schema-validation", "tool-policy", "destructive-gate"];
        let place = chain.iter().rposition(|entry| before.contains(&entry.name.as_str()));
        let entry = RailEntry::implied(
            "authorization",
            RailConfig::Authorization(authorization::Config::default()),
        );
        chain.insert(place.map_or(0, |place| place + 1), entry);
    }
}

impl Policy {
    /// The built-in policy.
    ///
    /// # Errors
    /// Never, as a test shows; the type says that policies can fail.
    pub fn built_in() -> Result<Self, Fault> {
        let limits = Limits::default();
        Self::compile(PolicySource::read(None, None, &Registry::default(), &limits)?, limits)
    }

    /// Compiles a policy and holds it against its own examples.
    ///
    /// # Errors
    /// When a guardrail cannot be made, or the policy contradicts an example.
    pub fn compile(source: PolicySource, limits: Limits) -> Result<Self, Fault> {
        let canonical = serde_json::to_vec(&source);
        let canonical = canonical.map_err(|e| Fault::new(Code::ConfigValue, e.to_string()))?;
        let (chain, detector) = compile_chain(&source, &limits, Digest::of(&canonical))?;
        let policy = Self {
            chain,
            detector,
            sanitizer: compile_sanitizer(&source)?,
            log_redactor: Redactor::new(&USUAL.map(Rule::Kind)).map_err(unusable)?,
            ask_redactor: Redactor::new(&SECRETS.map(Rule::Kind)).map_err(unusable)?,
            resolves: resolves(&source),
            source,
            limits,
        };
        policy.verify_examples()?;
        Ok(policy)
    }

    /// Begins with a call.
    #[must_use]
    pub fn start<'c>(&'c self, call: &'c ToolCall, facts: Facts) -> Run<'c> {
        self.chain.start(call, facts)
    }

    /// What the chain says to a call before anybody is asked, and without a network.
    pub fn verdict(&self, call: &ToolCall, facts: Facts) -> Verdict {
        match self.start(call, facts).offline().step() {
            Step::Done(decision) => decision.verdict,
            Step::Need(_) => Verdict::Ask,
        }
    }

    /// The policy's fingerprint: every setting and every default.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.chain.policy
    }

    /// The policy as it is in force, every default filled in.
    #[must_use]
    pub fn source(&self) -> &PolicySource {
        &self.source
    }

    /// What a tool does, as far as the policy says.
    #[must_use]
    pub fn labels(&self, tool: &ToolName) -> Labels {
        self.source.tools.get(tool.as_str()).map_or(Labels::UNKNOWN, Labels::of)
    }

    /// What becomes of pictures, sounds and files in results.
    #[must_use]
    pub fn media(&self) -> Media {
        let mut enforced = self
            .source
            .guardrails
            .chain
            .iter()
            .filter(|entry| entry.enabled && entry.mode == Mode::Enforce);
        let found = enforced.find_map(|entry| match &entry.config {
            RailConfig::OutputSanitization(config) => Some(config.media()),
            _ => None,
        });
        found.unwrap_or_default()
    }

    /// Whether conversations are to be followed.
    #[must_use]
    pub fn follows_flows(&self) -> bool {
        self.source.follows_flows()
    }

    /// The paths in a call that rules want followed on this machine, with the folders that they must
    /// lead into. More than `resolved_paths_max` are none: a rule that misses one is broken.
    #[must_use]
    pub fn paths_to_resolve(&self, call: &ToolCall) -> Vec<String> {
        if !self.resolves {
            return Vec::new();
        }
        let (tool, input) = (call.tool.as_str(), call.input.expose());
        let of_tool = self.source.tools.get(tool).map(|entry| &entry.args);
        let agents = self.source.agents.iter().flat_map(Agents::iter);
        let of_agents = agents.flat_map(|(_, entry)| entry.args_of(tool));
        let mut paths = Vec::new();
        of_tool
            .into_iter()
            .chain(of_agents)
            .for_each(|args| args.paths_to_resolve(input, &mut paths));
        paths.sort_unstable();
        paths.dedup();
        if paths.len() > self.limits.resolved_paths_max { Vec::new() } else { paths }
    }

    /// The limits that it was compiled under.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What leaves calls less guarded than an operator may believe, in sentences for them.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.chain.enforcing() == 0 {
            warnings.push("no guardrail enforces anything".to_owned());
        }
        for entry in &self.source.guardrails.chain {
            if !entry.enabled {
                warnings.push(format!("`{}` is switched off", entry.name));
            } else if entry.mode == Mode::Monitor {
                warnings.push(format!("`{}` only monitors", entry.name));
            }
            if let RailConfig::HumanApproval(config) = &entry.config
                && config.unserved_channel()
            {
                let channel = "`notification_channel` is not served yet: answer requests with `bakerst approvals`";
                warnings.push(channel.to_owned());
            }
        }
        for (name, entry) in self.source.agents.iter().flat_map(Agents::iter) {
            warnings.extend(entry.unenforced().map(|setting| {
                format!("`{setting}` of the agent `{name}` is read and checked, but nothing enforces it yet")
            }));
            if entry.egress.is_some() {
                warnings.push(format!(
                    "`egress` of the agent `{name}` is held against addresses in calls; connections \
                     that its tools make are not held back yet"
                ));
            }
        }
        let pins = self.source.pins.as_ref().map(Pins::lock);
        let held = pins.iter().flat_map(|lock| lock.pins()).filter(|(_, pin)| pin.held.is_some());
        let held: Vec<String> = held.map(|(name, _)| format!("`{}`", Escaped(name))).collect();
        if !held.is_empty() {
            let (many, shown) = (held.len(), held.iter().take(3).cloned().collect::<Vec<_>>());
            warnings.push(format!(
                "{many} tools in the lock are held, and denied until `bakerst policy pin --approve`: {}",
                shown.join(", ")
            ));
        }
        let no_command = self.source.tools.values().all(|tool| tool.command.is_none());
        if self.source.guardrails.command_allowlist.is_some() && no_command {
            warnings.push(
                "`command_allowlist` is set, but no tool says where its `command` is".to_owned(),
            );
        }
        if self.chain.approver.is_none() {
            warnings
                .push("`human-approval` is not in force: what would be asked is denied".to_owned());
        }
        if self.sanitizer.is_none() {
            warnings
                .push("`output-sanitization` is not in force: outputs pass as they are".to_owned());
        }
        warnings
    }

    /// Whether values in results get names such as `[EMAIL_1]`, for which
    /// [`Policy::sanitize`] needs those of the conversation.
    #[must_use]
    pub fn names_values(&self) -> bool {
        self.sanitizer.as_ref().is_some_and(|sanitizer| sanitizer.pseudonyms)
    }

    /// A tool's result without the secrets that the policy names.
    #[must_use]
    pub fn sanitize(
        &self,
        tool: &ToolName,
        value: Value,
        names: Option<&mut Pseudonyms>,
    ) -> Sanitized {
        match &self.sanitizer {
            None => Sanitized { value, findings: Vec::new(), withheld: None },
            Some(sanitizer) => sanitizer.sanitize(tool, value, names),
        }
    }

    /// What a person is asked about `call`, given what the run has heard.
    #[must_use]
    pub fn approval_request(
        &self,
        call: &ToolCall,
        run: &Run<'_>,
        need: &ApprovalNeed,
        now: UnixMillis,
    ) -> ApprovalRequest {
        let asking =
            run.trail().iter().filter(|word| word.verdict == Verdict::Ask && !word.monitored);
        let reasons = asking.filter_map(|word| {
            let reason = word.reason.as_ref()?;
            Some(AskedBecause {
                guardrail: word.guardrail.to_string(),
                code: reason.code.to_string(),
                message: self.ask_redactor.redact(&reason.message).text.into_owned(),
            })
        });
        let json = written(call.input.expose());
        let binding = call.binding_with(json.get());
        let (input, _) = self.without_secrets(&self.ask_redactor, call.input.expose(), json);
        ApprovalRequest {
            binding,
            conversation: call.conversation.clone(),
            agent: call.agent.clone(),
            user: call.user.clone(),
            tool: call.tool.clone(),
            input: input.into_text(),
            reasons: reasons.collect(),
            policy: self.digest(),
            asked_at: now,
            expires_at: need.auto_deny_on_timeout.then(|| now.plus_seconds(need.timeout_seconds)),
            usable_seconds: need.timeout_seconds,
        }
    }

    /// A value as the log may keep it: without secrets, and no longer than
    /// `record_input_bytes_max`; a cut is stated.
    #[must_use]
    pub fn loggable(&self, value: &Value) -> Loggable {
        self.without_secrets(&self.log_redactor, value, written(value)).0
    }

    /// An input, and its JSON, as the log may keep it, and the whole of it where that is not all,
    /// for whoever can seal it.
    pub(crate) fn loggable_input(
        &self,
        input: &Value,
        json: Box<RawValue>,
    ) -> (Loggable, Option<Secret>) {
        let (kept, whole) = self.without_secrets(&self.log_redactor, input, json);
        let short = whole.filter(|whole| whole.len() <= self.limits.sealed_input_bytes_max);
        (kept, short.map(|whole| Secret::new(whole.into_bytes())))
    }

    /// A value without secrets, and its whole text where something was taken out or cut.
    fn without_secrets(
        &self,
        redactor: &Redactor,
        value: &Value,
        json: Box<RawValue>,
    ) -> (Loggable, Option<String>) {
        let bytes_max = self.limits.record_input_bytes_max;
        // Most inputs hold no secret, which one pass over the whole text tells.
        if !redactor.redact(json.get()).findings.is_empty() {
            let mut value = value.clone();
            Cleaner::new(redactor, None).clean(&mut value);
            let whole = String::from(Box::<str>::from(json));
            return (Loggable::new(written(&value), bytes_max), Some(whole));
        }
        let whole = (json.get().len() > bytes_max).then(|| json.get().to_owned());
        (Loggable::new(json, bytes_max), whole)
    }

    /// A text as the log may keep it.
    #[must_use]
    pub fn loggable_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.log_redactor.redact(text).text
    }

    fn verify_examples(&self) -> Result<(), Fault> {
        let Guardrails { must_allow, must_ask, must_deny, .. } = &self.source.guardrails;
        let lists = [
            ("must_allow", must_allow, Verdict::Allow),
            ("must_ask", must_ask, Verdict::Ask),
            ("must_deny", must_deny, Verdict::Deny),
        ];
        for (list, examples, want) in lists {
            for (place, example) in examples.iter().enumerate() {
                self.verify_example(example, want).map_err(|why| {
                    Fault::new(
                        Code::ConfigExample,
                        format!("`{list}`, example {}: {why}", place + 1),
                    )
                })?;
            }
        }
        Ok(())
    }

    fn verify_example(&self, example: &Example, want: Verdict) -> Result<(), String> {
        let call = example.call().map_err(|e| e.to_string())?;
        let mut run = self.start(&call, Facts::default()).offline();
        let (verdict, reason) = match run.step() {
            Step::Done(decision) => (decision.verdict, decision.reason.to_string()),
            Step::Need(_) => (Verdict::Ask, String::new()),
        };
        match verdict == want {
            true => Ok(()),
            false => Err(format!("`{}` gets {verdict}, not {want} {reason}", example.tool)
                .trim_end()
                .to_owned()),
        }
    }
}

impl Example {
    fn call(&self) -> Result<ToolCall, bakerst_model::IdError> {
        Ok(ToolCall {
            conversation: ConversationId::parse("example")?,
            user: None,
            agent: self.agent.as_deref().map_or(Ok(AgentId::unnamed()), AgentId::parse)?,
            tool: ToolName::parse(&self.tool)?,
            input: Untrusted::new(self.input.clone()),
            prompt: None,
        })
    }
}

type Detecting = Option<(Mode, Arc<PromptInjection>)>;

/// Whether any rule wants paths followed.
fn resolves(source: &PolicySource) -> bool {
    let of_tools = source.tools.values().map(|entry| &entry.args);
    let agents = source.agents.iter().flat_map(Agents::iter);
    of_tools.chain(agents.flat_map(|(_, entry)| entry.args.values())).any(ArgRules::resolves)
}

fn compile_chain(
    source: &PolicySource,
    limits: &Limits,
    policy: Digest,
) -> Result<(Chain, Detecting), Fault> {
    let (mut rails, mut approver, mut detector) = (Vec::new(), None, None);
    let book = Arc::new(RiskBook::new(source));
    for entry in source.guardrails.chain.iter().filter(|entry| entry.enabled) {
        let judge = match &entry.config {
            RailConfig::PromptInjection(config) => {
                let guardrail = Arc::new(PromptInjection::new(config).map_err(unusable)?);
                detector = Some((entry.mode, guardrail.clone()));
                Judge::Own(guardrail)
            }
            RailConfig::SchemaValidation(config) => {
                own(SchemaValidation::new(config, source).map_err(unusable)?)
            }
            RailConfig::ToolPolicy(tool_policy::Config {}) => own(ToolPolicy::new(source)),
            RailConfig::DestructiveGate(config) => {
                own(DestructiveGate::new(config, source).map_err(unusable)?)
            }
            RailConfig::Authorization(authorization::Config {}) => {
                authorization::compile(source, entry.on_error, &book, limits)?
            }
            RailConfig::Rego(rego) => {
                own(authorization::Embedded::new(rego, entry.on_error, &book, limits)?)
            }
            RailConfig::FlowControl(config) => own(FlowControl::new(config, source)),
            RailConfig::HumanApproval(config) => {
                // In mode `monitor` nobody is asked, and what nobody can answer is denied.
                approver = (entry.mode == Mode::Enforce).then(|| Approver::new(config));
                continue;
            }
            RailConfig::OutputSanitization(_) => continue,
            RailConfig::Custom(custom) => Judge::Own(custom.guardrail.clone()),
        };
        let name = entry.name.as_str().into();
        rails.push(Rail { name, mode: entry.mode, on_error: entry.on_error, judge });
    }
    Ok((Chain { rails, approver, policy }, detector))
}

fn own(guardrail: impl Guardrail + 'static) -> Judge {
    Judge::Own(Arc::new(guardrail))
}

fn compile_sanitizer(source: &PolicySource) -> Result<Option<Sanitizer>, Fault> {
    let mut enabled = source.guardrails.chain.iter().filter(|entry| entry.enabled);
    let found = enabled.find_map(|entry| match &entry.config {
        RailConfig::OutputSanitization(config) => Some((entry.mode, config)),
        _ => None,
    });
    found.map(|(mode, config)| config.sanitizer(mode).map_err(unusable)).transpose()
}

fn unusable(why: impl Into<String>) -> Fault {
    Fault::new(Code::ConfigValue, why)
}
