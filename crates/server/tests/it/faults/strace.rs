//! Attaches strace to a running server: to make its system calls fail, and to see their order.
//! Where that cannot be done a test says so in one line and passes. Asserts nothing about the
//! product.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::support::{signal, wait};

/// A strace that is attached, until it is dropped.
pub(crate) struct Strace(Child);

impl Strace {
    /// Attaches to every thread of a process; `None` where strace is missing or must not.
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

    #[allow(clippy::print_stdout, reason = "a test that tests nothing must say so")]
    fn start(process: u32, options: &[&str]) -> Option<Self> {
        let mut command = Command::new("strace");
        command.args(["-p", &process.to_string()]).args(options);
        if !options.contains(&"-o") {
            command.args(["-o", "/dev/null"]);
        }
        let Ok(mut child) = command.stderr(Stdio::piped()).spawn() else {
            println!("skipped: this test injects faults with strace, which is not installed");
            return None;
        };
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut words = String::new();
        for line in lines.by_ref() {
            if line.contains(" attached") {
                std::thread::spawn(move || lines.for_each(drop));
                return Some(Self(child));
            }
            words = line;
        }
        wait(&mut child);
        println!("skipped: this test injects faults with strace, which may not attach ({words})");
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
