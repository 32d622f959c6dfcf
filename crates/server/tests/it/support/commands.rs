//! The program `millimetric` as a command on a data folder.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::on_servers;

/// Path of the program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_millimetric");

/// The program on a data folder, without the tester's own `MILLIMETRIC_*` variables.
pub(crate) fn command(dir: &Path) -> Command {
    clean(Command::new(PROGRAM), dir)
}

/// A command that starts the program, prepared as by [`command`].
pub(crate) fn clean(mut command: Command, dir: &Path) -> Command {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MILLIMETRIC_")) {
        command.env_remove(name);
    }
    command.env("MILLIMETRIC_DATA_DIR", dir).envs(on_servers::variables(dir));
    command
}

/// Runs a command with `--json`, asserts its success and returns its output.
pub(crate) fn cli(dir: &Path, args: &[&str]) -> Value {
    let output = command(dir).args(args).arg("--json").output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
