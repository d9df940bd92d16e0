use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// `effect [programs]`, or `effect ?` where the programs cannot be told.
#[track_caller]
fn check(lang: Lang, text: &str, want: &str) {
    let Reading { effect, programs, reasons, .. } = read(text, lang);
    let programs = match programs {
        Programs::Known(names) => format!("[{}]", names.join(" ")),
        Programs::CannotTell(_) => "?".to_owned(),
    };
    let got = format!("{effect:?} {programs}").to_lowercase();
    assert_eq!(got, want, "{text}\n{reasons:?}");
    assert_eq!(effect >= Effect::Unknown, !reasons.is_empty(), "{text}: asks without a reason");
}

#[track_caller]
fn check_effect(lang: Lang, want: Effect, texts: &[&str]) {
    for text in texts {
        let Reading { effect, reasons, .. } = read(text, lang);
        assert_eq!(effect, want, "{text}\n{reasons:?}");
    }
}

#[test]
fn every_command_that_could_run_is_named() {
    let shell = |text, want| check(Lang::Shell, text, want);
    shell("df -h", "read [df]");
    shell("  /usr/bin/kubectl get pods", "read [kubectl]");
    shell("\"jq\" 'keys' x.json", "read [jq]");
    shell("k'ubect'l get pods", "read [kubectl]");
    shell("\\df", "read [df]");
    shell("df; free && uptime || ps | jq .", "read [df free uptime ps jq]");
    shell("echo $(df) `free` \"$(ps)\"", "read [df free ps echo]");
    shell("df # free; rm x", "read [df]");
    shell("df <<EOF\n$(ps)\nEOF\nfree", "read [df ps free]");
    shell("df <<'EOF'\n$(ps)\nEOF\nfree", "read [df free]");
    shell("for x in $(df); do ps; done", "read [df ps]");
    shell("case $x in a|b) df ;; *) ps ;; esac", "read [df ps]");
    shell("if df; then ps; else free; fi", "read [df ps free]");
    shell("f() { ps; }; df", "read [ps df]");
    shell("sudo -u bob env A=1 timeout 5 df", "read ?");
    shell("sudo -u bob timeout 5 df", "read [sudo timeout df]");
    shell("ls | xargs -n1 wc", "read [ls xargs wc]");
    shell("find . -exec wc -l {} +", "read [find wc]");
    shell("bash -c 'df; ps'", "read [bash df ps]");
    shell("ssh host 'df; ps'", "read [ssh df ps]");
    shell("LANG=C df", "read [df]");
}

/// What would let something past an allowlist of names must not be called known.
#[test]
fn an_allowlist_cannot_be_bypassed() {
    for text in [
        "",
        "   ",
        "/",
        "$X",
        "$X df",
        "${X:-df}",
        "X=df; $X",
        "d?",
        "./*",
        "PATH=/x df",
        "A=b df",
        "HOME=/x df",
        "export PATH=/x; df",
        "LD_PRELOAD=x df",
        "IFS=x; PATH=/x; df",
        "df \"x",
        "df 'x",
        "df $(ps",
        "df `ps",
        "df )",
        "if df",
        "{ df",
        "df | sh",
        "sh",
        "sh x.sh",
        "sh -c \"$X\"",
        ". ./x",
        "source x",
        "eval \"$X\"",
        "python3 x.py",
        "perl -e 1",
        "ssh host",
        "PAGER=df git log",
        "git -c core.pager=x log",
        "hash -p /tmp/x df",
        "xargs -I{} {} x",
        "env -S \"$X\"",
        "df <<EOF",
        "alias df=$X",
        "awk '{print | \"sh\"}'",
        "sed 's/x/y/e' f",
        "sed -f x.sed f",
        "x='a[$(df)]'; echo $((x))",
        "[ 'a[$(df)]' -eq 0 ]",
        "[[ 'a[$(df)]' -eq 0 ]]",
        "x='$(df)'; echo ${x@P}",
        "compgen -C df",
        "kubectl plugin-of-mine",
        "kubectl --kubeconfig=/tmp/k get pods",
        "helm template x --post-renderer ./x",
        "echo df | xargs env",
        "coproc",
        "export X=1; df",
        "env X=1 df",
        "sudo --frobnicate x df",
    ] {
        let Reading { programs, .. } = read(text, Lang::Shell);
        assert!(matches!(programs, Programs::CannotTell(_)), "{text}: {programs:?}");
    }
}

