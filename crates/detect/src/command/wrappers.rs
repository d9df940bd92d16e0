//! Programs that start others, and where on their command line those stand.

use super::code::{self, Language};
use super::word::{Arg, HOLE_RUN, HOLE_VAR};

/// What a command line holds that is read in its turn.
#[derive(Clone, Debug)]
pub(super) enum Inner {
    /// A command, word by word.
    Command(Vec<Arg>),
    /// The same, where an option that is not known may have a value of its own.
    Perhaps(Vec<Arg>),
    /// Code for a shell.
    Shell(Arg),
    /// SQL.
    Sql(Arg),
    /// Code for PowerShell or the Windows command prompt.
    PowerShell(Arg),
    /// Code for an interpreter.
    Program(Language, Arg),
    /// A variable for what runs next.
    Setting(String, String),
    /// A shell that reads its commands from its standard input.
    StdinShell,
    /// An interpreter that does.
    StdinProgram(Language),
    /// A database client that does.
    StdinSql,
    /// A script in a file.
    Script,
    /// Something that decides what runs and cannot be read.
    Unreadable(&'static str),
}

/// A program whose command line ends in another command.
struct Wrapper {
    names: &'static [&'static str],
    /// Options with a value in the next word.
    values: &'static [&'static str],
    /// Options without one: single letters.
    letters: &'static str,
    /// Words before the command.
    skip: usize,
}

const fn wrapper(
    names: &'static [&'static str],
    values: &'static [&'static str],
    letters: &'static str,
    skip: usize,
) -> Wrapper {
    Wrapper { names, values, letters, skip }
}

/// Long options without a value, of any wrapper.
const LONG_FLAGS: &[&str] = &[
    "--login",
    "--preserve-env",
    "--non-interactive",
    "--set-home",
    "--stdin",
    "--verbose",
    "--foreground",
    "--preserve-status",
    "--ignore-environment",
    "--null",
    "--no-run-if-empty",
    "--background",
    "--wait",
    "--fork",
    "--quiet",
    "--user",
    "--scope",
    "--pty",
    "--pipe",
    "--collect",
    "--yes",
    "--no-install",
    "--rm",
    "--tty",
    "--interactive",
    "--mount",
    "--pid",
    "--net",
    "--uts",
    "--ipc",
    "--map-root-user",
    "--shared",
    "--exclusive",
    "--nonblock",
    "--open-tty",
    "--exit",
    "--interactive",
];

