//! One data folder of the campaign and the server over it: made, started, checked, closed. Old
//! events stay in it and are checked again after every kill.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use parking_lot::Mutex;

use super::check::Found;
use super::clients::{ask_to_forget, forgotten};
use super::ledger::{Ledger, Person, SCOPES, State, person_id};
use super::process::{Connection, Process};
use super::random::Random;
use crate::support::{ALWAYS, cli, eventually, files_with};

/// So many forgotten people are looked for in the files in the end.
const LOOKED_FOR: usize = 8;

/// The live or the test side of a project, and a key that may do all with it.
pub(super) struct Side {
    pub(super) project: String,
    pub(super) env: &'static str,
    pub(super) key: String,
}

/// A folder with all that is known of it.
pub(super) struct Folder {
    root: PathBuf,
    pub(super) sides: [Side; SCOPES],
    pub(super) ledger: Mutex<Ledger>,
}

impl Folder {
    /// Makes one with its projects; no server runs yet.
    pub(super) fn new(root: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir(root)?;
        let data = root.join("data");
        let key = |project: &str, env: &str| {
            let created = cli(&data, &["key", "mint", "--project", project, "--kind", "sk", "--env", env]);
            created["key"].as_str().map(str::to_owned).context("no key")
        };
        let side = |project: &str, env| {
            Ok::<_, anyhow::Error>(Side { project: project.to_owned(), env, key: key(project, env)? })
        };
        for name in ["Shop", "Forum"] {
            cli(&data, &["project", "create", "--name", name]);
        }
        let sides = [side("shop", "live")?, side("shop", "test")?, side("forum", "live")?];
        Ok(Self { root: root.to_owned(), sides, ledger: Mutex::default() })
    }

    /// A place beside the data.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Starts a server without waiting for it.
    pub(super) fn spawn(&self) -> anyhow::Result<Process> {
        Process::spawn(&self.beside("data"), self.log()?)
    }

    /// The file that everything which runs over this folder adds its log to.
    pub(super) fn log(&self) -> anyhow::Result<File> {
        Ok(OpenOptions::new().create(true).append(true).open(self.beside("log"))?)
    }

    /// Looks at every event there is, and decides what was in doubt; returns how many of those batches are stored. A random half of that is
    /// sent again in the next round; the rest must stay as it was found.
    pub(super) fn check(&self, server: &Connection, random: &mut Random) -> anyhow::Result<usize> {
        let mut ledger = self.ledger.lock();
        let mut found = Found::none(&ledger);
        for (scope, side) in self.sides.iter().enumerate() {
            let lines = server.get(&format!("/v1/export?{ALWAYS}"), &side.key)?;
            let events = found.add(&ledger, scope, lines)?;
            let count = server.ask(&format!("/v1/stats?{ALWAYS}"), &side.key)?;
            let counted = count["rows"][0]["value"].as_u64().unwrap_or(0);
            ensure!(counted == events, "scope {scope}: {counted} events counted, {events} exported");
        }
        let decided = ledger.settle(&found)?;
        ledger.check_reclassified(&found)?;
        let stored = decided.iter().filter(|number| ledger.batches[**number].state == State::Stored).count();
        ledger.again = decided.into_iter().filter(|_| random.once_in(2)).collect();
        self.ask_again(server, &mut ledger)?;
        let log = std::fs::read_to_string(self.beside("log"))?;
        let errors: Vec<&str> = log.lines().filter(|line| line.contains("ERROR")).collect();
        ensure!(errors.is_empty(), "the server's log has errors:\n{}", errors.join("\n"));
        Ok(stored)
    }

    /// Whoever asked to be forgotten and got no response asks again.
    fn ask_again(&self, server: &Connection, ledger: &mut Ledger) -> anyhow::Result<()> {
        for (scope, people) in ledger.people.iter_mut().enumerate() {
            for (number, person) in people.iter_mut().enumerate() {
                if *person == Person::Asked {
                    *person = forgotten(ask_to_forget(server, &self.sides[scope], scope, number)?)?;
                }
            }
        }
        Ok(())
    }

    /// Waits until every erasure is done, and looks into every file for some of those people.
    pub(super) fn finish(self, mut process: Process, random: &mut Random) -> anyhow::Result<Ledger> {
        let server = process.connect()?;
        self.check(&server, random)?;
        let mut gone = Vec::new();
        for (scope, people) in self.ledger.lock().people.iter().enumerate() {
            for (number, person) in people.iter().enumerate() {
                let Person::Erased(request) = person else { continue };
                let path = format!("/v1/forget/{request}");
                eventually("an erasure is done", || {
                    let status = server.ask(&path, &self.sides[scope].key);
                    (status.expect("an erasure has a status")["status"] == "done").then_some(())
                });
                gone.push(person_id(scope, number));
            }
        }
        // A request that no store knew when its server died is handed over within a second.
        eventually("the re-classification is done", || {
            self.check(&server, random).unwrap();
            self.ledger.lock().is_reclassified().then_some(())
        });
        process.kill()?;
        for person in random.shuffled(gone).iter().take(LOOKED_FOR) {
            let files = files_with(&self.beside("data"), person.as_bytes());
            ensure!(files.is_empty(), "{person} was forgotten and is still in {files:?}");
        }
        std::fs::remove_dir_all(&self.root)?;
        Ok(self.ledger.into_inner())
    }
}
