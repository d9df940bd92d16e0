//! Every bound on what an outsider can make grow, in one place.

use serde::{Deserialize, Serialize};

/// The limits in force. A refusal names the field it hit, in this spelling.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The longest request body.
    pub body_bytes_max: usize,
    /// The deepest nesting of JSON.
    pub json_depth_max: usize,
    /// The longest prompt that a hook may send along.
    pub prompt_bytes_max: usize,
    /// The most events in one `audit` request.
    pub audit_events_max: usize,
    /// The longest part of a call or event that is kept in a record; the rest is cut, and the cut is stated.
    pub record_input_bytes_max: usize,
    /// The longest input that is sealed into a record which does not hold it as it is.
    pub sealed_input_bytes_max: usize,
    /// The most requests that are worked on at once; more are refused at once, not queued.
    pub requests_max: usize,
    /// The most connections that are open at once.
    pub connections_max: usize,
    /// The most requests at once on one connection over HTTP/2.
    pub http2_streams_max: u32,
    /// The most requests on such a connection that are taken back before they are answered.
    pub http2_resets_max: usize,
    /// The most bytes that such a connection may have sent before anybody has read them.
    pub http2_window_bytes_max: u32,
    /// How long a client may take to send its headers.
    pub header_millis_max: u64,
    /// How long a client may take to send its body.
    pub body_millis_max: u64,
    /// The longest `?wait=` for a person's answer.
    pub wait_seconds_max: u64,
    /// The longest answer of a server behind us.
    pub result_bytes_max: usize,
    /// The most pictures, sounds and files in one answer of such a server, as they are written.
    pub media_bytes_max: usize,
    /// How long a server behind us may take to answer.
    pub upstream_millis_max: u64,
    /// The most sessions at once with servers that are started for each session, or listened to.
    pub server_sessions_max: usize,
    /// The most of them of one caller with one server; the one that was idle for longest makes room.
    pub server_sessions_per_caller_max: usize,
    /// How long such a session is kept that nobody uses.
    pub server_idle_seconds_max: u64,
    /// The most sessions that are kept with servers of older revisions of MCP, and as many for clients of them.
    pub mcp_sessions_max: usize,
    /// How long such a session is kept while nobody uses it.
    pub mcp_session_idle_seconds_max: u64,
    /// The most calls that wait, in the middle, for clients to come back with what their servers asked for.
    pub mcp_parked_max: usize,
    /// The most resources that one MCP client may watch through us.
    pub mcp_subscriptions_max: usize,
    /// How long one server may take for its part of what all servers are asked.
    pub mcp_list_millis_max: u64,
    /// The most approvals that may be pending at once.
    pub approvals_pending_max: usize,
    /// The most conversations that are remembered.
    pub conversations_max: usize,
    /// The most conversations that are held in memory at once, of at most 4 MiB each.
    pub conversations_held_max: usize,
    /// The most agents and users whose calls are counted at once, for rates.
    pub rate_buckets_max: usize,
    /// The longest document of an issuer's keys.
    pub issuer_keys_bytes_max: usize,
    /// The most guardrails in a chain.
    pub guardrails_max: usize,
    /// The most tools that a policy may declare.
    pub tools_max: usize,
    /// The most agents that a policy may speak of.
    pub agents_max: usize,
    /// The most patterns in one guardrail's list.
    pub patterns_max: usize,
    /// The most paths of one call that are followed on this machine.
    pub resolved_paths_max: usize,
    /// The most tests in one list of a policy's.
    pub policy_tests_max: usize,
    /// The longest lock, and the longest list of tools.
    pub lock_bytes_max: usize,
    /// The longest configuration file.
    pub config_bytes_max: usize,
    /// The most conversations whose values' names are remembered at once; the one that was idle for
    /// longest makes room.
    pub pseudonym_conversations_max: usize,
    /// The most values that get a name in one conversation; others get plain placeholders.
    pub pseudonym_values_max: usize,
    /// The most records in one answer from the log.
    pub audit_page_records_max: usize,
    /// The most bytes of records in one answer from the log; one record is handed out whatever its length.
    pub audit_page_bytes_max: usize,
    /// The most of the log that one question looks at; where there is more, the answer says where to go on.
    pub audit_scan_bytes_max: u64,
    /// The most questions to the log at once; more are refused.
    pub audit_reads_max: usize,
    /// The most persons whose records are sealed under keys of their own.
    pub subjects_max: usize,
    /// The longest file of a model that a policy names.
    pub model_bytes_max: usize,
    /// The most pieces of one text that a transformer hears.
    pub transformer_pieces_max: usize,
    /// The longest Rego policy, all its files together.
    pub rego_bytes_max: usize,
    /// The most steps that one Rego rule may take for one call.
    pub rego_steps_max: u64,
    /// The longest answer of a remote OPA.
    pub opa_answer_bytes_max: usize,
    /// The most answers of a remote OPA that are remembered.
    pub opa_cache_max: usize,
    /// The most questions to a remote OPA at once; more are answered by the built-in rules.
    pub opa_questions_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 4 << 20,
            json_depth_max: 64,
            prompt_bytes_max: 1 << 20,
            audit_events_max: 1000,
            record_input_bytes_max: 16 << 10,
            sealed_input_bytes_max: 64 << 10,
            requests_max: 1024,
            connections_max: 4096,
            http2_streams_max: 100,
            http2_resets_max: 100,
            http2_window_bytes_max: 1 << 20,
            header_millis_max: 5_000,
            body_millis_max: 10_000,
            wait_seconds_max: 600,
            result_bytes_max: 16 << 20,
            media_bytes_max: 8 << 20,
            upstream_millis_max: 300_000,
            server_sessions_max: 128,
            server_sessions_per_caller_max: 16,
            server_idle_seconds_max: 1_800,
            mcp_sessions_max: 1_000,
            mcp_session_idle_seconds_max: 600,
            mcp_parked_max: 256,
            mcp_subscriptions_max: 256,
            mcp_list_millis_max: 10_000,
            approvals_pending_max: 10_000,
            conversations_max: 10_000,
            conversations_held_max: 64,
            rate_buckets_max: 10_000,
            issuer_keys_bytes_max: 256 << 10,
            guardrails_max: 64,
            tools_max: 10_000,
            agents_max: 1_000,
            patterns_max: 1_000,
            resolved_paths_max: 64,
            policy_tests_max: 10_000,
            lock_bytes_max: 64 << 20,
            config_bytes_max: 4 << 20,
            pseudonym_conversations_max: 1_000,
            pseudonym_values_max: 1_000,
            audit_page_records_max: 1_000,
            audit_page_bytes_max: 4 << 20,
            audit_scan_bytes_max: 1 << 30,
            audit_reads_max: 4,
            subjects_max: 5_000,
            model_bytes_max: 1 << 30,
            transformer_pieces_max: 8,
            rego_bytes_max: 1 << 20,
            rego_steps_max: 100_000,
            opa_answer_bytes_max: 64 << 10,
            opa_cache_max: 4096,
            opa_questions_max: 64,
        }
    }
}
