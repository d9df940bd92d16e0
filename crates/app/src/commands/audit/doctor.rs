//! `bakerst audit doctor`: how well what lies around the log keeps others from it. It looks and
//! changes nothing; whether the log is what was written is for `audit verify`.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use bakerst_model::Code;
use bakerst_store::query::{SegmentFile, segment_files};
use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
use serde::Serialize;

use super::select::{log_of, unreadable};
use crate::cli::Global;
use crate::config::Config;
use crate::failure::{Exit, Failure, Outcome};
use crate::print::{self, Style};
use crate::reserve::Reserve;
use crate::station::Places;

/// What is thought of something.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Thought {
    /// It is as it should be.
    Sound,
    /// It could be better; whether it should be is for the operator to say.
    Note,
    /// It lets others at the log, or will stop it.
    Wrong,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    thought: Thought,
    said: String,
}

pub(super) fn run(places: &Places, global: &Global) -> Outcome {
    let config = Config::load(global.config.as_deref())?;
    log_of(places)?;
    let segments = segment_files(&places.log()).map_err(|e| unreadable(&e))?;
    let looked = look(places, &config, &segments).map_err(|e| {
        let message = format!("cannot look at the state folder: {e}");
        Failure::environment(Code::StateUnwritable, message)
    })?;
    let wrong = looked.iter().any(|finding| finding.thought == Thought::Wrong);
    match global.json {
        true => print::json(&looked),
        false => looked.iter().for_each(tell),
    }
    Ok(if wrong { Exit::Refused } else { Exit::Ok })
}

fn tell(Finding { what, thought, said }: &Finding) {
    let style = Style::for_stdout();
    let word = match thought {
        Thought::Sound => style.green("sound"),
        Thought::Note => style.yellow("note "),
        Thought::Wrong => style.red("wrong"),
    };
    print::line(format!("{word}  {what:16}  {said}"));
}

fn look(places: &Places, config: &Config, segments: &[SegmentFile]) -> io::Result<Vec<Finding>> {
    Ok(vec![
        rights(places, segments)?,
        owner(places, segments)?,
        master_key(places),
        append_only(segments),
        room(places, config),
        copies(config),
    ])
}

/// Nobody but the owner may read or write.
fn rights(places: &Places, segments: &[SegmentFile]) -> io::Result<Finding> {
    let folders = [places.state().to_owned(), places.log().path().to_owned()];
    let mut open = Vec::new();
    for path in folders.into_iter().chain(segments.iter().map(|segment| segment.path.clone())) {
        let mode = fs::metadata(&path)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            open.push(format!("`{}` ({mode:o})", path.display()));
        }
    }
    let (thought, said) = match open.as_slice() {
        [] => (Thought::Sound, "the folders and segments are for their owner alone".to_owned()),
        [first, others @ ..] => {
            let more = others.len();
            (Thought::Wrong, format!("others may get at {first} and {more} more: `chmod go=`"))
        }
    };
    Ok(Finding { what: "rights", thought, said })
}

/// All of it belongs to one account. Which ones run agents is not known here.
fn owner(places: &Places, segments: &[SegmentFile]) -> io::Result<Finding> {
    let owner = fs::metadata(places.log().path())?.uid();
    let strange = |segment: &&SegmentFile| {
        fs::metadata(&segment.path).is_ok_and(|about: Metadata| about.uid() != owner)
    };
    let (thought, said) = match (segments.iter().find(strange), owner) {
        (Some(segment), _) => {
            let path = segment.path.display();
            (Thought::Wrong, format!("the folder belongs to uid {owner}, and `{path}` to another"))
        }
        (None, 0) => (
            Thought::Note,
            "it belongs to root; give `bakerst` an account of its own, so that it can do less"
                .to_owned(),
        ),
        (None, owner) => {
            (Thought::Sound, format!("it belongs to uid {owner}; run no agent under that account"))
        }
    };
    Ok(Finding { what: "owner", thought, said })
}

/// The key that opens all others is not where the log is.
fn master_key(places: &Places) -> Finding {
    let resolved = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let (key, state): (PathBuf, _) = (resolved(places.master_key()), resolved(places.state()));
    let (thought, said) = match key.starts_with(&state) {
        true => (
            Thought::Wrong,
            "the master key lies in the state folder: whoever takes the one has the other"
                .to_owned(),
        ),
        false => (Thought::Sound, format!("the master key lies elsewhere: `{}`", key.display())),
    };
    Finding { what: "master key", thought, said }
}

/// Whether a file has the attribute, where its file system knows it.
fn is_append_only(path: &Path) -> Option<bool> {
    let about = statx(CWD, path, AtFlags::empty(), StatxFlags::BASIC_STATS).ok()?;
    let known = about.stx_attributes_mask.contains(StatxAttributes::APPEND);
    known.then(|| about.stx_attributes.contains(StatxAttributes::APPEND))
}

fn append_only(segments: &[SegmentFile]) -> Finding {
    let (sealed, live): (Vec<_>, Vec<_>) = segments.iter().partition(|segment| segment.sealed);
    let of = |segments: &[&SegmentFile]| -> Vec<Option<bool>> {
        segments.iter().map(|segment| is_append_only(&segment.path)).collect()
    };
    let (of_sealed, of_live) = (of(&sealed), of(&live));
    let set = of_sealed.iter().filter(|set| **set == Some(true)).count();
    let (thought, said) = if of_live.contains(&Some(true)) {
        let said = "the live segment has the append-only attribute, so the log cannot be opened to be written: `chattr -a`";
        (Thought::Wrong, said.to_owned())
    } else if of_sealed.iter().chain(&of_live).any(Option::is_none) {
        (Thought::Note, "this file system does not know the append-only attribute".to_owned())
    } else if set < sealed.len() {
        let said = format!(
            "{set} of {} sealed segments have the append-only attribute: `chattr +a`, as root",
            sealed.len()
        );
        (Thought::Note, said)
    } else {
        (Thought::Sound, format!("all {set} sealed segments have the append-only attribute"))
    };
    Finding { what: "append-only", thought, said }
}

fn room(places: &Places, config: &Config) -> Finding {
    let reserve = Reserve::new(places.log().path(), config.audit.disk);
    let (thought, said) = match (reserve.look(), reserve.free()) {
        (Some(amiss), _) => (Thought::Wrong, amiss),
        (None, free) => (Thought::Sound, format!("{} bytes are free", free.unwrap_or_default())),
    };
    Finding { what: "room", thought, said }
}

/// A copy elsewhere is what finds out that a log was cut off.
fn copies(config: &Config) -> Finding {
    let sinks = config.audit.sinks.iter().filter(|entry| entry.shape.enabled).count();
    let (thought, said) = match sinks {
        0 => (
            Thought::Note,
            "no sink is configured: keep `bakerst audit checkpoint` elsewhere, or nobody finds out that the log's end was cut off".to_owned(),
        ),
        sinks => (Thought::Sound, format!("{sinks} sinks get every record and checkpoint")),
    };
    Finding { what: "copies", thought, said }
}
