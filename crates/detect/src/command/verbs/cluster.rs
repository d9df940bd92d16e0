//! Kubernetes, Helm and containers.

use super::args::Operand;
use super::{Args, Ruling, general};
use crate::command::path::{Place, place};
use crate::command::word::has_hole;

pub(super) fn judge(name: &str, args: &Args<'_>) -> Option<Ruling> {
    Some(match name {
        "kubectl" | "k" | "oc" | "kubecolor" | "kubectl-ng" => kubectl(args),
        "microk8s" | "k3s" | "minikube" | "kind" | "k3d" | "kubeadm" | "rke" | "talosctl" => {
            let verb = args.text(0);
            match verb {
                "kubectl" => kubectl(&args.from(1)),
                "reset" | "stop" | "uninstall" => Ruling::destructive("takes a cluster down"),
                _ => general::judge(name, args),
            }
        }
        "helm" | "helmfile" | "helm3" => helm(args),
        "docker" | "podman" | "nerdctl" | "docker-compose" | "podman-compose" | "buildah"
        | "skopeo" | "crictl" | "ctr" => container(name, args),
        _ => return None,
    })
}

const VALUES: &[&str] = &[
    "-n",
    "--namespace",
    "--context",
    "--kubeconfig",
    "--cluster",
    "--user",
    "-l",
    "--selector",
    "-f",
    "--filename",
    "-o",
    "--output",
    "-c",
    "--container",
    "-s",
    "--server",
    "--token",
    "--as",
    "--as-group",
    "-p",
    "--patch",
    "--type",
    "--field-selector",
    "--timeout",
    "--for",
    "--replicas",
    "--image",
    "-k",
    "--certificate-authority",
    "--kube-context",
    "--request-timeout",
    "--cache-dir",
    "--profile",
    "--tail",
    "--since",
    "--grace-period",
    "-v",
];

fn kubectl(args: &Args<'_>) -> Ruling {
    const VERBS: &[&str] = &[
        "annotate",
        "api-resources",
        "api-versions",
        "apply",
        "attach",
        "auth",
        "autoscale",
        "certificate",
        "cluster-info",
        "completion",
        "config",
        "cordon",
        "cp",
        "create",
        "debug",
        "del",
        "delete",
        "describe",
        "diff",
        "drain",
        "events",
        "exec",
        "explain",
        "expose",
        "get",
        "kustomize",
        "label",
        "logs",
        "options",
        "patch",
        "port-forward",
        "proxy",
        "replace",
        "rollout",
        "run",
        "scale",
        "set",
        "taint",
        "top",
        "uncordon",
        "version",
        "wait",
    ];
    let operands = args.operands(VALUES);
    // A verb that is not built in is a plugin, a credential helper stands in a kubeconfig, and
    // both are programs of someone's choice.
    let plugin = operands.first().is_some_and(|verb| !VERBS.contains(&verb.text));
    let starts_others = plugin || args.has(&["--kubeconfig"]);
    let mut worst = Ruling::READ;
    for operand in &operands {
        let ruling = kubectl_verb(operand, &operands, args);
        if ruling.effect > worst.effect {
            worst = ruling;
        }
        if !operand.maybe {
            break;
        }
    }
    Ruling { starts_others, ..worst }
}

