//! What an argument is for, told by its name, its schema and the look of its value.

use serde_json::Value;

use super::walk;

/// What an argument is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    /// It says where something goes, or who gets it.
    Destination,
    /// It gives access.
    Credential,
    /// It says what is acted upon, in words of the tool's own.
    Detail,
    /// It is what a thing is called.
    Title,
    /// It is what is said or written.
    Content,
    /// It is one of few values, or means nothing outside of the tool.
    Plain,
}

const CREDENTIAL: &[&str] =
    &["password", "passwd", "passphrase", "pwd", "secret", "pin", "token", "credential", "apikey"];
const DESTINATION: &[&str] = &[
    "to",
    "cc",
    "bcc",
    "recipient",
    "receiver",
    "addressee",
    "participant",
    "attendee",
    "invitee",
    "member",
    "guest",
    "email",
    "mail",
    "address",
    "account",
    "iban",
    "bic",
    "swift",
    "routing",
    "beneficiary",
    "payee",
    "wallet",
    "user",
    "username",
    "login",
    "owner",
    "assignee",
    "reviewer",
    "collaborator",
    "url",
    "uri",
    "link",
    "href",
    "endpoint",
    "webhook",
    "callback",
    "redirect",
    "host",
    "hostname",
    "domain",
    "server",
    "ip",
    "site",
    "website",
    "remote",
    "origin",
    "path",
    "file",
    "filename",
    "filepath",
    "dir",
    "directory",
    "folder",
    "bucket",
    "repo",
    "repository",
    "channel",
    "room",
    "chat",
    "phone",
    "mobile",
    "tel",
    "fax",
    "destination",
    "dest",
    "target",
    "forward",
    "contact",
    "handle",
    "person",
    "people",
];
/// Whose identifiers name somebody, not merely something.
const WITH_IDENTITY: &[&str] = &[
    "user",
    "account",
    "recipient",
    "member",
    "owner",
    "channel",
    "chat",
    "email",
    "contact",
    "person",
    "assignee",
    "wallet",
];
const TITLE: &[&str] = &["title", "subject", "headline", "summary"];
const CONTENT: &[&str] = &[
    "body",
    "content",
    "text",
    "message",
    "description",
    "note",
    "comment",
    "reason",
    "query",
    "q",
    "search",
    "caption",
    "html",
    "markdown",
    "code",
    "data",
    "detail",
    "instruction",
    "prompt",
    "location",
    "place",
    "venue",
    "attachment",
    "command",
    "script",
    "sql",
    "keyword",
    "tag",
];
const PLAIN: &[&str] = &[
    "date",
    "time",
    "day",
    "month",
    "year",
    "start",
    "end",
    "when",
    "until",
    "since",
    "deadline",
    "due",
    "timezone",
    "amount",
    "price",
    "total",
    "currency",
    "count",
    "limit",
    "n",
    "page",
    "size",
    "offset",
    "lang",
    "language",
    "locale",
    "format",
    "type",
    "kind",
    "status",
    "state",
    "priority",
    "level",
    "mode",
    "color",
    "colour",
    "permission",
    "visibility",
    "sort",
    "order",
    "recurring",
    "frequency",
    "duration",
    "id",
    "uuid",
    "version",
    "encoding",
];

impl Role {
    /// The role of the argument at `pointer`, whose schema may be known.
    pub(crate) fn of(pointer: &str, schema: Option<&Value>, value: &str) -> Self {
        if let Some(role) = schema.and_then(|schema| by_schema(schema, pointer)) {
            return role;
        }
        let role = by_names(pointer);
        match role {
            Self::Plain | Self::Detail | Self::Title if is_address(value) => Self::Destination,
            role => role,
        }
    }
}

/// The last name on the way that says anything.
fn by_names(pointer: &str) -> Role {
    let known = walk::names(pointer).rev().find_map(|name| by_name(&name));
    known.unwrap_or(Role::Detail)
}

fn by_name(name: &str) -> Option<Role> {
    let words = words_of(name);
    let last = words.last()?;
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let ends = |list: &[&str]| list.contains(&last.as_str());
    if has(CREDENTIAL) || (has(&["key"]) && has(&["api", "access", "private"])) {
        return Some(Role::Credential);
    }
    if ends(&["id", "uuid"]) {
        return Some(if has(WITH_IDENTITY) { Role::Destination } else { Role::Plain });
    }
    let roles = [(CONTENT, Role::Content), (TITLE, Role::Title), (PLAIN, Role::Plain)];
    if let Some((_, role)) = roles.iter().find(|(list, _)| ends(list)) {
        return Some(*role);
    }
    if has(DESTINATION) {
        return Some(Role::Destination);
    }
    None
}

