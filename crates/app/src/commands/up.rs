//! `bakerst up`: opens everything, serves, and says where.

mod drift;
mod reload;
mod welcome;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bakerst_gateway::{Gateway, Listeners, bind_socket, operate, own_uid, serve};
use bakerst_model::{Action, Actor, Code, Detail, Event, Journal};
use bakerst_sinks::Shipping;
use serde::Serialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::cli::{DurabilityArg, Global, Up};
use crate::config::{self, Config, Durability};
use crate::failure::{Exit, Failure, Outcome};
use crate::print::{self, Style};
use crate::shipping::{self, Fares};
use crate::station::{self, Places, Station};

/// How long sinks have at the end to take what is in the log. What they do not take then, they get
/// after the next start.
const SHIP_WITHIN: Duration = Duration::from_secs(5);

pub(crate) fn run(up: &Up, global: &Global) -> Outcome {
    station::runtime()?.block_on(async {
        let serving = Serving::start(up, global).await?;
        // Whoever reads the welcome may stop us at once, and in order.
        let signals = Signals::listen()?;
        welcome::say(&serving, global.json);
        serving.until_told_to_stop(signals, global).await
    })
}

/// What a person or a system says to a server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|e| {
                let message = format!("cannot listen for signals: {e}");
                Failure::environment(Code::AddressUnusable, message)
            })
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }
}

/// A server that runs.
pub(crate) struct Serving {
    /// Where it listens on TCP.
    pub(crate) address: SocketAddr,
    /// Where it listens on a Unix socket, for hooks.
    pub(crate) socket: Option<PathBuf>,
    /// Where it listens for its operator.
    pub(crate) control: PathBuf,
    /// A token for agents, on the first start: later ones cannot show it again.
    pub(crate) first_token: Option<String>,
    config: Config,
    places: Places,
    gateway: Arc<Gateway>,
    station: Station,
    shipping: Shipping,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
    /// What has to be done for the log now and again.
    keeping: JoinSet<()>,
}

impl Serving {
    /// Opens everything and begins to serve.
    pub(crate) async fn start(up: &Up, global: &Global) -> Result<Self, Failure> {
        let config = configured(up, global)?;
        let places = Places::of(global)?;
        let mut station = Station::open(&places, &config)?;
        let shipping = shipping::start(&places, &config, &station)?;
        let boards = shipping.boards();
        let fares = Fares::new(&station.journal, boards, &station.reserve, &station.worries);
        station.ports.vitals = Arc::new(fares);
        let gateway = station.gateway(&config).await?;
        let tcp = listen(config.listen.address).await?;
        let address = tcp.local_addr().map_err(|e| unusable(config.listen.address, &e))?;
        let control = bind(&places.control_socket())?;
        let hook = places.hook_socket();
        let hook = config.listen.socket.then(|| bind(&hook)).transpose()?;
        let socket = hook.is_some().then(|| places.hook_socket());
        record_start(&station, &config, &gateway, address).await?;
        let first_token = first_token(&gateway).await?;
        let link = Some(bind(&places.link_socket())?);
        let listeners = Listeners { tcp: vec![tcp], hook, link, control: Some(control) };
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            // A stop and a dropped sender mean the same.
            let _ = stopped.await;
        };
        let served = tokio::spawn(serve(listeners, gateway.clone(), shutdown));
        let keeping = watch_over(&station, &config);
        let control = places.control_socket();
        Ok(Self {
            address,
            socket,
            control,
            first_token,
            config,
            places,
            gateway,
            station,
            shipping,
            stop,
            served,
            keeping,
        })
    }

    /// Serves until a signal says stop; SIGHUP reads the configuration again.
    async fn until_told_to_stop(mut self, signals: Signals, global: &Global) -> Outcome {
        let Signals { mut terminate, mut interrupt, mut hang_up } = signals;
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hang_up.recv() => reload::reload(&mut self.config, &self.gateway, &*self.station.journal, global).await,
            }
        }
        self.stop().await;
        Ok(Exit::Ok)
    }

    /// Stops in order: finishes what is being worked on, and says so in the log.
    pub(crate) async fn stop(mut self) {
        // Whoever served is gone already when nobody takes these.
        let _ = self.stop.send(());
        let _ = self.served.await;
        self.gateway.end_servers().await;
        self.keeping.shutdown().await;
        let stopped = event(Action::SystemStopped, &json!({}));
        let last = match stopped {
            Ok(stopped) => self.station.journal.append(stopped).await.ok(),
            Err(_) => None,
        };
        let last = last.unwrap_or_else(|| self.station.journal.health().head);
        self.shipping.stop(last, SHIP_WITHIN).await;
        let places = &self.places;
        for socket in [places.control_socket(), places.hook_socket(), places.link_socket()] {
            let _ = std::fs::remove_file(socket);
        }
    }
}

