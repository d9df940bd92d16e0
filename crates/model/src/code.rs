//! Every code that an answer, an error or a finding can carry, in one table.
//!
//! Codes are promises: programs match on them and runbooks cite them. A code keeps its meaning for
//! ever; one that is no longer given is left out of new versions, never reused.
//! `docs/errors.md` is generated from this table.

use std::fmt;

use serde::{Serialize, Serializer};

/// Whose move it is when a code turns up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Blame {
    /// The agent or application asked for something it may not have, or asked badly.
    Agent,
    /// Whoever runs Baker Street has something to mend.
    Operator,
    /// A person was asked and has decided, or has yet to.
    Approver,
}

impl Blame {
    /// The party, in one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Operator => "operator",
            Self::Approver => "approver",
        }
    }
}

macro_rules! codes {
    ($($name:ident = $text:literal, $blame:ident, $retry:ident, $title:literal, $remedy:literal;)*) => {
        /// A stable code.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Code {
            $(#[doc = $title] $name,)*
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as it is written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What it says, in general words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What a person could do about it.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)* }
            }

            /// Whether the same request can succeed later without anybody changing it.
            #[must_use]
            pub const fn retryable(self) -> bool {
                match self { $(Self::$name => codes!(@$retry),)* }
            }

            /// Whose move it is.
            #[must_use]
            pub const fn blame(self) -> Blame {
                match self { $(Self::$name => Blame::$blame,)* }
            }
        }
    };
    (@retry) => { true };
    (@final) => { false };
}

