//! A shell script, read into the simple commands that could run.
//!
//! The grammar is POSIX sh with what bash adds. Control flow is not evaluated: whatever stands in
//! a branch, a loop, a function or a substitution is taken to run, because the text alone cannot
//! show that it does not. Parentheses recurse, up to [`DEPTH_MAX`]; the keywords' blocks are
//! kept on a stack of our own, so that no text can exhaust the thread's.

use std::ops::Range;

use super::lexer::{Lexer, is_name};
use super::word::Word;

/// How deep parentheses and substitutions may nest before the text is given up.
pub(super) const DEPTH_MAX: usize = 40;

/// How many blocks may be open at once before the text is given up.
const BLOCKS_MAX: usize = 100;

/// Words before a command that leave it what it is.
const PREFIXES: &[&str] = &["!", "time", "coproc"];

/// A script as a flat list; a substitution's commands come before the command that holds it.
#[derive(Debug, Default)]
pub(super) struct Script {
    /// Every command that could run, in the order of the text.
    pub(super) commands: Vec<Simple>,
    /// Names of functions that the script defines.
    pub(super) functions: Vec<String>,
    /// The bodies of here-documents and here-strings.
    pub(super) texts: Vec<Word>,
    /// Why the script could not be read to its end, or not surely.
    pub(super) unsure: Option<&'static str>,
}

/// One simple command.
#[derive(Debug, Default)]
pub(super) struct Simple {
    /// `NAME=value` before the command, or alone.
    pub(super) assigns: Vec<(String, Word)>,
    /// The command word and its arguments.
    pub(super) words: Vec<Word>,
    /// Files that it reads from or writes to.
    pub(super) redirects: Vec<Redirect>,
    /// What it reads on its standard input.
    pub(super) feed: Feed,
}

/// Where a command's standard input comes from.
#[derive(Clone, Debug, Default)]
pub(super) enum Feed {
    /// Whatever the shell itself has.
    #[default]
    Inherited,
    /// The commands in this range of the script's list, through a pipe.
    Pipe(Range<usize>),
    /// A here-document or here-string, by its place in [`Script::texts`].
    Text(usize),
}

/// A redirection to or from a file.
#[derive(Debug)]
pub(super) struct Redirect {
    /// What it does to the file.
    pub(super) kind: RedirectKind,
    /// The file.
    pub(super) target: Word,
}

/// What a redirection does to its file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum RedirectKind {
    /// `<`
    Read,
    /// `>`, which empties the file first.
    Write,
    /// `>>`
    Append,
}

/// Reads a script.
pub(super) fn parse(text: &str) -> Script {
    let mut parser = Parser {
        lexer: Lexer::new(text),
        script: Script::default(),
        pending: Vec::new(),
        depth: 0,
        rewinds: 0,
    };
    parser.list(&Feed::Inherited, false);
    if parser.lexer.peek() == Some(b')') {
        parser.unsure("a parenthesis is closed that was never opened");
    }
    if !parser.pending.is_empty() {
        parser.unsure("a here-document is never closed");
    }
    parser.script
}

/// A block that a keyword opened and none has closed yet.
struct Block {
    kind: BlockKind,
    /// Where its commands begin in the list.
    start: usize,
    /// What feeds the block as a whole.
    feed: Feed,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum BlockKind {
    /// `if`, `for`, `while`, `until`, `select`, `{`
    Plain,
    /// `case`, where patterns stand in place of commands.
    Case {
        /// The next thing is a pattern or `esac`.
        at_pattern: bool,
    },
}

/// What follows a finished command.
enum After {
    Pipe,
    Next,
    End,
}

/// A here-document that was announced and not yet read.
pub(super) struct PendingText {
    pub(super) delimiter: String,
    /// A quoted delimiter: nothing in the body is expanded.
    pub(super) quoted: bool,
    pub(super) strip_tabs: bool,
    /// Its place in [`Script::texts`].
    pub(super) place: usize,
}

pub(super) struct Parser<'t> {
    pub(super) lexer: Lexer<'t>,
    pub(super) script: Script,
    /// Here-documents whose bodies begin after the next newline.
    pub(super) pending: Vec<PendingText>,
    pub(super) depth: usize,
    pub(super) rewinds: u8,
}

