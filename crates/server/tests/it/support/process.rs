//! A server in a process of its own, for tests about the process: signals, kills, its output and exit
//! code, its system calls, locks and memory.

use std::io::{BufRead as _, BufReader};
use std::ops::Deref;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::commands::{PROGRAM, clean, command};
use super::{Instance, eventually};

/// A running `millimetric serve`. Dropped, it is killed.
pub(crate) struct ServerProcess {
    child: Child,
    instance: Instance,
    /// The lines of its log so far.
    log: Arc<Mutex<Vec<String>>>,
    /// The data folder, if it is the server's own.
    folder: Option<TempDir>,
}

impl ServerProcess {
    /// On a fresh folder, with rate limits off.
    pub(crate) fn start() -> Self {
        Self::start_with(&["--rate-limit-track", "off", "--rate-limit-batch", "off"])
    }

    /// On a fresh folder, with these flags.
    pub(crate) fn start_with(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::start_on(folder.path(), flags).keeping(folder)
    }

    /// On a folder that outlives it.
    pub(crate) fn start_on(dir: &Path, flags: &[&str]) -> Self {
        Self::try_start(dir, flags).unwrap_or_else(|error| panic!("the server did not start: {error}"))
    }

    /// On a fresh folder, started by a line of shell that ends in `exec "$0" "$@"`.
    pub(crate) fn start_through(shell: &str, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut through = Command::new("sh");
        through.args(["-c", shell, PROGRAM]);
        let arguments = [&["serve", "--print-keys"], flags].concat();
        Self::spawn(clean(through, folder.path()), folder.path(), &arguments)
            .unwrap_or_else(|error| panic!("the server did not start: {error}"))
            .keeping(folder)
    }

    /// The error is the text of standard error if the start fails.
    pub(crate) fn try_start(dir: &Path, flags: &[&str]) -> Result<Self, String> {
        Self::try_start_as(dir, &[&["serve", "--print-keys"], flags].concat())
    }

    /// With exactly these arguments.
    pub(crate) fn try_start_as(dir: &Path, arguments: &[&str]) -> Result<Self, String> {
        Self::spawn(command(dir), dir, arguments)
    }

    fn spawn(mut program: Command, dir: &Path, arguments: &[&str]) -> Result<Self, String> {
        let mut child = program
            .env("MILLIMETRIC_LISTEN", "127.0.0.1:0")
            .env("MILLIMETRIC_LOG", "warn")
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut greeting = String::new();
        for line in lines.by_ref() {
            let line = line.unwrap();
            if let Some(rest) = line.strip_prefix("Millimetric listens on ") {
                let url = rest.split(' ').next().unwrap().to_owned();
                // A full pipe would stop the server.
                std::thread::spawn(move || lines.for_each(drop));
                let log = gather(child.stderr.take().unwrap());
                let instance = Instance { url, greeting, dir: dir.to_owned() };
                return Ok(Self { child, instance, log, folder: None });
            }
            greeting += &line;
            greeting.push('\n');
        }
        let output = child.wait_with_output().unwrap();
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Keeps a folder until the server ends.
    pub(crate) fn keeping(mut self, folder: TempDir) -> Self {
        self.folder = Some(folder);
        self
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of its log that contains all of the texts.
    pub(crate) fn logged(&self, texts: &[&str]) {
        eventually(&format!("the log contains {texts:?}"), || {
            let log = self.log.lock().unwrap();
            log.iter().any(|line| texts.iter().all(|text| line.contains(text))).then_some(())
        });
    }

    /// The lines of its log so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Kills the process (SIGKILL); returns its own data folder.
    pub(crate) fn kill(mut self) -> Option<TempDir> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.folder.take()
    }

    /// Sends SIGTERM and waits for the end; returns the exit status and its own data folder.
    pub(crate) fn terminate(self) -> (ExitStatus, Option<TempDir>) {
        self.ask_to_stop();
        self.stopped()
    }

    /// Sends SIGTERM; [`ServerProcess::stopped`] waits for the end.
    pub(crate) fn ask_to_stop(&self) {
        signal(&self.child, "TERM");
    }

    /// Waits for the end of a process that was asked to stop.
    pub(crate) fn stopped(mut self) -> (ExitStatus, Option<TempDir>) {
        let status = wait(&mut self.child);
        (status, self.folder.take())
    }
}

impl Deref for ServerProcess {
    type Target = Instance;

    fn deref(&self) -> &Instance {
        &self.instance
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads to the end, since a full pipe would stop the server.
fn gather(errors: ChildStderr) -> Arc<Mutex<Vec<String>>> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let gathered = Arc::clone(&log);
    std::thread::spawn(move || {
        for line in BufReader::new(errors).lines().map_while(Result::ok) {
            gathered.lock().unwrap().push(line);
        }
    });
    log
}

/// Sends a signal such as `TERM`.
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Waits for the end of a process.
pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    eventually("the process ends", || child.try_wait().unwrap())
}
