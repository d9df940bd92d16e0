//! The keys of persons, one each, and the journal that seals what is recorded of them.
//!
//! The keys lie in a sealed file of their own. A key that is destroyed is in no later version of
//! that file, and nothing else can open what was sealed under it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bakerst_audit::erasure::{SUBJECT_PREFIX, reveal, veil};
use bakerst_model::{Appending, Digest, Event, Journal, JournalError, Secret, UserId};
use bakerst_secrets::{MasterKey, SEAL_RANDOM_BYTES, SealedFile, SecretsError, open, seal};

/// What sealed parts of records are for, so that nothing else passes for one.
const AAD: &[u8] = b"audit subject";

/// One person's key, and the name that the log has for them.
#[derive(Clone)]
struct Subject {
    name: String,
    key: MasterKey,
}

impl Subject {
    fn of(secret: &Secret) -> Self {
        let derived = |what: &[u8]| Digest::of_parts(&[what, secret.expose()]);
        let digits: String = derived(b"bakerst subject name v1").to_string();
        let name = format!("{SUBJECT_PREFIX}{}", digits.get(..32).unwrap_or_default());
        Self { name, key: MasterKey::new(*derived(b"bakerst subject key v1").as_bytes()) }
    }
}

/// Everybody's keys.
pub(crate) struct Subjects {
    file: SealedFile,
    by_name: HashMap<String, Subject>,
    max: usize,
}

impl Subjects {
    /// Opens the keys, or begins to keep some.
    pub(crate) fn open(path: &Path, master: &MasterKey, max: usize) -> Result<Self, SecretsError> {
        let file = SealedFile::open_or_create(path, master)?;
        let known = file.names().filter_map(|name| file.get(name));
        let subjects = known.map(|secret| Subject::of(&secret));
        let by_name = subjects.map(|subject| (subject.name.clone(), subject)).collect();
        Ok(Self { file, by_name, max })
    }

    /// The name that the log has for a person whose key is there.
    pub(crate) fn name_of(&self, user: &str) -> Option<String> {
        self.file.get(&slot(user)).map(|secret| Subject::of(&secret).name)
    }

    /// Destroys a person's key. Answers the name that the log has for them, if there was one.
    pub(crate) fn erase(&mut self, user: &str) -> Result<Option<String>, SecretsError> {
        let Some(name) = self.name_of(user) else { return Ok(None) };
        self.file.remove(&slot(user))?;
        self.by_name.remove(&name);
        Ok(Some(name))
    }

    /// Lifts the veil from a record, where the key is there.
    pub(crate) fn reveal(&self, line: &[u8]) -> Option<Vec<u8>> {
        reveal(line, |name, sealed| {
            let subject = self.by_name.get(name)?;
            open(&subject.key, sealed, AAD).ok().map(|plain| plain.to_vec())
        })
    }

    fn veil(&mut self, event: Event) -> Result<Event, String> {
        let Some(user) = &event.actor.user else { return Ok(event) };
        let Subject { name, key } = self.subject(user)?;
        let mut random = [0; SEAL_RANDOM_BYTES];
        getrandom::fill(&mut random).map_err(|error| error.to_string())?;
        let veiled = veil(event, &name, |plain| seal(&key, plain, AAD, &random).ok());
        veiled.map_err(|error| error.to_string())
    }

    fn subject(&mut self, user: &UserId) -> Result<Subject, String> {
        let slot = slot(user.as_str());
        let secret = match self.file.get(&slot) {
            Some(secret) => secret,
            None if self.by_name.len() >= self.max => {
                return Err(format!("there are keys of `subjects_max` persons ({})", self.max));
            }
            None => self.file.get_or_draw(&slot).map_err(|error| error.to_string())?,
        };
        let subject = Subject::of(&secret);
        self.by_name.insert(subject.name.clone(), subject.clone());
        Ok(subject)
    }
}

/// Where a person's key is kept. Ids may hold what names of secrets may not.
fn slot(user: &str) -> String {
    Digest::of_parts(&[b"bakerst subject slot v1", user.as_bytes()]).to_string()
}

/// A journal that seals what events on behalf of persons tell of them.
pub(crate) struct SealingJournal {
    inner: Arc<dyn Journal>,
    subjects: Mutex<Subjects>,
}

impl SealingJournal {
    pub(crate) fn new(inner: Arc<dyn Journal>, subjects: Subjects) -> Self {
        Self { inner, subjects: Mutex::new(subjects) }
    }

    /// The keys, for whoever looks a person up or erases one.
    pub(crate) fn subjects(&self) -> MutexGuard<'_, Subjects> {
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for SealingJournal {
    fn append(&self, event: Event) -> Appending<'_> {
        let veiled = self.subjects().veil(event);
        match veiled {
            Ok(event) => self.inner.append(event),
            Err(why) => {
                let why = format!("the event cannot be sealed for its person: {why}");
                Appending::done(Err(JournalError::Unwritable(why.into())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bakerst_model::{Action, Actor, Code, Detail, Seq};
    use serde_json::json;

    use super::*;

    /// A journal that keeps what it is given.
    #[derive(Default)]
    struct Notebook(Mutex<Vec<Event>>);

    impl Journal for Notebook {
        fn append(&self, event: Event) -> Appending<'_> {
            let mut events = self.0.lock().unwrap();
            events.push(event);
            let seq = Seq(events.len() as u64);
            Appending::done(Ok(seq))
        }
    }

    fn event(user: &str) -> Event {
        let actor = Actor { user: UserId::parse(user).ok(), ..Actor::system() };
        let detail = Detail::of(&json!({ "tool": "pay", "input": { "to": "somebody" } })).unwrap();
        Event { action: Action::ToolAllowed, actor, conversation: None, detail }
    }

    #[tokio::test]
    async fn what_is_recorded_of_a_person_goes_with_their_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("subjects.sealed");
        let open = || Subjects::open(&path, &MasterKey::new([7; 32]), 2).unwrap();
        let notebook = Arc::new(Notebook::default());
        let journal = SealingJournal::new(notebook.clone(), open());
        for user in ["ann", "böb / \"x\"", "ann"] {
            journal.append(event(user)).await.unwrap();
        }
        let refused = journal.append(event("one too many")).await.unwrap_err();
        assert_eq!(refused.code(), Code::LogUnwritable);
        assert!(refused.to_string().contains("`subjects_max`"), "{refused}");
        let names: Vec<_> = (notebook.0.lock().unwrap().iter())
            .map(|event| event.actor.user.as_ref().unwrap().to_string())
            .collect();
        assert_eq!((names.len(), &names[0]), (3, &names[2]));
        assert_ne!(names[0], names[1]);

        let mut later = open();
        assert_eq!(later.name_of("ann").as_ref(), Some(&names[0]));
        assert_eq!(later.erase("ann").unwrap().as_ref(), Some(&names[0]));
        assert_eq!(later.erase("ann").unwrap(), None);
        assert_eq!(open().name_of("ann"), None);
        assert_eq!(open().name_of("böb / \"x\"").as_ref(), Some(&names[1]));
    }
}
