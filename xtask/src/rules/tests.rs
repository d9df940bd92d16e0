//! Each rule against this very repository, and each against something that breaks it.

use super::*;

/// Holds one rule against this repository.
#[track_caller]
fn holds(rule: fn(&Repo) -> Result<Vec<Finding>>) {
    let findings = rule(&Repo::read().unwrap()).unwrap();
    let told: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "\n{}\n", told.join("\n"));
}

#[test]
fn every_rule_is_a_test() {
    let tests = include_str!("tests.rs").matches(concat!("    hol", "ds(")).count();
    assert_eq!(RULES.len(), tests, "one of the rules is no test by its own name");
}

#[test]
fn crates_depend_only_along_the_arrows() {
    holds(arrows::along_the_arrows);
}

#[test]
fn pure_crates_stay_pure() {
    holds(arrows::pure_crates);
}

#[test]
fn every_crate_forbids_unsafe_code() {
    holds(source::forbids_unsafe);
}

#[test]
fn files_stay_short() {
    holds(source::file_length);
}

#[test]
fn functions_fit_a_screen() {
    holds(source::function_length);
}

#[test]
fn no_test_is_ignored_without_a_reason() {
    holds(source::ignored_tests);
}

#[test]
fn no_test_sleeps() {
    holds(source::sleeping_tests);
}

#[test]
fn nothing_is_left_to_be_done() {
    holds(words::leftovers);
}

#[test]
fn no_path_of_a_build_machine() {
    holds(words::machine_paths);
}

#[test]
fn no_numbers_of_issues() {
    holds(words::issue_numbers);
}

#[test]
fn no_dead_link_in_a_paper() {
    holds(links::dead_links);
}

#[test]
fn generated_files_are_up_to_date() {
    holds(generated::up_to_date);
}

#[test]
fn every_limit_is_enforced_and_stated() {
    holds(settings::limits_are_enforced);
}

#[test]
fn every_setting_is_stated() {
    holds(settings::stated);
}

#[test]
fn every_changelog_fragment_has_a_kind() {
    holds(changelog::kinds);
}

#[test]
fn every_invariant_names_its_test() {
    holds(invariants::named_tests);
}

#[test]
fn every_defended_attack_names_its_test() {
    holds(invariants::attack_table);
}

/// Holds one rule against files made up for it: `file:line: what` for each breach.
#[track_caller]
fn check(rule: fn(&Repo) -> Result<Vec<Finding>>, files: &[(&str, &str)], want: &[&str]) {
    let findings = rule(&Repo::of(files)).unwrap();
    let short = |f: &Finding| format!("{}:{}: {}", f.file, f.line, f.wrong);
    assert_eq!(findings.iter().map(short).collect::<Vec<_>>(), want);
}

#[test]
fn a_crate_root_without_the_attribute_is_found() {
    let files = [
        ("crates/a/src/lib.rs", "//! Words.\n#![forbid(unsafe_code)]\nmod b;\n"),
        ("crates/b/src/lib.rs", "//! Words.\nmod b;\n"),
        ("crates/b/src/inner.rs", "fn f() {}\n"),
    ];
    check(source::forbids_unsafe, &files, &["crates/b/src/lib.rs:1: unsafe code is not forbidden"]);
}

#[test]
fn long_files_and_functions_are_found_and_tests_apart() {
    let body = "    call();\n".repeat(90);
    let long = format!("fn long() {{\n{body}}}\n");
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    // Words.\n".repeat(700));
    check(
        source::function_length,
        &[("crates/a/src/a.rs", &long)],
        &["crates/a/src/a.rs:1: the function `long` is 92 lines long"],
    );
    check(source::file_length, &[("crates/a/src/a.rs", &format!("{long}{tests}"))], &[]);
    let longer = "// Words.\n".repeat(601);
    check(
        source::file_length,
        &[("crates/a/src/b.rs", &longer), ("crates/a/tests/b.rs", &longer)],
        &["crates/a/src/b.rs:601: 601 lines outside tests"],
    );
}

#[test]
fn ignored_and_sleeping_tests_are_found() {
    let ignored = "#[test]\n#[ignore]\nfn a() {}\n#[test]\n#[ignore = \"long\"]\nfn b() {}\n";
    check(
        source::ignored_tests,
        &[("crates/a/tests/a.rs", ignored)],
        &["crates/a/tests/a.rs:2: a test is ignored without a reason"],
    );
    let sleeping = "fn a() {\n    std::thread::SLEEP(d);\n    // waits: for the disk\n    \
                    thread::SLEEP(d);\n    // not a thread::SLEEP(d)\n}\n";
    let sleeping = &sleeping.replace("SLEEP", "sleep");
    check(
        source::sleeping_tests,
        &[("crates/a/tests/a.rs", sleeping), ("crates/a/src/a.rs", sleeping)],
        &["crates/a/tests/a.rs:2: a test sleeps"],
    );
}

