//! Clouds and infrastructure as code.

use super::{Args, Ruling, general};
use crate::command::Effect;
use crate::command::word::has_hole;

pub(super) fn judge(name: &str, args: &Args<'_>) -> Option<Ruling> {
    Some(match name {
        "terraform" | "tofu" | "terragrunt" | "tf" => terraform(args),
        "pulumi" | "cdk" | "cdktf" | "sst" | "serverless" | "sls" | "sam" | "copilot"
        | "amplify" | "eb" | "chalice" | "zappa" | "nixops" | "bosh" | "railway" => stack(args),
        "aws" | "aliyun" | "tccli" | "oci" | "ibmcloud" | "awslocal" => aws(name, args),
        "gcloud" | "az" | "doctl" | "gsutil" | "openstack" | "linode-cli" | "hcloud" | "scw"
        | "exo" | "vultr-cli" | "civo" | "yc" | "upctl" | "bq" => cloud(name, args),
        "ansible" | "ansible-playbook" | "ansible-pull" => ansible(name, args),
        "vault" | "consul" | "nomad" | "boundary" | "packer" | "waypoint" => hashicorp(name, args),
        "s3cmd" | "mc" | "s5cmd" | "b2" | "azcopy" | "rclone" | "gcsfuse" => storage(args),
        _ => return None,
    })
}

fn terraform(args: &Args<'_>) -> Ruling {
    if args.has(&["--help", "-help", "-h"]) {
        return Ruling::READ;
    }
    let operands: Vec<_> =
        args.all().map(|arg| arg.text.as_str()).filter(|text| !text.starts_with('-')).collect();
    let start =
        usize::from(operands.first() == Some(&"run-all") || operands.first() == Some(&"run"));
    let verb = operands.get(start).copied().unwrap_or_default();
    let next = operands.get(start + 1).copied().unwrap_or_default();
    match verb {
        "apply" if args.has(&["-destroy", "--destroy"]) => {
            Ruling::destructive("destroys infrastructure")
        }
        "destroy" => Ruling::destructive("destroys infrastructure"),
        "apply" => {
            Ruling::destructive("changes live infrastructure, which may replace what is there")
        }
        "state" => Ruling::destructive_if(
            matches!(next, "rm" | "push" | "replace-provider" | "mv"),
            "makes the state forget infrastructure",
        ),
        "workspace" => Ruling::destructive_if(next == "delete", "deletes a workspace"),
        "taint" | "force-unlock" => {
            Ruling::destructive("marks infrastructure for replacement or breaks a lock")
        }
        "import" | "init" | "get" | "untaint" | "refresh" => Ruling::WRITE,
        _ if has_hole(verb) => Ruling::unknown("the verb is not known before it runs"),
        _ => Ruling::READ,
    }
}

fn stack(args: &Args<'_>) -> Ruling {
    if args.is_help() || args.is_dry_run() {
        return Ruling::READ;
    }
    let operands = args.operands(&[
        "-s",
        "--stack",
        "-C",
        "--cwd",
        "--profile",
        "--app",
        "-a",
        "--stage",
        "--region",
        "-c",
        "--config",
        "--env",
    ]);
    let words: Vec<&str> = operands.iter().map(|operand| operand.text).collect();
    match words.as_slice() {
        [
            "preview" | "diff" | "ls" | "list" | "synth" | "logs" | "config" | "whoami" | "package"
            | "info" | "validate" | "build",
            ..,
        ] => Ruling::destructive_if(
            words.get(1).is_some_and(|w| matches!(*w, "rm" | "remove")),
            "removes a setting",
        ),
        ["up" | "update" | "refresh", ..] => {
            Ruling::destructive("changes live infrastructure, which may replace what is there")
        }
        ["deploy", ..] => Ruling::destructive_if(
            args.has(&["--force", "-f", "--require-approval"]),
            "changes live infrastructure without asking",
        ),
        ["state", "delete", ..] | ["stack", "rm", ..] | ["down" | "cancel", ..] => {
            Ruling::destructive("destroys infrastructure")
        }
        _ => general::shared_verb(args, &["-s", "--stack", "--profile", "--region"]),
    }
}

const AWS_VALUES: &[&str] = &[
    "--profile",
    "--region",
    "--output",
    "--query",
    "--endpoint-url",
    "--color",
    "--ca-bundle",
    "--cli-read-timeout",
    "--cli-connect-timeout",
    "--subscription",
    "--project",
    "--account",
    "--configuration",
    "--format",
    "--context",
    "-o",
    "-g",
    "-n",
    "--name",
    "--resource-group",
    "--zone",
    "--access-token",
    "-t",
    "--verbosity",
    "--compartment-id",
    "--impersonate-service-account",
    "--billing-project",
    "--filter",
    "--limit",
    "--os-cloud",
    "--config",
];

