//! The machine itself: power, processes, services, network, accounts, schedules, logs.

use super::{Args, Ruling, general};
use crate::command::path::{Place, place};
use crate::command::word::{HOLE_RUN, has_hole};

pub(super) fn judge(name: &str, args: &Args<'_>) -> Option<Ruling> {
    let ruling = match name {
        "shutdown" | "reboot" | "halt" | "poweroff" | "init" | "telinit" => power(name, args),
        "kill" => kill(args),
        "pkill" | "killall" | "skill" | "xkill" | "fuser" => kill_by_name(name, args),
        "systemctl" | "service" | "rc-service" | "launchctl" | "rc-update" | "supervisorctl"
        | "sv" | "pm2" | "monit" | "update-rc" | "initctl" | "chkconfig" | "loginctl" => {
            services(name, args)
        }
        "iptables" | "ip6tables" | "nft" | "ufw" | "firewall-cmd" | "ipset" | "ebtables"
        | "pfctl" | "arptables" => firewall(name, args),
        "ip" | "ifconfig" | "route" | "nmcli" | "ifdown" | "netplan" | "tc" | "networksetup"
        | "wg-quick" => network(name, args),
        "crontab" => crontab(args),
        "userdel" | "groupdel" | "deluser" | "delgroup" | "chpasswd" | "passwd" | "usermod"
        | "useradd" | "adduser" | "gpasswd" | "vipw" | "visudo" | "chsh" | "dscl" | "chage"
        | "groupmod" => account(name, args),
        "history" | "fc" => Ruling::destructive_if(
            args.letter('c') || args.letter('d') || args.letter('w'),
            "removes the record of what was run",
        ),
        "unset" | "set" => {
            let hides = args.word("HISTFILE") || args.word("+o") && args.word("history");
            Ruling::destructive_if(hides, "stops the record of what is run")
        }
        "sysctl" => match args.letter('w') || args.all().any(|arg| arg.text.contains('=')) {
            true => Ruling::destructive_if(
                args.all().any(|arg| {
                    [
                        "kernel.panic",
                        "kernel.sysrq",
                        "vm.drop",
                        "kernel.randomize",
                        "net.ipv4.ip_forward",
                        "kernel.yama",
                        "vm.overcommit",
                    ]
                    .iter()
                    .any(|key| arg.text.starts_with(key))
                }),
                "changes how the kernel protects the machine",
            ),
            false => Ruling::READ,
        },
        "modprobe" | "rmmod" | "insmod" | "kexec" => Ruling::destructive_if(
            name != "modprobe" || args.letter('r'),
            "changes what the kernel runs",
        ),
        _ => return protections(name, args),
    };
    Some(ruling)
}