#[test]
fn leftovers_paths_and_numbers_are_found() {
    let left = concat!("// FIX", "ME: this\nlet mask = \"xXXXx\";\n// TO", "DO that\n");
    check(
        words::leftovers,
        &[("crates/a/src/a.rs", left)],
        &[
            concat!("crates/a/src/a.rs:1: `FIX", "ME` is left here"),
            concat!("crates/a/src/a.rs:3: `TO", "DO` is left here"),
        ],
    );
    let paths = concat!("see /work", "/main/x and /srv/work/x\n");
    check(
        words::machine_paths,
        &[("README.md", paths)],
        &[concat!("README.md:1: `/work", "/` is a folder of a build machine")],
    );
    let numbers = concat!("as in issue", " 12, see (#", "34); `#![forbid]`, cli#5 stays\n");
    check(
        words::issue_numbers,
        &[("README.md", numbers)],
        &["README.md:1: the number of an issue", "README.md:1: the number of an issue"],
    );
}

#[test]
fn dead_links_are_found_and_code_is_not_read() {
    let readme = "[a](docs/a.md) [b](docs/b.md#one-thing) [c](https://example.org)\n\
                  [d](docs/missing.md) [e](docs/b.md#another) `[f](no.md)`\n\
                  ```\n[g](no.md)\n```\n";
    let files = [("README.md", readme), ("docs/a.md", "a\n"), ("docs/b.md", "# One thing\n")];
    let want = [
        "README.md:2: the link `docs/missing.md` leads nowhere",
        "README.md:2: the link `docs/b.md#another` names no heading of that file",
    ];
    check(links::dead_links, &files, &want);
}

#[test]
fn fragments_of_no_kind_are_found() {
    let files = [
        ("changelog.d/README.md", ""),
        ("changelog.d/doors.added.md", "A door.\n"),
        ("changelog.d/doors.improved.md", "A better door.\n"),
        ("changelog.d/log.breaking.md", "## Summary\nIt moved.\n"),
    ];
    let want = [
        "changelog.d/doors.improved.md:1: `improved` is no kind of change",
        "changelog.d/log.breaking.md:1: a breaking change without `Migration`",
    ];
    check(changelog::kinds, &files, &want);
}

#[test]
fn invariants_without_tests_are_found() {
    let mut paper: String =
        (1..=8).map(|n| format!("Invariant: I{n}. It holds.\nShown by `it_holds`.\n\n")).collect();
    paper += "Invariant: I9. It will. Not built yet.\n\nInvariant: I10. Shown by `it_fails`.\n";
    let test = "#[test]\nfn it_holds() {}\nfn it_fails() {}\n";
    let files = [("ARCHITECTURE.md", paper.as_str()), ("crates/a/tests/a.rs", test)];
    let want = ["ARCHITECTURE.md:27: there is no test `it_fails`"];
    check(invariants::named_tests, &files, &want);
}

#[test]
fn a_limit_that_nothing_looks_at_is_found() {
    let mut paper = String::new();
    let mut code = String::new();
    let limits = serde_json::to_value(bakerst_model::Limits::default()).unwrap();
    for (name, default) in limits.as_object().unwrap() {
        paper += &format!("| `{name}` | {default} | words |\n");
        code += &format!("let _ = limits.{name};\n");
    }
    let code = code.replace("limits.tools_max", "0");
    let paper = paper.replace("| `tools_max` | 10000 |", "| `tools_max` | 10 |");
    let files = [("docs/configuration.md", paper.as_str()), ("crates/a/src/a.rs", code.as_str())];
    let line = paper.lines().position(|line| line.contains("tools_max")).unwrap() + 1;
    let want = [
        "crates/model/src/limits.rs:1: nothing looks at `tools_max`",
        &format!("docs/configuration.md:{line}: `tools_max` and its default 10000 are not stated"),
    ];
    check(settings::limits_are_enforced, &files, &want);
}

#[test]
fn a_setting_that_the_paper_leaves_out_is_found() {
    let code = "#[serde(deny_unknown_fields, default)]\nstruct Config {\n    mode: u8,\n    r#type: u8,\n}\n\
                struct Inner {\n    other: u8,\n}\n";
    let files = [("docs/configuration.md", "| `type` |"), ("crates/guard/src/rails/a.rs", code)];
    let want = ["crates/guard/src/rails/a.rs:3: the setting `mode` is not stated"];
    check(settings::stated, &files, &want);
}
