//! Version control, and the sites that host it.

use super::{Args, Ruling, general};
use crate::command::word::has_hole;

pub(super) fn judge(name: &str, args: &Args<'_>) -> Option<Ruling> {
    Some(match name {
        "git" => git(args),
        "gh" | "glab" | "hub" | "tea" => hosted(args),
        "hg" | "svn" | "jj" | "fossil" | "bzr" => other(args),
        "git-filter-repo" | "bfg" | "git-filter-branch" => {
            Ruling::destructive_if(!args.is_only_help(), "rewrites the history")
        }
        _ => return None,
    })
}

const VALUES: &[&str] = &[
    "-C",
    "-c",
    "--git-dir",
    "--work-tree",
    "--namespace",
    "--exec-path",
    "--config-env",
    "--super-prefix",
];

fn git(args: &Args<'_>) -> Ruling {
    let operands = args.operands(VALUES);
    let Some(verb) = operands.first() else { return Ruling::READ };
    let mut rest = args.from(verb.at + 1);
    if has_hole(verb.text) {
        return Ruling::unknown("the verb is not known before it runs");
    }
    let starts_others = args.options().any(|o| {
        matches!(o, "-c" | "--exec-path" | "--config-env" | "--upload-pack" | "--receive-pack")
            || o.starts_with("--exec-path=")
            || o.starts_with("--upload-pack=")
            || o.starts_with("--ext-diff")
    }) || args.all().any(|arg| arg.text.starts_with("ext::"));
    // After an option that is not known, the word may be its value and the next one the verb.
    let mut ruling = git_verb(verb.text, &rest);
    if verb.maybe
        && let Some(next) = operands.get(1)
    {
        rest = args.from(next.at + 1);
        let other = git_verb(next.text, &rest);
        if other.effect > ruling.effect {
            ruling = other;
        }
    }
    Ruling { starts_others: starts_others || ruling.starts_others, ..ruling }
}

fn git_verb(verb: &str, args: &Args<'_>) -> Ruling {
    let first = args.operands(&[]).first().map_or("", |operand| operand.text);
    let only_says = args.is_dry_run() && !args.has(&["--no-dry-run"]);
    if args.has(&["--help"]) || args.text(0) == "-h" || only_says {
        return Ruling::READ;
    }
    let force = args.letter('f') || args.has(&["--force"]);
    match verb {
        "push" if args.says_only('n', "o") => Ruling::READ,
        "push" => push(args),
        "reset" => {
            Ruling::destructive_if(args.has(&["--hard", "--merge"]), "throws uncommitted work away")
        }
        "clean" => match args.says_only('n', "e")
            || !force && !args.letter('d') && !args.letter('x') && !args.letter('X')
        {
            true => Ruling::READ,
            false => Ruling::destructive("removes files that are not tracked"),
        },
        "checkout" | "co" => checkout(args, force),
        "switch" => Ruling::destructive_if(
            force || args.has(&["--discard-changes"]) || args.letter('C'),
            "throws uncommitted work away",
        ),
        "restore" => {
            let staged = args.has(&["--staged"]) || args.letter('S');
            let worktree = args.has(&["--worktree"]) || args.letter('W');
            Ruling::destructive_if(!staged || worktree, "throws uncommitted work away")
        }
        "branch" => Ruling::destructive_if(
            args.letter('D')
                || args.letter('d') && force
                || args.has(&["--delete"]) && (force || args.letter('r'))
                || args.letter('M')
                || args.letter('f'),
            "removes or moves a branch without looking whether it is merged",
        ),
        _ => keeping_verb(verb, first, args, force),
    }
}

/// Verbs about what is kept: tags, stashes, references, trees, remotes and settings.
fn keeping_verb(verb: &str, first: &str, args: &Args<'_>, force: bool) -> Ruling {
    match verb {
        "tag" => Ruling::destructive_if(
            args.letter('d') || args.has(&["--delete"]) || force,
            "removes or moves a tag",
        ),
        "stash" => {
            Ruling::destructive_if(matches!(first, "drop" | "clear"), "throws stashed work away")
        }
        "reflog" => Ruling::destructive_if(
            matches!(first, "expire" | "delete"),
            "removes the way back to old commits",
        ),
        "gc" | "prune" | "repack" | "maintenance" => Ruling::destructive_if(
            verb == "prune"
                || args.options().any(|o| o.starts_with("--prune") && !o.ends_with("never")),
            "removes the way back to old commits",
        ),
        "update-ref" | "symbolic-ref" => Ruling::destructive_if(
            args.letter('d') || args.has(&["--delete", "--stdin"]),
            "removes a reference",
        ),
        "filter-branch" | "filter-repo" => Ruling::destructive("rewrites the history"),
        "rm" => Ruling::destructive_if(
            !args.has(&["--cached"]) && (force || args.letter('r')),
            "removes tracked files",
        ),
        "worktree" => Ruling::destructive_if(
            first == "remove" && force,
            "removes a working tree with its changes",
        ),
        "submodule" => Ruling::destructive_if(
            first == "deinit" && (force || args.has(&["--all"])),
            "removes a submodule's files",
        ),
        "read-tree" => Ruling::destructive_if(
            args.has(&["--reset"]) || args.letter('u'),
            "writes over the working tree",
        ),
        "checkout-index" => Ruling::destructive_if(force, "writes over the working tree"),
        "lfs" => Ruling::destructive_if(
            first == "prune" || first == "migrate",
            "removes stored files or rewrites the history",
        ),
        "remote" => Ruling::destructive_if(matches!(first, "remove" | "rm"), "forgets a remote"),
        "rebase" | "am" | "cherry-pick" | "revert" | "merge" | "commit" | "pull" | "fetch"
        | "add" | "mv" | "clone" | "init" | "apply" | "bisect" | "notes" | "replace"
        | "sparse-checkout" | "config" => config_or_write(verb, args),
        "fast-import" | "p4" | "svn" => Ruling::WRITE,
        _ => Ruling::READ,
    }
}

