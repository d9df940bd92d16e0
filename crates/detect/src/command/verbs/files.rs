//! Files: removing, writing over, and rights.

use super::{Args, Ruling};
use crate::command::path::{Place, is_absolute, is_temporary, place};

pub(super) fn judge(name: &str, args: &Args<'_>) -> Option<Ruling> {
    if matches!(
        name,
        "rm" | "shred"
            | "unlink"
            | "truncate"
            | "srm"
            | "wipe"
            | "scrub"
            | "rimraf"
            | "trash-empty"
            | "bleachbit"
    ) && args.is_only_help()
    {
        return Some(Ruling::READ);
    }
    Some(match name {
        "rm" | "unlink" | "grm" | "rimraf" | "srm" => {
            Ruling::destructive_if(!args.is_empty(), "removes files")
        }
        "shred" | "wipe" | "scrub" | "trash-empty" | "bleachbit" => {
            Ruling::destructive_if(!args.is_empty(), "removes files for good")
        }
        "truncate" => Ruling::destructive_if(!args.is_empty(), "cuts a file short"),
        "find" | "gfind" | "fd" | "fdfind" => found(args),
        "dd" => dd(args),
        "mv" | "gmv" => moved(args),
        "cp" | "install" | "ln" | "tee" | "gcp" | "ditto" | "patch" | "touch" | "mkdir"
        | "rmdir" | "sponge" => written(name, args),
        "chmod" | "chown" | "chgrp" | "setfacl" | "chattr" | "chflags" | "chcon" => {
            rights(name, args)
        }
        "rsync" => match args.has(&["--dry-run"]) || args.says_only('n', "efBTM@") {
            true => Ruling::READ,
            false => Ruling::destructive_if(
                args.options().any(|o| o.starts_with("--del") || o == "--remove-source-files"),
                "removes what the other side does not have",
            ),
        },
        "rclone" => match args.is_dry_run() || args.letter('n') {
            true => Ruling::READ,
            false => Ruling::destructive_if(
                matches!(
                    args.text(0),
                    "delete" | "purge" | "sync" | "move" | "rmdirs" | "cleanup" | "deletefile"
                ),
                "removes what is stored",
            ),
        },
        "sed" | "gsed" | "perl" => in_place(name, args),
        "tar" | "bsdtar" | "unzip" | "zip" | "cpio" => archive(name, args),
        "ed" | "ex" | "vi" | "vim" | "nvim" | "nano" | "emacs" | "sudoedit" => {
            let looks = args.letter('R') || args.has(&["-v", "--view"]);
            let special =
                args.operands(&["-c", "-S"]).iter().any(|o| place(o.text) != Place::Ordinary);
            Ruling::destructive_if(special && !looks, "edits a system file")
        }
        "sort" => Ruling::destructive_if(
            args.value(&["-o", "--output"]).is_some_and(|path| place(path) != Place::Ordinary),
            "writes over a system file",
        ),
        "mkfifo" | "mknod" => Ruling::WRITE,
        _ => return None,
    })
}

fn found(args: &Args<'_>) -> Ruling {
    if args.word("-delete") {
        return Ruling::destructive("removes the files that it finds");
    }
    let written = args.value(&["-fprint", "-fprintf", "-fls", "-fprint0"]);
    match written.is_some_and(|path| place(path) != Place::Ordinary) {
        true => Ruling::destructive("writes over a system file"),
        false => Ruling::READ,
    }
}

fn dd(args: &Args<'_>) -> Ruling {
    let target = args.all().find_map(|arg| arg.text.strip_prefix("of="));
    match target.map(place) {
        Some(Place::Device) => Ruling::destructive("writes over a device"),
        Some(Place::System | Place::Startup) => Ruling::destructive("writes over a system file"),
        _ => Ruling::WRITE,
    }
}

fn moved(args: &Args<'_>) -> Ruling {
    let operands = args.operands(&["-t", "-S", "--target-directory", "--suffix"]);
    if operands.last().is_some_and(|last| last.text == "/dev/null") {
        return Ruling::destructive("moves a file to where it is lost");
    }
    let special = operands.iter().any(|operand| place(operand.text) != Place::Ordinary);
    Ruling::destructive_if(special, "moves a system file, or over one")
}

/// Commands whose last word (or, for some, every word) is written.
fn written(name: &str, args: &Args<'_>) -> Ruling {
    let operands = args.operands(&[
        "-t",
        "-S",
        "-m",
        "-o",
        "-g",
        "--target-directory",
        "--mode",
        "-i",
        "-d",
        "-r",
    ]);
    if matches!(name, "touch" | "mkdir" | "rmdir") {
        return Ruling::WRITE;
    }
    let empties = operands.len() > 1
        && operands
            .first()
            .is_some_and(|o| matches!(o.text, "/dev/null" | "/dev/zero" | "/dev/urandom"));
    if name == "cp" && empties {
        return Ruling::destructive("empties a file");
    }
    let mut targets: Vec<&str> = match name {
        "tee" | "sponge" | "patch" => operands.iter().map(|o| o.text).collect(),
        _ => operands.last().into_iter().map(|o| o.text).collect(),
    };
    targets.extend(args.value(&["-t", "--target-directory"]));
    for target in targets {
        match place(target) {
            Place::Device => return Ruling::destructive("writes over a device"),
            Place::System => return Ruling::destructive("writes over a system file"),
            Place::Startup => return Ruling::destructive("changes what later shells run or trust"),
            Place::Network | Place::Ordinary => {}
        }
    }
    Ruling::WRITE
}