const WRAPPERS: &[Wrapper] = &[
    wrapper(
        &["sudo"],
        &[
            "-u", "-g", "-h", "-p", "-C", "-D", "-R", "-T", "-U", "-r", "-t", "--user", "--group",
            "--host", "--prompt", "--chdir", "--chroot", "--role", "--type",
        ],
        "nEHisbkSvlAKeP",
        0,
    ),
    wrapper(&["doas"], &["-u", "-C", "-a"], "nsL", 0),
    wrapper(&["env"], &["-u", "-C", "-P", "--unset", "--chdir"], "i0v", 0),
    wrapper(
        &[
            "nohup",
            "builtin",
            "chronic",
            "fakeroot",
            "dumb-init",
            "torify",
            "torsocks",
            "catchsegv",
            "linux32",
            "linux64",
            "eatmydata",
            "busybox",
            "toybox",
            "run-parts",
            "dbus-run-session",
            "nocache",
        ],
        &[],
        "",
        0,
    ),
    wrapper(&["setsid"], &[], "cfw", 0),
    wrapper(&["command"], &[], "p", 0),
    wrapper(&["exec"], &["-a"], "cl", 0),
    wrapper(&["time"], &["-f", "-o"], "pav", 0),
    wrapper(&["timeout", "gtimeout"], &["-k", "-s", "--kill-after", "--signal"], "v", 1),
    wrapper(&["nice"], &["-n", "--adjustment"], "0123456789", 0),
    wrapper(&["ionice"], &["-c", "-n", "--class", "--classdata"], "t", 0),
    wrapper(&["chrt"], &["-T", "-P", "-D"], "fbirodm", 1),
    wrapper(&["taskset", "setarch", "gosu", "su-exec", "faketime", "with-contenv"], &[], "caR", 1),
    wrapper(&["stdbuf"], &["-i", "-o", "-e", "--input", "--output", "--error"], "", 0),
    wrapper(
        &["unbuffer", "rlwrap", "caffeinate", "ltrace", "proxychains", "proxychains4", "tini"],
        &["-t", "-w", "-f"],
        "pdimsugq",
        0,
    ),
    wrapper(&["strace"], &["-e", "-o", "-p", "-s", "-P", "-E", "-u"], "fcqtvyxT", 0),
    wrapper(&["chroot"], &["-u", "-g"], "", 1),
    wrapper(
        &["unshare", "nsenter"],
        &["-t", "--target", "-S", "-G", "-R", "-w"],
        "mpnuiUrfCTaF",
        0,
    ),
    wrapper(
        &["systemd-run"],
        &["-p", "-u", "--unit", "--property", "--slice", "--uid", "--gid", "-E", "-M"],
        "tPGqdr",
        0,
    ),
    wrapper(
        &["numactl", "setpriv", "prlimit", "cpulimit", "cgexec", "firejail", "bwrap", "xvfb-run"],
        &["-g", "-s", "-n", "-l"],
        "a",
        0,
    ),
    wrapper(&["pkexec"], &["--user"], "", 0),
    wrapper(&["npx", "bunx", "pnpx", "uvx", "pipx"], &["-p", "--package", "--from"], "yq", 0),
    wrapper(
        &["op", "doppler", "aws-vault", "infisical", "dotenv", "direnv", "chamber", "envchain"],
        &["-p", "-c", "--project", "--config", "--env", "-f", "-e"],
        "n",
        1,
    ),
    wrapper(
        &["winpty", "wsl", "start", "mintty", "xterm", "cygstart"],
        &["-d", "--distribution", "-u"],
        "e",
        0,
    ),
];

/// Whether a name is only a word of the shell before another command.
pub(super) fn is_transparent(name: &str) -> bool {
    matches!(name, "command" | "builtin" | "exec" | "eval" | ":" | "time" | "{")
}

/// Whether a program may run what it finds on its standard input.
pub(super) fn reads_program(name: &str) -> bool {
    is_shell(name)
        || code::language(name).is_some()
        || is_sql_client(name)
        || matches!(
            name,
            "ssh" | "sudo" | "su" | "at" | "batch" | "source" | "." | "xargs" | "parallel"
        )
        || matches!(name, "powershell" | "pwsh" | "cmd")
}

/// What the command `args` of the program `name` starts in its turn.
pub(super) fn inner(name: &str, args: &[Arg]) -> Vec<Inner> {
    if let Some(wrapper) = WRAPPERS.iter().find(|wrapper| wrapper.names.contains(&name)) {
        return wrapped(wrapper, name, args);
    }
    match name {
        _ if is_shell(name) => shell(args),
        "eval" => vec![Inner::Shell(glued(args.get(1..)))],
        "source" | "." => vec![source(args)],
        "trap" | "watch" | "hyperfine" | "entr" => code_words(name, args),
        "su" | "runuser" | "script" | "flock" => dash_c(name, args),
        "alias" => aliases(args),
        "export" | "declare" | "typeset" | "local" | "readonly" => settings(args),
        "xargs" | "parallel" => xargs(name, args),
        "find" | "gfind" => find(args),
        "fd" | "fdfind" => after(args, &["-x", "-X", "--exec", "--exec-batch"]),
        "ssh" | "autossh" | "mosh" => ssh(args),
        "powershell" | "pwsh" => powershell(args),
        "cmd" => cmd(args),
        "at" | "batch" => vec![Inner::StdinShell],
        "uv" | "poetry" | "pipenv" | "pdm" | "rye" | "hatch" | "bundle" | "conda" | "mamba"
        | "nix" | "npm" | "pnpm" | "yarn" | "rustup" | "asdf" | "mise" => {
            after(args, &["run", "exec", "x", "-c", "dlx"])
        }
        "docker" | "podman" | "nerdctl" | "lxc" | "incus" | "machinectl" | "docker-compose" => {
            container(args)
        }
        "kubectl" | "k" | "oc" | "nomad" | "kubecolor" | "nsc" | "microk8s" | "k3s" => {
            cluster(args)
        }
        "ansible" => ansible(args),
        "vagrant" | "gcloud" | "fly" | "flyctl" | "heroku" => {
            after(args, &["-c", "-C", "--command", "run"])
        }
        "psql" | "mysql" | "mariadb" | "sqlite3" | "duckdb" | "sqlcmd" | "cqlsh" | "sqlite"
        | "clickhouse-client" | "clickhouse" | "snowsql" | "bq" | "usql" | "spark-sql" | "hive"
        | "beeline" | "trino" | "presto" | "cockroach" | "wrangler" | "impala-shell" | "isql" => {
            sql(name, args)
        }
        "git" => git(args),
        "tmux" | "screen" => terminal(args),
        "tar" | "bsdtar" | "gtar" | "rsync" | "scp" | "sftp" | "man" | "rg" | "zip" | "sort"
        | "less" => by_option(name, args),
        _ => match code::language(name) {
            Some(language) => program(language, args),
            None => Vec::new(),
        },
    }
}

