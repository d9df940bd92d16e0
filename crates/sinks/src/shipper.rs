//! One sink, served.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bakerst_audit::delivery::{
    Account, Circuit, Letter, Moment, Outcome, Pace, Planner, Reason, Shipped, SinkStatus, Span,
    Step,
};
use bakerst_audit::encode::View;
use bakerst_audit::{BatchMost, LogId, LogSource, RecordReader, SourceError};
use bakerst_model::{Digest, Seq, UnixMillis};

use crate::shipping::{Notice, Notices};
use crate::{FolderError, Sink, SinkFolder, SinkName};

/// How long a sink may be ahead of what is kept of it. After a crash it gets that much again.
const KEEP_EVERY_MILLIS: u64 = 1_000;
/// How often it is said at most that records were refused. The record that says so goes to the sink
/// as well, and a sink that refuses it must not go on and on about itself.
const BURIED_NOTICE_MILLIS: u64 = 3_600_000;

/// The time, on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// On the one that only goes forward, which waits are measured by.
    pub moment: Moment,
    /// On the one that people read.
    pub wall: UnixMillis,
}

/// What is to happen next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Turn {
    /// There is more to do at once.
    Again,
    /// Nothing before this moment, or before the log grows.
    Wait(Option<Moment>),
}

/// What a shipper is made of.
pub struct Setup {
    /// The sink's name.
    pub name: SinkName,
    /// What it is.
    pub kind: &'static str,
    /// How it is served.
    pub pace: Pace,
    /// The most bytes of records in one batch.
    pub batch_bytes_max: usize,
    /// The most records in its dead letters. When they are full, the sink waits: nothing is lost.
    pub dead_letters_max: u64,
    /// Where what is kept of it lies.
    pub folder: SinkFolder,
    /// The sink.
    pub sink: Box<dyn Sink>,
    /// Which log.
    pub log: LogId,
    /// The log.
    pub source: Arc<dyn LogSource>,
    /// Whom to tell what an operator should know.
    pub notices: Arc<dyn Notices>,
    /// Random numbers, for jitter.
    pub random: Box<dyn FnMut() -> u64 + Send>,
}

/// Serves one sink, a step at a time.
pub struct Shipper {
    setup: Setup,
    planner: Planner,
    account: Account,
    kept: Account,
    kept_at: Moment,
    /// Stands behind the last record that is held.
    reader: Option<(Seq, Box<dyn RecordReader>)>,
    /// The batch at hand: all that is ever in memory.
    held: Vec<Shipped>,
    told_buried_at: Option<Moment>,
    board: Arc<Mutex<SinkStatus>>,
}

impl Shipper {
    /// Goes on where the sink was left. It reads the disk and may block for that.
    ///
    /// # Errors
    /// When the sink's folder cannot be used.
    pub fn open(setup: Setup) -> Result<Self, FolderError> {
        setup.folder.create()?;
        let log = setup.log;
        let mut account = setup.folder.account()?.unwrap_or_else(|| Account::new(log));
        let head = setup.source.synced();
        let discord = account.compare(log, head, mac_of(&*setup.source, log, account.acknowledged));
        let discord = discord.err().map(|discord| discord.to_string());
        if let Some(discord) = &discord {
            let text = format!(
                "the log and the sink `{}` differ: {discord}; the whole log is sent again",
                setup.name
            );
            setup.notices.note(Notice::Alarm(text));
            account = Account { buried: account.buried, ..Account::new(log) };
        }
        let planner = Planner::new(setup.pace, account.acknowledged);
        let status = SinkStatus {
            name: setup.name.as_str().into(),
            kind: setup.kind,
            acknowledged: account.acknowledged,
            head,
            lag_millis: 0,
            circuit: Circuit::Closed,
            failures: 0,
            trouble: None,
            settled: 0,
            dead_letters: setup.folder.dead_letters(),
            missed: account.missed(),
            discord: discord.map(Into::into),
        };
        Ok(Self {
            setup,
            planner,
            kept: account.clone(),
            account,
            kept_at: Moment(0),
            reader: None,
            held: Vec::new(),
            told_buried_at: None,
            board: Arc::new(Mutex::new(status)),
        })
    }

