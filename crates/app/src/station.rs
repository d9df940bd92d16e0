//! Where a `bakerst` lives: its state folder, its keys, its log and its books.

pub(crate) mod log_keys;

use std::error::Error;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bakerst_audit::{About, LogKeys};
use bakerst_gateway::{Enforcement, Gateway, Ports};
use bakerst_guard::flow::FlowKey;
use bakerst_model::{Clock, Code, Journal};
use bakerst_secrets::{MasterKey, SealedFile, SecretsError};
use bakerst_sinks::Boards;
use bakerst_store::{
    Approvals, Conversations, Database, Durability, LogFile, LogFolder, LogSettings, SegmentBytes,
    StateFolder, Tokens,
};

use crate::cli::Global;
use crate::clock::SystemClock;
use crate::config::{self, Config, Erasure, SealedInput};
use crate::custody::LogCustody;
use crate::failure::{Exit, Failure};
use crate::reserve::{Reserve, ReservingJournal};
use crate::retention::Keeper;
use crate::sealed_inputs::{INPUT_KEY, InputKey, InputSealer};
use crate::shipping::{Fares, Keys};
use crate::subjects::{SealingJournal, Subjects};
use crate::worries::Worries;

/// The name under which the key is kept by which conversations are remembered.
const FLOW_KEY: &str = "flow-key";
/// The name of the key under which values in results are told apart.
const PSEUDONYM_KEY: &str = "pseudonym-key";

/// Whether a secret of this name is ours alone: nobody else gets to see it, whatever they are
/// configured to.
pub(crate) fn is_our_secret(name: &str) -> bool {
    [FLOW_KEY, PSEUDONYM_KEY, INPUT_KEY].contains(&name) || log_keys::is_one(name)
}

/// Where everything is.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    state: PathBuf,
    master_key: PathBuf,
}

impl Places {
    /// What the command line says, else the configuration, else the usual places.
    pub(crate) fn of(global: &Global) -> Result<Self, Failure> {
        let master_key = match &global.master_key {
            Some(named) => Some(named.clone()),
            None => Config::load(global.config.as_deref())?.secrets.master_key_file,
        };
        Ok(Self {
            state: global.state.clone().unwrap_or_else(crate::paths::state_folder),
            master_key: master_key
                .unwrap_or_else(|| crate::paths::config_folder().join("master.key")),
        })
    }

    /// The state folder.
    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// Where the key is that seals the others.
    pub(crate) fn master_key(&self) -> &Path {
        &self.master_key
    }

    /// The log.
    pub(crate) fn log(&self) -> LogFolder {
        LogFolder::in_state(&self.state)
    }

    /// The socket of the hook door.
    pub(crate) fn hook_socket(&self) -> PathBuf {
        self.state.join("hook.sock")
    }

    /// The socket for wrappers around MCP servers.
    pub(crate) fn link_socket(&self) -> PathBuf {
        self.state.join("mcp.sock")
    }

    /// The socket of the operator's door.
    pub(crate) fn control_socket(&self) -> PathBuf {
        self.state.join("control.sock")
    }

    /// The keys of persons, where some are kept.
    pub(crate) fn subjects(&self) -> Result<Option<Subjects>, Failure> {
        let path = self.subjects_file();
        if !path.exists() || !self.master_key.exists() {
            return Ok(None);
        }
        let opened = MasterKey::load_or_create(&self.master_key)
            .and_then(|master| Subjects::open(&path, &master, 0));
        opened.map(Some).map_err(|e| secrets_failure(&e))
    }

    /// The key of inputs that records hold sealed, where there is one.
    pub(crate) fn input_key(&self) -> Result<Option<InputKey>, Failure> {
        if !self.sealed_file().exists() || !self.master_key.exists() {
            return Ok(None);
        }
        Ok(self.secrets()?.get(INPUT_KEY).map(|secret| InputKey::of(&secret)))
    }

    fn subjects_file(&self) -> PathBuf {
        self.state.join("subjects.sealed")
    }

    fn sealed_file(&self) -> PathBuf {
        self.state.join("secrets.sealed")
    }

    /// The log's keys, as they were kept when the log was written. Nothing is made here: a key
    /// that was drawn now could verify nothing.
    pub(crate) fn log_keys(&self) -> Result<LogKeys, Failure> {
        log_keys::read(&self.secrets()?)
    }