fn is_shell(name: &str) -> bool {
    matches!(
        name,
        "sh" | "bash" | "dash" | "zsh" | "ksh" | "mksh" | "ash" | "fish" | "rbash" | "csh" | "tcsh"
    )
}

fn is_sql_client(name: &str) -> bool {
    matches!(
        name,
        "psql"
            | "mysql"
            | "mariadb"
            | "sqlite3"
            | "duckdb"
            | "sqlcmd"
            | "cqlsh"
            | "clickhouse-client"
    )
}

/// The words from one on, as one line of code.
fn glued(args: Option<&[Arg]>) -> Arg {
    let args = args.unwrap_or_default();
    let text = args.iter().map(|arg| arg.text.as_str()).collect::<Vec<_>>().join(" ");
    let runs = args.iter().flat_map(|arg| arg.runs.clone()).collect();
    Arg { text, runs, ..Arg::default() }
}

fn tail(args: &[Arg], from: usize) -> Vec<Arg> {
    args.get(from..).unwrap_or_default().to_vec()
}

fn text(args: &[Arg], at: usize) -> &str {
    args.get(at).map_or("", |arg| arg.text.as_str())
}

/// The end of the options from `at` on, and whether one of them is not known.
fn skip_options(args: &[Arg], mut at: usize, values: &[&str], letters: &str) -> (usize, bool) {
    let mut unsure = false;
    while let Some(arg) = args.get(at) {
        let option = arg.text.as_str();
        if option == "--" {
            return (at + 1, unsure);
        }
        if !option.starts_with('-') || option.len() == 1 {
            break;
        }
        at += 1;
        if values.contains(&option) {
            at += 1;
        } else if let Some(long) = option.strip_prefix("--") {
            unsure |= !long.contains('=') && !LONG_FLAGS.contains(&option);
        } else if !values.iter().any(|value| value.len() == 2 && option.starts_with(value)) {
            let last_takes = option.chars().last().is_some_and(|last| {
                values.iter().any(|value| value.len() == 2 && value.ends_with(last))
            });
            let known = option.chars().skip(1).all(|letter| letters.contains(letter));
            at += usize::from(last_takes);
            unsure |= !known && !last_takes;
        }
    }
    (at, unsure)
}