/// The words of `snake_case`, `kebab-case` and `camelCase`, without a plural's `s`.
fn words_of(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        let begins = c.is_uppercase() && before.is_lowercase();
        if (begins || !c.is_alphanumeric()) && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    for word in &mut words {
        let stem = match word.strip_suffix("es") {
            Some(stem) if stem.ends_with("ss") || stem.ends_with('x') => Some(stem.len()),
            _ if word.ends_with("ss") || word.len() < 4 => None,
            _ => word.strip_suffix('s').map(str::len),
        };
        if let Some(stem) = stem {
            word.truncate(stem);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What a schema says: formats are for what they are, and one of few values says nothing.
fn by_schema(schema: &Value, pointer: &str) -> Option<Role> {
    let mut at = schema;
    for step in pointer.split('/').skip(1) {
        at = match at.get("properties").and_then(|fields| fields.get(step)) {
            Some(field) => field,
            None => at.get("items")?,
        };
    }
    if at.get("enum").is_some() || at.get("const").is_some() {
        return Some(Role::Plain);
    }
    match at.get("format").and_then(Value::as_str)? {
        "email" | "idn-email" | "uri" | "url" | "iri" | "uri-reference" | "iri-reference"
        | "hostname" | "idn-hostname" | "ipv4" | "ipv6" => Some(Role::Destination),
        "date" | "date-time" | "time" | "duration" => Some(Role::Plain),
        "password" => Some(Role::Credential),
        _ => None,
    }
}

/// Whether a value is an address whatever it is called: mail, web, bank account.
pub(crate) fn is_address(value: &str) -> bool {
    let value = value.trim();
    is_mail(value) || (walk::is_link(value) && !value.contains(' ')) || is_account(value)
}

fn is_mail(value: &str) -> bool {
    let Some((local, host)) = value.rsplit_once('@') else { return false };
    let plain = !value.contains(char::is_whitespace);
    plain && !local.is_empty() && host.contains('.') && host.len() >= 3
}

/// Two letters of a country, two digits, and at least ten more letters and digits.
fn is_account(value: &str) -> bool {
    let mut plain = value.bytes().filter(|b| !matches!(b, b' ' | b'-'));
    let mut starts = |with: fn(&u8) -> bool| plain.next().is_some_and(|b| with(&b));
    let country = starts(u8::is_ascii_alphabetic) && starts(u8::is_ascii_alphabetic);
    if !(country && starts(u8::is_ascii_digit) && starts(u8::is_ascii_digit)) {
        return false;
    }
    let (mut all, mut digits) = (0, 0);
    for byte in plain {
        if !byte.is_ascii_alphanumeric() {
            return false;
        }
        all += 1;
        digits += usize::from(byte.is_ascii_digit());
    }
    all >= 10 && digits >= 4
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(role: Role, pointers: &[&str]) {
        for pointer in pointers {
            assert_eq!(Role::of(pointer, None, "x"), role, "{pointer}");
        }
    }

    #[test]
    fn names_say_what_an_argument_is_for() {
        check(
            Role::Destination,
            &[
                "/to",
                "/recipients/0",
                "/user_email",
                "/file_path",
                "/webhookUrl",
                "/userId",
                "/cc/1",
            ],
        );
        check(Role::Destination, &["/addresses/0", "/channel", "/account_id", "/target/name_"]);
        check(Role::Credential, &["/password", "/new_password", "/api_key", "/accessToken"]);
        check(Role::Content, &["/body", "/email_body", "/file_content", "/message", "/location"]);
        check(Role::Title, &["/title", "/subject", "/event_title"]);
        check(Role::Plain, &["/id", "/event_id", "/start_time", "/amount", "/file_id", "/pages"]);
        check(Role::Detail, &["/hotel", "/company", "/street", "/first_name", "", "/0"]);
    }

    #[test]
    fn a_schema_and_the_look_of_a_value_say_more() {
        let schema = json!({"properties": {"to": {"enum": ["a"]}, "x": {"format": "email"},
            "list": {"items": {"format": "uri"}}}});
        let of = |pointer, value| Role::of(pointer, Some(&schema), value);
        assert_eq!(of("/to", "x"), Role::Plain);
        assert_eq!(of("/x", "x"), Role::Destination);
        assert_eq!(of("/list/3", "x"), Role::Destination);
        assert_eq!(of("/hotel", "eve@example.com"), Role::Destination);
        assert_eq!(of("/hotel", "https://example.com/x"), Role::Destination);
        assert_eq!(of("/id", "GB29 NWBK 6016 1331 9268 19"), Role::Destination);
        assert_eq!(of("/hotel", "Riverside View"), Role::Detail);
    }
}