    /// The sealed secrets, as they were kept. Nothing is made here.
    pub(crate) fn secrets(&self) -> Result<SealedFile, Failure> {
        for needed in [&self.master_key, &self.sealed_file()] {
            if !needed.exists() {
                let message =
                    format!("the log's key cannot be had: there is no `{}`", needed.display());
                return Err(Failure::new(Exit::Refused, Code::LogKeyMissing, message));
            }
        }
        MasterKey::load_or_create(&self.master_key)
            .and_then(|master| SealedFile::open_or_create(&self.sealed_file(), &master))
            .map_err(|e| Failure { exit: Exit::Refused, ..secrets_failure(&e) })
    }
}

/// The opened state folder. It is this process's own until it is dropped.
pub(crate) struct Station {
    pub(crate) journal: Arc<LogFile>,
    pub(crate) ports: Ports,
    pub(crate) secrets: Arc<Mutex<SealedFile>>,
    /// The machine's name.
    pub(crate) host: String,
    /// Whether there was a log once, and somebody has taken it away.
    pub(crate) log_is_gone: bool,
    /// The room that its disk should have left.
    pub(crate) reserve: Arc<Reserve>,
    /// What is amiss with how the log is kept.
    pub(crate) worries: Arc<Worries>,
    /// Who lets go of old segments.
    pub(crate) keeper: Keeper,
}

impl Station {
    /// Opens everything, and makes what is not there yet.
    pub(crate) fn open(places: &Places, config: &Config) -> Result<Self, Failure> {
        let folder = StateFolder::open(&places.state)
            .map_err(|e| Failure::environment(e.code(), with_causes(&e)))?;
        create_parent(&places.master_key)?;
        let master =
            MasterKey::load_or_create(&places.master_key).map_err(|e| secrets_failure(&e))?;
        let mut secrets = SealedFile::open_or_create(&places.sealed_file(), &master)
            .map_err(|e| secrets_failure(&e))?;
        let knows_a_log = secrets.get(log_keys::FIRST).is_some();
        let keys = log_keys::read_or_draw(&mut secrets)?;
        let pseudonym_key = secrets.get_or_draw(PSEUDONYM_KEY).map_err(|e| secrets_failure(&e))?;
        let flow_secret = secrets.get_or_draw(FLOW_KEY).map_err(|e| secrets_failure(&e))?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let journal = LogFile::open(&folder, &keys, log_settings(config), clock.clone())
            .map_err(|e| Failure::environment(e.code(), with_causes(&e)))?;
        let database =
            Database::open(&folder).map_err(|e| Failure::environment(e.code(), with_causes(&e)))?;
        let journal = Arc::new(journal);
        let sealing = sealing(places, config, &master, &journal)?;
        let recording: Arc<dyn Journal> = match &sealing {
            None => journal.clone(),
            Some(sealing) => sealing.clone(),
        };
        // What is sealed as an input first is sealed for its person with all the rest.
        let recording = match config.audit.sealed_input {
            SealedInput::Off => recording,
            SealedInput::On => Arc::new(InputSealer::new(recording, input_key(&mut secrets)?)),
        };
        let reserve = Arc::new(Reserve::new(places.log().path(), config.audit.disk));
        let worries = Arc::new(Worries::default());
        let keeper = Keeper::new(places, &config.audit, &journal, &clock);
        let host = about().host;
        let log_is_gone = knows_a_log && journal.opened().begun;
        let secrets = Arc::new(Mutex::new(secrets));
        let custody = LogCustody::new(places, config, &journal, &secrets, sealing, keeper.clone());
        let fares = Fares::new(&journal, Boards::default(), &reserve, &worries);
        let pending_max = config.limits.approvals_pending_max;
        let ports = Ports {
            journal: Arc::new(ReservingJournal::new(recording, reserve.clone())),
            approvals: Arc::new(Approvals::new(database.clone(), pending_max)),
            tokens: Arc::new(Tokens::new(database.clone())),
            conversations: Arc::new(Conversations::new(database, config.limits.conversations_max)),
            flow_key: flow_key_of(&flow_secret)?,
            clock,
            vitals: Arc::new(fares),
            custody: Arc::new(custody),
            pseudonym_key,
        };
        Ok(Self { journal, ports, secrets, host, log_is_gone, reserve, worries, keeper })
    }

