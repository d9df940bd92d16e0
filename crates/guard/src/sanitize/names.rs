//! The names of values, conversation by conversation.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bakerst_detect::redact::Pseudonyms;
use bakerst_model::{ConversationId, Digest, Limits, Secret};

/// Remembers which value got which number, for as many conversations as the limits allow.
///
/// What is kept of a value is a keyed digest. The book lives in memory: after a restart, and for a
/// conversation that had to make room for others, numbers are given anew, and never one that was
/// given to another value before.
pub struct NameBook {
    key: Secret,
    conversations_max: usize,
    values_max: usize,
    shelves: Mutex<Shelves>,
}

#[derive(Default)]
struct Shelves {
    shelves: HashMap<(String, ConversationId), Shelf>,
    /// Counts how often the book was opened, to tell which shelf was used last.
    openings: u64,
    /// The highest number on a shelf that was cleared.
    cleared: usize,
}

struct Shelf {
    names: Arc<Mutex<Pseudonyms>>,
    opened: u64,
}

impl NameBook {
    /// An empty book under a key.
    #[must_use]
    pub fn new(key: Secret, limits: &Limits) -> Self {
        Self {
            key,
            conversations_max: limits.pseudonym_conversations_max,
            values_max: limits.pseudonym_values_max,
            shelves: Mutex::default(),
        }
    }

    /// The names of one conversation of `owner`, to whom it belongs; the one that was unused for
    /// longest makes room. None while every conversation is in use.
    #[must_use]
    pub fn open(
        &self,
        owner: &str,
        conversation: &ConversationId,
    ) -> Option<Arc<Mutex<Pseudonyms>>> {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        shelves.openings += 1;
        let opened = shelves.openings;
        let place = (owner.to_owned(), conversation.clone());
        if let Some(shelf) = shelves.shelves.get_mut(&place) {
            shelf.opened = opened;
            return Some(shelf.names.clone());
        }
        if shelves.shelves.len() >= self.conversations_max {
            shelves.clear_oldest()?;
        }
        let parts: [&[u8]; 4] = [
            b"bakerst pseudonyms v1",
            self.key.expose(),
            owner.as_bytes(),
            conversation.as_str().as_bytes(),
        ];
        let key = Digest::of_parts(&parts);
        let names = Pseudonyms::new(key.as_bytes(), self.values_max).after(shelves.cleared);
        let names = Arc::new(Mutex::new(names));
        shelves.shelves.insert(place, Shelf { names: names.clone(), opened });
        Some(names)
    }
}

impl Shelves {
    fn clear_oldest(&mut self) -> Option<()> {
        let idle = self.shelves.iter().filter(|(_, shelf)| Arc::strong_count(&shelf.names) == 1);
        let (place, _) = idle.min_by_key(|(_, shelf)| shelf.opened)?;
        let shelf = self.shelves.remove(&place.clone())?;
        let names = shelf.names.lock().unwrap_or_else(PoisonError::into_inner);
        // Should the conversation go on, none of its numbers may come to mean another value.
        self.cleared = self.cleared.max(names.highest());
        Some(())
    }
}

impl fmt::Debug for NameBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NameBook").field("values_max", &self.values_max).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use bakerst_detect::redact::{Kind, Redactor, Rule};

    use super::*;

    fn named(book: &NameBook, owner: &str, conversation: &str, text: &str) -> String {
        let redactor = Redactor::new(&Kind::ALL.map(Rule::Kind)).unwrap();
        let names = book.open(owner, &ConversationId::parse(conversation).unwrap()).unwrap();
        let mut names = names.lock().unwrap();
        redactor.redact_named(text, &mut names).text.into_owned()
    }

    #[test]
    fn values_keep_their_names_within_a_conversation_of_one_owner() {
        let book = NameBook::new(Secret::new(vec![7; 32]), &Limits::default());
        assert_eq!(named(&book, "a", "c", "ann@a.org bob@a.org"), "[EMAIL_1] [EMAIL_2]");
        assert_eq!(named(&book, "a", "c", "bob@a.org"), "[EMAIL_2]");
        assert_eq!(named(&book, "a", "d", "bob@a.org"), "[EMAIL_1]");
        assert_eq!(named(&book, "b", "c", "bob@a.org"), "[EMAIL_1]");
    }

    #[test]
    fn a_conversation_that_had_to_make_room_never_reuses_a_number() {
        let limits = Limits { pseudonym_conversations_max: 2, ..Limits::default() };
        let book = NameBook::new(Secret::new(vec![7; 32]), &limits);
        assert_eq!(named(&book, "a", "1", "ann@a.org bob@a.org"), "[EMAIL_1] [EMAIL_2]");
        assert_eq!(named(&book, "a", "2", "ann@a.org"), "[EMAIL_1]");
        assert_eq!(named(&book, "a", "3", "ann@a.org"), "[EMAIL_3]");
        assert_eq!(named(&book, "a", "1", "bob@a.org"), "[EMAIL_3]");
        assert_eq!(named(&book, "a", "3", "ann@a.org"), "[EMAIL_3]");
    }

    #[test]
    fn values_beyond_the_limit_get_the_plain_placeholder() {
        let limits = Limits { pseudonym_values_max: 1, ..Limits::default() };
        let book = NameBook::new(Secret::new(vec![7; 32]), &limits);
        assert_eq!(named(&book, "a", "1", "ann@a.org bob@a.org"), "[EMAIL_1] [REDACTED_EMAIL]");
    }

    #[test]
    fn a_book_whose_conversations_are_all_in_use_opens_no_other() {
        let limits = Limits { pseudonym_conversations_max: 1, ..Limits::default() };
        let book = NameBook::new(Secret::new(vec![7; 32]), &limits);
        let held = book.open("a", &ConversationId::parse("1").unwrap());
        assert!(book.open("a", &ConversationId::parse("2").unwrap()).is_none());
        drop(held);
        assert!(book.open("a", &ConversationId::parse("2").unwrap()).is_some());
    }
}
