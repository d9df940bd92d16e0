//! The live segment, and the room that is made in it ahead of what is written.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bakerst_model::Seq;

use super::disk::{Disk, Medium};
use crate::LogFolder;

/// How much room is made at once. It is synced together with the records before it: larger steps
/// make the one sync that carries it slower than all others.
const ROOM_BYTES: usize = 256 << 10;

/// The segment that is written to.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) file: Arc<dyn Medium>,
    /// Its first record.
    pub(super) segment: Seq,
    /// Where the next record goes: the end of the last whole one.
    pub(super) end: u64,
    /// How far the file is there, zeroed.
    room: u64,
}

/// What became of what could not be written.
#[derive(Debug)]
pub(super) enum Failed {
    /// All is as it was before.
    TakenBack(io::Error),
    /// Nobody knows what is there: it could not be taken back either, for the second reason.
    InDoubt(io::Error, io::Error),
}

impl Live {
    pub(super) fn new(file: Arc<dyn Medium>, segment: Seq, end: u64) -> Self {
        Self { file, segment, end, room: end }
    }

    /// Makes the file of a new segment, whole or not at all, and durable.
    pub(super) fn begin(
        disk: &dyn Disk,
        folder: &LogFolder,
        segment: Seq,
        header: &[u8],
    ) -> Result<Self, Failed> {
        let path = folder.segment_path(segment);
        let file = disk.create(&path).map_err(Failed::TakenBack)?;
        let written = file.write_all_at(header, 0).and_then(|()| file.sync_all());
        match written.and_then(|()| disk.sync_folder(folder.path())) {
            Ok(()) => Ok(Self::new(file, segment, header.len() as u64)),
            Err(error) => Err(match remove(disk, &path, folder) {
                Ok(()) => Failed::TakenBack(error),
                Err(removal) => Failed::InDoubt(error, removal),
            }),
        }
    }

    /// Writes records behind the last one, whole or not at all.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        let end = self.end + bytes.len() as u64;
        if end > self.room {
            self.make_room(end);
        }
        if let Err(error) = self.file.write_all_at(bytes, self.end) {
            return Err(match self.cut() {
                Ok(()) => Failed::TakenBack(error),
                Err(cut) => Failed::InDoubt(error, cut),
            });
        }
        self.end = end;
        self.room = self.room.max(end);
        Ok(())
    }

    /// Ends the file behind the last record.
    pub(super) fn cut(&mut self) -> io::Result<()> {
        self.room = self.end;
        self.file.set_len(self.end)
    }

    /// Zeros what follows `end`, so that syncing the records that will stand there need not make
    /// the file longer. It is a help and no more: where the disk has no room to spare, records
    /// are still written for as long as they fit.
    fn make_room(&mut self, end: u64) {
        let zeros = vec![0; ROOM_BYTES];
        self.room = match self.file.write_all_at(&zeros, end) {
            Ok(()) => end + ROOM_BYTES as u64,
            // What was written of it is zeros as well.
            Err(_) => end,
        };
    }
}

fn remove(disk: &dyn Disk, path: &Path, folder: &LogFolder) -> io::Result<()> {
    disk.remove(path)?;
    disk.sync_folder(folder.path())
}
