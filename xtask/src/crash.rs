//! `cargo xtask crash`: a process that writes the log is killed at random moments, its disk fills
//! up, and what was not yet on the disk is torn. Nothing that it was told was recorded may be
//! gone or doubled afterwards, and the log must verify.
//!
//! A killed process leaves in the page cache what it wrote but did not sync; a power cut would have
//! lost some of it. So a part of the runs is torn by hand: of what the log had not noted as synced,
//! a random part is cut off or zeroed.

mod check;
pub(crate) mod dice;
mod writer;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use self::check::{Acknowledged, Figures, check, tear};
use self::dice::Dice;
pub(crate) use self::writer::{Writer, keys, open};

/// How many runs share one log before another is begun.
const RUNS_PER_LOG: u64 = 20;

/// How often, and by which numbers.
#[derive(Args)]
pub(crate) struct Crash {
    /// How often a writer is killed.
    #[arg(long, default_value_t = 500)]
    runs: u64,
    /// Where the random numbers begin; the same seed draws the same accidents.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What befalls one run, beside that it is killed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Accident {
    /// Nothing.
    Killed,
    /// What was not synced is torn.
    Torn,
    /// No file may become longer than so many KiB.
    Full(u64),
}

impl Crash {
    /// Runs it, and prints what happened.
    ///
    /// # Errors
    /// With the first event that is lost or doubled, and the first log that does not verify.
    pub(crate) fn run(&self) -> Result<()> {
        run(self.runs, self.seed)
    }
}

/// Kills writers, and checks their logs.
///
/// # Errors
/// With the first event that is lost or doubled, and the first log that does not verify.
pub(crate) fn run(runs: u64, seed: u64) -> Result<()> {
    let (mut dice, began) = (Dice::new(seed), Instant::now());
    let mut figures = Figures::default();
    let place = Scratch::new(seed)?;
    let mut acknowledged = Acknowledged::default();
    for run in 0..runs {
        let folder = place.0.join(format!("log-{}", run / RUNS_PER_LOG));
        if run % RUNS_PER_LOG == 0 {
            acknowledged = Acknowledged::default();
        }
        let strict = dice.below(4) > 0;
        let accident = match dice.below(10) {
            0..4 => Accident::Killed,
            4..8 if strict => Accident::Torn,
            4..8 => Accident::Killed,
            _ => Accident::Full(20 + dice.below(100)),
        };
        let what = format!("run {run} of seed {seed} ({accident:?}, strict: {strict})");
        let told = one_writer(&folder, run, strict, accident, &mut dice)
            .with_context(|| format!("{what}: the writer"))?;
        figures.count(accident, &told);
        acknowledged.extend(told);
        if accident == Accident::Torn {
            tear(&folder, &mut dice)?;
        }
        check(&folder, &acknowledged, &mut figures).context(what)?;
    }
    figures.print(runs, began.elapsed());
    Ok(())
}

/// Starts a writer, kills it after a while, and says what it was told was recorded.
fn one_writer(
    folder: &Path,
    run: u64,
    strict: bool,
    accident: Accident,
    dice: &mut Dice,
) -> Result<Vec<(u64, String)>> {
    let mut child = start(folder, run, strict, accident)?;
    let output = child.stdout.take().context("the writer has no output")?;
    let (send, lines) = mpsc::channel();
    let reading = thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    // It is killed some time after it is at work, whatever starting takes.
    let first = lines.recv_timeout(Duration::from_secs(30));
    // waits: a writer is killed in the middle of its work
    thread::sleep(Duration::from_micros(dice.below(40_000)));
    child.kill().context("it cannot be killed")?;
    let ended = child.wait()?;
    if reading.join().is_err() {
        bail!("its output could not be read");
    }
    let first = first.with_context(|| format!("it said nothing within 30 s ({ended})"))?;
    let told = std::iter::once(first).chain(lines.try_iter());
    // Half a line was not told.
    let told = told.filter_map(|line| {
        let line = String::from_utf8(line).ok()?;
        let (seq, event) = line.strip_suffix(" recorded")?.split_once(' ')?;
        Some((seq.parse().ok()?, event.to_owned()))
    });
    Ok(told.collect())
}

fn start(folder: &Path, run: u64, strict: bool, accident: Accident) -> Result<Child> {
    let own = own_program()?;
    let mut command = match accident {
        // A limit on the length of files is met as a full disk is: in the middle of a write.
        Accident::Full(kib) => {
            let mut command = Command::new("bash");
            let script = format!("trap '' XFSZ; ulimit -f {kib} || exit 9; exec \"$0\" \"$@\"");
            command.args(["-c", &script]).arg(own);
            command
        }
        Accident::Killed | Accident::Torn => Command::new(own),
    };
    command.arg("crash-writer").arg(folder).arg(run.to_string());
    if strict {
        command.arg("--strict");
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().context("it cannot be started")
}

/// This program. Building the workspace may have put another in its place since it was started,
/// and the system then says so behind its name.
fn own_program() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let replaced = own.to_str().and_then(|own| own.strip_suffix(" (deleted)"));
    Ok(replaced.map_or_else(|| own.clone(), PathBuf::from))
}

/// A folder on the disk that goes with its holder.
struct Scratch(PathBuf);

impl Scratch {
    fn new(seed: u64) -> Result<Self> {
        let name = format!("target/crash-{seed}-{}", std::process::id());
        let path = crate::repo::Repo::root().join(name);
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left lies among what was built, and goes with that.
        drop(fs::remove_dir_all(&self.0));
    }
}
