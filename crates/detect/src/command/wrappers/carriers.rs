//! Programs that carry a command to files, hosts, containers, databases or terminals.

use super::{Inner, glued, skip_options, tail, text};
use crate::command::path::{Place, place};
use crate::command::word::{Arg, HOLE_RUN};

/// What comes in on the standard input stands where `-I` says, else behind.
pub(super) fn xargs(name: &str, args: &[Arg]) -> Vec<Inner> {
    let values: &[&str] = match name {
        "xargs" => &[
            "-I",
            "-n",
            "-P",
            "-L",
            "-d",
            "-E",
            "-s",
            "-a",
            "--max-args",
            "--max-procs",
            "--delimiter",
            "--arg-file",
            "--max-lines",
        ],
        _ => &["-j", "-a", "-I", "-n", "--jobs", "--colsep", "--delay", "--retries", "-C", "-S"],
    };
    let (at, unsure) = skip_options(args, 1, values, "0rtpxXkmiv");
    let options = args.get(..at).unwrap_or_default();
    let mut mark = (name == "parallel").then(|| "{}".to_owned());
    for (i, option) in options.iter().enumerate() {
        match option.text.as_str() {
            "-I" => mark = options.get(i + 1).map(|arg| arg.text.clone()),
            "-i" | "--replace" => mark = Some("{}".into()),
            other => {
                let attached = other.strip_prefix("-I").or(other.strip_prefix("--replace="));
                mark = attached.map(str::to_owned).or(mark);
            }
        }
    }
    let mut command = tail(args, at);
    if let Some(end) = command.iter().position(|arg| arg.text.starts_with(":::")) {
        command.truncate(end);
    }
    if command.is_empty() {
        return match name {
            "parallel" => vec![Inner::StdinShell],
            _ => Vec::new(),
        };
    }
    let hole = HOLE_RUN.to_string();
    let used = |mark: &String| !mark.is_empty() && command.iter().any(|a| a.text.contains(mark));
    match mark.filter(used) {
        Some(mark) => {
            for arg in &mut command {
                if arg.text.contains(&mark) {
                    arg.text = arg.text.replace(&mark, &hole);
                }
            }
        }
        None => command.push(Arg::new(&hole)),
    }
    if name == "parallel" {
        return vec![Inner::Shell(glued(Some(&command)))];
    }
    let mut inner = vec![Inner::Command(command.clone())];
    if unsure && command.len() > 1 {
        inner.push(Inner::Perhaps(command.split_off(1)));
    }
    inner
}

pub(super) fn find(args: &[Arg]) -> Vec<Inner> {
    let mut inner = Vec::new();
    let mut at = 1;
    // A command over everything below a part of the system is one over that part.
    let top = text(args, 1);
    let found = if place(top) == Place::System { top.to_owned() } else { format!("./{HOLE_RUN}") };
    while let Some(arg) = args.get(at) {
        at += 1;
        if matches!(arg.text.as_str(), "-exec" | "-execdir" | "-ok" | "-okdir") {
            let rest = args.get(at..).unwrap_or_default();
            let end = rest.iter().position(|arg| matches!(arg.text.as_str(), ";" | "+"));
            let end = end.unwrap_or(rest.len());
            let command = rest.iter().take(end).map(|arg| {
                let text = arg.text.replace("{}", &found);
                Arg { text, ..arg.clone() }
            });
            inner.push(Inner::Command(command.collect()));
            at += end;
        }
    }
    inner
}