fn aws(name: &str, args: &Args<'_>) -> Ruling {
    let last = args.text(args.len().saturating_sub(1));
    let help = last == "help" && args.options().next().is_none();
    if args.is_help() || args.is_dry_run() || help {
        return Ruling::READ;
    }
    let operands = args.operands(AWS_VALUES);
    let mut worst = Ruling::READ;
    for pair in operands.windows(2).take(3) {
        let [service, verb] = pair else { continue };
        let ruling = aws_verb(service.text, verb.text, args);
        if ruling.effect > worst.effect {
            worst = ruling;
        }
        if !service.maybe && !verb.maybe && !has_hole(service.text) {
            break;
        }
    }
    // Other clouds put more words between the service and the verb.
    let ours = matches!(name, "aws" | "awslocal");
    if ours || worst.effect > Effect::Write {
        worst
    } else {
        general::shared_verb(args, AWS_VALUES)
    }
}

/// How verbs begin that remove, stop or expose something.
const STEMS: &[&str] = &[
    "delete",
    "terminate",
    "remove",
    "purge",
    "destroy",
    "deregister",
    "release",
    "revoke",
    "stop",
    "disable",
    "reset",
    "reboot",
    "detach",
    "abort",
    "batch-delete",
    "schedule-key-deletion",
    "cancel",
    "disassociate",
    "deactivate",
    "force-delete",
    "wipe",
    "forget",
    "unsubscribe",
    "restore-db",
    "failover",
    "replace-iam",
    "put-bucket-policy",
    "put-bucket-acl",
    "attach-user-policy",
    "attach-role-policy",
    "put-user-policy",
    "put-role-policy",
    "create-access-key",
    "create-login-profile",
    "update-login-profile",
    "add-user-to-group",
    "put-public-access-block",
    "put-bucket-lifecycle",
    "modify-instance-attribute",
    "stop-logging",
    "leave",
    "close",
];

fn aws_verb(service: &str, verb: &str, args: &Args<'_>) -> Ruling {
    if has_hole(verb) {
        return Ruling::unknown("the verb is not known before it runs");
    }
    let deletes = |arg: &crate::command::word::Arg| {
        arg.text.contains("\"Action\"") && arg.text.contains("\"DELETE\"")
            || arg.text.contains("DeleteRequest")
    };
    if args.all().any(deletes) {
        return Ruling::destructive("removes something in the cloud");
    }
    match (service, verb) {
        ("s3", "rm" | "rb" | "del") => Ruling::destructive("deletes what is stored"),
        ("s3", "sync") => {
            Ruling::destructive_if(args.has(&["--delete"]), "deletes what the source does not have")
        }
        ("s3", "mv") => Ruling::destructive_if(
            args.has(&["--recursive"]),
            "takes stored things away from where they were",
        ),
        ("s3" | "configure" | "sts" | "sso", _) => Ruling::WRITE,
        ("ssm", "send-command") => Ruling::unknown("runs a command on other machines"),
        ("ecs" | "autoscaling" | "eks", _)
            if args.value(&["--desired-count", "--desired-capacity", "--max-size"])
                == Some("0") =>
        {
            Ruling::destructive("stops every copy of a workload")
        }
        _ if [
            "get",
            "list",
            "describe",
            "head",
            "lookup",
            "filter",
            "tail",
            "wait",
            "ls",
            "batch-get",
            "search",
            "query",
            "scan",
            "test",
        ]
        .iter()
        .any(|stem| {
            verb == *stem || verb.strip_prefix(stem).is_some_and(|rest| rest.starts_with('-'))
        }) =>
        {
            Ruling::READ
        }
        _ => {
            let destroys = STEMS.iter().any(|stem| {
                verb == *stem || verb.strip_prefix(stem).is_some_and(|rest| rest.starts_with('-'))
            });
            Ruling::destructive_if(destroys, "removes, stops or exposes something in the cloud")
        }
    }
}

/// Verbs of cloud tools that only look; what follows one is its operand.
const CLOUD_LOOKS: [&str; 17] = [
    "list",
    "describe",
    "show",
    "get",
    "what-if",
    "get-iam-policy",
    "ls",
    "cat",
    "logs",
    "validate",
    "read",
    "print-access-token",
    "get-credentials",
    "query",
    "help",
    "search",
    "tail",
];

