//! The log of this process, to those who read it and those who keep it.

use std::sync::{Arc, Mutex, PoisonError};

use bakerst_audit::custody::{Counted, Custody, CustodyError, Page, Reading, Retained};
use bakerst_audit::query::Bucket;
use bakerst_audit::retention::Retention;
use bakerst_audit::{KeyId, LogId, LogSource as _};
use bakerst_model::{Action, Actor, Code, Detail, Escaped, Event, Journal as _, Pending};
use bakerst_secrets::SealedFile;
use bakerst_store::query::{
    PageLimits, SegmentFile, count_page, find_page, segment_files, threads,
};
use bakerst_store::{LogError, LogFile, LogFolder};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::failure::Failure;
use crate::retention::Keeper;
use crate::station::{Places, log_keys, with_causes};
use crate::subjects::{SealingJournal, Subjects};

/// The log of this process.
pub(crate) struct LogCustody {
    places: Places,
    log: LogFolder,
    journal: Arc<LogFile>,
    secrets: Arc<Mutex<SealedFile>>,
    /// Where what is told of persons is sealed.
    sealing: Option<Arc<SealingJournal>>,
    keeper: Keeper,
    retention: Retention,
    scan_bytes_max: u64,
    /// Who reads at this moment.
    reads: Arc<Semaphore>,
    reads_max: usize,
}

impl LogCustody {
    pub(crate) fn new(
        places: &Places,
        config: &Config,
        journal: &Arc<LogFile>,
        secrets: &Arc<Mutex<SealedFile>>,
        sealing: Option<Arc<SealingJournal>>,
        keeper: Keeper,
    ) -> Self {
        let limits = &config.limits;
        Self {
            places: places.clone(),
            log: places.log(),
            journal: journal.clone(),
            secrets: secrets.clone(),
            sealing,
            keeper,
            retention: config.audit.retention.limits(),
            scan_bytes_max: limits.audit_scan_bytes_max,
            reads: Arc::new(Semaphore::new(limits.audit_reads_max)),
            reads_max: limits.audit_reads_max,
        }
    }

    /// Reads where it holds nobody up, unless enough others do.
    async fn read<T: Send + 'static>(
        &self,
        mut reading: Reading,
        work: impl FnOnce(&[SegmentFile], Reading, PageLimits) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, CustodyError> {
        let Ok(permit) = self.reads.clone().try_acquire_owned() else {
            let message = format!("`audit_reads_max` ({}) readings are under way", self.reads_max);
            return Err(CustodyError { code: Code::TooBusy, message });
        };
        self.name_subjects(&mut reading.filter.users)?;
        let log = self.log.clone();
        let limits = PageLimits {
            synced: self.journal.synced(),
            scan_bytes_max: self.scan_bytes_max,
            // The others are for those who wait for decisions.
            threads: threads().div_ceil(2),
        };
        let read = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let segments = segment_files(&log)?;
            work(&segments, reading, limits)
        });
        match read.await {
            Ok(read) => read.map_err(|e| CustodyError { code: e.code(), message: with_causes(&e) }),
            Err(broken) => Err(failed(Code::StoreFailed, broken.to_string())),
        }
    }

    /// Adds the names that the log has for persons whose records are sealed.
    fn name_subjects(&self, users: &mut Vec<String>) -> Result<(), CustodyError> {
        let names = |subjects: &Subjects| -> Vec<String> {
            users.iter().filter_map(|user| subjects.name_of(user)).collect()
        };
        let names = match &self.sealing {
            _ if users.is_empty() => return Ok(()),
            Some(sealing) => names(&sealing.subjects()),
            None => self.kept_subjects()?.as_ref().map(names).unwrap_or_default(),
        };
        users.extend(names);
        Ok(())
    }

    /// The keys of persons from a time when records were sealed.
    fn kept_subjects(&self) -> Result<Option<Subjects>, CustodyError> {
        self.places.subjects().map_err(of_failure)
    }

    /// First the record, then the deed: a key that goes without a word would be a gap in the account.
    async fn erase_subject(&self, subject: &str) -> Result<String, CustodyError> {
        let mut kept = match &self.sealing {
            Some(_) => None,
            None => self.kept_subjects()?,
        };
        let name = match &self.sealing {
            Some(sealing) => sealing.subjects().name_of(subject),
            None => kept.as_ref().and_then(|kept| kept.name_of(subject)),
        };
        let Some(name) = name else {
            let message = format!("no key is kept for `{}`", Escaped(subject));
            return Err(failed(Code::NoSuchSubject, message));
        };
        self.record(Action::SubjectErased, &json!({ "subject": name })).await?;
        let erased = match &self.sealing {
            Some(sealing) => sealing.subjects().erase(subject),
            None => kept.as_mut().map_or(Ok(None), |kept| kept.erase(subject)),
        };
        erased.map_err(|e| failed(e.code(), with_causes(&e)))?;
        Ok(name)
    }

    async fn record(&self, action: Action, detail: &serde_json::Value) -> Result<(), CustodyError> {
        let detail = Detail::of(detail).map_err(|e| failed(Code::LogUnwritable, e.to_string()))?;
        let event = Event { action, actor: Actor::system(), conversation: None, detail };
        let recorded = self.journal.append(event).await;
        recorded.map(drop).map_err(|e| failed(e.code(), e.to_string()))
    }
}

