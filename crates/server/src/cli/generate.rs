//! `millimetric completions` and `millimetric man`: what is generated from the definition of the command line.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use clap_complete::Shell;

use super::{output, visible};

#[derive(Debug, Args)]
#[command(after_help = "\
To load them in every new shell:
  bash  millimetric completions bash > ~/.local/share/bash-completion/completions/millimetric
  zsh   millimetric completions zsh > DIR/_millimetric    (DIR is a folder of $fpath)
  fish  millimetric completions fish > ~/.config/fish/completions/millimetric.fish
To try them in this bash: source <(millimetric completions bash)")]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  millimetric man ~/.local/share/man/man1 && man millimetric-project-create")]
pub(super) struct ManArgs {
    /// Folder to write to; created if it is missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Prints a completion script.
pub(super) fn completions(args: &CompletionsArgs) {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut visible(), "millimetric", &mut script);
    output::raw(&script);
}

/// Writes a page for each command.
pub(super) fn man(args: &ManArgs) -> anyhow::Result<()> {
    let folder = args.folder.display();
    std::fs::create_dir_all(&args.folder).with_context(|| format!("cannot create {folder}"))?;
    clap_mangen::generate_to(visible(), &args.folder).with_context(|| format!("cannot write to {folder}"))?;
    output::line(format_args!("Man pages written to {folder}."));
    Ok(())
}