/// A command after one of `words`.
pub(super) fn after(args: &[Arg], words: &[&str]) -> Vec<Inner> {
    if let Some(code) = args.iter().find_map(|arg| arg.text.strip_prefix("--command=")) {
        return vec![Inner::Shell(Arg::new(code))];
    }
    let Some(at) = args.iter().position(|arg| words.contains(&arg.text.as_str())) else {
        return Vec::new();
    };
    let (from, _) = skip_options(args, at + 1, &["-n", "-p", "--name", "--prefix", "-a"], "");
    let mut command = tail(args, from);
    if !command.is_empty() && matches!(text(args, 0), "fd" | "fdfind") {
        command.push(Arg::new(&HOLE_RUN.to_string()));
    }
    match text(args, at) {
        _ if command.is_empty() => Vec::new(),
        "-c" | "-C" | "--command" => vec![Inner::Shell(glued(Some(&command)))],
        // The name of a script in the project's own file is judged as a verb, not as a program.
        "run" if matches!(text(args, 0), "npm" | "yarn" | "pnpm" | "nix") => Vec::new(),
        _ => vec![Inner::Command(command)],
    }
}

pub(super) fn ssh(args: &[Arg]) -> Vec<Inner> {
    const VALUES: &[&str] = &[
        "-p", "-i", "-l", "-o", "-F", "-J", "-L", "-R", "-D", "-b", "-c", "-E", "-e", "-m", "-O",
        "-Q", "-S", "-W", "-w", "-B", "-I",
    ];
    let mut inner: Vec<Inner> = Vec::new();
    for (i, arg) in args.iter().enumerate().skip(1) {
        let option = arg.text.strip_prefix("-o").filter(|rest| !rest.is_empty());
        let option = option.or_else(|| (text(args, i - 1) == "-o").then_some(arg.text.as_str()));
        let option = option.unwrap_or_default().to_ascii_lowercase();
        if option.starts_with("proxycommand") || option.starts_with("localcommand") {
            let code = arg.text.split_once(['=', ' ']).map_or("", |(_, code)| code);
            inner.push(Inner::Shell(Arg::new(code)));
        }
    }
    let (host, _) = skip_options(args, 1, VALUES, "46AaCfGgKkMNnqsTtVvXxYy");
    let (from, _) = skip_options(args, host + 1, VALUES, "46AaCfGgKkMNnqsTtVvXxYy");
    match args.get(from..) {
        Some(command) if !command.is_empty() => inner.push(Inner::Shell(glued(Some(command)))),
        _ => inner.push(Inner::StdinShell),
    }
    inner
}

/// The command that runs inside of a container.
pub(super) fn container(args: &[Arg]) -> Vec<Inner> {
    const VALUES: &[&str] = &[
        "-v",
        "-e",
        "-u",
        "-w",
        "-p",
        "-l",
        "-m",
        "-c",
        "-h",
        "--volume",
        "--env",
        "--user",
        "--name",
        "--workdir",
        "--publish",
        "--network",
        "--net",
        "--mount",
        "--env-file",
        "--entrypoint",
        "--label",
        "--memory",
        "--cpus",
        "--platform",
        "--pid",
        "--ipc",
        "--hostname",
        "--cap-add",
        "--cap-drop",
        "--security-opt",
        "--device",
        "--tmpfs",
        "--add-host",
        "--gpus",
        "--runtime",
        "--restart",
        "--userns",
        "--index",
        "-f",
        "--file",
        "--project-name",
        "--pull",
        "--shm-size",
        "--ulimit",
        "--volumes-from",
    ];
    let verb = args.iter().position(|arg| matches!(arg.text.as_str(), "run" | "exec" | "create"));
    let Some(verb) = verb else { return Vec::new() };
    let (image, unsure) = skip_options(args, verb + 1, VALUES, "itdPTq");
    let mut inner = Vec::new();
    for (i, arg) in args.iter().enumerate().take(image) {
        let entry = match arg.text.strip_prefix("--entrypoint") {
            Some("") => text(args, i + 1),
            Some(attached) => attached.trim_start_matches('='),
            None => continue,
        };
        let mut command = vec![Arg::new(entry)];
        command.extend(tail(args, image + 1));
        inner.push(Inner::Command(command));
    }
    let from = if text(args, image + 1) == "--" { image + 2 } else { image + 1 };
    if args.get(from).is_some() && inner.is_empty() {
        inner.push(Inner::Command(tail(args, from)));
        if unsure && args.get(from + 1).is_some() {
            inner.push(Inner::Perhaps(tail(args, from + 1)));
        }
    }
    inner
}