/// The key is kept before it is used, and both are done before anybody is answered. One is drawn at
/// a time, so that the last one drawn is the one in use.
fn next_key(secrets: &Mutex<SealedFile>, journal: &LogFile) -> Result<KeyId, CustodyError> {
    let mut secrets = secrets.lock().unwrap_or_else(PoisonError::into_inner);
    let next = log_keys::draw_next(&mut secrets).map_err(of_failure)?;
    let id = next.id();
    journal.rotate_key(next).map_err(|e| failed(e.code(), e.to_string()))?;
    Ok(id)
}

impl Custody for LogCustody {
    fn log(&self) -> LogId {
        self.journal.opened().log
    }

    fn find(&self, reading: Reading) -> Pending<'_, Result<Page, CustodyError>> {
        Box::pin(self.read(reading, find_page))
    }

    fn count(&self, reading: Reading, by: Bucket) -> Pending<'_, Result<Counted, CustodyError>> {
        Box::pin(self.read(reading, move |segments, reading, limits| {
            count_page(segments, reading, by, limits)
        }))
    }

    fn rotate_key(&self) -> Pending<'_, Result<KeyId, CustodyError>> {
        let (secrets, journal) = (self.secrets.clone(), self.journal.clone());
        let rotated = tokio::task::spawn_blocking(move || next_key(&secrets, &journal));
        Box::pin(async move {
            rotated
                .await
                .unwrap_or_else(|broken| Err(failed(Code::StoreFailed, broken.to_string())))
        })
    }

    fn erase(&self, subject: String) -> Pending<'_, Result<String, CustodyError>> {
        Box::pin(async move { self.erase_subject(&subject).await })
    }

    fn retain(
        &self,
        wanted: Retention,
        apply: bool,
    ) -> Pending<'_, Result<Retained, CustodyError>> {
        Box::pin(async move {
            let retention = Retention {
                age_max: wanted.age_max.or(self.retention.age_max),
                bytes_max: wanted.bytes_max.or(self.retention.bytes_max),
            };
            let broken = |error: bakerst_store::retention::ExpireError| {
                failed(Code::LogUnwritable, with_causes(&error))
            };
            if apply {
                let turn = self.keeper.turn(retention).await.map_err(broken)?;
                let (held, gone) = (turn.held, turn.gone);
                return Ok(Retained { expire: Vec::new(), held, gone });
            }
            let planned = self.keeper.plan(retention).await.map_err(broken)?;
            let held = planned.held();
            Ok(Retained { expire: planned.plan.expire, held, gone: None })
        })
    }
}

fn failed(code: Code, message: String) -> CustodyError {
    CustodyError { code, message }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn of_failure(failure: Failure) -> CustodyError {
    failed(failure.code, failure.message.clone())
}
