//! Programs that start others, and where on their command line those stand.

mod carriers;
mod shells;

use super::code::{self, Language};
use super::word::Arg;
use carriers::{
    after, ansible, by_option, cluster, container, find, git, sql, ssh, terminal, xargs,
};
use shells::{aliases, cmd, code_words, dash_c, powershell, program, settings, shell, source};

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

/// Whether a program does nothing of its own but start another.
pub(super) fn only_wraps(name: &str) -> bool {
    const OTHERS: &[&str] =
        &["eval", "xargs", "parallel", "watch", "trap", "ssh", "alias", "export", "su", "flock"];
    let ours = |wrapper: &Wrapper| wrapper.names.contains(&name) && !wrapper.names.contains(&"op");
    OTHERS.contains(&name) || is_shell(name) || WRAPPERS.iter().any(ours)
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
        "redis-cli" | "valkey-cli" | "mongosh" | "mongo" => vec![Inner::StdinSql],
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
            | "redis-cli"
            | "valkey-cli"
            | "mongosh"
            | "mongo"
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
    let sets = matches!(name, "sudo" | "env" | "doas" | "exec" | "dotenv" | "systemd-run");
    while let Some((variable, value)) = text(args, at).split_once('=').filter(|_| sets) {
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
