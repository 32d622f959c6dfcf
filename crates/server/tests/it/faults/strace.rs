//! Attaches strace to a running server: to make its system calls fail, and to see their order.
//! Where strace is missing or may not attach, a test fails in CI; elsewhere it says so in one line and
//! passes. Asserts nothing about the product.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::support::{cannot_run, signal, wait};

/// A strace that is attached, until it is dropped.
pub(crate) struct Strace(Child);

impl Strace {
    /// Attaches to every thread of a process; `None` outside of CI where that cannot be done.
    pub(crate) fn attach(process: u32, options: &[&str]) -> Option<Self> {
        Self::start(process, &[&["-f"], options].concat())
    }

    /// Attaches to the one thread of the process that has this name.
    pub(crate) fn attach_to_thread(process: u32, name: &str, options: &[&str]) -> Option<Self> {
        let threads = std::fs::read_dir(format!("/proc/{process}/task")).ok()?;
        let is_named = |path: &std::path::Path| {
            std::fs::read_to_string(path.join("comm")).is_ok_and(|it| it.trim() == name)
        };
        let thread = threads.map(|entry| entry.unwrap().path()).find(|path| is_named(path)).unwrap();
        Self::start(thread.file_name()?.to_str()?.parse().ok()?, options)
    }

    fn start(process: u32, options: &[&str]) -> Option<Self> {
        let mut command = Command::new("strace");
        command.args(["-p", &process.to_string()]).args(options);
        if !options.contains(&"-o") {
            command.args(["-o", "/dev/null"]);
        }
        let Ok(mut child) = command.stderr(Stdio::piped()).spawn() else {
            cannot_run("strace is not installed (on Debian: `apt-get install strace`)");
            return None;
        };
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut last = String::new();
        for line in lines.by_ref() {
            if line.contains(" attached") {
                std::thread::spawn(move || lines.for_each(drop));
                return Some(Self(child));
            }
            last = line;
        }
        wait(&mut child);
        cannot_run(&format!("strace may not attach ({last})"));
        None
    }

    /// Ends the fault.
    pub(crate) fn detach(self) {
        drop(self);
    }

    /// Waits until the process is gone that it is attached to.
    pub(crate) fn ended(mut self) {
        wait(&mut self.0);
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            signal(&self.0, "TERM");
            wait(&mut self.0);
        }
    }
}