fn rights(name: &str, args: &Args<'_>) -> Ruling {
    if args.is_only_help() {
        return Ruling::READ;
    }
    let operands = args.operands(&["--reference", "--from"]);
    let recursive = args.letter('R') || args.has(&["--recursive"]);
    let mode = operands.first().map_or("", |operand| operand.text);
    // A mode such as `-x` or `a-rwx` looks like an option or a word; both are looked at.
    let modes = || args.all().map(|arg| arg.text.as_str()).filter(|t| !t.contains('/')).take(3);
    let paths = operands.iter().skip(1).map(|operand| operand.text);
    for path in paths.chain(operands.first().map(|o| o.text).filter(|t| t.starts_with('/'))) {
        if matches!(place(path), Place::System | Place::Device | Place::Startup)
            && place(path) != Place::Startup
        {
            return Ruling::destructive("changes who may use a part of the system");
        }
        if recursive
            && (is_absolute(path) && !is_temporary(path) || matches!(path, "." | ".." | "*" | "./"))
            && name != "chgrp"
        {
            return Ruling::destructive("changes who may use a whole tree");
        }
    }
    let opens = name == "chmod" && recursive && mode_opens(mode);
    let privileged = name == "chmod"
        && modes().any(|mode| {
            (mode.contains("+s") || mode.contains("=s"))
                || mode.len() == 4
                    && mode.starts_with(['2', '4', '6'])
                    && mode.bytes().all(|b| b.is_ascii_digit())
        });
    let locks = name == "chmod"
        && recursive
        && modes().any(|mode| matches!(mode, "000" | "0000" | "-rwx" | "a-rwx" | "a=" | "0"));
    Ruling::destructive_if(
        opens || privileged || locks,
        "opens files to everyone, locks them, or hands out rights",
    )
}

fn mode_opens(mode: &str) -> bool {
    let last = mode.chars().last().unwrap_or('0');
    let octal = mode.bytes().all(|b| b.is_ascii_digit()) && matches!(last, '2' | '3' | '6' | '7');
    octal || matches!(mode, "a+w" | "o+w" | "+w" | "a+rwx" | "ugo+rwx" | "a=rwx" | "o+rwx" | "+rwx")
}

fn in_place(name: &str, args: &Args<'_>) -> Ruling {
    let edits = args.options().any(|o| {
        o.starts_with("-i") || o.starts_with("--in-place") || name == "perl" && o.contains('i')
    });
    let operands = args.operands(&["-e", "-f"]);
    let special =
        operands.iter().any(|o| place(o.text) != Place::Ordinary && !o.text.contains(' '));
    if edits && special {
        return Ruling::destructive("edits a system file");
    }
    let script = operands.first().map_or("", |o| o.text);
    let runs = name != "perl" && sed_runs(script);
    let plain = name != "perl"
        && operands.first().is_some_and(|o| is_plain_sed(o.text))
        && !args.has(&["-e", "-f", "--expression", "--file"]);
    match (runs, edits) {
        (false, true) if !plain => Ruling { starts_others: true, ..Ruling::WRITE },
        (false, false) if !plain => Ruling { starts_others: true, ..Ruling::READ },
        (true, _) => {
            Ruling { starts_others: true, ..Ruling::unknown("an editing script runs commands") }
        }
        (_, true) => Ruling::WRITE,
        _ => Ruling::READ,
    }
}

/// Whether a sed script holds the command `e` or the flag `e` of a substitution.
fn sed_runs(script: &str) -> bool {
    let body = sed_command(script);
    if body == "e" || body.starts_with("e ") {
        return true;
    }
    substitution_flags(body).is_some_and(|flags| flags.contains('e') && flags.len() <= 3)
}

/// Whether a sed script is one plain substitution, or one command that only prints or deletes.
fn is_plain_sed(script: &str) -> bool {
    let body = sed_command(script);
    let flags = substitution_flags(body);
    matches!(body, "p" | "d" | "q" | "=" | "")
        || flags
            .is_some_and(|flags| flags.chars().all(|c| c.is_ascii_digit() || "gpiIm".contains(c)))
}

/// A sed command without the line numbers before it.
fn sed_command(script: &str) -> &str {
    script
        .trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '$' | ',' | ' ' | '!'))
        .trim_end()
}

/// The flags of a script that is one substitution.
fn substitution_flags(body: &str) -> Option<&str> {
    let delimiter = body.strip_prefix('s')?.chars().next().filter(|c| !c.is_alphanumeric())?;
    let pieces: Vec<&str> = body.split(delimiter).collect();
    match pieces.as_slice() {
        ["s", _, _, flags] => Some(flags),
        _ => None,
    }
}

fn archive(name: &str, args: &Args<'_>) -> Ruling {
    let into = args.value(&["-C", "--directory", "-d"]);
    let moves = name == "zip" && args.letter('m');
    let removes = moves || args.has(&["--remove-files", "--delete", "--recursive-unlink"]);
    let system = into.is_some_and(|path| place(path) == Place::System)
        && !args.letter('c')
        && !args.letter('t');
    Ruling::destructive_if(removes || system, "writes over or removes files")
}
