//! What kind of place a path names.

/// Kinds of places, as far as writing to one or removing it matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// A disk or another device whose content is lost by writing to it.
    Device,
    /// A connection to another machine, by bash's own means.
    Network,
    /// Part of the system, or a whole home folder.
    System,
    /// What later shells, logins or scheduled jobs will run or trust.
    Startup,
    /// Anything else.
    Ordinary,
}

/// Folders whose content belongs to the system.
const SYSTEM: &[&str] = &[
    "/etc", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/boot", "/usr", "/var", "/sys", "/proc",
    "/root", "/System", "/Library",
];
/// Folders inside of those that people fill themselves.
const NOT_SYSTEM: &[&str] = &["/usr/local", "/usr/src", "/var/tmp", "/var/folders", "/proc/self"];
/// Whole trees that are not system files and still must not go as one.
const TOPS: &[&str] = &["/home", "/srv", "/opt", "/data", "/mnt", "/media", "/Users", "/dev"];
/// Devices that swallow or carry text.
const HARMLESS_DEVICES: &[&str] = &[
    "/dev/null",
    "/dev/stdout",
    "/dev/stderr",
    "/dev/stdin",
    "/dev/tty",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
];
/// Files that run or open something later, by how their path ends.
const STARTUP: &[&str] = &[
    "/.bashrc",
    "/.bash_profile",
    "/.bash_login",
    "/.profile",
    "/.zshrc",
    "/.zprofile",
    "/.zshenv",
    "/.zlogin",
    "/.bash_logout",
    "/.ssh/authorized_keys",
    "/.ssh/config",
    "/.ssh/rc",
    "/.netrc",
    "/.pgpass",
    "/.aws/credentials",
    "/.kube/config",
    "/.gitconfig",
];

/// What kind of place `path` names; unknown parts of it count as ordinary names.
pub(super) fn place(path: &str) -> Place {
    let path = path.strip_prefix("file://").unwrap_or(path);
    if !path.contains('/') && !path.starts_with(['~', '.']) {
        return Place::Ordinary;
    }
    let path = clean(path);
    let path = path.as_str();
    if path.starts_with("/dev/tcp/") || path.starts_with("/dev/udp/") {
        return Place::Network;
    }
    if under(path, "/dev") && path != "/dev" {
        let harmless = HARMLESS_DEVICES.contains(&path)
            || ["/dev/fd", "/dev/shm", "/dev/pts", "/dev/mqueue"].iter().any(|d| under(path, d));
        return if harmless { Place::Ordinary } else { Place::Device };
    }
    if STARTUP.iter().any(|end| path.ends_with(end)) || path.contains("/.git/hooks/") {
        return Place::Startup;
    }
    if NOT_SYSTEM.iter().any(|top| under(path, top)) {
        return Place::Ordinary;
    }
    if matches!(path, "/" | "~" | "~/" | "/*" | "~/*" | "/." | "/.*" | "\u{1}/" | "\u{1}/*")
        || SYSTEM.iter().any(|top| under(path, top))
        || TOPS.contains(&path.trim_end_matches("/*"))
    {
        return Place::System;
    }
    Place::Ordinary
}

/// Whether the path begins at the root, in a home folder, or in a place that is not known.
pub(super) fn is_absolute(path: &str) -> bool {
    path.starts_with(['/', '~', '\u{0}', '\u{1}'])
}

/// Whether `path` names a temporary folder's content.
pub(super) fn is_temporary(path: &str) -> bool {
    let path = clean(path);
    ["/tmp", "/var/tmp", "/dev/shm"].iter().any(|top| under(&path, top) && path.len() > top.len())
}

fn under(path: &str, top: &str) -> bool {
    path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Takes `//`, `/./` and `/../` out, as far as the names alone allow it.
fn clean(path: &str) -> String {
    if !path.contains("//") && !path.contains("/.") {
        return match path.len() {
            1 => path.to_owned(),
            _ => path.strip_suffix('/').unwrap_or(path).to_owned(),
        };
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != ".." && *last != "~") => {
                parts.pop();
            }
            ".." if path.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if path.starts_with('/') { format!("/{joined}") } else { joined }
}