/// The command that runs in a pod, after `--` or, as older versions take it, after its name.
pub(super) fn cluster(args: &[Arg]) -> Vec<Inner> {
    if matches!(text(args, 0), "microk8s" | "k3s") {
        return vec![Inner::Command(tail(args, 1))];
    }
    if let Some(at) = args.iter().position(|arg| arg.text == "--") {
        return vec![Inner::Command(tail(args, at + 1))];
    }
    match args.iter().position(|arg| arg.text == "exec") {
        Some(at) => {
            const VALUES: &[&str] =
                &["-n", "-c", "--namespace", "--container", "-f", "--context", "-task", "-job"];
            let (pod, _) = skip_options(args, at + 1, VALUES, "itq");
            vec![Inner::Command(tail(args, pod + 1))]
        }
        None => Vec::new(),
    }
}

/// What runs on the hosts: the argument of a module that runs commands, or of none, which does.
pub(super) fn ansible(args: &[Arg]) -> Vec<Inner> {
    let value = |short: &str, long: &str| {
        args.iter().enumerate().find_map(|(i, arg)| {
            let next = matches!(&arg.text, text if text == short || text == long);
            match next {
                true => args.get(i + 1).map(|arg| arg.text.as_str()),
                false => arg.text.strip_prefix(long)?.strip_prefix('='),
            }
        })
    };
    let module = value("-m", "--module-name").unwrap_or("command");
    let module = module.rsplit('.').next().unwrap_or(module);
    match (module, value("-a", "--args")) {
        ("command" | "shell" | "raw" | "script" | "win_shell" | "win_command", Some(code)) => {
            vec![Inner::Shell(Arg::new(code))]
        }
        _ => Vec::new(),
    }
}

/// SQL after the option that carries it, or as the last word, or on the standard input.
pub(super) fn sql(name: &str, args: &[Arg]) -> Vec<Inner> {
    const OPTIONS: &[&str] = &[
        "-c",
        "-e",
        "-q",
        "-Q",
        "--command",
        "--execute",
        "--query",
        "-cmd",
        "--eval",
        "--sql",
        "-s",
    ];
    let mut inner = Vec::new();
    for (i, arg) in args.iter().enumerate().skip(1) {
        let attached = arg.text.split_once('=').filter(|(option, _)| OPTIONS.contains(option));
        let short = ["-e", "-c", "-q", "-Q"].iter().find_map(|o| arg.text.strip_prefix(o));
        let code = match (OPTIONS.contains(&arg.text.as_str()), attached, short) {
            (true, ..) => match args.get(i + 1) {
                Some(code) if name != "sqlite3" || arg.text == "-cmd" => code.text.as_str(),
                _ => continue,
            },
            (_, Some((_, code)), _) => code,
            (.., Some(code)) if name != "sqlite3" && code.contains(' ') => code,
            _ => continue,
        };
        inner.push(Inner::Sql(Arg::new(code)));
    }
    if matches!(name, "sqlite3" | "sqlite" | "duckdb" | "bq" | "trino" | "usql") {
        let words =
            args.iter().skip(1).filter(|arg| arg.text.contains(' ') || arg.text.starts_with('.'));
        inner.extend(words.map(|arg| Inner::Sql(arg.clone())));
    }
    if inner.is_empty() {
        inner.push(Inner::StdinSql);
    }
    inner
}

