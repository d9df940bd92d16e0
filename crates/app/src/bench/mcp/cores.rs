//! Which cores a process runs on, and how much of them it has used.

use std::fs;
use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Some of the cores that this process may use.
pub(super) struct Core {
    these: CpuSet,
    all: CpuSet,
}

impl Core {
    /// The first.
    pub(super) fn first() -> io::Result<Self> {
        Self::chosen(|place| place == 0)
    }

    /// All but the first; where there is only one, that.
    pub(super) fn others() -> io::Result<Self> {
        Self::chosen(|place| place > 0)
    }

    fn chosen(is_chosen: impl Fn(usize) -> bool) -> io::Result<Self> {
        let all = sched_getaffinity(None)?;
        let mut these = CpuSet::new();
        let usable = (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu));
        for (_, cpu) in usable.enumerate().filter(|(place, _)| is_chosen(*place)) {
            these.set(cpu);
        }
        Ok(Self { these: if these.count() == 0 { all } else { these }, all })
    }

    /// Does something there. Whatever it starts stays there.
    pub(super) fn run<T>(self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        sched_setaffinity(None, &self.these)?;
        let done = work();
        sched_setaffinity(None, &self.all)?;
        done
    }
}

/// What a process has used so far.
pub(super) fn cpu_seconds(pid: u32) -> io::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The program's name, which may hold anything, ends at the last bracket; time in the program
    // and in the kernel are the twelfth and thirteenth words after it.
    let words = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks: Vec<f64> = words.skip(11).take(2).filter_map(|word| word.parse().ok()).collect();
    let [user, kernel] = ticks.as_slice() else {
        return Err(io::Error::other("/proc tells no times"));
    };
    #[expect(clippy::cast_precision_loss, reason = "a hundred or so")]
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    Ok((user + kernel) / per_second)
}