    /// How it fares; kept up to date for as long as the shipper lives.
    #[must_use]
    pub fn board(&self) -> Arc<Mutex<SinkStatus>> {
        self.board.clone()
    }

    /// Where what is kept of it lies.
    #[must_use]
    pub fn folder(&self) -> &SinkFolder {
        &self.setup.folder
    }

    /// Sends from now on what there is, without waiting for more.
    pub fn hurry(&mut self) {
        self.planner.hurry();
    }

    /// The last record that is settled.
    #[must_use]
    pub fn acknowledged(&self) -> Seq {
        self.planner.acknowledged()
    }

    /// Does the next thing, if there is any to do now.
    pub async fn turn(&mut self, now: Now) -> Turn {
        self.planner.grown(self.setup.source.synced(), now.moment);
        let turn = match self.planner.step(now.moment) {
            Step::Wait(until) => Turn::Wait(until),
            Step::Send(span) => {
                self.send(span, now).await;
                Turn::Again
            }
            Step::Bury(letters) => {
                self.bury(letters, now).await;
                Turn::Again
            }
        };
        let idle = matches!(turn, Turn::Wait(_));
        if idle || now.moment.since(self.kept_at) >= KEEP_EVERY_MILLIS {
            self.keep(now.moment).await;
        }
        self.show(now);
        turn
    }

    /// Writes down how far the sink is, if it is further than what was written last.
    pub async fn keep(&mut self, now: Moment) {
        if self.account == self.kept {
            return;
        }
        let (folder, account) = (self.setup.folder.clone(), self.account.clone());
        self.kept_at = now;
        // What cannot be kept is sent again after a restart: that is no loss, and the folder's disk
        // is the log's, which complains louder.
        if blocking(move || folder.keep(&account).map_err(|e| e.to_string())).await.is_ok() {
            self.kept = self.account.clone();
        }
    }

    async fn send(&mut self, span: Span, now: Now) {
        let outcome = match self.hold(span).await {
            Ok(Held::All(span)) => self.deliver(span, now.wall).await,
            Ok(Held::StartsAt(first)) => return self.missed(span, first, now),
            Err(why) => failed(&why),
        };
        self.tell(&outcome);
        let random = (self.setup.random)();
        let was = self.planner.circuit(now.moment);
        self.planner.settle(outcome, now.moment, random);
        self.tell_circuit(was, now.moment);
        self.note_progress();
    }

    async fn deliver(&mut self, span: Span, now: UnixMillis) -> Outcome {
        let Self { setup, held, .. } = self;
        let from = held.iter().position(|record| record.id.seq == span.first());
        let to = held.iter().position(|record| record.id.seq == span.last());
        let records = match (from, to) {
            (Some(from), Some(to)) => held.get(from..=to).unwrap_or_default(),
            _ => return failed("the batch at hand is not the one that was planned"),
        };
        let patience = setup.sink.patience();
        match tokio::time::timeout(patience, setup.sink.send(records, now)).await {
            Ok(outcome) => outcome,
            Err(_) => failed(&format!("no answer within {} s", patience.as_secs())),
        }
    }