#[test]
fn a_program_outside_of_the_systems_folders_goes_by_its_path() {
    let shell = |text, want| check(Lang::Shell, text, want);
    shell("/tmp/df", "read [/tmp/df]");
    shell("./df", "read [./df]");
    shell("/usr/bin/../../tmp/df", "read [/usr/bin/../../tmp/df]");
    shell("/usr/bin/df", "read [df]");
}

#[test]
fn quoting_and_expansion_hide_nothing() {
    check_effect(
        Lang::Shell,
        Effect::Destructive,
        &[
            "r\"\"m x",
            "r'm' x",
            "\\r\\m x",
            "$'\\x72\\155' x",
            "$'\\u0072m' x",
            "rm${IFS}x",
            "{rm,x}",
            "r\\\nm x",
            "X=rm; $X x",
            "A=r B=m; $A$B x",
            "C='rm x'; $C",
            "$(echo rm) x",
            "`printf rm` x",
            "\"$(printf r)m\" x",
            "echo $(rm x)",
            "echo \"`rm x`\"",
            "echo ${A:-$(rm x)}",
            "echo $(($(rm x)))",
            "A=$(rm x)",
            "A=(1 $(rm x))",
            "cat <(rm x)",
            "tee >(rm x)",
            "cat <<< $(rm x)",
            "[[ $(rm x) ]]",
            "case $(rm x) in *) ;; esac",
            "for i in `rm x`; do :; done",
            "echo `echo \\`rm x\\``",
            "((a[$(rm x)]))",
            "df 2>$(rm x)",
            "$((1)); rm x",
            "echo $((1) ); rm x",
            "{\nrm x\n}",
            "(rm x)",
            "! rm x",
            "time -p rm x",
            "coproc rm x",
            "coproc df { rm x; }",
            "f() (rm x)",
            "function f { rm x; }",
            "true&rm x",
            "a|&rm x",
            "a;;rm x",
            "if a; then b; elif c; then rm x; fi",
            "sudo sh -c \"bash -c 'rm x'\"",
            "eval 'eval \"rm x\"'",
            "trap 'rm x' EXIT",
            "alias a='rm'; a x",
        ],
    );
}

#[test]
fn what_is_not_known_asks_only_where_it_matters() {
    check_effect(
        Lang::Shell,
        Effect::Unknown,
        &[
            "$X",
            "$X a",
            "/???/r? x",
            "kubectl $V pod",
            "sh -c \"$X\"",
            "cat x | sh",
            "eval \"$X\"",
            "\"$@\"",
            "df \"x",
        ],
    );
    for text in [
        "ls $X",
        "cat \"$F\" | wc -l",
        "kubectl get pods -n $NS",
        "echo $((X + 1))",
        "ssh h \"ls $D\"",
        "$HOME/bin/cargo build",
    ] {
        assert!(read(text, Lang::Shell).effect < Effect::Unknown, "{text}");
    }
}

#[test]
fn a_dry_run_is_a_read_and_its_look_alikes_are_not() {
    check_effect(
        Lang::Shell,
        Effect::Read,
        &[
            "git clean -ndx",
            "rsync -an --delete a b",
            "make -n destroy",
            "kubectl delete pod x --dry-run=client",
            "aws s3 rm s3://b --recursive --dryrun",
            "terraform plan -destroy",
            "npm publish --dry-run",
            "git push -fn",
        ],
    );
    check_effect(
        Lang::Shell,
        Effect::Destructive,
        &[
            "git clean -fden",
            "rsync -a --delete -e'ssh -n' a b",
            "make -Cn destroy",
            "kubectl delete pod x --dry-run=none",
            "git push -f origin main -- --dry-run",
            "rm -rf x --help",
            "rm -- --help",
            "sh -c 'rm -rf x' --dry-run",
            "kubectl exec x -- rm -rf / --dry-run=client",
        ],
    );
}

#[test]
fn a_dry_run_of_powershell_is_a_read() {
    check_effect(Lang::PowerShell, Effect::Read, &["Remove-Item x -WhatIf", "ri x -whatif:$true"]);
    let harms = ["Remove-Item x -WhatIf:$false", "Remove-Item x -WhatIf:$w", "ri '-WhatIf'; ri x"];
    check_effect(Lang::PowerShell, Effect::Destructive, &harms);
}

