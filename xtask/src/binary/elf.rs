//! What an ELF file says of how it is loaded.

use anyhow::{Context as _, Result, ensure};

const DYNAMIC: u64 = 2;
const RELRO: u64 = 0x6474_e552;
const FLAGS_1: u64 = 0x6fff_fffb;
const NOW: u64 = 1;
const PIE: u64 = 0x0800_0000;

/// Checks that a program lies at an address that nobody knows before, and that the tables which the
/// loader fills are filled at the start and read-only from then on.
///
/// # Errors
/// When one of these does not hold, or the file is no such program.
pub(super) fn check(file: &[u8]) -> Result<()> {
    let elf = Elf(file);
    let is_known = file.starts_with(b"\x7fELF\x02\x01");
    ensure!(is_known, "the binary is no ELF file of 64 bits with the low byte first");
    let flags = elf.flags().context("the binary has no table of what the loader does")?;
    ensure!(flags & PIE != 0, "the binary is always loaded at the same address");
    ensure!(flags & NOW != 0, "addresses are looked up late, in a table that can be written to");
    elf.segment(RELRO).context("the table of addresses can be written to")?;
    Ok(())
}

struct Elf<'f>(&'f [u8]);

impl Elf<'_> {
    /// The number of so many bytes that stands somewhere.
    fn number(&self, at: u64, bytes: usize) -> Option<u64> {
        let from = usize::try_from(at).ok()?;
        let bytes = self.0.get(from..from.checked_add(bytes)?)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// Where the first segment of a kind stands, and how long it is.
    fn segment(&self, kind: u64) -> Option<(u64, u64)> {
        let (first, size) = (self.number(0x20, 8)?, self.number(0x36, 2)?);
        let headers = (0..self.number(0x38, 2)?).map(|place| first.saturating_add(place * size));
        let mut of_kind = headers.filter(|at| self.number(*at, 4) == Some(kind));
        let at = of_kind.next()?;
        Some((self.number(at.saturating_add(8), 8)?, self.number(at.saturating_add(32), 8)?))
    }

    /// The newer flags of the dynamic section.
    fn flags(&self) -> Option<u64> {
        let (first, bytes) = self.segment(DYNAMIC)?;
        let mut entries = (first..first.saturating_add(bytes)).step_by(16);
        let at = entries.find(|at| self.number(*at, 8) == Some(FLAGS_1))?;
        self.number(at.saturating_add(8), 8)
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    /// This very test is built with the flags of everything else.
    fn own() -> Vec<u8> {
        std::fs::read(std::env::current_exe().unwrap()).unwrap()
    }

    #[test]
    fn what_is_built_here_is_hard_to_redirect() {
        check(&own()).unwrap();
    }

    #[test]
    fn what_is_not_is_told() {
        let (file, elf) = (own(), own());
        let elf = Elf(&elf);
        let (dynamic, bytes) = elf.segment(DYNAMIC).unwrap();
        let mut entries = (dynamic..dynamic + bytes).step_by(16);
        let flags = entries.find(|at| elf.number(*at, 8) == Some(FLAGS_1)).unwrap() + 8;
        let flags = usize::try_from(flags).unwrap();
        for (at, bit, why) in [(flags, 1, "looked up late"), (flags + 3, 8, "the same address")] {
            let mut soft = file.clone();
            soft[at] &= !bit;
            let said = check(&soft).unwrap_err().to_string();
            assert!(said.contains(why), "{said}");
        }
        for broken in [&file[..40], &file[..0x40], b"\x7fELF", b""] {
            check(broken).unwrap_err();
        }
    }
}