/// Verbs of cloud tools that stop, expose or take away.
const CLOUD_MOVES: [&str; 25] = [
    "stop",
    "deallocate",
    "reset",
    "reboot",
    "failover",
    "disable",
    "detach",
    "rm",
    "rb",
    "shutdown",
    "power-off",
    "poweroff",
    "set-iam-policy",
    "add-iam-policy-binding",
    "remove-iam-policy-binding",
    "purge",
    "rebuild",
    "undelete",
    "power_off",
    "abandon-instances",
    "revoke",
    "destroy",
    "kill",
    "clear",
    "suspend",
];

fn cloud(name: &str, args: &Args<'_>) -> Ruling {
    if args.has(&["--help", "-h"])
        || args.is_dry_run()
        || args.word("help") && args.text(0) == "help"
    {
        return Ruling::READ;
    }
    let operands = args.operands(AWS_VALUES);
    let dry = name == "gsutil" && args.says_only('n', "xij") && args.word("rsync");
    let words = || operands.iter().take(7).map(|operand| operand.text);
    let looks = |word: &str| CLOUD_LOOKS.contains(&word);
    let moves = words().take_while(|word| !looks(word)).any(|word| CLOUD_MOVES.contains(&word));
    let mirrors = (args.word("rsync") && args.letter('d'))
        || args.has(&["--delete-unmatched-destination-objects", "--delete-destination"]);
    let exposes = args.all().any(|arg| {
        matches!(
            arg.text.as_str(),
            "allUsers" | "roles/owner" | "--member=allUsers" | "--role=roles/owner"
        )
    });
    if (moves || mirrors || exposes) && !dry {
        return Ruling::destructive("removes, stops or exposes something in the cloud");
    }
    if name == "bq" && args.letter('f') && args.word("rm") {
        return Ruling::destructive("deletes a data set");
    }
    if words().next().is_some_and(has_hole) {
        return Ruling::unknown("the verb is not known before it runs");
    }
    match operands
        .iter()
        .take(7)
        .find(|operand| looks(operand.text) || general::is_destroying(operand.text))
    {
        Some(operand) if general::is_destroying(operand.text) && !dry => {
            Ruling::destructive("removes something in the cloud")
        }
        Some(_) => Ruling::READ,
        None => Ruling::WRITE,
    }
}

fn ansible(name: &str, args: &Args<'_>) -> Ruling {
    if args.has(&[
        "--check",
        "-C",
        "--syntax-check",
        "--list-hosts",
        "--list-tasks",
        "--help",
        "--version",
    ]) {
        return Ruling::READ;
    }
    let module = args.value(&["-m", "--module-name"]).unwrap_or_default();
    let module = module.rsplit('.').next().unwrap_or(module);
    let argument = args.value(&["-a", "--args"]).unwrap_or_default();
    let removes = argument.contains("state=absent")
        || argument.contains("state=stopped")
        || argument.contains("state=wiped")
        || argument.contains("force_source");
    let stops = matches!(
        module,
        "reboot"
            | "win_reboot"
            | "parted"
            | "filesystem"
            | "lvol"
            | "community.general.shutdown"
            | "shutdown"
    );
    Ruling::destructive_if(
        name == "ansible" && (removes || stops),
        "removes or stops something on every host",
    )
}

fn hashicorp(name: &str, args: &Args<'_>) -> Ruling {
    if args.is_help() || args.has(&["-h", "-help"]) {
        return Ruling::READ;
    }
    let words = || args.all().take(5).map(|arg| arg.text.as_str());
    let stops = words().any(|w| {
        matches!(
            w,
            "seal"
                | "step-down"
                | "rekey"
                | "rotate"
                | "force-leave"
                | "leave"
                | "restore"
                | "disable"
                | "revoke"
                | "stop"
                | "drain"
                | "gc"
        )
    }) || name == "vault"
        && args.text(0) == "operator"
        && words().any(|w| matches!(w, "raft" | "generate-root"));
    match stops && !words().any(|w| matches!(w, "list" | "status" | "read")) {
        true => Ruling::destructive("stops, locks or takes away what others rely on"),
        false => general::shared_verb(args, &["-address", "-namespace", "-token", "-mount"]),
    }
}

fn storage(args: &Args<'_>) -> Ruling {
    if args.is_dry_run() || args.is_help() || args.letter('n') && !args.word("rm") {
        return Ruling::READ;
    }
    let mirrors = args.has(&[
        "--remove",
        "--delete-removed",
        "--delete",
        "--delete-destination",
        "--delete-destination=true",
        "--replaceNewer",
    ]);
    match mirrors {
        true => Ruling::destructive("deletes what the source does not have"),
        false => general::shared_verb(args, &["-c", "--profile", "--endpoint-url"]),
    }
}
