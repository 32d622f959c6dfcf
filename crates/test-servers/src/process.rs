//! A process that ends with its owner, also if the owner is killed, and signals to it and its children.

use std::ffi::OsStr;
use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::StartError;

/// How long a server may take to start, or to end.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(20);

/// A user of this machine, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Its number must not be used any more: it may be that of another process.
    has_ended: bool,
}

impl Process {
    /// Starts a program that gets SIGQUIT when this thread ends. What it says goes to a file.
    pub(crate) fn start(
        program: &OsStr,
        arguments: &[&str],
        user: Option<User>,
        log: &Path,
    ) -> Result<Self, StartError> {
        Self::spawn(command(program, user), arguments, Stdio::null(), log)
    }

    /// The same for a program that ends with its standard input: whichever thread started it, it ends with its
    /// owner.
    pub(crate) fn start_with_input(
        program: &OsStr,
        arguments: &[&str],
        log: &Path,
    ) -> Result<Self, StartError> {
        Self::spawn(Command::new(program), arguments, Stdio::piped(), log)
    }

    fn spawn(mut command: Command, arguments: &[&str], input: Stdio, log: &Path) -> Result<Self, StartError> {
        let log = File::create(log).map_err(|error| StartError::Failed(error.to_string()))?;
        command.args(arguments).stdin(input).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().map_err(|error| StartError::Failed(format!("{command:?}: {error}")))?;
        Ok(Self { child, has_ended: false })
    }

    /// Waits until the server is ready; if it ends before, what it said.
    pub(crate) fn wait_until(&mut self, is_ready: impl Fn() -> bool, log: &Path) -> Result<(), StartError> {
        let began = Instant::now();
        while !is_ready() {
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                self.has_ended = true;
                return Err(StartError::Failed(std::fs::read_to_string(log).unwrap_or_default()));
            }
            if began.elapsed() > PATIENCE {
                return Err(StartError::Failed(format!("it was not ready after {} s", PATIENCE.as_secs())));
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the process alone.
    pub(crate) fn signal(&self, signal: Signal) {
        if !self.has_ended {
            send(self.child.id(), signal);
        }
    }

    /// Sends a signal to the process and its children.
    pub(crate) fn signal_all(&self, signal: Signal) {
        self.signal(signal);
        for child in self.children() {
            send(child, signal);
        }
    }

    /// Ends the process with a signal, and waits for it and its children.
    pub(crate) fn end(&mut self, signal: Signal) {
        let children = self.children();
        self.signal(signal);
        // One that was stopped takes no other signal than this.
        self.signal_all(Signal::CONT);
        let _ = self.child.wait();
        self.has_ended = true;
        let began = Instant::now();
        while children.iter().any(|&child| is_running(child)) && began.elapsed() < PATIENCE {
            std::thread::sleep(PAUSE);
        }
    }

    fn children(&self) -> Vec<u32> {
        if self.has_ended {
            return Vec::new();
        }
        let id = self.child.id();
        let listed = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        listed.split_whitespace().filter_map(|id| id.parse().ok()).collect()
    }
}

/// Runs a program as a user, and ends it with this thread.
fn command(program: &OsStr, user: Option<User>) -> Command {
    if !cfg!(target_os = "linux") {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "QUIT"]);
    if let Some(User { uid, gid }) = user {
        command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned()]);
    }
    command.arg("--").arg(program);
    command
}

fn is_running(id: u32) -> bool {
    std::path::Path::new(&format!("/proc/{id}")).exists()
}

fn send(id: u32, signal: Signal) {
    // A process that has ended meanwhile gets none.
    let _ = Pid::from_raw(id.cast_signed()).map(|id| kill_process(id, signal));
}

/// Runs a program to its end, as a user.
pub(crate) fn run(program: &OsStr, arguments: &[&str], user: Option<User>) -> Result<(), StartError> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    if let Some(User { uid, gid }) = user {
        command.uid(uid).gid(gid);
    }
    let failed = |why: String| StartError::Failed(format!("{}: {why}", program.display()));
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}

/// A port of this machine that nobody listens on now.
pub(crate) fn free_port() -> Result<u16, StartError> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| StartError::Failed(error.to_string()))
}
