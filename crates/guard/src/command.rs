//! The command line in a call's input, read once for all guardrails that want to know it.

use bakerst_detect::command::{Effect, Lang, Programs, Reading, Why, read};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a tool's input holds a command, and in which language.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "RawPlace", into = "RawPlace")]
pub struct CommandPlace {
    at: String,
    lang: CommandLang,
}

/// `/command`, or `{at: /query, lang: sql}`.
#[derive(Deserialize, Serialize)]
#[serde(untagged, expecting = "expected a JSON pointer such as `/command`, or `at:` and `lang:`")]
enum RawPlace {
    Pointer(String),
    WithLang(PlaceWithLang),
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct PlaceWithLang {
    at: String,
    lang: CommandLang,
}

/// The languages that commands are read in.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum CommandLang {
    #[default]
    Shell,
    Sql,
    Powershell,
}

impl TryFrom<RawPlace> for CommandPlace {
    type Error = String;

    fn try_from(raw: RawPlace) -> Result<Self, String> {
        let (at, lang) = match raw {
            RawPlace::Pointer(at) => (at, CommandLang::default()),
            RawPlace::WithLang(PlaceWithLang { at, lang }) => (at, lang),
        };
        match at.starts_with('/') {
            true => Ok(Self { at, lang }),
            false => Err(format!("`{at}` is no JSON pointer, expected one such as `/command`")),
        }
    }
}

impl From<CommandPlace> for RawPlace {
    fn from(CommandPlace { at, lang }: CommandPlace) -> Self {
        match lang {
            CommandLang::Shell => Self::Pointer(at),
            lang => Self::WithLang(PlaceWithLang { at, lang }),
        }
    }
}

impl CommandPlace {
    /// Where the command stands, as a JSON pointer.
    pub(crate) fn pointer(&self) -> &str {
        &self.at
    }

    /// What the command in `input` would do. An input without one is unknown in every respect: the
    /// tool may find its command elsewhere.
    pub(crate) fn read(&self, input: &Value) -> Reading {
        let lang = match self.lang {
            CommandLang::Shell => Lang::Shell,
            CommandLang::Sql => Lang::Sql,
            CommandLang::Powershell => Lang::PowerShell,
        };
        match self.find(input) {
            Some(Value::String(text)) => read(text, lang),
            Some(Value::Array(words)) => match quoted(words) {
                Some(line) => read(&line, Lang::Shell),
                None => unreadable("it is a list of other things than texts"),
            },
            Some(_) => unreadable("it is neither a text nor a list of texts"),
            None => unreadable("there is none"),
        }
    }

    pub(crate) fn clear(&self, input: &mut Value) {
        if let Some(command) = input.pointer_mut(&self.at) {
            *command = Value::Null;
        }
    }

    fn find<'v>(&self, input: &'v Value) -> Option<&'v Value> {
        input.pointer(&self.at)
    }
}

/// Words that are handed to a program one by one, as a shell would have to be told them.
fn quoted(words: &[Value]) -> Option<String> {
    let quoted =
        words.iter().map(|word| Some(format!("'{}'", word.as_str()?.replace('\'', r"'\''"))));
    Some(quoted.collect::<Option<Vec<_>>>()?.join(" "))
}

fn unreadable(why: &'static str) -> Reading {
    let reason = Why { effect: Effect::Unknown, words: String::new(), rule: why };
    Reading {
        effect: Effect::Unknown,
        reasons: vec![reason],
        programs: Programs::CannotTell(why),
        invocations: None,
    }
}