/// Settings and subcommands of git that run others.
pub(super) fn git(args: &[Arg]) -> Vec<Inner> {
    let mut inner = Vec::new();
    for (i, arg) in args.iter().enumerate() {
        let before = text(args, i.saturating_sub(1));
        let setting = match before {
            "-c" => arg.text.split_once('='),
            _ if text(args, 1) == "config" => {
                args.get(i + 1).map(|v| (arg.text.as_str(), v.text.as_str()))
            }
            _ => None,
        };
        if let Some((key, value)) = setting {
            inner.extend(git_setting(&key.to_ascii_lowercase(), value));
        }
        let code = match arg.text.as_str() {
            "--exec" | "-x" if args.iter().any(|a| a.text == "rebase") => args.get(i + 1).cloned(),
            "foreach" if before == "submodule" => Some(glued(args.get(i + 1..))),
            "--tree-filter" | "--index-filter" | "--msg-filter" => args.get(i + 1).cloned(),
            other => ["--exec=", "--upload-pack=", "--receive-pack=", "--open-files-in-pager="]
                .iter()
                .find_map(|option| other.strip_prefix(option))
                .map(Arg::new),
        };
        inner.extend(code.map(Inner::Shell));
        if before == "bisect" && arg.text == "run" {
            inner.push(Inner::Command(tail(args, i + 1)));
        }
    }
    inner
}

fn git_setting(key: &str, value: &str) -> Option<Inner> {
    if key.starts_with("alias.") {
        return Some(match value.strip_prefix('!') {
            Some(code) => Inner::Shell(Arg::new(code)),
            None => Inner::Shell(Arg::new(&format!("git {value}"))),
        });
    }
    let runs = matches!(
        key,
        "core.sshcommand"
            | "core.pager"
            | "core.editor"
            | "core.fsmonitor"
            | "sequence.editor"
            | "diff.external"
            | "core.askpass"
            | "gpg.program"
            | "core.gitproxy"
            | "uploadpack.packobjectshook"
    ) || key.starts_with("pager.")
        || key.starts_with("filter.")
        || key.ends_with(".textconv")
        || key.ends_with("tool.cmd")
        || key == "credential.helper" && value.starts_with('!');
    let code = value.trim_start_matches('!');
    (runs && !matches!(code, "true" | "false")).then(|| Inner::Shell(Arg::new(code)))
}

/// A terminal multiplexer types or runs its last words.
pub(super) fn terminal(args: &[Arg]) -> Vec<Inner> {
    let words = args.iter().skip(1).filter(|arg| arg.text.contains(' '));
    let mut inner: Vec<Inner> = words.map(|arg| Inner::Shell(arg.clone())).collect();
    if text(args, 0) == "screen" {
        let (at, _) = skip_options(args, 1, &["-S", "-p", "-t", "-c", "-L"], "dmDRrUx");
        inner.push(Inner::Command(tail(args, at)));
    }
    inner
}

/// Programs that start another one only where an option names it.
pub(super) fn by_option(name: &str, args: &[Arg]) -> Vec<Inner> {
    let options: &[&str] = match name {
        "tar" | "bsdtar" | "gtar" => &[
            "--to-command",
            "--use-compress-program",
            "-I",
            "--checkpoint-action",
            "--rmt-command",
            "--info-script",
            "--new-volume-script",
            "-F",
        ],
        "rsync" => &["-e", "--rsh", "--rsync-path"],
        "scp" | "sftp" => &["-S", "-D"],
        "man" => &["-P", "--pager"],
        "rg" => &["--pre"],
        "zip" => &["-TT", "--unzip-command"],
        "sort" => &["--compress-program"],
        _ => &[],
    };
    let mut inner = Vec::new();
    for (i, arg) in args.iter().enumerate().skip(1) {
        let code = match arg.text.split_once('=') {
            Some((option, code)) if cut_short(option, options) => code,
            _ if cut_short(&arg.text, options) => text(args, i + 1),
            _ => match (name, arg.text.strip_prefix("+!")) {
                ("less" | "man", Some(code)) => code,
                _ => continue,
            },
        };
        inner.push(Inner::Shell(Arg::new(code.strip_prefix("exec=").unwrap_or(code))));
    }
    inner
}

/// Whether an option is one of these; long ones may be cut short.
fn cut_short(option: &str, options: &[&str]) -> bool {
    let long = option.starts_with("--") && option.len() >= 5;
    options.iter().any(|name| *name == option || long && name.starts_with(option))
}
