//! The step from one segment to the next.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::sync::Arc;

use bakerst_audit::Entry;
use bakerst_model::JournalError;

use super::{Live, SegmentBytes, Shared, State};
use crate::folder::sync_folder;

impl Live {
    /// Whether another segment is due before this entry. One that holds nothing but its header
    /// takes an entry of any length.
    pub(super) fn is_full(&self, entry: &Entry, max: SegmentBytes) -> bool {
        let after = self.end.saturating_add(entry.bytes().len() as u64);
        after > max.0 && entry.seq().0 > self.segment.0.saturating_add(1)
    }
}

impl Shared {
    /// Begins the next segment. The old one is on the disk before the new one can be found: a
    /// crash in between leaves a log that goes on.
    pub(super) fn rotate(&self, state: &mut State) -> Result<(), JournalError> {
        let unwritable = |error: String| JournalError::Unwritable(error.into());
        let header = state.chain.prepare_segment(&self.settings.about, self.clock.now());
        let header = header.map_err(|error| unwritable(error.to_string()))?;
        if let Err(error) = state.live.file.sync_data() {
            return Err(state.close(&format!("the disk did not take it: {error}")));
        }
        let file = self.begin_segment(&header).map_err(|error| unwritable(error.to_string()))?;
        if let Err(error) = state.chain.advance_segment(&header) {
            return Err(state.close(&error.to_string()));
        }
        let (segment, end) = (header.seq(), header.bytes().len() as u64);
        state.live = Live { file: Arc::new(file), segment, end };
        Ok(())
    }

    /// Makes the file of a new segment, whole or not at all.
    fn begin_segment(&self, header: &Entry) -> io::Result<File> {
        let path = self.folder.segment_path(header.seq());
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        let written = file.write_all_at(header.bytes(), 0).and_then(|()| file.sync_all());
        match written.and_then(|()| sync_folder(self.folder.path())) {
            Ok(()) => Ok(file),
            Err(error) => {
                fs::remove_file(&path)?;
                Err(error)
            }
        }
    }
}