fn config_or_write(verb: &str, args: &Args<'_>) -> Ruling {
    let runs = verb == "config" && args.all().any(|arg| arg.text.starts_with('!'));
    Ruling { starts_others: runs || args.letter('x') || args.has(&["--exec"]), ..Ruling::WRITE }
}

fn push(args: &Args<'_>) -> Ruling {
    let forced = args.letter('f')
        || args.letter('d')
        || args.options().any(|o| {
            ["--force", "--mirror", "--delete", "--prune"].iter().any(|p| {
                o == *p
                    || o.starts_with("--force-") && *p == "--force"
                    || o.len() > 4 && p.starts_with(o)
            })
        });
    let refs = args.operands(&["-o", "--push-option", "--repo", "--receive-pack", "--exec"]);
    let rewrites = refs
        .iter()
        .skip(usize::from(refs.len() > 1))
        .any(|operand| operand.text.starts_with(['+', ':']));
    Ruling::destructive_if(forced || rewrites, "rewrites or removes what others may have fetched")
}

fn checkout(args: &Args<'_>, force: bool) -> Ruling {
    let operands = args.operands(&["-b", "-B", "--orphan"]);
    let paths = args.word("--")
        || operands.iter().any(|o| matches!(o.text, "." | ":/" | "*" | "./" | ".."))
        || args.has(&["--ours", "--theirs", "--pathspec-from-file"]);
    let files = operands.len() > 1 && !args.has(&["--orphan"]);
    Ruling::destructive_if(paths || force || files, "throws uncommitted work away")
}

fn hosted(args: &Args<'_>) -> Ruling {
    if args.is_help() {
        return Ruling::READ;
    }
    let operands = args.operands(&[
        "-R", "--repo", "-H", "-f", "-F", "-X", "--method", "-q", "--jq", "-b", "--body", "-t",
        "--title", "-S", "--search", "-l", "--label", "-L", "--limit", "-s", "--state", "--json",
    ]);
    let word = |at: usize| operands.get(at).map_or("", |operand| operand.text);
    if word(0) == "api" {
        let method = args
            .value(&["-X", "--method"])
            .or(args.all().find_map(|a| a.text.strip_prefix("-X").filter(|m| !m.is_empty())));
        return match method.unwrap_or("GET").to_ascii_uppercase().as_str() {
            "DELETE" => Ruling::destructive("asks another machine to delete something"),
            "GET" => Ruling::READ,
            _ => Ruling::WRITE,
        };
    }
    let looks = |word: &str| {
        matches!(
            word,
            "list" | "view" | "create" | "search" | "status" | "checkout" | "diff" | "clone"
        )
    };
    let mut verbs = operands.iter().take(3).skip(1).take_while(|operand| !looks(operand.text));
    let destroys = verbs.any(|operand| {
        matches!(
            operand.text,
            "delete"
                | "archive"
                | "remove"
                | "transfer"
                | "delete-asset"
                | "delete-key"
                | "unlink"
                | "purge"
                | "disable"
        )
    });
    let public =
        word(0) == "repo" && word(1) == "edit" && args.value(&["--visibility"]) == Some("public");
    let merges = word(0) == "pr" && word(1) == "merge" && args.has(&["--admin"]);
    Ruling::destructive_if(
        destroys || public || merges,
        "removes or exposes something on the hosting site",
    )
}

fn other(args: &Args<'_>) -> Ruling {
    let verb = args.text(0);
    let destroys =
        matches!(verb, "strip" | "purge" | "revert" | "abandon" | "rollback" | "obliterate")
            || verb == "update" && (args.letter('C') || args.has(&["--clean"]))
            || verb == "push" && (args.letter('f') || args.has(&["--force", "--deleted"]))
            || verb == "delete"
            || verb == "rm";
    match destroys {
        true => Ruling::destructive("throws work away"),
        false => general::shared_verb(args, &["-R", "--config", "-m"]),
    }
}