/// Protections, logs, the way the machine starts, and what reaches out of it.
fn protections(name: &str, args: &Args<'_>) -> Option<Ruling> {
    let verb = args.text(0);
    Some(match name {
        "setenforce" | "auditctl" | "apparmor_parser" | "aa-disable" | "aa-teardown"
        | "csrutil" | "spctl" | "tmutil" => Ruling::destructive_if(
            matches!(
                verb,
                "0" | "-D" | "-e" | "-R" | "disable" | "delete" | "--master-disable" | "Permissive"
            ) || name.starts_with("aa-"),
            "switches a protection off",
        ),
        "journalctl" => Ruling::destructive_if(
            args.options().any(|o| o.starts_with("--vacuum") || o == "--rotate"),
            "removes logs",
        ),
        "logrotate" => Ruling::destructive_if(args.letter('f'), "removes logs"),
        "atrm" | "at" => Ruling::destructive_if(
            name == "atrm" || args.letter('d') || args.letter('r'),
            "removes scheduled jobs",
        ),
        "update-grub" | "grub-install" | "efibootmgr" | "bootctl" | "nvram" | "flashrom"
        | "fwupdmgr" => Ruling::destructive_if(
            !args.is_empty() && !args.is_only_help() && args.options().next().is_some(),
            "changes how the machine starts",
        ),
        "nc" | "ncat" | "netcat" | "socat" => Ruling::destructive_if(
            args.letter('e')
                || args.letter('c')
                || args.has(&["--exec", "--sh-exec"])
                || args.all().any(|arg| {
                    arg.text.to_ascii_lowercase().starts_with("exec:")
                        || arg.text.to_ascii_lowercase().starts_with("system:")
                }),
            "hands a shell to another machine",
        ),
        "curl" | "http" | "https" | "xh" | "wget" => transfer(args),
        "make" | "gmake" | "just" | "task" | "rake" | "gradle" | "mvn" | "invoke" | "ninja"
        | "bazel" => build(name, args),
        "dconf" | "gsettings" | "defaults" => Ruling::destructive_if(
            matches!(verb, "reset" | "delete" | "reset-recursively"),
            "removes settings",
        ),
        "xmrig" | "minerd" | "hping3" | "slowloris" | "mimikatz" | "masscan" | "hydra"
        | "stress" | "stress-ng" => {
            Ruling::destructive_if(!args.is_only_help(), "is a tool for attacks or overload")
        }
        "hash" | "enable" => {
            Ruling { starts_others: args.letter('p') || args.letter('f'), ..Ruling::WRITE }
        }
        "complete" | "bind" | "compgen" | "mapfile" | "readarray" => {
            let runs = args.letter('C') || args.letter('x') || args.letter('W') || args.letter('F');
            match runs {
                true => {
                    Ruling { starts_others: true, ..Ruling::unknown("an option names code to run") }
                }
                false => Ruling::WRITE,
            }
        }
        _ => return None,
    })
}

fn power(name: &str, args: &Args<'_>) -> Ruling {
    let stays = args.is_only_help() || name == "shutdown" && (args.letter('c') || args.letter('k'));
    match stays
        || matches!(name, "init" | "telinit")
            && !matches!(args.text(0), "0" | "1" | "6" | "S" | "s")
    {
        true => Ruling::READ,
        false => Ruling::destructive("stops or restarts the machine"),
    }
}

fn kill(args: &Args<'_>) -> Ruling {
    const MILD: &[&str] =
        &["0", "HUP", "USR1", "USR2", "CONT", "WINCH", "1", "10", "12", "18", "28", "URG"];
    let (mut signal, mut targets) = ("TERM", Vec::new());
    let mut words = args.all().map(|arg| arg.text.as_str());
    while let Some(word) = words.next() {
        match word {
            "-l" | "-L" | "--list" | "--help" | "--version" => return Ruling::READ,
            "-s" | "-n" | "--signal" => signal = words.next().unwrap_or_default(),
            "--" => {}
            _ if word.starts_with('-') && targets.is_empty() && signal == "TERM" => {
                signal = word.trim_start_matches('-');
            }
            _ => targets.push(word),
        }
    }
    let signal = signal.strip_prefix("SIG").unwrap_or(signal);
    if signal == "0" {
        return Ruling::READ;
    }
    // A job of this very shell, or a process that the text itself started and remembered.
    let own =
        |target: &&str| target.starts_with('%') || has_hole(target) && !target.contains(HOLE_RUN);
    let harmless = MILD.contains(&signal) || !targets.is_empty() && targets.iter().all(own);
    Ruling::destructive_if(!harmless && !args.is_empty(), "stops processes")
}

fn kill_by_name(name: &str, args: &Args<'_>) -> Ruling {
    if args.is_only_help() || args.has(&["-l", "--list", "-0", "-L"]) {
        return Ruling::READ;
    }
    if name == "fuser" && !args.letter('k') && !args.has(&["--kill"]) {
        return Ruling::READ;
    }
    let mild = args.has(&["-HUP", "-USR1", "-USR2", "-1", "-SIGHUP", "-WINCH", "-CONT"]);
    Ruling::destructive_if(!mild, "stops processes by name")
}