fn wrapped(wrapper: &Wrapper, name: &str, args: &[Arg]) -> Vec<Inner> {
    let (mut at, unsure) = skip_options(args, 1, wrapper.values, wrapper.letters);
    let mut inner = Vec::new();
    if matches!(name, "command") && matches!(text(args, 1), "-v" | "-V") {
        return inner;
    }
    if name == "env" {
        for (i, arg) in args.iter().enumerate().take(at + 1) {
            match arg.text.strip_prefix("-S").or(arg.text.strip_prefix("--split-string=")) {
                Some("") => inner.push(Inner::Shell(glued(args.get(i + 1..)))),
                Some(code) => inner.push(Inner::Shell(Arg::new(code))),
                None if arg.text == "--split-string" => {
                    inner.push(Inner::Shell(glued(args.get(i + 1..))));
                }
                None => {}
            }
        }
    }
    at += wrapper.skip;
    while matches!(name, "sudo" | "env" | "doas" | "exec" | "dotenv" | "systemd-run") {
        let Some((variable, value)) = text(args, at).split_once('=') else { break };
        inner.push(Inner::Setting(variable.to_owned(), value.to_owned()));
        at += 1;
    }
    if wrapper.skip == 1 && text(args, at) == "--" {
        at += 1;
    }
    if args.get(at).is_some() {
        inner.push(Inner::Command(tail(args, at)));
        if unsure && args.get(at + 1).is_some() {
            inner.push(Inner::Perhaps(tail(args, at + 1)));
        }
    } else if matches!(name, "sudo" | "doas" | "chroot" | "unshare" | "nsenter") && args.len() > 1 {
        inner.push(Inner::StdinShell);
    }
    inner
}

fn shell(args: &[Arg]) -> Vec<Inner> {
    let (mut at, mut code) = (1, false);
    let mut inner = Vec::new();
    while let Some(arg) = args.get(at) {
        match arg.text.as_str() {
            "--" | "-" => {
                at += 1;
                break;
            }
            "-o" | "+o" | "-O" | "+O" => at += 2,
            "--rcfile" | "--init-file" => {
                inner.push(Inner::Script);
                at += 2;
            }
            "--help" | "--version" => return inner,
            "-s" => {
                inner.push(Inner::StdinShell);
                return inner;
            }
            option if option.starts_with("--") => at += 1,
            option if option.starts_with(['-', '+']) && option.len() > 1 => {
                code |= option.starts_with('-') && option.contains('c');
                at += 1;
            }
            _ => break,
        }
    }
    match args.get(at) {
        Some(arg) if code => inner.push(Inner::Shell(arg.clone())),
        Some(arg) if arg.text == "/dev/stdin" => inner.push(Inner::StdinShell),
        Some(_) => inner.push(Inner::Script),
        None => inner.push(Inner::StdinShell),
    }
    inner
}

fn source(args: &[Arg]) -> Inner {
    match text(args, 1) {
        "/dev/stdin" | "-" => Inner::StdinShell,
        _ => Inner::Script,
    }
}

/// Programs whose words, after the options, are one line of code.
fn code_words(name: &str, args: &[Arg]) -> Vec<Inner> {
    let values: &[&str] = match name {
        "watch" => &["-n", "-q", "--interval"],
        "hyperfine" => &["-w", "-r", "-n", "--warmup", "--runs"],
        _ => &[],
    };
    let (at, _) = skip_options(args, 1, values, "");
    let words = match name {
        "trap" => args.get(at..at + 1),
        _ => args.get(at..),
    };
    match glued(words).text.as_str() {
        "" | "-" => Vec::new(),
        _ => vec![Inner::Shell(glued(words))],
    }
}

/// Programs that take a line of code after `-c`, else a command after one word.
fn dash_c(name: &str, args: &[Arg]) -> Vec<Inner> {
    let at = args.iter().position(|arg| {
        matches!(arg.text.as_str(), "--command" | "--session-command")
            || arg.text.starts_with('-') && !arg.text.starts_with("--") && arg.text.ends_with('c')
    });
    if let Some(code) = at.and_then(|at| args.get(at + 1)) {
        return vec![Inner::Shell(code.clone())];
    }
    if let Some(code) = args.iter().find_map(|arg| arg.text.strip_prefix("--command=")) {
        return vec![Inner::Shell(Arg::new(code))];
    }
    let (at, _) = skip_options(args, 1, &["-w", "-E", "-u", "-g"], "nsxeoFl");
    match name {
        "flock" => vec![Inner::Command(tail(args, at + 1))],
        "runuser" if args.iter().any(|arg| arg.text == "-u") => {
            vec![Inner::Command(tail(args, at))]
        }
        "su" => vec![Inner::StdinShell],
        _ => Vec::new(),
    }
}

