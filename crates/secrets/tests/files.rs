//! Secrets in files, as an operator meets them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use bakerst_model::{Code, Secret};
use bakerst_secrets::{MasterKey, SEALED_BYTES_MAX, SealedFile, SecretsError};
use tempfile::TempDir;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn master(byte: u8) -> MasterKey {
    MasterKey::new([byte; 32])
}

fn refused(folder: &TempDir, key: &MasterKey) -> Code {
    SealedFile::open_or_create(&folder.path().join("sealed"), key).unwrap_err().code()
}

/// A folder with a sealed file that holds one secret.
fn filled() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sealed");
    let mut file = SealedFile::open_or_create(&path, &master(1)).unwrap();
    file.put("log-key", Secret::new(b"hunter2".to_vec())).unwrap();
    folder
}

#[test]
fn secrets_outlive_the_process_and_are_for_the_owner_alone() {
    let folder = filled();
    let path = folder.path().join("sealed");
    let file = SealedFile::open_or_create(&path, &master(1)).unwrap();
    assert_eq!(file.get("log-key").unwrap().expose(), b"hunter2");
    assert!(file.get("other").is_none());
    assert_eq!(file.names().collect::<Vec<_>>(), ["log-key"]);
    assert_eq!(mode(&path), 0o600);
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(names, [path], "nothing else is left behind");
}

#[test]
fn a_drawn_secret_is_drawn_once() {
    let folder = filled();
    let path = folder.path().join("sealed");
    let draw = || {
        let mut file = SealedFile::open_or_create(&path, &master(1)).unwrap();
        file.get_or_draw("drawn").unwrap().expose().to_vec()
    };
    let first = draw();
    assert_eq!(first.len(), 32);
    assert_eq!(draw(), first);
}

#[test]
fn a_wrong_key_and_damage_are_told_apart() {
    let folder = filled();
    assert_eq!(refused(&folder, &master(2)), Code::MasterKeyWrong);
    let path = folder.path().join("sealed");
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x20;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(refused(&folder, &master(1)), Code::SecretsBroken, "{at}");
    }
    for bytes in [Vec::new(), vec![0; SEALED_BYTES_MAX + 1]] {
        fs::write(&path, bytes).unwrap();
        assert_eq!(refused(&folder, &master(1)), Code::SecretsBroken);
    }
}

#[test]
fn what_cannot_be_kept_leaves_everything_as_it_was() {
    let folder = filled();
    let path = folder.path().join("sealed");
    let mut file = SealedFile::open_or_create(&path, &master(1)).unwrap();
    let whole = fs::read(&path).unwrap();
    for name in ["", "a b", "a/b", "\u{202e}", &"x".repeat(129)] {
        let refused = file.put(name, Secret::new(Vec::new())).unwrap_err();
        assert!(matches!(refused, SecretsError::BadName(_)), "{name}");
    }
    let long = file.put("long", Secret::new(vec![0; SEALED_BYTES_MAX])).unwrap_err();
    assert!(matches!(long, SecretsError::TooLong { .. }), "{long}");
    assert!(file.get("long").is_none());
    assert_eq!(fs::read(&path).unwrap(), whole);
    // A folder where the new file would first be written is one way in which a write fails.
    fs::create_dir(folder.path().join(".sealed.new")).unwrap();
    let failed = file.put("b", Secret::new(Vec::new())).unwrap_err();
    assert_eq!(failed.code(), Code::StateUnwritable);
    assert!(file.get("b").is_none());
    assert_eq!(fs::read(&path).unwrap(), whole);
}

#[test]
fn a_half_written_file_of_a_crash_is_replaced() {
    let folder = filled();
    fs::write(folder.path().join(".sealed.new"), b"half").unwrap();
    let mut file = SealedFile::open_or_create(&folder.path().join("sealed"), &master(1)).unwrap();
    file.put("b", Secret::new(b"2".to_vec())).unwrap();
    assert!(!folder.path().join(".sealed.new").exists());
}

#[test]
fn a_master_key_is_drawn_once_and_for_the_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let sealed = folder.path().join("sealed");
    let key = MasterKey::load_or_create(&path).unwrap();
    SealedFile::open_or_create(&sealed, &key).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(fs::read_to_string(&path).unwrap().len(), 65);
    let again = MasterKey::load_or_create(&path).unwrap();
    SealedFile::open_or_create(&sealed, &again).unwrap();
    assert_eq!(format!("{again:?}"), "MasterKey(..)");
    set_mode(&path, 0o400);
    MasterKey::load_or_create(&path).unwrap();
    for exposed in [0o640, 0o604, 0o660, 0o602] {
        set_mode(&path, exposed);
        let refused = MasterKey::load_or_create(&path).unwrap_err();
        assert_eq!(refused.code(), Code::MasterKeyExposed, "{exposed:o}");
        assert!(refused.to_string().contains(&format!("mode {exposed:03o}")), "{refused}");
    }
}

#[test]
fn what_is_no_master_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    for text in ["", "secret\n", &"x".repeat(64), &"a".repeat(200), "\u{e9}"] {
        fs::write(&path, text).unwrap();
        set_mode(&path, 0o600);
        let refused = MasterKey::load_or_create(&path).unwrap_err();
        assert!(matches!(refused, SecretsError::MasterKeyMalformed { .. }), "{text}");
    }
    fs::write(&path, [0xff; 64]).unwrap();
    let refused = MasterKey::load_or_create(&path).unwrap_err();
    assert!(matches!(refused, SecretsError::MasterKeyMalformed { .. }), "{refused}");
}

#[test]
fn what_is_removed_is_in_no_later_file() {
    let folder = filled();
    let path = folder.path().join("sealed");
    let mut file = SealedFile::open_or_create(&path, &master(1)).unwrap();
    assert!(file.remove("log-key").unwrap());
    assert!(!file.remove("log-key").unwrap());
    assert!(file.get("log-key").is_none());
    assert!(SealedFile::open_or_create(&path, &master(1)).unwrap().get("log-key").is_none());
}
