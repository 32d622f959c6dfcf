//! Calling cargo, and the one tool that cargo may have to install first.
//!
//! Never installs anything outside the target folder.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// The release of cargo-deny that is installed where none is found.
const DENY_VERSION: &str = "=0.20.2";

/// A program that the machine lacks, or may not use. In continuous integration this fails a check, since
/// the machine can be given it; elsewhere the check is skipped.
#[derive(Debug)]
pub struct MissingProgram(pub String);

impl fmt::Display for MissingProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for MissingProgram {}

/// Whether this is continuous integration: `CI` is in the environment.
pub fn in_ci() -> bool {
    env::var_os("CI").is_some()
}

/// A cargo command in the workspace's root, without an input to wait for.
pub fn cargo<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Command {
    in_root(Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into())), arguments)
}

/// A cargo-deny command, installing the program first where there is none. Nothing is fetched
/// but from the registry that cargo already uses.
pub fn cargo_deny<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> anyhow::Result<Command> {
    let tools = target_folder()?.join("tools");
    let own = tools.join("bin").join(format!("cargo-deny{}", env::consts::EXE_SUFFIX));
    let program = if runs(Command::new("cargo-deny").arg("--version")) {
        PathBuf::from("cargo-deny")
    } else {
        if !own.is_file() {
            install_deny(&tools)?;
        }
        own
    };
    Ok(in_root(Command::new(program), arguments))
}

/// Whether a command can be started and succeeds; what it prints is dropped.
pub fn runs(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// A command as it could be typed.
pub fn as_typed(command: &Command) -> String {
    let variables = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?)))
        .map(|(name, value)| (name, if is_secret(name) { "…" } else { value }))
        .map(|(name, value)| format!("{name}={value:?} "));
    let program = PathBuf::from(command.get_program());
    let name = program.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let arguments = command.get_args().map(|argument| format!(" {}", argument.to_string_lossy()));
    variables.chain([name]).chain(arguments).collect()
}

/// Whether a variable of this name has a key or a token.
fn is_secret(name: &str) -> bool {
    name.ends_with("_KEY") || name.ends_with("_TOKEN")
}

/// The workspace's root.
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn in_root<I: AsRef<OsStr>>(mut command: Command, arguments: impl IntoIterator<Item = I>) -> Command {
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// Where cargo put this program: `<target>/debug/xtask`.
pub fn target_folder() -> anyhow::Result<PathBuf> {
    let program = env::current_exe().context("this program's own path is unknown")?;
    let folder = program.ancestors().nth(2).context("this program lies in no target folder")?;
    Ok(folder.to_owned())
}

/// Installs with light optimisation: the tool runs for seconds, its own release profile builds
/// for many minutes.
fn install_deny(tools: &Path) -> anyhow::Result<()> {
    println!("cargo-deny is missing: installing it into {} (about two minutes, once)", tools.display());
    let done = cargo(["install", "cargo-deny", "--locked", "--version", DENY_VERSION, "--root"])
        .arg(tools)
        .env("CARGO_TARGET_DIR", tools.join("build"))
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .status()
        .context("cargo does not start")?;
    // The build's intermediate files are large and never needed again.
    let _ = std::fs::remove_dir_all(tools.join("build"));
    if !done.success() {
        bail!("cargo-deny is missing and could not be installed; try `cargo install cargo-deny --locked`");
    }
    Ok(())
}