codes! {
    Allowed = "GRD-000", Agent, final, "the call is allowed", "nothing to do";
    EmptyChain = "GRD-001", Operator, final, "no guardrail is active, so nothing is allowed", "enable guardrails in `guardrails.chain`";
    Undecided = "GRD-002", Operator, retry, "a guardrail could not decide", "see the record's detail; a guardrail that cannot decide denies unless its `on_error` says `ask`";
    NobodyToAsk = "GRD-003", Operator, final, "the call needs approval, but no approver is configured", "enable `human-approval` in `guardrails.chain`, in mode `enforce`";
    CustomRefused = "GRD-004", Agent, final, "a custom guardrail objects", "ask whoever wrote the guardrail that the record names";
    InjectionPhrase = "GRD-010", Agent, final, "the input reads like an attempt to instruct the model", "if it is harmless, lower `prompt-injection` sensitivity or reword the input";
    SchemaMismatch = "GRD-020", Agent, final, "the input does not match the tool's schema", "correct the arguments; the schema is the tool's own";
    SchemaMissing = "GRD-021", Operator, final, "the tool has no schema to check against", "declare `schema` for the tool, or drop `require_schema`";
    UnknownTool = "GRD-030", Operator, final, "the policy does not know this tool", "declare the tool under `tools` with its risk";
    ApprovalRequired = "GRD-031", Approver, final, "the policy wants a person to approve this tool", "approve the request, or change the tool's `risk` or `requires_approval`";
    OverThreshold = "GRD-032", Approver, final, "the amount is over the threshold for this tool", "approve the request, or raise the threshold";
    ThresholdUnreadable = "GRD-033", Approver, final, "the amount that a threshold limits is missing or no number", "send the amount as a number, or approve the request";
    CommandNotListed = "GRD-034", Operator, final, "the command is not on the allowlist", "add the program to `command_allowlist` if agents should run it";
    CommandUnreadable = "GRD-035", Approver, final, "it cannot be told which programs the command would run", "approve the request, or send one plain command";
    UnknownAgent = "GRD-036", Operator, final, "the policy does not know this agent", "add the agent under `agents`, or a `default`";
    ToolNotForAgent = "GRD-037", Operator, final, "this agent may not call this tool", "add the tool to the agent's `tools` if it should";
    ArgumentRefused = "GRD-038", Operator, final, "an argument is out of the bounds that the policy sets", "stay within the bounds that the message names, or widen the rule under `args`";
    ArgumentUnreadable = "GRD-039", Agent, final, "an argument that the policy has a rule for is missing or of the wrong kind", "send the argument as the message says";
    FlaggedTool = "GRD-040", Approver, final, "the tool is flagged as destructive", "approve the request, or take the tool off `flagged_tools`";
    FlaggedPattern = "GRD-041", Approver, final, "the input holds a pattern that is flagged as destructive", "approve the request, or take the pattern off `flagged_patterns`";
    DestructiveCommand = "GRD-042", Approver, final, "the command would destroy something, or hand over control", "approve the request, or send a command that only looks, or a dry run";
    ApprovalPending = "GRD-050", Approver, retry, "a person has been asked and has not answered yet", "`bakerst approvals list`, then `approve` or `deny`; send the same call again with its `approvalId`";
    ApprovalDenied = "GRD-051", Approver, final, "a person denied the call", "talk to whoever denied it; the record names them";
    ApprovalExpired = "GRD-052", Approver, final, "nobody answered in time", "make the call again while somebody can answer, or raise `timeout_seconds`";
    ApprovalMismatch = "GRD-053", Agent, final, "the approval is unknown, used up, or was given for another call", "make the call again without `approvalId` to ask anew";
    ApprovalsFull = "GRD-054", Operator, retry, "too many requests for approval are pending", "answer some: `bakerst approvals list`";
    OutputWithheld = "GRD-060", Operator, final, "the tool's output could not be sanitised and was withheld", "see the record's detail; raise the limit it names if the output is legitimate";
    OutputBlocked = "GRD-061", Operator, final, "the tool's output holds what the policy blocks and was withheld", "see the record's places; where this tool may return it, say so under `tools` of `output-sanitization`";
    AuthorizationDenied = "GRD-070", Agent, final, "a rule of the authorization policy denies the call", "see the record's detail for the rule's words; change the policy if it is wrong";
    NotAuthorized = "GRD-071", Operator, final, "no rule of the authorization policy allows the call", "write an `allow` rule that covers it, if agents should make it";
    AuthorizationAsks = "GRD-072", Approver, final, "the authorization policy wants a person's word", "approve the request, or change the `ask` rule";
    RegoRunaway = "GRD-073", Operator, final, "a Rego policy took more steps than `rego_steps_max` allows", "make the rule simpler, or the input shorter; raise the limit if the rule is meant to take as long";
    RegoFailed = "GRD-074", Operator, final, "a Rego policy failed on the call", "see the record's detail; `bakerst policy test` runs the policy's tests";
    BuiltInDenied = "GRD-075", Operator, retry, "the remote policy could not be asked, and the built-in rules do not allow the call", "see why OPA did not answer; without it only tools of risk `read` are allowed";
    EgressNotAllowed = "GRD-080", Operator, final, "the call holds an address that this agent may not reach", "add the host to the agent's `egress` if it should";
    ToolDrifted = "GRD-081", Operator, final, "the tool is not what was approved", "`bakerst policy pin` shows what changed, and approves it";
    ToolNotPinned = "GRD-082", Operator, final, "the tool was never approved", "`bakerst policy pin` shows it, and approves it";
    ToolLookalike = "GRD-083", Operator, final, "the tool's name looks like another's", "rename one of the two, or approve it by name with `bakerst policy pin`";
    ToolPoisoned = "GRD-084", Operator, final, "the tool's description reads like instructions to a model", "ask its author; `bakerst policy pin` approves it by name if it is harmless";
    ToolUnusable = "GRD-085", Operator, final, "the tool's description or schema cannot be used", "ask its author to mend what the message names";
    WordingChanged = "GRD-086", Operator, final, "the tool is described in other words than those that were approved", "`bakerst policy pin` shows the words, and approves them";

    FlowDestination = "FLW-001", Approver, final, "what the call goes to comes from where others may write, not from the user", "approve the request if the value is right; or let the user name it, or label the tool that it comes from `reads: trusted`";
    FlowTrifecta = "FLW-002", Approver, final, "the conversation has read private data and what others may have written, and the call would send something out", "approve the request, or begin a conversation that does not hold both";
    FlowInstructions = "FLW-003", Approver, final, "an output of this conversation held instructions to the model", "look at the output, then approve the request or clear the conversation: `bakerst conversations clear ID`";
    ConversationsFull = "FLW-004", Operator, retry, "as many conversations are remembered as may be", "clear some: `bakerst conversations list`; or raise `conversations_max`";
    NoSuchConversation = "FLW-005", Operator, final, "there is no such conversation", "`bakerst conversations list` shows those there are";
    ConversationBroken = "FLW-006", Operator, retry, "what is remembered of the conversation cannot be read or kept, so its calls are refused", "check the disk and the state folder, or clear the conversation: `bakerst conversations clear ID`";

    BodyTooLong = "API-001", Agent, final, "the request body is longer than `body_bytes_max`", "send less, or raise the limit under `limits`";
    BodyNotJson = "API-002", Agent, final, "the request body is not valid JSON", "send UTF-8 JSON; the message says where it breaks";
    BodyTooDeep = "API-003", Agent, final, "the request body nests deeper than `json_depth_max`", "send flatter JSON, or raise the limit under `limits`";
    DuplicateKey = "API-004", Agent, final, "an object names one key twice", "name each key once; two readers could pick different values";
    BadField = "API-005", Agent, final, "a field is missing or not of the expected kind", "compare with `/openapi.json`";
    BadContentType = "API-006", Agent, final, "the content type is not `application/json`", "send `content-type: application/json`";
    BodyTooSlow = "API-007", Agent, retry, "the request body did not arrive in time", "send it faster, or raise `body_millis_max`";
    NoSuchPath = "API-008", Agent, final, "there is nothing at this path", "see `/openapi.json` for what there is";
    BadMethod = "API-009", Agent, final, "this path does not answer that method", "see `/openapi.json`";
    TooBusy = "API-010", Operator, retry, "more requests are being worked on than `requests_max`", "try again; raise the limit if it happens in normal use";
    BadQuery = "API-011", Agent, final, "a query parameter is unknown or malformed", "`wait` takes whole seconds, such as `?wait=60s`";
    TooManyEvents = "API-012", Agent, final, "one request holds more events than `audit_events_max`", "send them in several requests";
    NoSuchApproval = "API-013", Agent, final, "there is no such request for approval", "`bakerst approvals list` shows those there are";
    ApprovalSettled = "API-014", Agent, final, "the request for approval is settled already", "`bakerst approvals show ID` says how";
    NoSuchToken = "API-015", Agent, final, "there is no such token", "`bakerst token list` shows those there are";
    TokenNameTaken = "API-016", Agent, final, "another token has this name", "choose another name, or revoke the other token first";
    StoreFailed = "API-017", Operator, retry, "the state database failed", "see the message; check the disk and the rights of the state folder";
    HeadTooLong = "API-018", Agent, final, "the request's head is too long", "send fewer or shorter headers; the message names the limit";
    HeadTooSlow = "API-019", Agent, retry, "the request's head did not arrive in time", "send it faster, or raise `header_millis_max`";
    RateLimited = "API-020", Agent, retry, "more calls were made than a rate allows", "wait as long as the answer says, or raise the rate under `rate_limits`";
    HeadUnreadable = "API-021", Agent, final, "the request's head cannot be read", "speak HTTP/1.1 or HTTP/2 as they are written down; the message says what is wrong";

    TokenMissing = "AUT-001", Agent, final, "no bearer token was sent", "send `authorization: Bearer TOKEN`; `bakerst token create` makes one";
    TokenWrong = "AUT-002", Agent, final, "the bearer token is not known", "make a new one: `bakerst token create`";
    RoleMissing = "AUT-003", Agent, final, "the token is not good for this path", "make a token with the role that the message names";
    AgentMismatch = "AUT-004", Agent, final, "the token is bound to another agent", "use that agent's own token, or leave `agent` out";
    HostNotOurs = "AUT-005", Agent, final, "the request is meant for another host, or comes from a web page", "call by `127.0.0.1`, `localhost` or the address that is listened on, and not from a browser";
    AccountWrong = "AUT-006", Agent, final, "the control socket is not for this account", "use the account that runs `bakerst up`, or root";
    IssuedTokenUnfit = "AUT-007", Agent, final, "the issuer's token is not good here", "see what the message names; the issuer, the audience and the keys are under `identity.jwt`";

    LogUnwritable = "AUD-001", Operator, retry, "the audit log cannot be written, so nothing is allowed", "free space on the disk of the state folder and check its rights";
    LogClosed = "AUD-002", Operator, final, "the audit log is closed since an earlier failure, so nothing is allowed", "mend the disk, then restart: the log checks and repairs itself";
    LogTampered = "AUD-003", Operator, final, "the audit log does not verify", "treat everything from the named record on as untrusted; compare with copies elsewhere";
    LogKeyMissing = "AUD-004", Operator, final, "the key of the audit log is not there, so nothing can be verified", "restore the secrets file and the master key";
    LogOfEarlierForm = "AUD-005", Operator, final, "the audit log is of an earlier form", "verify it with the `bakerst` that wrote it, then move it out of the state folder; a new log is begun";
    NoSuchSubject = "AUD-006", Operator, final, "no key is kept for this person", "check the id; `erasure: on` keeps keys from then on";
    SinkAway = "AUD-007", Operator, retry, "a log system takes no records", "mend what the message names; the records wait in the log";

    ConfigUnreadable = "CFG-001", Operator, final, "the configuration cannot be read", "check the path and its rights";
    ConfigSyntax = "CFG-002", Operator, final, "the configuration is not valid YAML", "mend the line that the message names";
    ConfigField = "CFG-003", Operator, final, "the configuration names an unknown field", "correct the name; nothing unknown is ever ignored";
    ConfigValue = "CFG-004", Operator, final, "the configuration holds a value that cannot be used", "correct the value that the message names";
    ConfigNotBuilt = "CFG-005", Operator, final, "the configuration asks for something that is not built yet", "leave it out: it would not be enforced";
    ConfigExample = "CFG-006", Operator, final, "the policy contradicts one of its own examples", "correct the policy or the example";
    ConfigConflict = "CFG-007", Operator, final, "two rules contradict each other", "keep one of the two that the message names";
    FileExists = "CFG-008", Operator, final, "a file that would be written is there already", "move it away, or say `--force`";
    RegoUnusable = "CFG-010", Operator, final, "a Rego policy cannot be used", "mend the line that the message names";

    LockUnreadable = "PIN-001", Operator, final, "the lock cannot be read", "restore it, or write it anew with `bakerst policy pin`";
    LockEdited = "PIN-002", Operator, final, "the lock was changed by hand", "restore it from version control, or write it anew with `bakerst policy pin` and read what it approves";
    LockElsewhere = "PIN-003", Operator, final, "the lock is not the one that the configuration names", "correct `pins.digest`, or restore the lock";
    ToolListUnusable = "PIN-004", Operator, final, "a list of tools cannot be used", "correct what the message names";
    ServerUnusable = "PIN-005", Operator, final, "a server could not be asked for its tools", "start it by hand and see what it says; the message names where it stopped";

    LintNeverMatches = "POL-001", Operator, final, "a rule can never match", "correct the name, or leave the rule out";
    LintShadowed = "POL-002", Operator, final, "a rule is hidden by another", "leave one of the two out";
    LintNoSchema = "POL-003", Operator, final, "a tool takes any arguments", "declare the tool's `schema`";
    LintNoApproval = "POL-004", Operator, final, "a destructive tool needs nobody's approval", "leave `requires_approval` out, or limit the tool's `args`";
    LintAllowsAll = "POL-005", Operator, final, "a rule allows everything", "name what is needed";
    LintNotEnforced = "POL-006", Operator, final, "something is written that is not enforced", "put it in force, or leave it out";
    LintRiskTooLow = "POL-007", Operator, final, "a tool is declared less risky than its name says", "raise its `risk`, or limit its `args`";
    LintBlindRule = "POL-008", Operator, final, "a rule is about an argument that the schema does not have", "correct the place, or every call breaks the rule";
    LintCommandUnread = "POL-009", Operator, final, "a tool's commands are not read or not limited", "say where its `command` is, and list programs in `command_allowlist`";
    LintUnreachable = "POL-010", Operator, final, "no agent may call a tool", "give it to an agent, or leave it out";
    LintNotPinned = "POL-011", Operator, final, "a tool must be in the lock and is not", "`bakerst policy pin` approves it; until then its calls are denied";
    LintSlowPattern = "POL-012", Operator, final, "a pattern takes other readers exponential time", "write it without a repetition within a repetition";

    StateUnwritable = "STA-001", Operator, final, "the state folder cannot be used", "choose another with `--state`, or mend its rights";
    StateInUse = "STA-002", Operator, final, "another `bakerst` uses the state folder", "stop it first, or choose another folder with `--state`";
    StateBroken = "STA-003", Operator, final, "the state database cannot be opened", "restore it, or move it away to start afresh";
    MasterKeyWrong = "SEC-001", Operator, final, "the secrets file is sealed with another master key", "restore that master key; without it the secrets are gone";
    SecretsBroken = "SEC-002", Operator, final, "the secrets file is damaged", "restore it from a backup";
    MasterKeyExposed = "SEC-003", Operator, final, "others may read the master key", "`chmod 600` the file that the message names, then change the key";
    NoSuchSecret = "SEC-004", Operator, final, "there is no such secret, or it cannot be sealed", "`bakerst secret list` shows those there are; `bakerst secret set NAME` reads one from standard input";
    AddressTaken = "NET-001", Operator, final, "the address is in use", "stop what uses it, or choose another with `--listen`";
    AddressUnusable = "NET-002", Operator, final, "the address cannot be listened on", "choose another with `--listen`";
    TlsRequired = "NET-003", Operator, final, "addresses other than loopback need TLS", "listen on 127.0.0.1 or on the socket";
    NotRunning = "NET-004", Operator, final, "no `bakerst up` answers for this state folder", "start it with `bakerst up`, or name its folder with `--state`";
    ServerNotStarted = "NET-005", Operator, final, "the server cannot be started", "check the program's name and its rights";
    LinkBroken = "NET-006", Operator, retry, "the link between a client and Baker Street broke", "see the message; the client starts the server again";
    ServerSessionsFull = "NET-007", Operator, retry, "as many sessions with servers are open as may be", "end some, or raise the limit that the message names";
    ServerElsewhere = "NET-008", Operator, final, "a server wants messages sent to another server", "ask its author; only the configuration says where a server is";
    NoSuchServer = "NET-009", Agent, final, "what was asked for belongs to no server", "use a name as it was listed; `gateway.mcp.servers` has all servers";
    CredentialInClear = "NET-010", Operator, final, "a credential crosses a network without TLS", "give the server an `https` address, or reach it over loopback";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_sorted_within_their_family() {
        let texts: Vec<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(texts.iter().collect::<HashSet<_>>().len(), texts.len());
        for pair in texts.windows(2) {
            let [before, after] = pair else { continue };
            assert!(before[..3] != after[..3] || before < after, "{before} stands before {after}");
        }
    }
}