    /// Sees to it that the records are in memory; the batch may end earlier than planned.
    async fn hold(&mut self, span: Span) -> Result<Held, String> {
        let seq = |record: Option<&Shipped>| record.map(|record| record.id.seq);
        let (first, last) = (seq(self.held.first()), seq(self.held.last()));
        if let (Some(first), Some(last)) = (first, last)
            && first <= span.first()
            && span.last() <= last
        {
            return Ok(Held::All(span));
        }
        self.held = Vec::new();
        let records = usize::try_from(span.records()).unwrap_or(usize::MAX);
        let most = BatchMost { records, bytes: self.setup.batch_bytes_max };
        let (source, reader, log) = (self.setup.source.clone(), self.reader.take(), self.setup.log);
        let read = blocking(move || read(&*source, reader, span.first(), most, log)).await?;
        let (records, reader) = match read {
            Read::Records(records, reader) => (records, reader),
            Read::StartsAt(oldest) => return Ok(Held::StartsAt(oldest)),
        };
        let Some(first) = records.first().map(|record| record.id.seq) else {
            return Err(format!("the log has no record {} yet", span.first()));
        };
        if first != span.first() {
            return Err(format!("the log has record {first} where {} was asked for", span.first()));
        }
        let read = records.len();
        self.held = in_sequence(records);
        let last = seq(self.held.last()).unwrap_or(first);
        // A reader that is further on than what is held is opened anew.
        self.reader = (self.held.len() == read).then(|| (Seq(last.0.saturating_add(1)), reader));
        self.planner.cut(last);
        Span::new(first, last).map(Held::All).ok_or_else(|| "records out of order".to_owned())
    }

    fn missed(&mut self, wanted: Span, first: Seq, now: Now) {
        if let Some(gap) = Span::new(wanted.first(), Seq(first.0.saturating_sub(1))) {
            self.account.note_gap(gap);
            let name = &self.setup.name;
            let text = format!("records {gap} left the log before the sink `{name}` had them");
            self.setup.notices.note(Notice::Alarm(text));
        }
        self.planner.skip_to(first, now.moment);
        self.account.mac = None;
        self.account.acknowledged = self.planner.acknowledged();
    }

    async fn bury(&mut self, letters: Vec<Letter>, now: Now) {
        let random = (self.setup.random)();
        let count = u64::try_from(letters.len()).unwrap_or(u64::MAX);
        let folder = self.setup.folder.clone();
        let max = self.setup.dead_letters_max;
        let why = letters.first().map(|letter| letter.why.clone());
        let held = |letter: Letter| {
            let record = self.held.iter().find(|record| record.id.seq == letter.seq)?;
            Some((letter, record.clone()))
        };
        let letters: Vec<_> = letters.into_iter().filter_map(held).collect();
        let buried = blocking(move || {
            if folder.dead_letters().saturating_add(count) > max {
                return Err(format!("its dead letters are full: `dead_letters_max` is {max}"));
            }
            folder.bury(&letters, now.wall).map_err(|error| error.to_string())
        });
        match buried.await {
            Ok(()) => {
                self.planner.buried(now.moment);
                self.account.buried = self.account.buried.saturating_add(count);
                self.note_progress();
                self.tell_buried(count, why, now.moment);
            }
            Err(why) => {
                self.tell(&failed(&why));
                let was = self.planner.circuit(now.moment);
                self.planner.not_buried(now.moment, random);
                self.tell_circuit(was, now.moment);
            }
        }
    }

    fn note_progress(&mut self) {
        let acknowledged = self.planner.acknowledged();
        if acknowledged <= self.account.acknowledged {
            return;
        }
        let done = self.held.iter().find(|record| record.id.seq == acknowledged);
        self.account.mac = done.and_then(Shipped::mac);
        self.account.acknowledged = acknowledged;
        if self.held.last().is_some_and(|last| last.id.seq <= acknowledged) {
            self.held = Vec::new();
        }
    }

    /// Keeps on the board why it failed, until it takes something again.
    fn tell(&self, outcome: &Outcome) {
        let mut board = lock(&self.board);
        board.trouble = match outcome {
            Outcome::Accepted | Outcome::AcceptedExcept(_) => None,
            Outcome::Refused(why) | Outcome::Failed { why, .. } | Outcome::Denied(why) => {
                Some(why.clone())
            }
        };
    }

