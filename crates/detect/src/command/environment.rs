//! Variables that change which program runs, or what it loads before it runs.

use super::word::has_hole;

/// What setting a variable amounts to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Setting {
    /// Code is loaded into whatever runs next.
    Preload,
    /// What is run from now on leaves no record.
    Unrecorded,
    /// The value is a command line that some program will run.
    Command,
    /// Another program of the same name may be found.
    Search,
    /// Nothing known, but other programs may mind it.
    Other,
    /// It only changes how things look, or where they look for data.
    Harmless,
}

/// Variables by which a loader or a shell runs code of the one who sets them.
const PRELOAD: &[&str] = &[
    "LD_PRELOAD",
    "LD_AUDIT",
    "BASH_ENV",
    "ENV",
    "PROMPT_COMMAND",
    "PS4",
    "SHELLOPTS",
    "BASHOPTS",
    "PYTHONSTARTUP",
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PERL5DB",
    "GCONV_PATH",
    "ZDOTDIR",
    "GIT_TEMPLATE_DIR",
    "COR_PROFILER",
    "CORECLR_PROFILER",
    "DOTNET_STARTUP_HOOKS",
    "LUA_INIT",
];
/// Variables that hold options of an interpreter, which may name code to load first.
const OPTIONS: &[&str] = &[
    "NODE_OPTIONS",
    "PERL5OPT",
    "RUBYOPT",
    "JAVA_TOOL_OPTIONS",
    "_JAVA_OPTIONS",
    "JDK_JAVA_OPTIONS",
];
/// Variables that hold a command line.
const COMMANDS: &[&str] = &[
    "PAGER",
    "MANPAGER",
    "EDITOR",
    "VISUAL",
    "BROWSER",
    "GIT_PAGER",
    "GIT_EDITOR",
    "GIT_SSH",
    "GIT_SEQUENCE_EDITOR",
    "GIT_EXTERNAL_DIFF",
    "GIT_ASKPASS",
    "SSH_ASKPASS",
    "SUDO_ASKPASS",
    "LESSOPEN",
    "LESSCLOSE",
    "RSYNC_RSH",
    "CVS_RSH",
    "KUBE_EDITOR",
    "SUDO_EDITOR",
    "SYSTEMD_PAGER",
    "PSQL_PAGER",
    "PSQL_EDITOR",
    "FCEDIT",
    "TAR_OPTIONS",
    "CC",
    "CXX",
    "MAKEFLAGS",
];
/// Variables that no program takes for more than a matter of form.
const HARMLESS: &[&str] = &[
    "LANG",
    "LANGUAGE",
    "TZ",
    "TERM",
    "COLUMNS",
    "LINES",
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
    "CI",
    "DEBUG",
    "VERBOSE",
    "RUST_LOG",
    "RUST_BACKTRACE",
    "NODE_ENV",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "DEBIAN_FRONTEND",
    "COMPOSE_PROJECT_NAME",
];

/// What setting `name` to `value` amounts to.
pub(super) fn setting(name: &str, value: &str) -> Setting {
    match name {
        "HISTFILE" if matches!(value, "" | "/dev/null") => Setting::Unrecorded,
        "HISTSIZE" | "HISTFILESIZE" | "SAVEHIST" if value == "0" => Setting::Unrecorded,
        _ if PRELOAD.contains(&name) => Setting::Preload,
        _ if name.starts_with("DYLD_") || name.starts_with("BASH_FUNC_") => Setting::Preload,
        "LD_LIBRARY_PATH" if is_suspect_search(value) => Setting::Preload,
        "PATH" if is_suspect_search(value) => Setting::Preload,
        "PATH" | "LD_LIBRARY_PATH" => Setting::Search,
        _ if OPTIONS.contains(&name) => match loads_code(value) {
            true => Setting::Preload,
            false => Setting::Other,
        },
        _ if COMMANDS.contains(&name) || name.ends_with("_COMMAND") => Setting::Command,
        _ if HARMLESS.contains(&name) || name.starts_with("LC_") => Setting::Harmless,
        _ => Setting::Other,
    }
}

/// A search path that begins where anyone may put a program.
fn is_suspect_search(value: &str) -> bool {
    let first = value.split(':').next().unwrap_or_default();
    match first {
        "" | "." => true,
        first if has_hole(first) => false,
        first => {
            super::path::is_temporary(&format!("{first}/x"))
                || !first.starts_with(['/', '~'])
                || first == "/tmp"
        }
    }
}

fn loads_code(value: &str) -> bool {
    value.split_whitespace().any(|option| {
        [
            "-r",
            "--require",
            "--import",
            "--loader",
            "--experimental-loader",
            "-M",
            "-javaagent",
            "-agentlib",
            "-agentpath",
            "-I",
            "-e",
        ]
        .iter()
        .any(|loads| option.starts_with(loads))
    })
}