fn kubectl_verb(verb: &Operand<'_>, operands: &[Operand<'_>], args: &Args<'_>) -> Ruling {
    let next = operands.iter().skip_while(|o| o.at != verb.at).nth(1).map_or("", |o| o.text);
    // What stands behind `--` belongs to the command in the pod.
    let own = args.from(0);
    if own.has(&["--help"]) || own.is_dry_run() || bare_dry_run(args) {
        return Ruling::READ;
    }
    match verb.text {
        _ if has_hole(verb.text) => Ruling::unknown("the verb is not known before it runs"),
        "delete" | "del" => Ruling::destructive("deletes objects of a cluster"),
        "drain" => Ruling::destructive("drives everything off a node"),
        "replace" => Ruling::destructive_if(
            own.has(&["--force"]),
            "deletes objects before it creates them anew",
        ),
        "apply" => Ruling::destructive_if(
            own.has(&["--prune", "--force"]),
            "deletes objects that the files do not name",
        ),
        "patch" | "edit" => {
            let patch = args.value(&["-p", "--patch"]).unwrap_or_default();
            let removes = patch.contains("finalizers")
                || patch.contains("$patch\":\"delete")
                || patch.contains("\"remove\"")
                || patch.contains("\"replicas\":0")
                || patch.contains("\"replicas\": 0");
            Ruling::destructive_if(removes, "takes something away that guards an object")
        }
        "scale" | "autoscale" => Ruling::destructive_if(
            matches!(args.value(&["--replicas"]), Some("0")),
            "stops every copy of a workload",
        ),
        "taint" => Ruling::destructive_if(
            args.all().any(|arg| arg.text.ends_with(":NoExecute")),
            "drives what runs off a node",
        ),
        "config" => Ruling::destructive_if(
            next.starts_with("delete-") || next == "unset",
            "removes access to a cluster",
        ),
        "rollout" => Ruling::destructive_if(next == "undo", "puts an older version back"),
        "auth" if matches!(next, "can-i" | "whoami") => Ruling::READ,
        "certificate" | "adm" | "auth" => Ruling::destructive_if(
            matches!(next, "approve" | "prune" | "drain")
                || next == "policy"
                    && args
                        .all()
                        .any(|a| a.text.starts_with("add-") || a.text.starts_with("remove-")),
            "hands out or takes away rights in a cluster",
        ),
        "create" => Ruling::destructive_if(
            matches!(next, "clusterrolebinding" | "rolebinding")
                && args.all().any(|a| a.text.contains("cluster-admin") || a.text == "admin"),
            "hands out every right in a cluster",
        ),
        "set" | "annotate" | "label" | "expose" | "run" | "cp" | "cordon" | "uncordon"
        | "attach" | "debug" | "exec" => Ruling::WRITE,
        "new-app" | "new-project" | "start-build" | "port-forward" | "proxy" => Ruling::WRITE,
        _ => Ruling::READ,
    }
}

/// `--dry-run` without a value, which older versions take.
fn bare_dry_run(args: &Args<'_>) -> bool {
    args.options().any(|option| option == "--dry-run")
}

fn helm(args: &Args<'_>) -> Ruling {
    let renders = args.has(&["--post-renderer"]);
    if args.is_help() || (args.is_dry_run() || bare_dry_run(args)) && !renders {
        return Ruling::READ;
    }
    let operands = args.operands(VALUES);
    let mut worst = Ruling::READ;
    for (at, operand) in operands.iter().enumerate().take(3) {
        let next = operands.get(at + 1).map_or("", |o| o.text);
        let ruling = match operand.text {
            "uninstall" | "delete" | "del" | "un" | "destroy" => {
                Ruling::destructive("removes a release")
            }
            "rollback" => Ruling::destructive("puts an older version back"),
            "upgrade" | "sync" | "apply" => Ruling::destructive_if(
                args.has(&["--force", "--reset-values"]),
                "replaces what runs by force",
            ),
            "install" | "push" | "dependency" | "package" => Ruling::WRITE,
            "plugin" | "repo" => Ruling::destructive_if(
                matches!(next, "remove" | "uninstall" | "rm"),
                "removes a source of releases",
            ),
            word if has_hole(word) => Ruling::unknown("the verb is not known before it runs"),
            _ => Ruling::READ,
        };
        if ruling.effect > worst.effect {
            worst = ruling;
        }
        if !operand.maybe {
            break;
        }
    }
    const VERBS: &[&str] = &[
        "completion",
        "create",
        "delete",
        "del",
        "dependency",
        "env",
        "get",
        "history",
        "install",
        "lint",
        "list",
        "ls",
        "package",
        "pull",
        "push",
        "registry",
        "repo",
        "rollback",
        "search",
        "show",
        "status",
        "template",
        "test",
        "uninstall",
        "un",
        "upgrade",
        "verify",
        "version",
    ];
    let plugin = operands.first().is_some_and(|verb| !VERBS.contains(&verb.text));
    Ruling { starts_others: plugin || args.has(&["--post-renderer", "--kubeconfig"]), ..worst }
}

