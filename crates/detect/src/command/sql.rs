//! SQL: statements told apart, comments and strings taken out, then the verb of each.

mod tokens;

use self::tokens::{Token, tokens};
use super::{Effect, Reader};

/// Words that begin a statement.
const STARTS: &[&str] = &[
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "DROP",
    "CREATE",
    "ALTER",
    "TRUNCATE",
    "WITH",
    "MERGE",
    "REPLACE",
    "EXPLAIN",
    "DESCRIBE",
    "DESC",
    "SHOW",
    "USE",
    "BEGIN",
    "START",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT",
    "SET",
    "GRANT",
    "REVOKE",
    "EXEC",
    "EXECUTE",
    "CALL",
    "DO",
    "DECLARE",
    "VACUUM",
    "ANALYZE",
    "ANALYSE",
    "REINDEX",
    "COPY",
    "LOAD",
    "PREPARE",
    "COMMENT",
    "LOCK",
    "UNLOCK",
    "KILL",
    "SHUTDOWN",
    "FLUSH",
    "RESET",
    "PURGE",
    "PRAGMA",
    "ATTACH",
    "DETACH",
    "RENAME",
    "VALUES",
    "TABLE",
    "CLUSTER",
    "REFRESH",
    "LISTEN",
    "NOTIFY",
    "OPTIMIZE",
    "REPAIR",
    "CHECK",
    "IF",
    "BACKUP",
    "RESTORE",
    "UNDROP",
    "MSCK",
    "DBCC",
    "UPSERT",
    "REASSIGN",
    "DISCARD",
    "END",
    "ABORT",
    "CHECKPOINT",
    "IMPORT",
    "EXPORT",
    "OPTIMISE",
    "WHILE",
    "GO",
    "DEALLOCATE",
    "FETCH",
    "MATCH",
    "DETACH",
    "DB",
    "FLUSHALL",
    "FLUSHDB",
    "DELIMITER",
    "DEL",
    "UNLINK",
    "SECURITY",
    "REVERT",
    "HANDLER",
    "SOURCE",
];

/// Whether a text begins like a statement rather than like a command.
pub(super) fn looks_like_sql(text: &str) -> bool {
    let head = text.get(..2048.min(text.len())).unwrap_or(text);
    let tokens = tokens(head, false);
    let mut tokens = tokens.iter().skip_while(|t| matches!(t, Token::Mark(';' | '(')));
    match tokens.next() {
        Some(Token::Word(first)) => STARTS.contains(&first.as_str()),
        Some(Token::Mark('\\' | '.')) => true,
        Some(_) => false,
        None => !text.trim().is_empty(),
    }
}