/// Lets go of old segments, and looks how full the disk is.
fn watch_over(station: &Station, config: &Config) -> JoinSet<()> {
    let Station { journal, reserve, worries, keeper, ports, .. } = station;
    let mut keeping = JoinSet::new();
    keeping.spawn(keeper.clone().keep(config.audit.retention, worries.clone()));
    let (journal, clock) = (journal.clone(), ports.clock.clone());
    keeping.spawn(reserve.clone().watch(journal, clock, worries.clone()));
    keeping
}

fn configured(up: &Up, global: &Global) -> Result<Config, Failure> {
    let mut config = Config::load(global.config.as_deref())?;
    if let Some(address) = up.listen {
        config::check_address(address.ip()).map_err(|f| Failure::usage(f.code, f.message))?;
        config.listen.address = address;
    }
    match up.durability {
        Some(DurabilityArg::Strict) => config.durability = Durability::Strict,
        Some(DurabilityArg::Batched) => config.durability = Durability::Batched,
        None => {}
    }
    Ok(config)
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|e| unusable(address, &e))
}

fn unusable(address: SocketAddr, error: &std::io::Error) -> Failure {
    let code = match error.kind() {
        std::io::ErrorKind::AddrInUse => Code::AddressTaken,
        _ => Code::AddressUnusable,
    };
    Failure::environment(code, format!("cannot listen on {address}: {error}"))
}

fn bind(socket: &std::path::Path) -> Result<tokio::net::UnixListener, Failure> {
    bind_socket(socket, 0o600).map_err(|e| {
        let message = format!("cannot listen on `{}`: {e}", socket.display());
        Failure::environment(Code::AddressUnusable, message)
    })
}

/// An event of our own.
fn event(action: Action, detail: &impl Serialize) -> Result<Event, Failure> {
    let detail =
        Detail::of(detail).map_err(|e| Failure::environment(Code::LogUnwritable, e.to_string()))?;
    Ok(Event { action, actor: Actor::system(), conversation: None, detail })
}

async fn record(journal: &dyn Journal, event: Event) -> Result<(), Failure> {
    let recorded = journal.append(event).await;
    recorded.map(|_| ()).map_err(|e| Failure::environment(e.code(), e.to_string()))
}

/// The start itself is recorded before anything is served; so is whatever is less guarded.
async fn record_start(
    station: &Station,
    config: &Config,
    gateway: &Gateway,
    address: SocketAddr,
) -> Result<(), Failure> {
    let started = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "address": address,
        "policy": gateway.policy().digest(),
        "durability": config.durability,
        "enforcement": config.enforcement,
    });
    record(&*station.journal, event(Action::SystemStarted, &started)?).await?;
    drift::record_held(&*station.journal, &config.policy, None).await?;
    let mut alarms = gateway.alarms();
    if station.log_is_gone {
        alarms.push("the audit log that was here is gone; this one begins anew".to_owned());
        print::note(format!(
            "{} the audit log that was here is gone",
            Style::for_stderr().red("alarm:")
        ));
    }
    if alarms.is_empty() {
        return Ok(());
    }
    record(&*station.journal, event(Action::SystemAlarm, &json!({ "alarms": alarms }))?).await
}

/// Where there is no token at all, an agent could not do anything: one is made, once.
async fn first_token(gateway: &Arc<Gateway>) -> Result<Option<String>, Failure> {
    let uid = own_uid().map_err(|e| Failure::environment(Code::AddressUnusable, e.to_string()))?;
    let listed = operate(gateway, uid, "GET", "/api/tokens", None).await;
    let none = json!([]);
    let tokens: serde_json::Value = serde_json::from_slice(&listed.body).unwrap_or_default();
    if tokens != none {
        return Ok(None);
    }
    let wanted = json!({ "name": "first-agent", "roles": ["agent"] });
    let made = operate(gateway, uid, "POST", "/api/tokens", Some(wanted.to_string().into())).await;
    let made: serde_json::Value = serde_json::from_slice(&made.body).unwrap_or_default();
    Ok(made.get("token").and_then(serde_json::Value::as_str).map(str::to_owned))
}