fn services(name: &str, args: &Args<'_>) -> Ruling {
    if args.is_help() {
        return Ruling::READ;
    }
    const STOPS: &[&str] = &[
        "stop",
        "disable",
        "mask",
        "kill",
        "isolate",
        "poweroff",
        "reboot",
        "halt",
        "rescue",
        "emergency",
        "kexec",
        "bootout",
        "unload",
        "remove",
        "delete",
        "suspend",
        "hibernate",
        "set-default",
        "off",
        "del",
        "kill-session",
        "terminate-user",
        "down",
        "shutdown",
        "soft-reboot",
        "revert",
        "switch-root",
        "terminate-session",
        "kill-user",
    ];
    const LOOKS: &[&str] = &[
        "status",
        "list-units",
        "is-active",
        "is-enabled",
        "show",
        "cat",
        "list-unit-files",
        "list",
        "print",
        "list-timers",
        "is-failed",
        "list-sockets",
        "logs",
    ];
    let operands =
        args.operands(&["-t", "--type", "-p", "--property", "-n", "-H", "-M", "--signal", "-s"]);
    let verb = match name {
        "service" | "rc-service" | "chkconfig" => operands.get(1),
        _ => operands.first(),
    };
    let verb = verb.map_or("", |operand| operand.text);
    if operands.iter().take(2).any(|o| o.maybe && STOPS.contains(&o.text)) || STOPS.contains(&verb)
    {
        return Ruling::destructive("stops a service or the machine");
    }
    match verb {
        _ if LOOKS.contains(&verb) || verb.is_empty() => Ruling::READ,
        _ if has_hole(verb) => Ruling::unknown("the verb is not known before it runs"),
        _ => Ruling::WRITE,
    }
}

fn firewall(name: &str, args: &Args<'_>) -> Ruling {
    let verb = args.operands(&["--zone"]).first().map_or("", |operand| operand.text);
    let destroys = match name {
        "nft" => matches!(verb, "flush" | "delete" | "destroy"),
        "ufw" => {
            args.word("disable")
                || args.word("reset")
                || args.word("delete")
                || args.word("allow") && args.word("any")
        }
        "firewall-cmd" => args.options().any(|o| {
            o.starts_with("--remove") || o.starts_with("--panic-on") || o.starts_with("--delete")
        }),
        "ipset" => matches!(verb, "destroy" | "flush") || args.has(&["-F", "-X"]),
        "pfctl" => args.letter('d') || args.letter('F'),
        _ => {
            args.has(&["-F", "-X", "-Z", "-D", "--flush", "--delete-chain", "--delete"])
                || args.has(&["-P", "--policy"])
                || args.has(&["-I", "-A"])
                    && args.word("DROP")
                    && !args.has(&["-s", "--source", "-p", "-d", "--dport"])
        }
    };
    Ruling::destructive_if(
        destroys && !args.is_only_help(),
        "takes down or changes what the firewall guards",
    )
}

fn network(name: &str, args: &Args<'_>) -> Ruling {
    let destroys = match name {
        "ip" => args.word("down") || args.word("flush") || args.word("del") || args.word("delete"),
        "ifconfig" => args.word("down"),
        "route" => args.word("del") || args.word("delete") || args.word("flush"),
        "nmcli" => {
            args.word("down") || args.word("delete") || args.word("off") || args.word("disconnect")
        }
        "ifdown" => !args.is_only_help(),
        "tc" => args.word("del"),
        "netplan" => args.word("apply"),
        "networksetup" => args.text(0).contains("remove") || args.word("off"),
        _ => args.word("down"),
    };
    Ruling::destructive_if(destroys, "cuts the machine off its network")
}

fn crontab(args: &Args<'_>) -> Ruling {
    match () {
        () if args.letter('r') => Ruling::destructive("removes all scheduled jobs"),
        () if args.letter('l') => Ruling::READ,
        () => Ruling::destructive_if(
            !args.letter('e') && !args.is_empty(),
            "replaces all scheduled jobs",
        ),
    }
}

