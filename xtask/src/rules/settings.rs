//! Settings: those that there are stand in the paper, and none is idle. A limit that nothing enforces
//! is worse than none.

use anyhow::{Context as _, Result};
use bakerst_model::Limits;
use syn::spanned::Spanned as _;

use super::Finding;
use super::words::has_word;
use crate::repo::{Repo, TextFile};

const TYPE: &str = "crates/model/src/limits.rs";
const PAPER: &str = "docs/configuration.md";

/// Where the shapes stand that configurations are read into, and the paper that states them.
const SHAPES: [(&str, &str); 10] = [
    ("crates/guard/src/agents", PAPER),
    ("crates/guard/src/args/rule.rs", PAPER),
    ("crates/guard/src/authorization/config.rs", PAPER),
    ("crates/guard/src/config.rs", PAPER),
    ("crates/guard/src/pins.rs", PAPER),
    ("crates/guard/src/command.rs", PAPER),
    ("crates/guard/src/rails/", PAPER),
    ("crates/app/src/config.rs", PAPER),
    ("crates/app/src/config/", PAPER),
    ("crates/sinks/src/", "docs/sinks.md"),
];

/// Every field that a configuration may have is named in the paper.
pub(super) fn stated(repo: &Repo) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in repo.rust() {
        let shape = SHAPES.iter().find(|(shape, _)| file.path.starts_with(shape));
        let Some((_, name)) = shape else { continue };
        let paper = repo.text(name).map_or("", |paper| paper.text.as_str());
        for (line, field) in strict_fields(file) {
            if !has_word(paper, &field) {
                let mend = format!("say in {name} what it means, and its default");
                let wrong = format!("the setting `{field}` is not stated");
                findings.push(Finding::new(&file.path, line, wrong, mend));
            }
        }
    }
    Ok(findings)
}

/// The fields of every struct that refuses unknown ones: what is read from configurations is.
fn strict_fields(file: &TextFile) -> Vec<(usize, String)> {
    let items = syn::parse_file(&file.text).map(|parsed| parsed.items).unwrap_or_default();
    let strict = items.iter().filter_map(|item| match item {
        syn::Item::Struct(item) if item.attrs.iter().any(refuses_unknown_fields) => Some(item),
        _ => None,
    });
    let named = strict.flat_map(|item| item.fields.iter()).filter_map(|field| {
        let name = field.ident.as_ref()?.to_string();
        Some((field.span().start().line, name.trim_start_matches("r#").to_owned()))
    });
    named.collect()
}

fn refuses_unknown_fields(attribute: &syn::Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else { return false };
    list.path.is_ident("serde") && list.tokens.to_string().contains("deny_unknown_fields")
}

/// Every limit is looked at somewhere, and the paper states it with its default.
pub(super) fn limits_are_enforced(repo: &Repo) -> Result<Vec<Finding>> {
    let limits = serde_json::to_value(Limits::default())?;
    let limits = limits.as_object().context("`Limits` is no longer written as an object")?;
    let mut findings = Vec::new();
    for (name, default) in limits {
        let used = format!(".{name}");
        let mut product = repo.rust().filter(|file| file.path != TYPE && !file.is_test());
        if !product.any(|file| file.text.contains(&used)) {
            let line = line_of(repo, TYPE, name);
            let mend = "enforce it, or take it out until something does";
            findings.push(Finding::new(TYPE, line, format!("nothing looks at `{name}`"), mend));
        }
        let row = format!("| `{name}` | {default} |");
        if !repo.text(PAPER).is_some_and(|paper| paper.text.contains(&row)) {
            let wrong = format!("`{name}` and its default {default} are not stated");
            let mend = format!("write a row that begins `{row}`");
            findings.push(Finding::new(PAPER, line_of(repo, PAPER, name), wrong, mend));
        }
    }
    Ok(findings)
}

fn line_of(repo: &Repo, path: &str, word: &str) -> usize {
    let lines = repo.text(path).into_iter().flat_map(TextFile::lines);
    let mut named = lines.filter(|(_, line)| line.contains(word)).map(|(line, _)| line);
    named.next().unwrap_or(1)
}