    fn tell_circuit(&self, was: Circuit, now: Moment) {
        let is = self.planner.circuit(now);
        let name = self.setup.name.as_str();
        let notice = match (was, is) {
            (Circuit::Closed, Circuit::Open) => {
                let why = lock(&self.board).trouble.clone();
                Notice::Stopped { sink: name.into(), why: why.unwrap_or_else(|| Reason::new("")) }
            }
            (Circuit::Open | Circuit::Probing, Circuit::Closed) => {
                Notice::Resumed { sink: name.into() }
            }
            _ => return,
        };
        self.setup.notices.note(notice);
    }

    fn tell_buried(&mut self, count: u64, why: Option<Reason>, now: Moment) {
        let lately = |at: Moment| now.since(at) < BURIED_NOTICE_MILLIS;
        if self.told_buried_at.is_some_and(lately) {
            return;
        }
        self.told_buried_at = Some(now);
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        let name = &self.setup.name;
        let text = format!("the sink `{name}` refused {count} records for good{why}");
        self.setup.notices.note(Notice::Alarm(text));
    }

    /// Brings the board up to date.
    fn show(&self, now: Now) {
        let oldest = self.held.iter().find(|r| r.id.seq > self.planner.acknowledged());
        let since = |record: &Shipped| now.wall.millis_since(View::of(record, now.wall).at);
        let lag_millis = oldest.map_or(0, since);
        let mut board = lock(&self.board);
        let taken = self.planner.acknowledged().0.saturating_sub(board.acknowledged.0);
        board.settled = board.settled.saturating_add(taken);
        board.acknowledged = self.planner.acknowledged();
        board.head = self.planner.head();
        board.lag_millis = lag_millis;
        board.circuit = self.planner.circuit(now.moment);
        board.failures = self.planner.failures();
        board.missed = self.account.missed();
    }
}

/// What could be read of a batch.
enum Held {
    /// All of this.
    All(Span),
    /// The log has nothing before this record any more.
    StartsAt(Seq),
}

/// What a reader answered.
enum Read {
    /// Records, and the reader to read on with.
    Records(Vec<Shipped>, Box<dyn RecordReader>),
    /// The log begins with this record.
    StartsAt(Seq),
}

/// Reads on where the reader stands, or opens one where it stands elsewhere.
fn read(
    source: &dyn LogSource,
    reader: Option<(Seq, Box<dyn RecordReader>)>,
    from: Seq,
    most: BatchMost,
    log: LogId,
) -> Result<Read, String> {
    let mut reader = match reader {
        Some((at, reader)) if at == from => reader,
        _ => source.reader(from),
    };
    match reader.next(most) {
        Ok(batch) => Ok(Read::Records(Shipped::all_of(log, &batch), reader)),
        Err(SourceError::Expired { oldest, .. }) if oldest > from => Ok(Read::StartsAt(oldest)),
        Err(error) => Err(error.to_string()),
    }
}

/// The records up to the first that does not follow the one before it. What is behind that is read
/// anew.
fn in_sequence(mut records: Vec<Shipped>) -> Vec<Shipped> {
    let follows = |pair: &[Shipped]| match pair {
        [a, b] => b.id.seq.0 == a.id.seq.0.saturating_add(1),
        _ => true,
    };
    let whole = 1 + records.windows(2).take_while(|pair| follows(pair)).count();
    records.truncate(whole);
    records
}

/// The mac of a record that is in the log, where it can be read.
fn mac_of(source: &dyn LogSource, log: LogId, seq: Seq) -> Option<Digest> {
    if seq.0 == 0 || seq > source.synced() {
        return None;
    }
    let batch = source.reader(seq).next(BatchMost { records: 1, bytes: 0 }).ok()?;
    Shipped::all_of(log, &batch).first().filter(|record| record.id.seq == seq)?.mac()
}

fn failed(why: &str) -> Outcome {
    Outcome::Failed { why: Reason::new(why), after_millis: None }
}

pub(crate) fn lock(board: &Mutex<SinkStatus>) -> MutexGuard<'_, SinkStatus> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs what blocks on the disk where it holds nobody up.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await;
    // It fails by a panic, or because the runtime is going away.
    done.unwrap_or_else(|_| Err("the disk could not be asked".to_owned()))
}
