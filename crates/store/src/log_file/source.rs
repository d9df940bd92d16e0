//! The log as its shippers see it.

use bakerst_audit::{BatchMost, LogSource, RecordBatch, RecordReader, SourceError};
use bakerst_model::{Pending, Seq};
use tokio::sync::watch;

use super::LogFile;
use crate::{LogReader, Synced};

impl LogSource for LogFile {
    fn synced(&self) -> Seq {
        self.shared.synced.borrow().seq
    }

    fn synced_after(&self, seen: Seq) -> Pending<'_, Option<Seq>> {
        let mut synced = self.shared.synced.subscribe();
        Box::pin(async move {
            let later = synced.wait_for(|synced| synced.seq > seen).await;
            later.ok().map(|synced| synced.seq)
        })
    }

    fn reader(&self, from: Seq) -> Box<dyn RecordReader> {
        let reader = LogReader::new(self.shared.folder().clone(), from);
        Box::new(Following { reader, synced: self.shared.synced.subscribe() })
    }
}

/// Reads as far as the log of this process is on the disk.
struct Following {
    reader: LogReader,
    synced: watch::Receiver<Synced>,
}

impl RecordReader for Following {
    fn next(&mut self, most: BatchMost) -> Result<RecordBatch, SourceError> {
        let synced = *self.synced.borrow();
        self.reader.next_batch(synced, most)
    }
}