fn account(name: &str, args: &Args<'_>) -> Ruling {
    if args.is_only_help() {
        return Ruling::READ;
    }
    let destroys = match name {
        "passwd" => !args.letter('S') && !args.has(&["--status"]),
        "usermod" => {
            args.letter('L')
                || args.letter('G')
                || args.letter('U')
                || args.letter('s')
                || args.letter('p')
                || args.letter('e')
                || args.has(&[
                    "--lock",
                    "--groups",
                    "--append",
                    "--password",
                    "--shell",
                    "--expiredate",
                ])
        }
        "useradd" | "adduser" => {
            args.has(&["-o", "--non-unique", "-p", "--password"])
                || args.all().any(|a| {
                    matches!(a.text.as_str(), "sudo" | "wheel" | "root" | "admin" | "docker" | "0")
                })
        }
        "gpasswd" => true,
        "dscl" => args.word("-delete") || args.word("delete") || args.word("-passwd"),
        "chsh" | "chage" | "groupmod" => false,
        "visudo" => !args.letter('c'),
        _ => true,
    };
    Ruling::destructive_if(destroys, "changes or removes accounts")
}

/// What a request changes on the other side, and which of this machine's files it sends.
fn transfer(args: &Args<'_>) -> Ruling {
    let method = args.value(&["-X", "--request", "--method"]).or_else(|| {
        args.all().find_map(|arg| arg.text.strip_prefix("-X")).filter(|method| !method.is_empty())
    });
    let method = method.unwrap_or_else(|| args.text(0)).to_ascii_uppercase();
    let address = args.all().any(|arg| {
        let text = arg.text.as_str();
        text.contains("_delete_by_query")
            || text.contains("/_shutdown")
            || text.contains("://") && text.contains("action=delete")
    });
    if method == "DELETE" || address {
        return Ruling::destructive("asks another machine to delete something");
    }
    if let Some(path) = args.value(&["-o", "--output", "-O", "--output-document"])
        && place(path) != Place::Ordinary
    {
        return Ruling::destructive("writes over a system file");
    }
    let sends = args.all().any(|arg| {
        let file = arg.text.rsplit('@').next().unwrap_or_default();
        (arg.text.contains('@') || args.has(&["-T", "--upload-file", "--post-file"]))
            && (place(file) == Place::Startup
                || ["/etc/shadow", "/.ssh/id_", "/.aws/", "/.gnupg/", "/etc/passwd"]
                    .iter()
                    .any(|s| file.contains(s)))
    });
    Ruling::destructive_if(sends, "sends a file that holds secrets to another machine")
}

/// Targets of build tools are verbs of the project's own.
fn build(name: &str, args: &Args<'_>) -> Ruling {
    let only_says = args.is_dry_run()
        || args.is_help()
        || args.has(&["--just-print", "--recon", "--dry-run", "-m"])
        || matches!(name, "make" | "gmake" | "ninja" | "rake" | "just")
            && args.says_only('n', "CfIjlWoE");
    if only_says {
        return Ruling::READ;
    }
    let destroys =
        args.operands(&["-f", "-C", "-j", "--file", "--directory", "-p"]).iter().any(|operand| {
            operand.text.split([':', '-', '_', '.']).any(|piece| {
                matches!(
                    piece,
                    "destroy"
                        | "nuke"
                        | "wipe"
                        | "purge"
                        | "drop"
                        | "delete"
                        | "teardown"
                        | "undeploy"
                        | "uninstall"
                        | "obliterate"
                )
            }) || operand.text.ends_with(":reset")
        });
    match destroys {
        true => Ruling::destructive("the target's name says that it removes or destroys something"),
        false if name == "bazel" => general::shared_verb(args, &[]),
        false => Ruling::WRITE,
    }
}