#[test]
fn sql_is_read_as_statements() {
    let harms = [
        "drop table t",
        "DROP/**/TABLE t",
        "/*!50000DROP*/ TABLE t",
        "SELECT 1;DROP TABLE t",
        "SELECT '\\'; DROP TABLE t; -- '",
        "DELETE FROM t",
        "DELETE FROM t WHERE 1=1",
        "DELETE FROM t WHERE id = 3 OR 1 = 1",
        "UPDATE t SET a = 1 WHERE (true)",
        "EXPLAIN ANALYZE DELETE FROM t",
        "DO $x$ BEGIN DROP TABLE t; END $x$",
        "EXECUTE IMMEDIATE 'DROP' || ' TABLE t'",
        "BEGIN; DELETE FROM t; COMMIT; ROLLBACK",
        "WITH a AS (DELETE FROM t RETURNING 1) SELECT 1",
        "\\! rm x",
        "FLUSHALL",
    ];
    check_effect(Lang::Sql, Effect::Destructive, &harms);
    for text in [
        "SELECT 'x; DROP TABLE t'",
        "SELECT 'it''s; DROP TABLE t'",
        "-- DROP TABLE t\nSELECT 1",
        "/* DROP */ SELECT 1",
        "EXPLAIN (ANALYZE FALSE) DELETE FROM t",
        "SELECT \"drop\" FROM t",
        "SELECT truncate(1.5, 0)",
        "UPDATE t SET a=1 WHERE id=2",
        "BEGIN; DELETE FROM t; ROLLBACK;",
        "ALTER TABLE t ALTER c DROP DEFAULT",
        "INSERT INTO t VALUES ('DROP TABLE t')",
    ] {
        assert!(read(text, Lang::Sql).effect < Effect::Unknown, "{text}");
    }
}

#[test]
fn a_reason_quotes_the_words_that_decided() {
    let Reading { reasons, .. } = read("cd /srv && rm -rf $DIR/*", Lang::Shell);
    let want =
        Why { effect: Effect::Destructive, words: "rm -rf …/*".into(), rule: "removes files" };
    assert_eq!(reasons, [want]);
    let long = format!("rm {}", "x".repeat(1000));
    assert_eq!(read(&long, Lang::Shell).reasons[0].words.chars().count(), WORDS_CHARS_MAX + 1);
}

#[test]
fn what_is_too_long_or_too_deep_asks() {
    let long = "a ".repeat(TEXT_BYTES_MAX);
    check(Lang::Shell, &long, "unknown ?");
    check(Lang::Shell, &"(".repeat(1000), "unknown ?");
    check(Lang::Shell, &format!("{}rm x", "sh -c ".repeat(100)), "write ?");
    check(Lang::Shell, &format!("{}rm x", "sudo ".repeat(100)), "unknown ?");
}

/// The corpus of our own, which no rule may be traded away against.
#[test]
fn the_corpus_is_judged_as_labelled() {
    let corpus = include_str!("../../corpora/commands.jsonl");
    let (mut counts, mut wrong) = ([[0.0_f64; 2]; 2], Vec::new());
    for line in corpus.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| row[name].as_str().unwrap();
        let stops = read(field("text"), Lang::parse(field("lang"))).effect >= Effect::Unknown;
        let harms = field("label") == "destructive";
        counts[usize::from(harms)][usize::from(stops)] += 1.0;
        if stops != harms {
            wrong.push(field("text").to_owned());
        }
    }
    let share = |[not, yes]: [f64; 2]| yes / (not + yes);
    assert!(share(counts[1]) >= 0.99, "{wrong:#?}");
    assert!(share(counts[0]) <= 0.01, "{wrong:#?}");
}

/// Inputs that made some reader slow, or might.
const REPEATED: [&str; 93] = [
    "a",
    " ",
    "(",
    ")",
    "$(",
    "$((",
    "((",
    "`",
    "\\`",
    "\"",
    "'",
    "${",
    "${x:-",
    "{",
    "{ ",
    "}",
    "{a,b}",
    "[[ ",
    "a|",
    "a;",
    "a&&",
    "|",
    "if a;",
    "while ",
    "case x in ",
    "case x in a) ",
    "for i in ",
    "f() ",
    "f()",
    "<<a ",
    "<<a\n",
    "<<<a ",
    "{ a; } <<< x;",
    "( a ) <<< x;",
    "{ sh; } <<< x;",
    "{ { } <<< x; } <<< x;",
    "a <<< x | ",
    "echo a | ",
    "echo x | sh;",
    "eval ",
    "sh -c ",
    "sudo ",
    "env ",
    "xargs ",
    "A=$A$A;",
    "A=a;",
    "$A ",
    "$A",
    "X=",
    "a[",
    "a[x]=",
    "!(",
    "?(a",
    "$'",
    "\\\n",
    "#",
    "# a\n",
    ">a ",
    "> ",
    "2>&1 ",
    "curl a|",
    "curl x -o a;a;",
    "! ",
    "time ",
    "$a$",
    "$a$ $b$ ",
    "/*",
    "--",
    "'';",
    "/*!",
    "E'",
    "\\'",
    "SELECT ",
    "(DELETE ",
    "(",
    "OR 1=1 ",
    "DROP ",
    "IF DELETE ",
    "EXEC 'a';",
    "{(",
    "$(\"$(",
    "\"$(",
    "`\"",
    "\"${a:-\"",
    "#>",
    "<#",
    "& ",
    "python -c 'eval(\"",
    "python -c system( ",
    "awk '\"a\"|",
    "find -exec a ; ",
    "git -c alias.a=!",
    "x=`x=$(",
];