impl Parser<'_> {
    pub(super) fn unsure(&mut self, why: &'static str) {
        self.script.unsure.get_or_insert(why);
    }

    /// Reads commands up to the end of the text, or up to a `)` that belongs to the caller.
    pub(super) fn list(&mut self, feed: &Feed, in_parens: bool) {
        if self.depth >= DEPTH_MAX {
            self.unsure("it nests deeper than is read");
            self.lexer.stop();
            return;
        }
        self.depth += 1;
        let mut blocks: Vec<Block> = Vec::new();
        let mut feed_now = feed.clone();
        let mut start = self.script.commands.len();
        loop {
            self.skip_to_command();
            if self.lexer.at_end() || self.lexer.peek() == Some(b')') && !at_pattern(&blocks) {
                break;
            }
            let progress = self.lexer.position();
            if at_pattern(&blocks) {
                self.case_pattern(&mut blocks);
            } else {
                start = self.command(&mut blocks, &feed_now, start);
            }
            let outer = blocks.last().map_or(feed, |block| &block.feed).clone();
            feed_now = match self.after(&mut blocks) {
                After::Pipe => Feed::Pipe(start..self.script.commands.len()),
                After::Next => {
                    start = self.script.commands.len();
                    outer
                }
                After::End => break,
            };
            if self.lexer.position() == progress {
                self.unsure("it holds an operator where a command should be");
                self.lexer.bump();
            }
        }
        if !blocks.is_empty() {
            self.unsure("a block is opened and never closed");
        }
        if in_parens && !self.lexer.eat(b")") {
            self.unsure("a parenthesis is never closed");
        }
        self.depth -= 1;
    }

    /// Blanks, newlines (with the here-documents that begin after them) and comments.
    fn skip_to_command(&mut self) {
        loop {
            self.lexer.skip_blanks();
            match self.lexer.peek() {
                Some(b'\n') => self.newline(),
                Some(b'#') => self.lexer.skip_line(),
                _ => return,
            }
        }
    }

    /// What joins the command just read to the next one.
    fn after(&mut self, blocks: &mut [Block]) -> After {
        self.lexer.skip_blanks();
        if self.lexer.peek() == Some(b'#') {
            self.lexer.skip_line();
        }
        if self.lexer.at_end() {
            return After::End;
        }
        for (operator, ends_case) in [
            (b";;&".as_slice(), true),
            (b";;", true),
            (b";&", true),
            (b"&&", false),
            (b"||", false),
        ] {
            if self.lexer.eat(operator) {
                if let (true, Some(Block { kind: BlockKind::Case { at_pattern }, .. })) =
                    (ends_case, blocks.last_mut())
                {
                    *at_pattern = true;
                }
                return After::Next;
            }
        }
        if self.lexer.eat(b"|&") || self.lexer.eat(b"|") {
            return After::Pipe;
        }
        match self.lexer.peek() {
            Some(b'\n') => self.newline(),
            Some(b';' | b'&') => self.lexer.bump(),
            _ => {}
        }
        After::Next
    }

    /// One command, or one keyword; answers where the pipeline that it belongs to begins.
    fn command(&mut self, blocks: &mut Vec<Block>, feed: &Feed, start: usize) -> usize {
        while let Some(prefix) = self.lexer.peek_keyword().filter(|k| PREFIXES.contains(k)) {
            self.lexer.eat(prefix.as_bytes());
            self.lexer.skip_blanks();
            if self.lexer.eat(b"-p ") {
                self.lexer.skip_blanks();
            }
            if prefix == "coproc" {
                self.skip_coprocess_name();
            }
        }
        if self.lexer.eat(b"((") {
            return self.parenthesised_arithmetic(feed, start);
        }
        if self.lexer.eat(b"(") {
            let first = self.script.commands.len();
            self.list(feed, true);
            self.trailing_redirects(first);
            return start;
        }
        if blocks.len() > BLOCKS_MAX {
            self.unsure("it nests deeper than is read");
            self.lexer.stop();
            return start;
        }
        let Some(keyword) = self.lexer.peek_keyword() else {
            self.simple(feed);
            return start;
        };
        self.lexer.eat(keyword.as_bytes());
        match keyword {
            "if" | "while" | "until" | "{" => {
                blocks.push(Block { kind: BlockKind::Plain, start, feed: feed.clone() });
            }
            "for" | "select" => {
                blocks.push(Block { kind: BlockKind::Plain, start, feed: feed.clone() });
                self.for_head();
            }
            "case" => {
                self.lexer.skip_blanks();
                let _ = self.word();
                self.skip_to_command();
                if !self.lexer.eat_keyword("in") {
                    self.unsure("a `case` has no `in`");
                }
                let kind = BlockKind::Case { at_pattern: true };
                blocks.push(Block { kind, start, feed: feed.clone() });
            }
            "fi" | "done" | "}" | "esac" => return self.close(blocks, start),
            "function" => {
                self.lexer.skip_blanks();
                if let Some(name) = self.word().and_then(|word| word.literal().map(str::to_owned)) {
                    self.script.functions.push(name);
                }
                self.lexer.skip_blanks();
                if self.lexer.eat(b"(") {
                    self.lexer.skip_blanks();
                    self.lexer.eat(b")");
                }
            }
            "[[" => self.double_brackets(),
            _ => {}
        }
        start
    }

    /// The name of a coprocess stands only before a block.
    fn skip_coprocess_name(&mut self) {
        let before = self.lexer.position();
        self.lexer.take_while(is_name);
        self.lexer.skip_blanks();
        let block = self.lexer.peek() == Some(b'(') || self.lexer.peek_keyword().is_some();
        if !block {
            self.lexer.rewind(before);
        }
    }

    fn close(&mut self, blocks: &mut Vec<Block>, start: usize) -> usize {
        match blocks.pop() {
            Some(block) => {
                self.trailing_redirects(block.start);
                block.start
            }
            None => {
                self.unsure("a block is closed that was never opened");
                start
            }
        }
    }

    /// `((…))`, or two subshells that only look like it.
    fn parenthesised_arithmetic(&mut self, feed: &Feed, start: usize) -> usize {
        let before = self.lexer.position();
        if self.arithmetic() {
            return start;
        }
        self.lexer.rewind(before.saturating_sub(1));
        let first = self.script.commands.len();
        self.list(feed, true);
        self.trailing_redirects(first);
        start
    }

    /// The variable of a loop takes values that are not followed; its list may hold substitutions.
    fn for_head(&mut self) {
        self.lexer.skip_blanks();
        if self.lexer.eat(b"((") {
            if !self.arithmetic() {
                self.unsure("the head of a loop cannot be read");
            }
            return;
        }
        if let Some(name) = self.word().and_then(|word| word.literal().map(str::to_owned)) {
            let assigns = vec![(name, Word::unknown())];
            self.script.commands.push(Simple { assigns, ..Simple::default() });
        }
        self.skip_to_command();
        if self.lexer.eat_keyword("in") {
            self.lexer.skip_blanks();
            while self.lexer.peek() != Some(b'#') && self.word().is_some() {
                self.lexer.skip_blanks();
            }
        }
    }

    fn case_pattern(&mut self, blocks: &mut Vec<Block>) {
        if self.lexer.eat_keyword("esac") {
            self.close(blocks, 0);
            return;
        }
        self.lexer.eat(b"(");
        loop {
            self.lexer.skip_blanks();
            if self.word().is_none() {
                break;
            }
            self.lexer.skip_blanks();
            if !self.lexer.eat(b"|") {
                break;
            }
        }
        if !self.lexer.eat(b")") {
            self.unsure("a pattern of a `case` is not closed");
        }
        if let Some(Block { kind: BlockKind::Case { at_pattern }, .. }) = blocks.last_mut() {
            *at_pattern = false;
        }
    }

    /// A test runs nothing but the substitutions in it.
    fn double_brackets(&mut self) {
        loop {
            self.lexer.skip_blanks();
            match self.lexer.peek() {
                None => return self.unsure("a `[[` is never closed"),
                Some(b'\n') => self.newline(),
                Some(b'<' | b'>' | b'(' | b')' | b'&' | b'|' | b';') => self.lexer.bump(),
                Some(_) => match self.word() {
                    Some(word) if word.literal() == Some("]]") => return,
                    Some(word) if word.literal().is_some_and(hides_subscript) => {
                        self.unsure(SUBSCRIPT);
                    }
                    Some(_) => {}
                    None => self.lexer.bump(),
                },
            }
        }
    }

    /// Assignments, words and redirections in any order, up to an operator.
    fn simple(&mut self, feed: &Feed) {
        let mut simple = Simple { feed: feed.clone(), ..Simple::default() };
        loop {
            self.lexer.skip_blanks();
            if self.lexer.peek() == Some(b'#') {
                break;
            }
            if self.redirect(&mut simple) {
                continue;
            }
            if simple.words.is_empty()
                && let Some(name) = self.lexer.eat_assignment()
            {
                let value = self.assigned_value();
                simple.assigns.push((name, value));
                continue;
            }
            let Some(word) = self.word() else { break };
            simple.words.push(word);
            if simple.words.len() == 1 && self.function_head(&simple) {
                return;
            }
        }
        if simple.words.is_empty() && simple.assigns.is_empty() && simple.redirects.is_empty() {
            return;
        }
        self.script.commands.push(simple);
    }

    /// `name()`; the body that follows is read as the next command.
    fn function_head(&mut self, simple: &Simple) -> bool {
        let before = self.lexer.position();
        self.lexer.skip_blanks();
        if self.lexer.eat(b"(") {
            self.lexer.skip_blanks();
            if self.lexer.eat(b")") {
                let name = simple.words.first().and_then(Word::literal);
                self.script.functions.push(name.unwrap_or_default().to_owned());
                return true;
            }
        }
        self.lexer.rewind(before);
        false
    }

    /// Redirections behind a block feed every command in it that has no feed of its own.
    fn trailing_redirects(&mut self, first: usize) {
        let mut holder = Simple::default();
        loop {
            self.lexer.skip_blanks();
            if !self.redirect(&mut holder) {
                break;
            }
        }
        if let Feed::Text(place) = holder.feed {
            for command in self.script.commands.iter_mut().skip(first) {
                if matches!(command.feed, Feed::Inherited) {
                    command.feed = Feed::Text(place);
                }
            }
        }
        if !holder.redirects.is_empty() {
            holder.feed = Feed::Inherited;
            holder.words.push(Word::from_literal("{"));
            self.script.commands.push(holder);
        }
    }
}

fn at_pattern(blocks: &[Block]) -> bool {
    matches!(blocks.last(), Some(Block { kind: BlockKind::Case { at_pattern: true }, .. }))
}

/// Why a word with a substitution in a subscript is not read.
pub(super) const SUBSCRIPT: &str = "a subscript in a string may run commands";

/// Whether a string, once the shell evaluates it as a variable's name or as arithmetic, would run
/// a substitution in its subscript, as `[ 'a[$(id)]' -eq 0 ]` does.
pub(super) fn hides_subscript(text: &str) -> bool {
    text.contains("[$(") || text.contains("[`")
}
