//! Where paths lead on this machine, for rules that ask.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bakerst_guard::args::ResolvedPaths;

/// A folder on a network may never answer; what is not followed by then is not followed.
const PATIENCE: Duration = Duration::from_secs(2);

/// Follows paths without keeping the runtime waiting.
pub(crate) async fn resolve(paths: Vec<String>) -> ResolvedPaths {
    if paths.is_empty() {
        return ResolvedPaths::default();
    }
    let followed = tokio::task::spawn_blocking(move || follow_paths(paths));
    match tokio::time::timeout(PATIENCE, followed).await {
        Ok(Ok(resolved)) => resolved,
        Ok(Err(_)) | Err(_) => ResolvedPaths::default(),
    }
}

/// Where each path leads: symbolic links of the longest part that exists are followed, and the rest
/// is appended. What cannot be followed is left out.
#[must_use]
pub fn follow_paths(paths: Vec<String>) -> ResolvedPaths {
    let mut resolved = ResolvedPaths::default();
    for path in paths {
        if let Some(leads_to) = follow(Path::new(&path)) {
            resolved.insert(path, leads_to);
        }
    }
    resolved
}

fn follow(path: &Path) -> Option<String> {
    let (mut existing, mut rest) = (path, PathBuf::new());
    loop {
        match fs::canonicalize(existing) {
            Ok(place) => {
                let whole = if rest.as_os_str().is_empty() { place } else { place.join(rest) };
                return whole.into_os_string().into_string().ok();
            }
            // A link that points at nothing is there: whoever writes to it makes what it points at.
            Err(_) if fs::symlink_metadata(existing).is_ok() => return None,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let name = existing.file_name()?;
                rest = if rest.as_os_str().is_empty() {
                    name.into()
                } else {
                    Path::new(name).join(rest)
                };
                existing = existing.parent()?;
            }
            Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use bakerst_guard::args::ArgRules;
    use serde_json::json;

    use super::*;

    #[test]
    fn links_are_followed_and_what_is_not_there_yet_is_appended() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        fs::create_dir_all(root.join("w/sub")).unwrap();
        fs::create_dir(root.join("out")).unwrap();
        symlink(root.join("out"), root.join("w/link")).unwrap();
        symlink(root.join("nowhere"), root.join("w/dangling")).unwrap();
        symlink(root.join("w"), root.join("alias")).unwrap();
        let broken = |rule: &str, path: &str| {
            let rule = format!("resolved-under:{}/{rule}", root.display());
            let rules: ArgRules = serde_json::from_value(json!({ "/p": rule })).unwrap();
            let input = json!({ "p": format!("{}/{path}", root.display()) });
            let mut paths = Vec::new();
            rules.paths_to_resolve(&input, &mut paths);
            let resolved = follow_paths(paths);
            rules.broken(&input, &resolved).count() > 0
        };
        for inside in ["w", "w/sub", "w/new/file", "w/sub/../x"] {
            assert!(!broken("w", inside), "{inside}");
        }
        for outside in
            ["w/link", "w/link/x", "w/link/../x/..", "w/dangling", "w/dangling/x", "out/x"]
        {
            let lexical = outside == "w/link/../x/..";
            assert_eq!(broken("w", outside), !lexical, "{outside}");
        }
        assert!(!broken("alias", "alias/sub"));
        assert!(broken("alias", "alias/link/x"));
        assert!(broken("missing", "w/sub"));
    }
}