    /// A gateway over this station, with the configuration's policy in force.
    pub(crate) async fn gateway(&self, config: &Config) -> Result<Arc<Gateway>, Failure> {
        let enforcement = match config.enforcement {
            config::Enforcement::On => Enforcement::On,
            config::Enforcement::Off => Enforcement::Off,
        };
        let (policy, limits) = (config.compile()?, config.limits.clone());
        self.journal.set_policy(Some(policy.digest()));
        let opened = Gateway::open(self.ports.clone(), policy, limits, enforcement).await;
        let gateway =
            opened.map_err(|e| Failure::environment(Code::StateBroken, with_causes(&e)))?;
        gateway.limit_rates(config.rate_limits);
        if let Some(jwt) = &config.identity.jwt {
            gateway.trust_issuer(jwt.issuer(), crate::issuer_keys::source(jwt)?);
        }
        let servers = {
            let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
            config.gateway.servers(&config.limits, &Keys { secrets: Some(&secrets) })?
        };
        let opened = gateway.open_mcp(servers);
        opened.map_err(|e| Failure::environment(Code::StateBroken, e.to_string()))?;
        Ok(gateway)
    }
}

fn log_settings(config: &Config) -> LogSettings {
    let durability = match config.durability {
        config::Durability::Strict => Durability::Strict,
        config::Durability::Batched => Durability::Batched,
    };
    LogSettings {
        durability,
        segment_bytes: SegmentBytes(config.audit.segment_bytes_max),
        checkpoints: Some(config.audit.checkpoints.cadence()),
        about: about(),
    }
}

/// The journal that seals what is told of persons, where that is wanted.
fn sealing(
    places: &Places,
    config: &Config,
    master: &MasterKey,
    journal: &Arc<LogFile>,
) -> Result<Option<Arc<SealingJournal>>, Failure> {
    if config.audit.erasure == Erasure::Off {
        return Ok(None);
    }
    let subjects = Subjects::open(&places.subjects_file(), master, config.limits.subjects_max);
    let subjects = subjects.map_err(|e| secrets_failure(&e))?;
    Ok(Some(Arc::new(SealingJournal::new(journal.clone(), subjects))))
}

/// The key of inputs that records hold sealed; it is drawn where there is none.
fn input_key(secrets: &mut SealedFile) -> Result<InputKey, Failure> {
    let secret = secrets.get_or_draw(INPUT_KEY).map_err(|e| secrets_failure(&e))?;
    Ok(InputKey::of(&secret))
}

/// What the log's headers say of this machine.
pub(crate) fn about() -> About {
    // Without it the log is as good; it only does not say where it was written.
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    About { host: host.trim().to_owned(), policy: None }
}

fn flow_key_of(secret: &bakerst_model::Secret) -> Result<FlowKey, Failure> {
    let bytes = secret.expose().first_chunk().copied().ok_or_else(|| {
        let message = "the key of conversations is shorter than it was made";
        Failure::new(Exit::Refused, Code::SecretsBroken, message)
    })?;
    Ok(FlowKey::new(bytes))
}

pub(crate) fn secrets_failure(error: &SecretsError) -> Failure {
    Failure::environment(error.code(), with_causes(error))
}

/// An error and what caused it, in one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The folder of the master key, for its owner alone.
fn create_parent(file: &Path) -> Result<(), Failure> {
    let Some(parent) = file.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
        return Ok(());
    };
    DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(|e| {
        let message = format!("cannot make the folder `{}`: {e}", parent.display());
        Failure::environment(Code::StateUnwritable, message)
    })
}

/// The runtime that doors and clients run on.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|e| Failure::environment(Code::AddressUnusable, format!("no runtime: {e}")))
}

/// A folder that goes with its holder.
pub(crate) struct ScratchFolder(PathBuf);

impl ScratchFolder {
    /// A new folder, for its owner alone.
    pub(crate) fn new(purpose: &str) -> io::Result<Self> {
        Self::within(&std::env::temp_dir(), purpose)
    }

    /// A new folder in the current one: on a disk, where the one for temporary things may be none.
    pub(crate) fn beside(purpose: &str) -> io::Result<Self> {
        Self::within(&std::env::current_dir()?, purpose)
    }

    fn within(folder: &Path, purpose: &str) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let name = format!("bakerst-{purpose}-{:016x}", u64::from_ne_bytes(random));
        let path = folder.join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        // What cannot be removed is in the folder for temporary things, and is removed there.
        let _ = fs::remove_dir_all(&self.0);
    }
}
