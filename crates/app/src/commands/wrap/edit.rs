//! A client's configuration, rewritten. Only the words that say what is started or where it is
//! change; everything else stays as it was, to the byte: comments, order, spaces.

use std::ops::Range;

use serde_json::{Value, json};

use super::{Change, How, Left, behind};
use crate::clients::{Client, Entry, Field, Form};

/// Where a client finds its token for us.
const TOKEN_VARIABLE: &str = "BAKERST_TOKEN";

/// Other words for a part of a text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Edit {
    /// The part.
    pub(super) span: Range<usize>,
    /// What is to stand there.
    pub(super) text: String,
}

/// What is to become of a configuration.
#[derive(Debug, Default)]
pub(super) struct Rewritten {
    /// What changes, in the order of the text.
    pub(super) edits: Vec<Edit>,
    /// The same, for people.
    pub(super) changes: Vec<Change>,
    /// The servers that stay as they are and should not.
    pub(super) left: Vec<Left>,
}

impl Rewritten {
    fn take(&mut self, entry: &Entry, outcome: Result<Option<(Vec<Edit>, Change)>, String>) {
        match outcome {
            Ok(None) => {}
            Ok(Some((edits, change))) => {
                self.edits.extend(edits);
                self.changes.push(change);
            }
            Err(why) => self.left.push(Left { server: entry.name().to_owned(), why }),
        }
    }

    /// The text as it is to be.
    pub(super) fn text(&self, text: &str) -> String {
        replaced(text, &self.edits)
    }
}

