//! Package managers: what is published for good, and what is taken off the system.

use super::{Args, Ruling, general};
use crate::command::word::has_hole;

pub(super) fn judge(name: &str, args: &Args<'_>) -> Option<Ruling> {
    Some(match name {
        "npm" | "yarn" | "pnpm" | "bun" | "cargo" | "gem" | "twine" | "poetry" | "flit"
        | "hatch" | "uv" | "pdm" | "lerna" | "nx" | "dart" | "flutter" | "mix" | "nuget"
        | "dotnet" | "composer" | "pod" | "vsce" | "ovsx" | "conan" | "pip" | "pip3" | "pipx"
        | "conda" | "mamba" | "brew" | "go" => library(name, args),
        "apt"
        | "apt-get"
        | "aptitude"
        | "dpkg"
        | "yum"
        | "dnf"
        | "zypper"
        | "pacman"
        | "apk"
        | "snap"
        | "flatpak"
        | "rpm"
        | "emerge"
        | "xbps-remove"
        | "pkg"
        | "port"
        | "nix-env"
        | "nix-collect-garbage"
        | "choco"
        | "winget"
        | "scoop"
        | "yay"
        | "tdnf"
        | "microdnf" => system(name, args),
        _ => return None,
    })
}

fn library(name: &str, args: &Args<'_>) -> Ruling {
    if args.is_dry_run() || args.is_help() || args.has(&["--list", "-n"]) && args.word("publish") {
        return Ruling::READ;
    }
    let operands = args.operands(&[
        "--prefix",
        "-C",
        "--cwd",
        "--dir",
        "--manifest-path",
        "-w",
        "--workspace",
        "--filter",
        "--registry",
        "-F",
        "--token",
    ]);
    let word = |at: usize| operands.get(at).map_or("", |operand| operand.text);
    let verb =
        operands.iter().map(|o| o.text).find(|text| !text.starts_with('+')).unwrap_or_default();
    match verb {
        "publish" | "unpublish" | "yank" | "deprecate" => {
            Ruling::destructive("publishes or takes back a package, which cannot be undone")
        }
        "push" if matches!(name, "gem" | "nuget" | "dotnet" | "pod") => {
            Ruling::destructive("publishes a package, which cannot be undone")
        }
        "npm" | "nuget" | "trunk" | "hex.publish" | "pub" | "lerna"
            if matches!(word(1), "push" | "delete" | "publish") || verb == "hex.publish" =>
        {
            Ruling::destructive("publishes a package, which cannot be undone")
        }
        "upload" if name == "twine" => {
            Ruling::destructive("publishes a package, which cannot be undone")
        }
        "owner" | "access" | "dist-tag" | "token" | "team" => Ruling::destructive_if(
            matches!(
                word(1),
                "add" | "rm" | "grant" | "revoke" | "public" | "remove" | "create" | "delete"
            ) || args.has(&["--add", "--remove", "-a", "-r"]),
            "changes who owns or what names a published package",
        ),
        "env" if matches!(name, "conda" | "mamba") => {
            Ruling::destructive_if(word(1) == "remove", "removes an environment")
        }
        "remove" if matches!(name, "conda" | "mamba") => {
            Ruling::destructive_if(args.has(&["--all"]), "removes an environment")
        }
        "run" | "run-script" | "exec" | "x" => script(word(1)),
        "cache" | "clean" | "uninstall" | "remove" | "rm" | "prune" | "un" | "autoremove"
        | "cleanup" | "test" | "install" | "add" | "i" => Ruling::WRITE,
        _ if matches!(name, "yarn" | "pnpm" | "bun") => script(verb),
        _ if has_hole(verb) => Ruling::unknown("the verb is not known before it runs"),
        _ => Ruling::WRITE,
    }
}

/// A project's own script, judged by its name.
fn script(name: &str) -> Ruling {
    let kind = name.split([':', '-']).next().unwrap_or(name);
    if matches!(kind, "test" | "lint" | "check" | "build" | "format" | "typecheck" | "storybook") {
        return Ruling::WRITE;
    }
    let destroys = name.split([':', '-', '_', '.']).any(|piece| {
        matches!(piece, "destroy" | "nuke" | "wipe" | "drop" | "purge" | "teardown" | "undeploy")
    }) || name.ends_with(":reset")
        || general::is_destroying(name) && name.contains(':');
    Ruling::destructive_if(destroys, "the script's name says that it removes or destroys something")
}

fn system(name: &str, args: &Args<'_>) -> Ruling {
    let only_says = args.is_dry_run()
        || args.is_help()
        || args.has(&["-s", "--simulate", "--assumeno", "--just-print", "--print", "-p"])
            && name != "flatpak"
            && !args.letter('R');
    if only_says {
        return Ruling::READ;
    }
    let operands = args.operands(&["-o", "-t", "-c", "--option"]);
    let verb = operands.first().map_or("", |operand| operand.text);
    let takes = match name {
        "pacman" | "yay" => args.options().any(|o| o.starts_with("-R") || o == "--remove"),
        "dpkg" | "rpm" => {
            args.has(&["-r", "-P", "-e", "--remove", "--purge", "--erase", "--nodeps"])
                || args.options().any(|o| o.starts_with("--force"))
                || name == "rpm" && args.options().any(|o| o.starts_with("-e"))
        }
        "nix-env" => args.has(&["-e", "--uninstall", "--delete-generations"]),
        "nix-collect-garbage" => args.letter('d'),
        "xbps-remove" => true,
        "emerge" => args.has(&["-C", "--unmerge", "-c", "--depclean"]),
        _ => {
            operands.iter().take(2).any(|o| {
                matches!(
                    o.text,
                    "remove"
                        | "purge"
                        | "autoremove"
                        | "erase"
                        | "rm"
                        | "del"
                        | "uninstall"
                        | "delete"
                        | "autopurge"
                        | "full-upgrade"
                        | "dist-upgrade"
                        | "full-remove"
                ) && (o.maybe || o.at == operands.first().map_or(0, |f| f.at))
            }) || verb == "history" && args.word("undo")
        }
    };
    Ruling::destructive_if(takes, "takes packages off the system")
}
