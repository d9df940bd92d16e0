//! Servers that Baker Street itself starts, for the MCP door: one process for each session.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;

use bakerst_gateway::{McpProcess, McpProgram, McpRunning};
use bakerst_model::Secret;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::Child;
use super::complaints::{Hush, pass_on};
use crate::print::{self, Style};

/// What a program inherits of our environment, beside what its configuration gives it: what
/// programs need to find their files and to speak somebody's language, and nothing of ours.
const INHERITED: [&str; 9] =
    ["HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER"];

/// Starts programs, all from one thread that lives as long as any of them: the system tells a
/// minder that we are gone when the thread that started it is.
pub(crate) struct Starter(mpsc::Sender<Job>);

struct Job {
    command: Command,
    runtime: Handle,
    started: oneshot::Sender<io::Result<Child>>,
}

impl Starter {
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        let (jobs, coming) = mpsc::channel::<Job>();
        let starts = move || {
            for Job { command, runtime, started } in coming {
                let _within = runtime.enter();
                // One that nobody waits for any more ends as it is let go.
                let _ = started.send(Child::start(command));
            }
        };
        thread::Builder::new().name("starter".to_owned()).spawn(starts)?;
        Ok(Arc::new(Self(jobs)))
    }

    async fn start(&self, command: Command) -> io::Result<Child> {
        let (started, starts) = oneshot::channel();
        let gone = |_| io::Error::other("nobody is there to start it");
        let job = Job { command, runtime: Handle::current(), started };
        self.0.send(job).map_err(|_| gone(()))?;
        starts.await.map_err(|_| gone(()))?
    }
}

/// A program as it is configured.
pub(crate) struct Program {
    /// The server that it is.
    pub(crate) name: String,
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// Variables beside those that it inherits.
    pub(crate) variables: BTreeMap<String, Secret>,
    /// The folder that it runs in, unless it is our own.
    pub(crate) folder: Option<PathBuf>,
    /// Who starts it.
    pub(crate) starter: Arc<Starter>,
}

impl Program {
    async fn started(&self) -> io::Result<McpProcess> {
        let mut command = super::command(&self.command, self.folder.as_deref())?;
        command.env_clear().envs(crate::paths::inherited(&INHERITED)).stderr(Stdio::piped());
        for (name, value) in &self.variables {
            use std::os::unix::ffi::OsStrExt as _;
            command.env(name, std::ffi::OsStr::from_bytes(value.expose()));
        }
        let mut child = self.starter.start(command).await?;
        let none = || io::Error::other("it has no pipes");
        let (input, output) = child.input().zip(child.output()).ok_or_else(none)?;
        if let Some(complaints) = child.complaints() {
            let hush = Hush::new(self.variables.values());
            tokio::spawn(pass_on(self.name.clone(), complaints, hush));
        }
        let running = Box::new(Running { child, _starter: self.starter.clone() });
        Ok(McpProcess { input: Box::new(input), output: Box::new(output), running })
    }
}

impl McpProgram for Program {
    fn start(&self) -> Pin<Box<dyn Future<Output = io::Result<McpProcess>> + Send + '_>> {
        Box::pin(async {
            self.started().await.inspect_err(|error| {
                let label = Style::for_stderr().red("server:");
                print::note(format!("{label} `{}` cannot be started: {error}", self.name));
            })
        })
    }
}

/// A program that runs, and whoever has started it.
struct Running {
    child: Child,
    _starter: Arc<Starter>,
}

impl McpRunning for Running {
    fn stop(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { self.child.stop().await })
    }
}