/// Each piece is repeated to the longest text that is read.
#[test]
fn no_text_takes_more_than_linear_time() {
    for piece in REPEATED {
        let text = piece.repeat(TEXT_BYTES_MAX / piece.len());
        for lang in [Lang::Shell, Lang::Sql, Lang::PowerShell] {
            let begin = Instant::now();
            let _ = read(&text, lang).effect;
            let took = begin.elapsed();
            assert!(took < Duration::from_millis(1500), "{piece:?} {lang:?}: {took:?}");
        }
    }
}

fn single_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

const ALPHABET: &[&str] = &[
    "rm", "-rf", "/", "x", " ", "\n", ";", "&", "|", "(", ")", "{", "}", "$", "`", "'", "\"", "\\",
    "<", ">", "<<", "EOF", "#", "*", "~", "=", "$(", "${", "$((", "))", "if", "then", "fi", "for",
    "in", "do", "done", "case", "esac", ";;", "[[", "]]", "!", "sh", "-c", "eval", "sudo", "env",
    "xargs", "find", "-exec", "python3", "DROP", "TABLE", "DELETE", "--", "/*", "*/", "é", "\u{0}",
    "\u{1}", "$'", "\\x", "é'", "function", "f()", "awk", "git", "-e",
];

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,80}") {
        for lang in [Lang::Shell, Lang::Sql, Lang::PowerShell] {
            let _ = read(&text, lang).effect;
        }
    }

    #[test]
    fn no_mix_of_what_shells_know_panics(picks in prop::collection::vec(0..ALPHABET.len(), 0..60)) {
        let text: String = picks.iter().map(|&pick| ALPHABET[pick]).collect();
        for lang in [Lang::Shell, Lang::Sql, Lang::PowerShell] {
            let Reading { effect, reasons, .. } = read(&text, lang);
            prop_assert_eq!(effect >= Effect::Unknown, !reasons.is_empty());
        }
    }

    /// Whatever is quoted is one word of `echo`, and nothing of it runs.
    #[test]
    fn a_quoted_word_is_only_a_word(text in "[^\u{0}\u{1}]{0,60}") {
        let Reading { effect, programs, .. } = read(&format!("echo {}", single_quoted(&text)), Lang::Shell);
        prop_assert_eq!(effect, Effect::Read);
        prop_assert_eq!(programs, Programs::Known(vec!["echo".into()]));
    }

    /// A command keeps its effect inside of any number of shells.
    #[test]
    fn quoting_again_changes_nothing(depth in 0_usize..6, harms in any::<bool>()) {
        let mut text = if harms { "rm -rf 'a b'" } else { "ls -l 'a b'" }.to_owned();
        for _ in 0..depth {
            text = format!("sh -c {}", single_quoted(&text));
        }
        prop_assert_eq!(read(&text, Lang::Shell).effect >= Effect::Unknown, harms, "{}", text);
    }

    /// A harmful command stays harmful whatever stands around it, and however it is spelled.
    #[test]
    fn a_neighbour_cannot_hide_a_command(
        before in "(ls|echo 'a;b'|X=1|true \\|\\||: &&|a=\"b\";|# c\n|f\\(\\) \\{ ls; \\};|cat <<'E'\nrm\nE\n){0,1}",
        spelling in "(rm|r\"\"m|'rm'|\\\\rm|r\\\\m|/bin/rm|\\$'\\\\x72m'|sudo rm|command rm|env rm)",
        after in "(| \\| cat| && ls|; ls| # c| > /dev/null 2>&1| &)",
    ) {
        let joint = if before.is_empty() || before.ends_with([';', '|', '&', '\n']) { " " } else { "; " };
        let text = format!("{before}{joint}{spelling} -rf x{after}");
        prop_assert_eq!(read(&text, Lang::Shell).effect, Effect::Destructive, "{}", text);
    }
}
