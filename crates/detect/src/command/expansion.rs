//! How words are read: quotes, escapes, expansions, redirections and here-documents.

use super::decode;
use super::lexer::{Lexer, ends_word, is_name};
use super::shell::{Feed, Parser, PendingText, Redirect, RedirectKind, Simple};
use super::word::{Part, Word};

/// How often a text may look like arithmetic and turn out to be commands.
const REWINDS_MAX: u8 = 8;

impl Parser<'_> {
    /// The word that begins here, if one does.
    pub(super) fn word(&mut self) -> Option<Word> {
        let mut word = Word::default();
        let begin = self.lexer.position();
        while let Some(b) = self.lexer.peek() {
            match b {
                b'<' | b'>' if self.lexer.peek_second() == Some(b'(') => {
                    self.lexer.bump();
                    self.lexer.bump();
                    self.substitution(&mut word, true, true);
                }
                b'(' if follows_pattern_mark(&word) => self.extended_pattern(&mut word),
                _ if ends_word(b) => break,
                _ => self.word_piece(b, &mut word),
            }
        }
        (self.lexer.position() > begin).then_some(word)
    }

    fn word_piece(&mut self, b: u8, word: &mut Word) {
        match b {
            b'\\' => {
                self.lexer.bump();
                if !self.lexer.eat(b"\n") {
                    word.quoted = true;
                    if let Some(c) = self.lexer.take_char() {
                        word.push(c);
                    }
                }
            }
            b'\'' => {
                self.lexer.bump();
                word.quoted = true;
                word.push_str(self.lexer.take_while(|b| b != b'\''));
                if !self.lexer.eat(b"'") {
                    self.unsure("a quote is never closed");
                }
            }
            b'"' => {
                self.lexer.bump();
                word.quoted = true;
                self.double_quoted(word, true);
            }
            b'$' => self.dollar(word, false),
            b'`' => self.backticks(word, false),
            b'*' | b'?' | b'[' => {
                word.glob = true;
                self.lexer.bump();
                word.push(char::from(b));
            }
            b'{' => {
                word.brace = true;
                self.lexer.bump();
                word.push('{');
            }
            _ => word.push_str(self.lexer.take_while(|b| !ends_word(b) && !is_special(b))),
        }
    }

    /// Up to the closing quote, or to the end of the text for a here-document's body.
    pub(super) fn double_quoted(&mut self, word: &mut Word, closes: bool) {
        loop {
            match self.lexer.peek() {
                None if closes => return self.unsure("a quote is never closed"),
                None => return,
                Some(b'"') if closes => return self.lexer.bump(),
                Some(b'$') => self.dollar(word, true),
                Some(b'`') => self.backticks(word, true),
                Some(b'\\') => {
                    self.lexer.bump();
                    match self.lexer.peek() {
                        Some(b'\n') => self.lexer.bump(),
                        Some(b @ (b'$' | b'`' | b'"' | b'\\')) => {
                            self.lexer.bump();
                            word.push(char::from(b));
                        }
                        _ => word.push('\\'),
                    }
                }
                Some(b'"') => {
                    self.lexer.bump();
                    word.push('"');
                }
                Some(_) => word
                    .push_str(self.lexer.take_while(|b| !matches!(b, b'"' | b'$' | b'`' | b'\\'))),
            }
        }
    }

    fn dollar(&mut self, word: &mut Word, quoted: bool) {
        self.lexer.bump();
        match self.lexer.peek() {
            Some(b'(') => {
                self.lexer.bump();
                if self.lexer.eat(b"(") {
                    let inner = self.lexer.position();
                    if self.arithmetic() {
                        word.parts.push(Part::Hole { run: None, quoted, file: false });
                        return;
                    }
                    self.lexer.rewind(inner.saturating_sub(1));
                }
                self.substitution(word, quoted, false);
            }
            Some(b'{') => {
                self.lexer.bump();
                self.parameter(word, quoted);
            }
            Some(b'\'') if !quoted => {
                self.lexer.bump();
                word.quoted = true;
                match self.lexer.take_ansi_quoted() {
                    Some(body) => word.push_str(&decode::escapes(body)),
                    None => self.unsure("a quote is never closed"),
                }
            }
            Some(b'"') if !quoted => {}
            Some(b) if is_name(b) && !b.is_ascii_digit() => {
                let name = self.lexer.take_while(is_name).to_owned();
                word.parts.push(Part::Variable { name, quoted });
            }
            Some(b) if b.is_ascii_digit() || b"@*#?$!-".contains(&b) => {
                self.lexer.bump();
                word.parts.push(Part::Variable { name: char::from(b).into(), quoted });
            }
            _ => word.push('$'),
        }
    }

    /// Commands up to the `)` that closes them.
    fn substitution(&mut self, word: &mut Word, quoted: bool, file: bool) {
        let first = self.script.commands.len();
        self.list(&Feed::Inherited, true);
        let run = Some(first..self.script.commands.len());
        word.parts.push(Part::Hole { run, quoted, file });
    }

    /// Backticks are read as a script of their own, after one level of escapes is taken off.
    fn backticks(&mut self, word: &mut Word, quoted: bool) {
        self.lexer.bump();
        let mut inner = String::new();
        loop {
            inner.push_str(self.lexer.take_while(|b| b != b'`' && b != b'\\'));
            match self.lexer.peek() {
                None => {
                    self.unsure("a backtick is never closed");
                    break;
                }
                Some(b'`') => {
                    self.lexer.bump();
                    break;
                }
                Some(_) => {
                    self.lexer.bump();
                    match self.lexer.peek() {
                        Some(b'$' | b'`' | b'\\') => {}
                        _ => inner.push('\\'),
                    }
                    inner.extend(self.lexer.take_char());
                }
            }
        }
        let first = self.script.commands.len();
        self.nested(&inner, |parser| parser.list(&Feed::Inherited, false));
        let run = Some(first..self.script.commands.len());
        word.parts.push(Part::Hole { run, quoted, file: false });
    }

    /// Reads another text into the same list of commands.
    fn nested<T>(&mut self, text: &str, read: impl FnOnce(&mut Parser<'_>) -> T) -> T {
        let mut inner = Parser {
            lexer: Lexer::new(text),
            script: std::mem::take(&mut self.script),
            pending: Vec::new(),
            depth: self.depth,
            rewinds: self.rewinds,
        };
        let answer = read(&mut inner);
        if !inner.lexer.at_end() {
            inner.unsure("a parenthesis is closed that was never opened");
        }
        if !inner.pending.is_empty() {
            inner.unsure("a here-document is never closed");
        }
        self.script = inner.script;
        self.rewinds = inner.rewinds;
        answer
    }

    /// `${…}`: a plain name is a variable, anything else is unknown; what it holds may still run.
    fn parameter(&mut self, word: &mut Word, quoted: bool) {
        let name = self.lexer.take_while(is_name).to_owned();
        if !name.is_empty() && self.lexer.eat(b"}") {
            word.parts.push(Part::Variable { name, quoted });
            return;
        }
        if self.lexer.starts_with(b"=") || self.lexer.starts_with(b":=") {
            let assigns = vec![(name, Word::unknown())];
            self.script.commands.push(Simple { assigns, ..Simple::default() });
        }
        if self.lexer.starts_with(b"@P") {
            self.unsure("it expands a value as a prompt, which may run commands");
        }
        let mut inside = Word::default();
        while !self.lexer.eat(b"}") {
            match self.lexer.peek() {
                None => {
                    self.unsure("a brace is never closed");
                    break;
                }
                Some(b) if ends_word(b) => self.lexer.bump(),
                Some(b'}') => {}
                Some(b) => self.nested_piece(b, &mut inside),
            }
        }
        word.parts.push(Part::Hole { run: None, quoted, file: false });
    }

    /// One piece inside of `${…}` or `((…))`, which nest without parentheses of their own.
    fn nested_piece(&mut self, b: u8, inside: &mut Word) {
        if self.depth >= super::shell::DEPTH_MAX {
            self.unsure("it nests deeper than is read");
            return self.lexer.stop();
        }
        self.depth += 1;
        match b {
            b'\\' | b'\'' | b'"' | b'$' | b'`' => self.word_piece(b, inside),
            _ => {
                let _ = self.lexer.take_char();
            }
        }
        self.depth -= 1;
    }

    /// Arithmetic after `((`, up to its `))`; false where the text is not arithmetic after all.
    pub(super) fn arithmetic(&mut self) -> bool {
        let (commands, mut open, mut inside) = (self.script.commands.len(), 1, Word::default());
        loop {
            match self.lexer.peek() {
                None => break,
                Some(b'(') => {
                    open += 1;
                    self.lexer.bump();
                }
                Some(b')') => {
                    open -= 1;
                    self.lexer.bump();
                    if open == 0 {
                        if self.lexer.eat(b")") {
                            return true;
                        }
                        break;
                    }
                }
                Some(b'\'') => self.lexer.bump(),
                Some(b) => self.nested_piece(b, &mut inside),
            }
        }
        // What was read twice would be counted twice, and a text of nothing but such openings
        // would be read again and again.
        self.script.commands.truncate(commands);
        self.rewinds += 1;
        if self.rewinds > REWINDS_MAX {
            self.unsure("it opens more arithmetic than is read");
            self.lexer.stop();
            return true;
        }
        false
    }

    /// What follows `NAME=`: a word, or an array whose elements are not followed.
    pub(super) fn assigned_value(&mut self) -> Word {
        if !self.lexer.eat(b"(") {
            return match self.lexer.peek() {
                Some(b) if !ends_word(b) => self.word().unwrap_or_default(),
                _ => Word::default(),
            };
        }
        while !self.lexer.eat(b")") {
            self.lexer.skip_blanks();
            match self.lexer.peek() {
                None => {
                    self.unsure("a list of values is never closed");
                    break;
                }
                Some(b'\n') => self.lexer.bump(),
                Some(b'#') => self.lexer.skip_line(),
                Some(b')') => {}
                Some(_) => {
                    if self.word().is_none() {
                        self.lexer.bump();
                    }
                }
            }
        }
        Word::unknown()
    }

    /// Takes a redirection if one stands here.
    pub(super) fn redirect(&mut self, simple: &mut Simple) -> bool {
        let before = self.lexer.position();
        if self.lexer.eat(b"{") {
            self.lexer.take_while(is_name);
            if !self.lexer.eat(b"}") {
                self.lexer.rewind(before);
            }
        } else {
            self.lexer.take_while(|b| b.is_ascii_digit());
        }
        let process = self.lexer.starts_with(b"<(") || self.lexer.starts_with(b">(");
        let begins = matches!(self.lexer.peek(), Some(b'<' | b'>'))
            || self.lexer.position() == before && self.lexer.starts_with(b"&>");
        if process || !begins {
            self.lexer.rewind(before);
            return false;
        }
        if self.lexer.starts_with(b"<<") {
            self.here(simple);
            return true;
        }
        let kind = match () {
            () if self.lexer.eat(b"&>>") || self.lexer.eat(b">>") => RedirectKind::Append,
            () if self.lexer.eat(b"<>") => RedirectKind::Append,
            () if self.lexer.eat(b"&>") || self.lexer.eat(b">|") => RedirectKind::Write,
            () if self.lexer.eat(b"<&") => RedirectKind::Read,
            () if self.lexer.eat(b"<") => RedirectKind::Read,
            () if self.lexer.eat(b">&") => RedirectKind::Write,
            () => {
                self.lexer.bump();
                RedirectKind::Write
            }
        };
        self.lexer.skip_blanks();
        match self.word() {
            Some(target) => simple.redirects.push(Redirect { kind, target }),
            None => self.unsure("a redirection names no file"),
        }
        true
    }

    /// `<<<` and `<<`.
    fn here(&mut self, simple: &mut Simple) {
        let place = self.script.texts.len();
        simple.feed = Feed::Text(place);
        if self.lexer.eat(b"<<<") {
            self.lexer.skip_blanks();
            let text = self.word().unwrap_or_default();
            // Reading the word may have added texts of its own.
            simple.feed = Feed::Text(self.script.texts.len());
            self.script.texts.push(text);
            return;
        }
        let strip_tabs = self.lexer.eat(b"<<-") || !self.lexer.eat(b"<<");
        self.lexer.skip_blanks();
        let word = self.word().unwrap_or_default();
        let Some(delimiter) = word.literal().map(str::to_owned) else {
            return self.unsure("a here-document ends at a word that is not known");
        };
        let place = self.script.texts.len();
        simple.feed = Feed::Text(place);
        self.script.texts.push(Word::unknown());
        self.pending.push(PendingText { delimiter, quoted: word.quoted, strip_tabs, place });
    }

    /// Takes a newline and the here-documents that begin after it.
    pub(super) fn newline(&mut self) {
        self.lexer.bump();
        for PendingText { delimiter, quoted, strip_tabs, place } in
            std::mem::take(&mut self.pending)
        {
            let (mut body, mut closed) = (String::new(), false);
            while !self.lexer.at_end() {
                let line = self.lexer.take_line();
                let line = if strip_tabs { line.trim_start_matches('\t') } else { line };
                if line.strip_suffix('\r').unwrap_or(line) == delimiter {
                    closed = true;
                    break;
                }
                body.push_str(line);
                body.push('\n');
            }
            if !closed {
                self.unsure("a here-document is never closed");
            }
            let text = match quoted {
                true => Word::from_literal(&body),
                false => self.nested(&body, |parser| {
                    let mut word = Word::default();
                    parser.double_quoted(&mut word, false);
                    word
                }),
            };
            if let Some(slot) = self.script.texts.get_mut(place) {
                *slot = text;
            }
        }
    }

    /// `!(…)` and its like; which files it names is not known.
    fn extended_pattern(&mut self, word: &mut Word) {
        word.glob = true;
        let mut open = 0;
        while let Some(b) = self.lexer.peek() {
            match b {
                b'(' => open += 1,
                b')' => open -= 1,
                b'\n' => break,
                _ => {}
            }
            if matches!(b, b'\\' | b'\'' | b'"' | b'$' | b'`') {
                self.nested_piece(b, word);
                continue;
            }
            word.push(self.lexer.take_char().unwrap_or(' '));
            if open == 0 {
                return;
            }
        }
        self.unsure("a pattern is never closed");
    }
}

/// Whether the word so far ends in the mark of an extended pattern.
fn follows_pattern_mark(word: &Word) -> bool {
    match word.parts.last() {
        Some(Part::Literal(text)) => text.ends_with(['!', '@', '?', '*', '+']),
        _ => false,
    }
}

fn is_special(b: u8) -> bool {
    matches!(b, b'\\' | b'\'' | b'"' | b'$' | b'`' | b'*' | b'?' | b'[' | b'{')
}
