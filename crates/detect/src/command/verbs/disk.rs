//! Disks, partitions, volumes and file systems.

use super::{Args, Ruling};

pub(super) fn judge(name: &str, args: &Args<'_>) -> Option<Ruling> {
    let stem = name.split('.').next().unwrap_or(name);
    let verb = args.text(0);
    let destroys = match stem {
        "mkfs" | "mke2fs" | "mkswap" | "mkntfs" | "mkdosfs" | "newfs" | "newfs_hfs" | "format" => {
            true
        }
        "wipefs" => args.letter('a') || args.letter('o') || args.has(&["--all", "--offset"]),
        "fdisk" | "sfdisk" | "cfdisk" | "gdisk" | "cgdisk" => {
            !args.has(&["-l", "--list", "-s", "-d", "--dump", "-V", "-J", "--json"])
        }
        "sgdisk" => {
            !args.has(&["-p", "--print", "-i", "--info", "-v", "--verify", "-b", "--backup"])
                || args.letter('Z')
        }
        "parted" => ["mklabel", "mktable", "rm", "mkpart", "resizepart", "rescue", "set"]
            .iter()
            .any(|w| args.all().any(|arg| arg.text.split_whitespace().any(|word| word == *w))),
        "zpool" => matches!(
            verb,
            "destroy" | "labelclear" | "remove" | "offline" | "detach" | "export" | "create"
        ),
        "zfs" => matches!(verb, "destroy" | "rollback" | "unmount"),
        "lvremove" | "vgremove" | "pvremove" | "lvreduce" | "vgreduce" | "pvcreate"
        | "vgcfgrestore" => true,
        "lvresize" => {
            args.all().any(|arg| arg.text.starts_with('-') && arg.text.len() > 2)
                && args.has(&["-L", "--size"])
        }
        "mdadm" => args.has(&[
            "--zero-superblock",
            "--stop",
            "--fail",
            "--remove",
            "-S",
            "-f",
            "-r",
            "--create",
            "-C",
        ]),
        "cryptsetup" => {
            ["luksFormat", "luksErase", "erase", "luksKillSlot", "luksRemoveKey", "reencrypt"]
                .contains(&verb)
        }
        "blkdiscard" | "swapoff" | "umount" | "badblocks" => match stem {
            "badblocks" => args.letter('w'),
            "umount" => args.letter('f') || args.letter('a') || args.letter('l'),
            _ => true,
        },
        "hdparm" => {
            args.options().any(|o| o.starts_with("--security-erase") || o.starts_with("--trim"))
        }
        "nvme" => matches!(verb, "format" | "sanitize" | "delete-ns" | "write-zeroes" | "dsm"),
        "btrfs" => args.word("delete") || args.word("remove"),
        "diskutil" => {
            let verb = verb.to_ascii_lowercase();
            ["erase", "partition", "delete", "zero", "secure", "random", "reformat", "apfs"]
                .iter()
                .any(|v| verb.starts_with(v))
        }
        "dmsetup" => matches!(verb, "remove" | "remove_all" | "wipe_table" | "clear"),
        "debugfs" => args.letter('w'),
        "tune2fs" | "xfs_repair" | "fsck" | "e2fsck" => false,
        "losetup" => args.has(&["-D", "--detach-all"]),
        "sg_format" | "sg_sanitize" | "ddrescue" | "partclone" => true,
        _ => return None,
    };
    if args.is_only_help() || args.is_empty() {
        return Some(Ruling::READ);
    }
    let dry = args.has(&["--no-act", "--dry-run", "--test"])
        || args.says_only('n', "toOELNbIJTGg")
            && matches!(stem, "wipefs" | "mke2fs" | "mkfs" | "sfdisk" | "zfs" | "zpool");
    Some(match destroys && !dry {
        true => Ruling::destructive("destroys or takes away what is on a disk"),
        false => Ruling::READ,
    })
}
