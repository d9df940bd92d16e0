//! How Rust is written here: short, safe, and tested without waiting.

use anyhow::Result;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use super::Finding;
use crate::repo::{Repo, TextFile};

const FILE_LINES_MAX: usize = 600;
const TEST_LINES_MAX: usize = 1000;
const FUNCTION_LINES_MAX: usize = 80;

/// Unsafe code is forbidden at the head of every crate.
pub(super) fn forbids_unsafe(repo: &Repo) -> Result<Vec<Finding>> {
    let is_root = |file: &&TextFile| {
        file.path.ends_with("src/lib.rs")
            || file.path.ends_with("src/main.rs")
            || file.path.contains("/src/bin/")
            || file.path.ends_with("/build.rs")
    };
    let bare = repo
        .rust()
        .filter(is_root)
        .filter(|file| !file.lines().any(|(_, line)| line.trim() == "#![forbid(unsafe_code)]"));
    let finding = |file: &TextFile| {
        let mend = "put `#![forbid(unsafe_code)]` under the words at its head";
        Finding::new(&file.path, 1, "unsafe code is not forbidden", mend)
    };
    Ok(bare.map(finding).collect())
}

/// Files stay short enough to be read in one go.
pub(super) fn file_length(repo: &Repo) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in repo.rust().filter(|file| !file.is_data()) {
        let all = file.lines().count();
        let tests = if file.is_test() { all } else { Outline::of(file).test_lines };
        let mend = "split it by what its parts are about, `x.rs` beside a folder `x`";
        for (lines, max, what) in
            [(all - tests, FILE_LINES_MAX, "outside tests"), (tests, TEST_LINES_MAX, "of tests")]
        {
            if lines > max {
                findings.push(Finding::new(&file.path, all, format!("{lines} lines {what}"), mend));
            }
        }
    }
    Ok(findings)
}

/// Functions fit a screen.
pub(super) fn function_length(repo: &Repo) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in repo.rust() {
        for Function { name, line, lines } in Outline::of(file).functions {
            if lines > FUNCTION_LINES_MAX {
                findings.push(Finding::new(
                    &file.path,
                    line,
                    format!("the function `{name}` is {lines} lines long"),
                    format!("at most {FUNCTION_LINES_MAX}: name its parts and call them"),
                ));
            }
        }
    }
    Ok(findings)
}

/// A test that does not run says why.
pub(super) fn ignored_tests(repo: &Repo) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in repo.rust() {
        let ignored = file.lines().filter(|(_, line)| line.trim() == "#[ignore]");
        findings.extend(ignored.map(|(line, _)| {
            let mend = "write `#[ignore = \"why\"]`, and where it is run instead";
            Finding::new(&file.path, line, "a test is ignored without a reason", mend)
        }));
    }
    Ok(findings)
}

/// No test sleeps: what waits for a length of time fails on a slow day.
pub(super) fn sleeping_tests(repo: &Repo) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in repo.rust() {
        let outline = Outline::of(file);
        let mut excused = false;
        for (number, line) in file.lines() {
            let code = line.trim_start();
            let is_test = file.is_test() || outline.is_test_line(number);
            if is_test && !excused && calls_sleep(code) {
                let mend = "wait for what is awaited, or drive the clock; \
                            if it must sleep, say why in a comment `// waits: …` above";
                findings.push(Finding::new(&file.path, number, "a test sleeps", mend));
            }
            excused = code.starts_with("// waits: ");
        }
    }
    Ok(findings)
}

fn calls_sleep(code: &str) -> bool {
    const CALL: &str = concat!("sle", "ep(");
    let code = code.split("//").next().unwrap_or_default();
    code.match_indices(CALL).any(|(at, _)| code.get(..at).is_some_and(|b| b.ends_with("::")))
}

/// Where functions and test modules stand in a file.
#[derive(Debug, Default)]
struct Outline {
    functions: Vec<Function>,
    test_modules: Vec<(usize, usize)>,
    test_lines: usize,
}

#[derive(Debug)]
struct Function {
    name: String,
    line: usize,
    lines: usize,
}

impl Outline {
    /// Reads a file; one that does not parse has no outline, and the compiler says why.
    fn of(file: &TextFile) -> Self {
        let mut outline = Self::default();
        if let Ok(parsed) = syn::parse_file(&file.text) {
            outline.visit_file(&parsed);
        }
        outline.test_lines = outline.test_modules.iter().map(|(from, to)| to - from + 1).sum();
        outline
    }

    fn is_test_line(&self, line: usize) -> bool {
        self.test_modules.iter().any(|(from, to)| (*from..=*to).contains(&line))
    }

    fn function(&mut self, signature: &syn::Signature, end: usize) {
        let line = signature.fn_token.span().start().line;
        let name = signature.ident.to_string();
        self.functions.push(Function { name, line, lines: end + 1 - line });
    }
}

impl<'ast> Visit<'ast> for Outline {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, item.block.span().end().line);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, item.block.span().end().line);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.function(&item.sig, body.span().end().line);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.content.is_some() && item.attrs.iter().any(is_cfg_test) {
            let span = item.span();
            self.test_modules.push((span.start().line, span.end().line));
        }
        visit::visit_item_mod(self, item);
    }
}

fn is_cfg_test(attribute: &syn::Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else { return false };
    list.path.is_ident("cfg") && list.tokens.to_string() == "test"
}
