//! The repository as the rules see it: every text file that git knows or would take.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// Files larger than this are data, whatever their name says.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// One file of text.
#[derive(Clone, Debug)]
pub(crate) struct TextFile {
    /// Its path from the root, with forward slashes.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) text: String,
}

/// Every file, and those of text with their contents.
#[derive(Debug, Default)]
pub(crate) struct Repo {
    /// Where it is on disk.
    pub(crate) root: PathBuf,
    /// Every path from the root.
    pub(crate) paths: Vec<String>,
    /// The files of text.
    pub(crate) texts: Vec<TextFile>,
}

impl Repo {
    /// Where this repository lies: the folder above `xtask`.
    pub(crate) fn root() -> PathBuf {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        here.parent().unwrap_or(here).to_owned()
    }

    /// Reads it. New files count before they are added, so that a rule speaks up in time.
    pub(crate) fn read() -> Result<Self> {
        let root = Self::root();
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&root)
            .output()
            .context("cannot run `git`, which lists the files to check")?;
        ensure!(listed.status.success(), "`git ls-files` failed: not a git checkout");
        let mut paths: Vec<String> = String::from_utf8(listed.stdout)
            .context("a path is not UTF-8")?
            .split('\0')
            .filter(|path| !path.is_empty() && root.join(path).is_file())
            .map(str::to_owned)
            .collect();
        paths.sort();
        paths.dedup();
        let texts = paths.iter().filter_map(|path| read_text(&root, path)).collect();
        Ok(Self { root, paths, texts })
    }

    /// The files of Rust.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &TextFile> {
        self.texts.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// The papers.
    pub(crate) fn markdown(&self) -> impl Iterator<Item = &TextFile> {
        self.texts.iter().filter(|file| file.path.ends_with(".md"))
    }

    /// The file at `path`.
    pub(crate) fn text(&self, path: &str) -> Option<&TextFile> {
        self.texts.iter().find(|file| file.path == path)
    }

    /// A repository made up for a test.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let text = |(path, text): &(&str, &str)| TextFile {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        Self {
            root: PathBuf::new(),
            paths: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
            texts: files.iter().map(text).collect(),
        }
    }
}

fn read_text(root: &Path, path: &str) -> Option<TextFile> {
    let bytes = std::fs::read(root.join(path)).ok()?;
    if bytes.len() > TEXT_BYTES_MAX {
        return None;
    }
    let text = String::from_utf8(bytes).ok()?;
    Some(TextFile { path: path.to_owned(), text })
}

impl TextFile {
    /// Its lines with their numbers.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Whether it holds data rather than words of ours: corpora, seeds, snapshots, lock files.
    pub(crate) fn is_data(&self) -> bool {
        const FOLDERS: [&str; 8] =
            ["data", "corpora", "corpus", "grammar", "seeds", "snapshots", "cases", "fixtures"];
        let mut parts = self.path.split('/');
        parts.any(|part| FOLDERS.contains(&part))
            || [".lock", ".snap", ".jsonl", ".csv", ".tsv"].iter().any(|e| self.path.ends_with(e))
    }

    /// Whether the whole file is there for tests, benches or fuzzing.
    pub(crate) fn is_test(&self) -> bool {
        let mut folders = self.path.split('/');
        folders.any(|part| matches!(part, "tests" | "benches" | "fuzz"))
            || self.path.ends_with("/tests.rs")
            || self.path.ends_with("_tests.rs")
    }
}