const CONTAINER_VALUES: &[&str] = &[
    "-H",
    "--host",
    "-c",
    "--context",
    "--config",
    "-l",
    "--log-level",
    "-f",
    "--file",
    "-p",
    "--project-name",
    "--profile",
    "--env-file",
    "--tlscacert",
    "--tlscert",
    "--tlskey",
    "-n",
    "--namespace",
    "--url",
    "--connection",
    "--project-directory",
];

fn container(name: &str, args: &Args<'_>) -> Ruling {
    let operands = args.operands(CONTAINER_VALUES);
    let word = |at: usize| operands.get(at).map_or("", |operand| operand.text);
    let (first, second) = (word(0), word(1));
    if has_hole(first) {
        return Ruling::unknown("the verb is not known before it runs");
    }
    if args.is_dry_run()
        || matches!(args.text(args.len().saturating_sub(1)), "--help")
            && !matches!(first, "run" | "exec")
    {
        return Ruling::READ;
    }
    let compose = first == "compose" || name.ends_with("-compose");
    let verb = if first == "compose" { second } else { first };
    if compose {
        return match verb {
            "down" => Ruling::destructive_if(
                args.letter('v') || args.has(&["--volumes", "--rmi"]),
                "removes containers with their volumes",
            ),
            "rm" | "kill" => Ruling::destructive("removes or kills containers"),
            "ps" | "logs" | "config" | "ls" | "top" | "images" | "port" | "version" => Ruling::READ,
            "run" | "exec" => Ruling::WRITE,
            _ => Ruling::WRITE,
        };
    }
    match first {
        "rm" | "rmi" | "kill" | "rmp" | "stopp" => {
            Ruling::destructive("removes or kills containers or images")
        }
        "run" | "create" => started(args),
        "system" | "image" | "images" | "container" | "containers" | "volume" | "network"
        | "builder" | "buildx" | "stack" | "service" | "swarm" | "node" | "secret" | "config"
        | "context" | "plugin" | "pod" | "machine" | "manifest" | "task" | "namespace"
        | "tasks" | "c" | "i" => {
            if second == "run" {
                return started(args);
            }
            Ruling::destructive_if(
                matches!(
                    second,
                    "prune" | "rm" | "remove" | "kill" | "leave" | "reset" | "delete" | "demote"
                ) && !(first == "builder" && second == "rm"),
                "removes what containers run or keep",
            )
        }
        "prune" | "delete" => Ruling::destructive("removes what containers run or keep"),
        "ps" | "logs" | "inspect" | "info" | "version" | "top" | "stats" | "diff" | "history"
        | "search" | "port" | "events" => Ruling::READ,
        "stop" => Ruling::destructive_if(
            operands.iter().skip(1).any(|o| has_hole(o.text)) || args.letter('a'),
            "stops every container",
        ),
        _ => Ruling::WRITE,
    }
}

/// A container that holds the whole host, or its engine, is the host.
fn started(args: &Args<'_>) -> Ruling {
    let texts = || args.all().map(|arg| arg.text.as_str());
    let mounts = texts().any(|text| {
        let volume = text
            .strip_prefix("--volume=")
            .or(text.strip_prefix("-v"))
            .unwrap_or(text)
            .trim_start_matches('=');
        let source = volume.split(':').next().unwrap_or_default();
        let pair = volume.contains(':') && volume.starts_with('/');
        let bind = text
            .split(',')
            .find_map(|part| part.strip_prefix("source=").or(part.strip_prefix("src=")));
        let bound =
            bind.is_some_and(|source| place(source) == Place::System) && !text.contains("readonly");
        pair && !volume.ends_with(":ro")
            && place(source) == Place::System
            && !source.starts_with("/var/lib/docker/volumes")
            || volume.contains("docker.sock")
            || bound
    });
    let privileged = args.has(&["--privileged"])
        || texts().any(|t| matches!(t, "--pid=host" | "--cap-add=ALL" | "--cap-add=SYS_ADMIN"));
    Ruling::destructive_if(mounts || privileged, "starts a container that owns the host")
}