/// A text with its edits made; they must stand in order and apart.
pub(super) fn replaced(text: &str, edits: &[Edit]) -> String {
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for Edit { span, text: new } in edits {
        out.push_str(text.get(at..span.start).unwrap_or_default());
        out.push_str(new);
        at = span.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// Leads every server through us.
pub(super) fn wrap(text: &str, form: Form, how: &How) -> Result<Rewritten, String> {
    let mut rewritten = Rewritten::default();
    let mut meant = form.read(text)?;
    for entry in form.entries(text)? {
        let led = match entry.text("command") {
            Some(_) => lead_program(text, form, &entry, how, &mut meant),
            None => lead_address(text, form, &entry, how, &mut meant),
        };
        rewritten.take(&entry, led);
    }
    rewritten.edits.sort_by_key(|edit| edit.span.start);
    match form.read(&rewritten.text(text)) {
        Ok(got) if got == meant => Ok(rewritten),
        _ => Err("it is written in a way that cannot be changed safely; put \
                  `bakerst mcp --` before its servers' commands by hand"
            .to_owned()),
    }
}

fn lead_program(
    text: &str,
    form: Form,
    entry: &Entry,
    how: &How,
    meant: &mut Value,
) -> Result<Option<(Vec<Edit>, Change)>, String> {
    let before = entry.command().ok_or("its arguments are not all texts")?;
    if behind(&before).is_some() {
        return Ok(None);
    }
    let Some(command) = entry.field("command") else { return Ok(None) };
    let wrapper = how.arguments(entry.name());
    let after: Vec<String> =
        [&how.program].into_iter().chain(&wrapper).chain(&before).cloned().collect();
    let written = wrapper.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", ");
    let old = text.get(command.span.clone()).unwrap_or_default();
    let mut edits = vec![Edit { span: command.span.clone(), text: quoted(&how.program) }];
    edits.push(match entry.field("args") {
        Some(Field { value: Value::Array(_), span, items }) => {
            let at = span.start + 1;
            let gap = match (items.is_empty(), text.as_bytes().get(at)) {
                (true, _) => "",
                (false, Some(b'\n' | b'\r')) => ",",
                (false, _) => ", ",
            };
            Edit { span: at..at, text: format!("{written}, {old}{gap}") }
        }
        Some(Field { span, .. }) => {
            Edit { span: span.clone(), text: format!("[{written}, {old}]") }
        }
        None => beside(text, form, command, "command", "args", &format!("[{written}, {old}]")),
    });
    if let Some(fields) = object_at(meant, &entry.path) {
        let arguments: Vec<_> = after.iter().skip(1).collect();
        fields.insert("command".into(), json!(how.program));
        fields.insert("args".into(), json!(arguments));
    }
    Ok(Some((edits, Change { server: entry.name().to_owned(), before, after })))
}

fn lead_address(
    text: &str,
    form: Form,
    entry: &Entry,
    how: &How,
    meant: &mut Value,
) -> Result<Option<(Vec<Edit>, Change)>, String> {
    // Gemini CLI means the older transport by `url`.
    let name = match how.client {
        Client::Gemini => "httpUrl",
        _ => "url",
    };
    let Some(url) = entry.field(name) else {
        return Err(match entry.fields {
            None => "its entry is no object",
            Some(_) => "it has neither a command nor an address that we know how to lead",
        }
        .to_owned());
    };
    let Some(old) = url.value.as_str() else { return Err("its address is no text".to_owned()) };
    if is_ours(entry) {
        return Ok(None);
    }
    if entry.text("type") == Some("sse") {
        return Err("it speaks the older transport over HTTP".to_owned());
    }
    let Some(server) = how.server_at(old) else {
        return Err("no server under `gateway.mcp.servers` has its address".to_owned());
    };
    let Some((field, value)) = credential(how.client) else {
        return Err("its client knows programs only".to_owned());
    };
    let new = format!("http://{}/mcp/{server}", how.address);
    let mut edits = vec![Edit { span: url.span.clone(), text: quoted(&new) }];
    let written = value.to_string();
    edits.push(match entry.field(field) {
        Some(there) => Edit { span: there.span.clone(), text: written },
        None => beside(text, form, url, name, field, &written),
    });
    if let Some(fields) = object_at(meant, &entry.path) {
        fields.insert(name.into(), json!(new));
        fields.insert(field.into(), value);
    }
    let change =
        Change { server: entry.name().to_owned(), before: vec![old.to_owned()], after: vec![new] };
    Ok(Some((edits, change)))
}

/// How a client is told to show its token to us, out of a variable of its own environment.
fn credential(client: Client) -> Option<(&'static str, Value)> {
    let bearer =
        |variable: String| ("headers", json!({ "Authorization": format!("Bearer {variable}") }));
    match client {
        Client::ClaudeCode => Some(bearer(format!("${{{TOKEN_VARIABLE}}}"))),
        Client::Cursor | Client::Vscode => Some(bearer(format!("${{env:{TOKEN_VARIABLE}}}"))),
        Client::Gemini => Some(bearer(format!("${TOKEN_VARIABLE}"))),
        Client::Codex => Some(("bearer_token_env_var", json!(TOKEN_VARIABLE))),
        Client::ClaudeDesktop => None,
    }
}

/// Whether an address is one that we have put there.
fn is_ours(entry: &Entry) -> bool {
    let said = ["headers", "bearer_token_env_var"].iter().filter_map(|name| entry.field(name));
    said.map(|field| field.value.to_string()).any(|text| text.contains(TOKEN_VARIABLE))
}

/// A field that is said after another, in the way in which that one is said.
fn beside(text: &str, form: Form, after: &Field, name: &str, new: &str, value: &str) -> Edit {
    let end = after.span.end;
    let start = text.get(..after.span.start).and_then(|before| before.rfind('\n'));
    let head = text.get(start.map_or(0, |at| at + 1)..after.span.start).unwrap_or_default();
    let words = head.trim_start();
    let indent = head.get(..head.len() - words.len()).unwrap_or_default();
    let text = match form {
        Form::Json if words.starts_with(&quoted(name)) => {
            format!(",\n{indent}{}: {value}", quoted(new))
        }
        Form::Json => format!(", {}: {value}", quoted(new)),
        Form::Toml => match words.rfind(name).filter(|_| !words.contains('{')) {
            Some(at) => format!("\n{indent}{}{new} = {value}", words.get(..at).unwrap_or_default()),
            None => format!(", {new} = {value}"),
        },
    };
    Edit { span: end..end, text }
}

/// Gives every server back to its client. What stood where is taken from the text that was there
/// before, where there is one.
pub(super) fn unwrap(text: &str, form: Form, before: Option<&str>) -> Result<Rewritten, String> {
    let mut rewritten = Rewritten::default();
    let known = before.map(|before| form.entries(before)).transpose()?.unwrap_or_default();
    for entry in form.entries(text)? {
        let given_back = match entry.command() {
            Some(command) if behind(&command).is_some() => {
                let was = known.iter().find(|known| known.path == entry.path).zip(before);
                program_back(text, &entry, &command, was)
            }
            Some(_) => Ok(None),
            None if is_ours(&entry) => {
                let was = known.iter().find(|known| known.path == entry.path);
                let was = was.zip(before).ok_or("it is not known where it was before".to_owned());
                was.and_then(|(was, before)| address_back(&entry, was, before))
            }
            None => Ok(None),
        };
        rewritten.take(&entry, given_back);
    }
    rewritten.edits.sort_by_key(|edit| edit.span.start);
    let result = rewritten.text(text);
    let again = form.entries(&result)?;
    let is_led = |entry: &Entry| entry.command().is_some_and(|command| behind(&command).is_some());
    match again.iter().filter(|entry| is_led(entry)).count() {
        0 => Ok(rewritten),
        _ => {
            Err("what stood there before cannot be told; a copy is in the state folder".to_owned())
        }
    }
}

fn program_back(
    text: &str,
    entry: &Entry,
    command: &[String],
    was: Option<(&Entry, &str)>,
) -> Result<Option<(Vec<Edit>, Change)>, String> {
    let odd = || "its arguments are written in a way that cannot be read".to_owned();
    let (Some(program), Some(arguments), Some(inner)) =
        (entry.field("command"), entry.field("args"), behind(command))
    else {
        return Ok(None);
    };
    let first = arguments.items.len().checked_sub(inner.len()).ok_or_else(odd)?;
    let item = arguments.items.get(first).ok_or_else(odd)?;
    let old = text.get(item.clone()).ok_or_else(odd)?;
    let rest = text.get(item.end..).unwrap_or_default();
    let end = match inner.len() {
        1 => item.end,
        _ => {
            let comma = rest.len() - rest.trim_ascii_start().len();
            let behind = rest.get(comma..).and_then(|rest| rest.strip_prefix(','));
            let behind = behind.ok_or_else(odd)?;
            item.end + comma + 1 + usize::from(behind.starts_with(' '))
        }
    };
    let mut edits = vec![Edit { span: program.span.clone(), text: old.to_owned() }];
    let none_then = was.filter(|_| inner.len() == 1);
    edits.push(match none_then.map(|(was, before)| (was.field("args"), before)) {
        // They were put behind the command.
        Some((None, _)) if arguments.span.start > program.span.end => {
            Edit { span: program.span.end..arguments.span.end, text: String::new() }
        }
        Some((Some(then), before)) if then.items.is_empty() => {
            let stood = before.get(then.span.clone()).ok_or_else(odd)?;
            Edit { span: arguments.span.clone(), text: stood.to_owned() }
        }
        _ => Edit { span: arguments.span.start + 1..end, text: String::new() },
    });
    let change =
        Change { server: entry.name().to_owned(), before: command.to_vec(), after: inner.to_vec() };
    Ok(Some((edits, change)))
}

fn address_back(
    entry: &Entry,
    was: &Entry,
    before: &str,
) -> Result<Option<(Vec<Edit>, Change)>, String> {
    let odd = || "it is not known where it was before".to_owned();
    let stood = |field: &Field| before.get(field.span.clone()).map(str::to_owned).ok_or_else(odd);
    let named = |name: &&str| entry.field(name).is_some() && was.field(name).is_some();
    let name = ["url", "httpUrl"].into_iter().find(named).ok_or_else(odd)?;
    let (Some(url), Some(old)) = (entry.field(name), was.field(name)) else { return Err(odd()) };
    let mut edits = vec![Edit { span: url.span.clone(), text: stood(old)? }];
    for name in ["headers", "bearer_token_env_var"] {
        match (entry.field(name), was.field(name)) {
            (Some(now), Some(then)) if now.value != then.value => {
                edits.push(Edit { span: now.span.clone(), text: stood(then)? });
            }
            // It was put behind the address.
            (Some(now), None) if now.span.start > url.span.end => {
                edits.push(Edit { span: url.span.end..now.span.end, text: String::new() });
            }
            _ => {}
        }
    }
    let shown = |field: &Field| vec![field.value.as_str().unwrap_or_default().to_owned()];
    let change = Change { server: entry.name().to_owned(), before: shown(url), after: shown(old) };
    Ok(Some((edits, change)))
}

fn object_at<'v>(
    root: &'v mut Value,
    path: &[String],
) -> Option<&'v mut serde_json::Map<String, Value>> {
    path.iter().try_fold(root, |value, key| value.get_mut(key))?.as_object_mut()
}

/// A text as JSON and TOML both write it.
fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests;