/// What one statement does, and the rule that says so.
struct Ruling(Effect, &'static str);

const fn destructive(rule: &'static str) -> Ruling {
    Ruling(Effect::Destructive, rule)
}

impl Reader {
    /// Reads a text as SQL.
    pub(super) fn sql(&mut self, text: &str, depth: u8) {
        if !self.may_read(text, depth) {
            return;
        }
        self.statements(&tokens(text, false), text, depth);
        // Databases differ in whether a backslash escapes a quote: what follows may be inside of
        // a string for one and a statement for another, so both readings count.
        if text.contains("\\'") || text.contains("\\\"") {
            self.statements(&tokens(text, true), text, depth);
        }
    }

    fn statements(&mut self, tokens: &[Token], text: &str, depth: u8) {
        let undone = is_rolled_back(tokens);
        for statement in tokens.split(|token| *token == Token::Mark(';')) {
            let Ruling(effect, rule) = judge(statement);
            let undone = undone && is_undoable(statement);
            let effect =
                if undone && effect == Effect::Destructive { Effect::Read } else { effect };
            self.invoke(statement.iter().filter_map(Token::word), effect, undone);
            if effect >= Effect::Unknown {
                self.note(effect, &quoted(statement), rule);
            } else {
                self.effect = self.effect.max(effect);
            }
            self.embedded(statement, depth);
        }
        self.client_commands(text, depth);
    }

    /// Text that a statement runs in its turn.
    fn embedded(&mut self, statement: &[Token], depth: u8) {
        let text = |from: usize| -> String {
            let texts = statement.iter().skip(from).filter_map(|token| match token {
                Token::Text(text) => Some(text.as_str()),
                _ => None,
            });
            texts.collect()
        };
        let first = statement.first();
        let runs =
            first.is_some_and(|t| ["EXECUTE", "EXEC", "PREPARE", "DO"].iter().any(|w| t.is(w)));
        let calls = |name: &str| statement.iter().position(|t| t.is(name));
        for place in
            ["IMMEDIATE", "SP_EXECUTESQL", "DBLINK_EXEC", "DBLINK", "QUERY_TO_XML", "OPENQUERY"]
                .iter()
                .filter_map(|name| calls(name))
                .chain(runs.then_some(0))
                .chain(calls("EXECUTE").filter(|_| !runs))
        {
            let code = text(place);
            if !code.is_empty() {
                self.sql(&code, depth + 1);
            } else if !runs && calls("EXECUTE") != Some(place) {
                self.note(Effect::Unknown, &quoted(statement), "it runs a text that is not known");
            }
        }
        if let Some(at) = calls("PROGRAM").or(calls("XP_CMDSHELL")).or(calls("SYS_EXEC")) {
            self.note(Effect::Unknown, &quoted(statement), "a database runs a program");
            self.shell(&text(at), depth + 1);
        }
    }

    /// `\!` of psql and mysql, `.shell` of sqlite.
    fn client_commands(&mut self, text: &str, depth: u8) {
        if !text.contains(['\\', '.']) {
            return;
        }
        for line in text.lines().map(str::trim_start) {
            let code = [".shell ", ".system ", "\\!", "\\! ", "system "]
                .iter()
                .find_map(|command| line.strip_prefix(command));
            if let Some(code) = code {
                self.shell(code, depth + 1);
            }
        }
        if let Some((_, code)) = text.split_once("\\!") {
            self.shell(code.lines().next().unwrap_or_default(), depth + 1);
        }
    }
}

/// The statement as a reason quotes it.
fn quoted(statement: &[Token]) -> String {
    let mut out = String::new();
    for token in statement.iter().take(24) {
        if !out.is_empty() {
            out.push(' ');
        }
        match token {
            Token::Word(text) | Token::Number(text) => out.push_str(text),
            Token::Name(text) => out.push_str(&format!("\"{text}\"")),
            Token::Text(text) => out.push_str(&format!("'{text}'")),
            Token::Mark(mark) => out.push(*mark),
        }
    }
    out
}

/// Whether the text opens a transaction and only ever takes it back.
fn is_rolled_back(tokens: &[Token]) -> bool {
    let firsts = || tokens.split(|t| *t == Token::Mark(';')).filter_map(<[Token]>::first);
    let first = firsts().next().is_some_and(|t| t.is("BEGIN") || t.is("START"));
    let last = firsts().next_back().is_some_and(|t| t.is("ROLLBACK") || t.is("ABORT"));
    let kept = |t: &Token| t.is("COMMIT") || t.is("END") || t.is("CREATE") || t.is("ALTER");
    first && last && !firsts().any(kept)
}

/// Whether every database takes this statement back with its transaction.
fn is_undoable(statement: &[Token]) -> bool {
    statement.first().is_some_and(|t| ["DELETE", "UPDATE", "WITH", "MERGE"].iter().any(|w| t.is(w)))
}

/// What one statement does.
fn judge(statement: &[Token]) -> Ruling {
    let start = statement.iter().position(|token| *token != Token::Mark('('));
    let statement = statement.get(start.unwrap_or(0)..).unwrap_or_default();
    let Some(Token::Word(first)) = statement.first() else {
        return Ruling(Effect::Read, "");
    };
    let has = |word: &str| statement.iter().any(|token| token.is(word));
    let at = |place: usize, word: &str| statement.get(place).is_some_and(|token| token.is(word));
    match first.as_str() {
        "EXPLAIN" | "DESCRIBE" | "DESC" => explained(statement),
        "SHOW" | "USE" | "BEGIN" | "START" | "COMMIT" | "ROLLBACK" | "SAVEPOINT" | "VALUES"
        | "LISTEN" => {
            // A block's first statement follows its BEGIN without a semicolon.
            match statement.get(1) {
                Some(Token::Word(next)) if first == "BEGIN" && STARTS.contains(&next.as_str()) => {
                    judge(statement.get(1..).unwrap_or_default())
                }
                _ => Ruling(Effect::Read, ""),
            }
        }
        "IF" | "ELSE" | "THEN" | "WHILE" | "LOOP" | "FOR" => nested(statement),
        "DECLARE" | "AS" => nested(statement),
        "DROP" if at(1, "TEMPORARY") || at(1, "TEMP") => Ruling(Effect::Write, ""),
        "DROP" if statement.len() > 1 => destructive("drops something from the database"),
        "TRUNCATE" if statement.len() > 1 => destructive("empties a table"),
        "DELETE" | "UPDATE" => changes_rows(statement, first == "DELETE"),
        "DETACH" | "MATCH" if has("DELETE") => destructive("deletes nodes of a graph"),
        "MERGE" => match statement
            .windows(2)
            .any(|pair| matches!(pair, [then, delete] if then.is("THEN") && delete.is("DELETE")))
        {
            true => destructive("deletes the rows that a merge matches"),
            false => Ruling(Effect::Write, ""),
        },
        "ALTER" => altered(statement),
        "CREATE" if has("REPLACE") && at(3, "TABLE") => destructive("replaces a table"),
        "INSERT" if at(1, "OVERWRITE") => destructive("overwrites a table"),
        "GRANT" if has("ALL") || has("SUPERUSER") || has("ADMIN") || has("DBA") => {
            destructive("hands out every right")
        }
        "REVOKE" => destructive("takes rights away"),
        "PURGE" | "SHUTDOWN" | "KILL" | "FLUSHALL" | "FLUSHDB" | "DEL" | "UNLINK" => {
            destructive("stops the database or throws its content away")
        }
        "RESET" if at(1, "MASTER") || at(1, "SLAVE") || at(1, "REPLICA") => {
            destructive("throws replication logs away")
        }
        "RESTORE" if at(1, "DATABASE") => destructive("writes over a database"),
        "REASSIGN" => destructive("hands over what a role owns"),
        "DB" => mongo(statement),
        "SELECT" | "TABLE" | "FETCH" => selected(statement, Effect::Read),
        "WITH" => selected(statement, Effect::Read),
        _ => selected(statement, Effect::Write),
    }
}

/// `EXPLAIN` only tells, unless it is asked to analyze: then it runs the statement.
fn explained(statement: &[Token]) -> Ruling {
    let at = statement.iter().position(|t| t.is("ANALYZE") || t.is("ANALYSE"));
    let off = |at: usize| {
        statement.get(at + 1).is_some_and(|next| {
            next.is("FALSE")
                || next.is("OFF")
                || *next == Token::Number("0".into())
                || *next == Token::Mark('=')
        })
    };
    match at {
        Some(at) if at <= 12 && !off(at) => {
            let inner = statement.iter().skip(at + 1).position(|t| {
                matches!(t, Token::Word(w) if ["DELETE", "UPDATE", "INSERT", "MERGE", "SELECT", "WITH"].contains(&w.as_str()))
            });
            inner.map_or(Ruling(Effect::Read, ""), |skip| {
                judge(statement.get(at + 1 + skip..).unwrap_or_default())
            })
        }
        _ => Ruling(Effect::Read, ""),
    }
}

/// The strictest statement that begins at any word of a block.
fn nested(statement: &[Token]) -> Ruling {
    let mut worst = Ruling(Effect::Write, "");
    for (at, token) in statement.iter().enumerate().skip(1) {
        let begins = matches!(token, Token::Word(word)
            if ["DROP", "TRUNCATE", "DELETE", "UPDATE", "ALTER", "MERGE"].contains(&word.as_str()));
        let after = statement.get(at - 1);
        let follows = after.is_some_and(|t| {
            t.is("BEGIN")
                || t.is("THEN")
                || t.is("ELSE")
                || t.is("LOOP")
                || t.is("DO")
                || matches!(
                    t,
                    Token::Mark(')') | Token::Number(_) | Token::Text(_) | Token::Name(_)
                )
        }) || matches!(token, Token::Word(w) if w == "DROP" || w == "TRUNCATE");
        if begins && follows {
            let ruling = judge(statement.get(at..).unwrap_or_default());
            if ruling.0 > worst.0 {
                worst = ruling;
            }
            break;
        }
    }
    worst
}

/// A query, or a statement with others inside: a data-changing CTE, or a function that destroys.
fn selected(statement: &[Token], least: Effect) -> Ruling {
    const FUNCTIONS: &[&str] = &[
        "PG_TERMINATE_BACKEND",
        "PG_CANCEL_BACKEND",
        "LO_UNLINK",
        "PG_SWITCH_WAL",
        "PG_FILE_UNLINK",
        "PG_FILE_WRITE",
        "PG_RELOAD_CONF",
        "XP_CMDSHELL",
        "DBMS_LOCK",
        "SYS_EVAL",
        "LO_EXPORT",
        "SETVAL",
    ];
    let least =
        if statement.iter().any(|t| t.is("INTO")) { least.max(Effect::Write) } else { least };
    for (at, token) in statement.iter().enumerate() {
        let next = statement.get(at + 1);
        match token {
            Token::Mark('(')
                if next.is_some_and(|t| t.is("DELETE") || t.is("UPDATE") || t.is("MERGE")) =>
            {
                let end = group_end(statement, at);
                let ruling = judge(statement.get(at + 1..end).unwrap_or_default());
                if ruling.0 == Effect::Destructive {
                    return ruling;
                }
            }
            Token::Mark(')')
                if next.is_some_and(|t| t.is("DELETE") || t.is("UPDATE") || t.is("MERGE")) =>
            {
                return judge(statement.get(at + 1..).unwrap_or_default());
            }
            Token::Word(word) if next == Some(&Token::Mark('(')) => {
                let drops = ["DROP_", "DELETE_", "TRUNCATE_", "PURGE_", "PG_DROP_"];
                if FUNCTIONS.contains(&word.as_str()) || drops.iter().any(|d| word.starts_with(d)) {
                    return destructive("calls a function that stops or destroys something");
                }
            }
            Token::Word(word) if word == "OUTFILE" || word == "DUMPFILE" => {
                return destructive("makes the database write a file");
            }
            _ => {}
        }
    }
    Ruling(least, "")
}

fn group_end(statement: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in statement.iter().enumerate().skip(open) {
        match token {
            Token::Mark('(') => depth += 1,
            Token::Mark(')') => {
                depth -= 1;
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    statement.len()
}

fn changes_rows(statement: &[Token], deletes: bool) -> Ruling {
    let rule = match deletes {
        true => "deletes every row of a table",
        false => "changes every row of a table",
    };
    // A condition inside of parentheses belongs to a query within.
    let mut open = 0_i32;
    let filter = statement.iter().position(|token| {
        match token {
            Token::Mark('(') => open += 1,
            Token::Mark(')') => open -= 1,
            _ => {}
        }
        open <= 0 && token.is("WHERE")
    });
    match filter {
        None if statement.len() < 2 => Ruling(Effect::Read, ""),
        None => destructive(rule),
        Some(at) => match always_holds(statement.get(at + 1..).unwrap_or_default()) {
            true => destructive(rule),
            false => Ruling(Effect::Write, ""),
        },
    }
}

/// Whether a condition lets every row through, as far as its form shows.
fn always_holds(condition: &[Token]) -> bool {
    let end = condition.iter().position(|t| t.is("RETURNING") || t.is("LIMIT") || t.is("ORDER"));
    let condition = condition.get(..end.unwrap_or(condition.len())).unwrap_or_default();
    let open = condition.iter().take_while(|t| **t == Token::Mark('(')).count();
    let inner = condition.get(open..).unwrap_or_default();
    let close = inner.iter().rev().take_while(|t| **t == Token::Mark(')')).count().min(open);
    let inner = inner.get(..inner.len() - close).unwrap_or_default();
    let mut ways = inner.split(|token| token.is("OR"));
    ways.any(|way| way.split(|token| token.is("AND")).all(is_true)) && !inner.is_empty()
}

/// Whether one comparison holds for every row.
fn is_true(term: &[Token]) -> bool {
    let zero = |t: &Token| matches!(t, Token::Number(n) if n == "0" || n == "1");
    match term {
        [] => false,
        [exists, rest @ ..] if exists.is("EXISTS") => !rest.iter().any(|token| token.is("WHERE")),
        [Token::Word(word)] => word == "TRUE",
        [Token::Number(number)] => number != "0",
        [Token::Text(_)] => true,
        [left, Token::Mark('='), right] => left == right,
        [Token::Number(a), Token::Mark('<' | '>'), Token::Number(b)] => a != b,
        [Token::Word(_), Token::Mark('>'), right] => zero(right),
        [Token::Word(_), Token::Mark('>'), Token::Mark('='), right] => zero(right),
        [Token::Word(_), Token::Mark('>'), Token::Mark('-'), Token::Number(_)] => true,
        [Token::Word(_), Token::Mark('<'), Token::Mark('>'), right]
        | [Token::Word(_), Token::Mark('!'), Token::Mark('='), right] => {
            zero(right) || *right == Token::Text(String::new())
        }
        [left, Token::Mark('='), Token::Mark('='), right] => left == right,
        [Token::Word(_), is, not, null] => is.is("IS") && not.is("NOT") && null.is("NULL"),
        [Token::Word(_), like, Token::Text(pattern)] => like.is("LIKE") && pattern == "%",
        [not, rest @ ..] if not.is("NOT") => matches!(rest, [Token::Word(w)] if w == "FALSE"),
        _ => false,
    }
}

fn altered(statement: &[Token]) -> Ruling {
    let user = statement.get(1).is_some_and(|t| t.is("USER") || t.is("ROLE") || t.is("LOGIN"));
    if user && statement.iter().any(|t| t.is("SUPERUSER") || t.is("PASSWORD") || t.is("IDENTIFIED"))
    {
        return destructive("changes how an account gets in or what it may do");
    }
    for (at, token) in statement.iter().enumerate().skip(2) {
        let next = statement.get(at + 1);
        if token.is("DROP")
            && !next.is_some_and(|t| t.is("DEFAULT") || t.is("NOT") || t.is("EXPRESSION"))
        {
            return destructive("drops part of a table");
        }
        if token.is("TRUNCATE") || token.is("DISABLE") && next.is_some_and(|t| t.is("ROW")) {
            return destructive("empties or unprotects part of a table");
        }
    }
    Ruling(Effect::Write, "")
}

/// `db.collection.method(…)` of MongoDB.
fn mongo(statement: &[Token]) -> Ruling {
    let mut narrow = false;
    for (at, token) in statement.iter().enumerate() {
        let Token::Word(word) = token else { continue };
        let called = statement.get(at + 1) == Some(&Token::Mark('('));
        let everything = matches!(
            (statement.get(at + 2), statement.get(at + 3)),
            (Some(Token::Mark(')')), _) | (Some(Token::Mark('{')), Some(Token::Mark('}')))
        );
        narrow |= called;
        match word.as_str() {
            "DROP" | "DROPDATABASE" | "DROPCOLLECTION" | "DROPINDEX" | "DROPINDEXES"
            | "DROPUSER" | "DROPALLUSERS" | "SHUTDOWNSERVER"
                if called =>
            {
                return destructive("drops something from the database");
            }
            "DELETEMANY" | "REMOVE" if called && everything => {
                return destructive("deletes every document of a collection");
            }
            "DELETEMANY" | "REMOVE" if called => {
                return destructive("deletes documents of a collection");
            }
            "UPDATEMANY" if called && everything => {
                return destructive("changes every document of a collection");
            }
            _ => {}
        }
    }
    Ruling(if narrow { Effect::Write } else { Effect::Read }, "")
}
