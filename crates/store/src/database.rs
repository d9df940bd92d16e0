//! One SQLite file for what is looked up and changed: tokens and approvals.
//!
//! Every change is one transaction that is on the disk when it is answered. SQLite blocks, so
//! all work is done on tokio's threads for that, one piece at a time.

mod migrations;
mod values;

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bakerst_guard::approval::BookError;
use bakerst_guard::flow::ConversationBookError;
use bakerst_model::{Code, Pending, TokenBookError};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::task::spawn_blocking;

pub(crate) use self::values::{Unreadable, millis, read_digest, read_id, read_millis};
use crate::StateFolder;

/// How long another process that has the file open is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The state database of a folder.
pub struct Database {
    connection: Mutex<Connection>,
    _lock: Arc<File>,
}

/// Why the database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The file cannot be made.
    #[error("cannot create the state database `{path}`")]
    Create {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// SQLite refuses the file.
    #[error("cannot open the state database `{path}`")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A later version has written it.
    #[error("the state database is of version {found}, at most {known} is known")]
    Newer {
        /// Its version.
        found: i64,
        /// The last known one.
        known: i64,
    },
}

impl DatabaseError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Create { .. } => Code::StateUnwritable,
            Self::Open { .. } | Self::Newer { .. } => Code::StateBroken,
        }
    }
}

impl Database {
    /// Opens the database of a folder, or makes it, and brings its tables up to date.
    ///
    /// # Errors
    /// When the file cannot be made or is not a database of a known version.
    pub fn open(folder: &StateFolder) -> Result<Arc<Self>, DatabaseError> {
        let path = folder.path().join("state.db");
        // Made beforehand, so that it is its owner's alone; SQLite's other files follow its mode.
        let mut options = OpenOptions::new();
        let made = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
        made.map_err(|source| DatabaseError::Create { path: path.clone(), source })?;
        let opened = Connection::open(&path).and_then(|mut connection| {
            prepare(&connection)?;
            Ok(migrations::migrate(&mut connection)?.map(|()| connection))
        });
        let connection = opened.map_err(|source| DatabaseError::Open { path, source })??;
        Ok(Arc::new(Self { connection: Mutex::new(connection), _lock: folder.lock() }))
    }

    /// Does `work` in one transaction. What it changed stands if it succeeds, else nothing does.
    pub(crate) fn run<'p, T, E>(
        self: &Arc<Self>,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Stop<E>> + Send + 'static,
    ) -> Pending<'p, Result<T, E>>
    where
        T: Send + 'static,
        E: Failure,
    {
        let database = self.clone();
        Box::pin(async move {
            // Once begun it is carried through, even if nobody waits for the answer any more.
            match spawn_blocking(move || database.transact(work)).await {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(Stop::Refused(error))) => Err(error),
                Ok(Err(Stop::Failed(why))) => Err(E::failed(why)),
                Err(error) => Err(E::failed(error.to_string())),
            }
        })
    }

    fn transact<T, E>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Stop<E>>,
    ) -> Result<T, Stop<E>> {
        // A thread that failed has rolled its transaction back on the way out.
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").finish_non_exhaustive()
    }
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // An approval that was used must stay used, also after a power cut.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)
}

/// Why a transaction is not committed.
#[derive(Debug)]
pub(crate) enum Stop<E> {
    /// The answer is no, in the words of the port.
    Refused(E),
    /// The medium failed, or holds what was never written.
    Failed(String),
}

impl<E> From<rusqlite::Error> for Stop<E> {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// How a port says that the medium failed.
pub(crate) trait Failure: Send + 'static {
    fn failed(why: String) -> Self;
}

impl Failure for TokenBookError {
    fn failed(why: String) -> Self {
        Self::Failed(why)
    }
}

impl Failure for BookError {
    fn failed(why: String) -> Self {
        Self::Failed(why)
    }
}

impl Failure for ConversationBookError {
    fn failed(why: String) -> Self {
        Self::Failed(why)
    }
}