/// The value of an alias runs with words behind it that are not known.
fn aliases(args: &[Arg]) -> Vec<Inner> {
    let values = args.iter().skip(1).filter_map(|arg| arg.text.split_once('='));
    values.map(|(_, code)| Inner::Shell(Arg::new(&format!("{code} {HOLE_VAR}")))).collect()
}

fn settings(args: &[Arg]) -> Vec<Inner> {
    let values = args.iter().skip(1).filter_map(|arg| arg.text.split_once('='));
    values.map(|(name, value)| Inner::Setting(name.to_owned(), value.to_owned())).collect()
}

/// What comes in on the standard input stands where `-I` says, else behind.
fn xargs(name: &str, args: &[Arg]) -> Vec<Inner> {
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
    match mark.filter(|mark| !mark.is_empty()) {
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

fn find(args: &[Arg]) -> Vec<Inner> {
    let mut inner = Vec::new();
    let mut at = 1;
    while let Some(arg) = args.get(at) {
        at += 1;
        if matches!(arg.text.as_str(), "-exec" | "-execdir" | "-ok" | "-okdir") {
            let rest = args.get(at..).unwrap_or_default();
            let end = rest.iter().position(|arg| matches!(arg.text.as_str(), ";" | "+"));
            let end = end.unwrap_or(rest.len());
            let command = rest.iter().take(end).map(|arg| {
                let text = arg.text.replace("{}", "./\0");
                Arg { text, ..arg.clone() }
            });
            inner.push(Inner::Command(command.collect()));
            at += end;
        }
    }
    inner
}

/// A command after one of `words`.
fn after(args: &[Arg], words: &[&str]) -> Vec<Inner> {
    if let Some(code) = args.iter().find_map(|arg| arg.text.strip_prefix("--command=")) {
        return vec![Inner::Shell(Arg::new(code))];
    }
    let Some(at) = args.iter().position(|arg| words.contains(&arg.text.as_str())) else {
        return Vec::new();
    };
    let (from, _) = skip_options(args, at + 1, &["-n", "-p", "--name", "--prefix", "-a"], "");
    let command = tail(args, from);
    match text(args, at) {
        _ if command.is_empty() => Vec::new(),
        "-c" | "-C" | "--command" => vec![Inner::Shell(glued(Some(&command)))],
        // The name of a script in the project's own file is judged as a verb, not as a program.
        "run" if matches!(text(args, 0), "npm" | "yarn" | "pnpm" | "nix") => Vec::new(),
        _ => vec![Inner::Command(command)],
    }
}

fn ssh(args: &[Arg]) -> Vec<Inner> {
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

fn powershell(args: &[Arg]) -> Vec<Inner> {
    for (i, arg) in args.iter().enumerate().skip(1) {
        let option = arg.text.to_ascii_lowercase();
        let Some(option) = option.strip_prefix(['-', '/']) else {
            return vec![Inner::PowerShell(glued(args.get(i..)))];
        };
        match option {
            _ if option.starts_with('e') && "encodedcommand".starts_with(option)
                || option == "ec" =>
            {
                return match super::decode::base64_utf16(text(args, i + 1)) {
                    Some(code) => vec![
                        Inner::Unreadable("it runs what was hidden by an encoding"),
                        Inner::PowerShell(Arg::new(&code)),
                    ],
                    None => vec![Inner::Unreadable("it runs what was hidden by an encoding")],
                };
            }
            _ if option.starts_with('c') && "command".starts_with(option) => {
                return vec![Inner::PowerShell(glued(args.get(i + 1..)))];
            }
            "f" | "file" => return vec![Inner::Script],
            "executionpolicy" | "ep" | "ex" | "exec" | "windowstyle" | "w" | "version"
            | "outputformat" | "inputformat" | "psconsolefile" | "configurationname"
            | "workingdirectory" => {
                let rest = args.get(i + 2..).unwrap_or_default();
                let mut next = vec![Arg::new("powershell")];
                next.extend(rest.iter().cloned());
                return powershell(&next);
            }
            _ => {}
        }
    }
    vec![Inner::StdinShell]
}

fn cmd(args: &[Arg]) -> Vec<Inner> {
    let at = args.iter().position(|arg| {
        matches!(arg.text.to_ascii_lowercase().as_str(), "/c" | "/k" | "/r" | "//c" | "//k")
    });
    match at {
        Some(at) => vec![Inner::PowerShell(glued(args.get(at + 1..)))],
        None => Vec::new(),
    }
}

/// The command that runs inside of a container.
fn container(args: &[Arg]) -> Vec<Inner> {
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
fn cluster(args: &[Arg]) -> Vec<Inner> {
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
fn ansible(args: &[Arg]) -> Vec<Inner> {
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
fn sql(name: &str, args: &[Arg]) -> Vec<Inner> {
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
fn git(args: &[Arg]) -> Vec<Inner> {
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
            "run" if before == "bisect" => Some(glued(args.get(i + 1..))),
            "--tree-filter" | "--index-filter" | "--msg-filter" => args.get(i + 1).cloned(),
            other => ["--exec=", "--upload-pack=", "--receive-pack=", "--open-files-in-pager="]
                .iter()
                .find_map(|option| other.strip_prefix(option))
                .map(Arg::new),
        };
        inner.extend(code.map(Inner::Shell));
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
fn terminal(args: &[Arg]) -> Vec<Inner> {
    let words = args.iter().skip(1).filter(|arg| arg.text.contains(' '));
    let mut inner: Vec<Inner> = words.map(|arg| Inner::Shell(arg.clone())).collect();
    if text(args, 0) == "screen" {
        let (at, _) = skip_options(args, 1, &["-S", "-p", "-t", "-c", "-L"], "dmDRrUx");
        inner.push(Inner::Command(tail(args, at)));
    }
    inner
}

/// Programs that start another one only where an option names it.
fn by_option(name: &str, args: &[Arg]) -> Vec<Inner> {
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
            Some((option, code)) if options.contains(&option) => code,
            _ if options.contains(&arg.text.as_str()) => text(args, i + 1),
            _ => match (name, arg.text.strip_prefix("+!")) {
                ("less" | "man", Some(code)) => code,
                _ => continue,
            },
        };
        inner.push(Inner::Shell(Arg::new(code.strip_prefix("exec=").unwrap_or(code))));
    }
    inner
}

/// The program of an interpreter: in an option, in a file, or on its standard input.
fn program(language: Language, args: &[Arg]) -> Vec<Inner> {
    let mut inner = Vec::new();
    let mut at = 1;
    while let Some(arg) = args.get(at) {
        let option = arg.text.as_str();
        if let Some((_, code)) = option.split_once('=').filter(|(o, _)| language.takes_code(o)) {
            inner.push(Inner::Program(language, Arg::new(code)));
        } else if language.takes_code(option) {
            let code = args.get(at + 1).cloned().unwrap_or_default();
            inner.push(Inner::Program(language, code));
            at += 1;
        } else if let Some(code) = language.attached_code(option) {
            inner.push(Inner::Program(language, Arg::new(code)));
        } else if !option.starts_with('-') || option == "-" {
            break;
        } else if option == "-m" || option == "--version" || option == "--help" {
            return inner;
        }
        at += 1;
    }
    match args.get(at) {
        _ if !inner.is_empty() => {}
        None => inner.push(Inner::StdinProgram(language)),
        Some(arg) if arg.text == "-" => inner.push(Inner::StdinProgram(language)),
        Some(arg) if language.reads_code_first() => {
            inner.push(Inner::Program(language, arg.clone()));
        }
        Some(_) => inner.push(Inner::Script),
    }
    inner
}
