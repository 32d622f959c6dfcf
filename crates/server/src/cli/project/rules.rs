//! `millimetric project rules …`: a project's own rules for attribution.

use std::fs::File;
use std::io::{Read as _, stdin};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use millimetric_control::{Actor, ProjectPatch, Slug};
use millimetric_core::classify::{ProjectRules, RuleSettings};
use millimetric_core::event::EventScope;
use millimetric_core::key::Env;
use millimetric_core::query::{ClassifiedAs, RuleChange, RuleChanges, RuleChangesQuery};
use millimetric_core::time::{DAY_MILLIS, TimeRange, Timestamp};
use serde_json::json;

use crate::cli::output::Progress;
use crate::cli::store::Store;
use crate::cli::{env_word, existing_control, output, project_of, read_control, time};
use crate::config::Installation;
use crate::state::system_clock;

/// The most bytes of a file with rules.
const MAX_FILE: u64 = 1 << 20;
/// Days before now that `test` looks at.
const USUAL_DAYS: i64 = 30;
/// Rows that are printed as text.
const SHOWN_ROWS: usize = 20;

/// What can be done with the rules of a project.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum RulesCommand {
    /// Print the rules, ignored referrers and the meaning of Meta's click ids, as JSON
    Show(ShowArgs),
    /// Replace them by those of a JSON file; new events are classified with them at once
    Set(SetArgs),
    /// Show what the rules of a file would change of stored events; nothing is written
    Test(TestArgs),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArgs {
    /// Slug of the project
    #[arg(long, value_name = "SLUG")]
    project: Slug,
    /// Print JSON on one line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct SetArgs {
    /// JSON file as `show` prints it, or - for standard input
    file: PathBuf,
    /// Slug of the project
    #[arg(long, value_name = "SLUG")]
    project: Slug,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct TestArgs {
    /// JSON file as `show` prints it, or - for standard input
    file: PathBuf,
    #[command(flatten)]
    events: SelectedEvents,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Which events rules are applied to.
#[derive(Debug, Args)]
pub(in crate::cli) struct SelectedEvents {
    /// Slug of the project
    #[arg(long, value_name = "SLUG")]
    pub(in crate::cli) project: Slug,
    /// Environment
    #[arg(long, default_value = "live", value_parser = env_word())]
    pub(in crate::cli) env: Env,
    /// Only events from this time on: a date (midnight UTC) or a time like 2026-05-16T19:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time, requires = "to")]
    from: Option<Timestamp>,
    /// Only events before this time
    #[arg(long, value_name = "TIME", value_parser = time, requires = "from")]
    to: Option<Timestamp>,
}

impl SelectedEvents {
    /// The range that was given.
    pub(in crate::cli) fn range(&self) -> anyhow::Result<Option<TimeRange>> {
        let Some((from, to)) = self.from.zip(self.to) else { return Ok(None) };
        TimeRange::new(from, to).context("--from must be before --to").map(Some)
    }
}

/// Runs one of them.
pub(in crate::cli) async fn run(at: &Installation, command: RulesCommand) -> anyhow::Result<()> {
    match command {
        RulesCommand::Show(args) => show(at, &args).await,
        RulesCommand::Set(args) => set(at, &args).await,
        RulesCommand::Test(args) => test(at, &args).await,
    }
}

async fn show(at: &Installation, args: &ShowArgs) -> anyhow::Result<()> {
    let project = project_of(&read_control(at).await?, &args.project).await?;
    if let Some(problem) = project.classifier.problem() {
        anyhow::bail!("the rules of `{}` cannot be read ({problem}): set new ones", args.project);
    }
    let settings = project.classifier.settings();
    if args.json {
        output::json(&json!(settings));
    } else {
        output::line(serde_json::to_string_pretty(&settings)?);
    }
    Ok(())
}

async fn set(at: &Installation, args: &SetArgs) -> anyhow::Result<()> {
    let rules = read(&args.file)?;
    let control = existing_control(at).await?;
    let project = project_of(&control, &args.project).await?;
    let count = rules.settings().map_or(0, |settings| settings.rules.len());
    let patch = ProjectPatch { classifier: Some(rules), ..ProjectPatch::default() };
    control.update_project(project.id, patch, &Actor::CommandLine, system_clock()()).await?;
    if args.json {
        output::json(&json!({ "project": args.project.as_str(), "rules": count }));
        return Ok(());
    }
    output::line(format_args!(
        "{count} {} set. New events are classified with them. Stored events stay as they are until:\n  millimetric reclassify --project {}",
        if count == 1 { "rule" } else { "rules" },
        args.project
    ));
    Ok(())
}

async fn test(at: &Installation, args: &TestArgs) -> anyhow::Result<()> {
    let rules = read(&args.file)?;
    let now = system_clock()();
    let usual = TimeRange::new(now.plus_millis(-USUAL_DAYS * DAY_MILLIS), now.plus_millis(1));
    let range = args.events.range()?.or(usual).context("the clock is out of range")?;
    what_if(at, &args.events, RuleChangesQuery { range, rules }, args.json).await
}

/// Prints what rules would change.
pub(in crate::cli) async fn what_if(
    at: &Installation,
    events: &SelectedEvents,
    query: RuleChangesQuery,
    json: bool,
) -> anyhow::Result<()> {
    let project = project_of(&read_control(at).await?, &events.project).await?;
    let mut store = Store::open_to_read(at).await?;
    let progress = Progress::spinner("looking at the events");
    let changes = store.rule_changes(EventScope { project: project.id, env: events.env }, query).await;
    drop(progress);
    store.close().await;
    print(&changes?, json);
    if !json {
        output::line("Nothing was written.");
    }
    Ok(())
}

/// Prints counts: as text, the rows with most events.
pub(in crate::cli) fn print(changes: &RuleChanges, json: bool) {
    if json {
        return output::json(&json!(changes));
    }
    let RuleChanges { events, changed, kept, paths, unreadable, rows, other } = changes;
    output::line(format_args!("{events} events, of which {changed} change."));
    for row in rows.iter().take(SHOWN_ROWS) {
        output::line(format_args!("  {:>9}  {} -> {}", row.events, shown(&row.old), shown(&row.new)));
        if let Some(sample) = row.samples.first() {
            let url = sample.url.as_deref().unwrap_or("no URL").escape_debug();
            output::line(format_args!("             e.g. {} {url}", sample.event_id.escape_debug()));
        }
    }
    let unlisted = rows.iter().skip(SHOWN_ROWS).map(|row: &RuleChange| row.events).sum::<u64>() + other;
    for (count, what) in [
        (unlisted, "events change in other ways; --json lists more of them."),
        (*kept, "events keep what they have: their stored URL lost what a rule needs."),
        (*paths, "events have a path that is not normalised; a re-classification normalises it."),
        (*unreadable, "events are in files that cannot be read, and keep what they have."),
    ] {
        if count > 0 {
            output::line(format_args!("{count} {what}"));
        }
    }
}

fn shown(classified: &ClassifiedAs) -> String {
    let ClassifiedAs { source, medium, rule_id, .. } = classified;
    format!("{source} / {medium} ({rule_id})").escape_debug().to_string()
}

/// Reads and checks a file.
fn read(file: &Path) -> anyhow::Result<ProjectRules> {
    let shown = file.display();
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        stdin().lock().take(MAX_FILE + 1).read_to_string(&mut text)
    } else {
        let file = File::open(file).with_context(|| format!("cannot read {shown}"))?;
        file.take(MAX_FILE + 1).read_to_string(&mut text)
    };
    read.with_context(|| format!("cannot read {shown}"))?;
    ensure!(text.len() as u64 <= MAX_FILE, "{shown} is larger than {MAX_FILE} bytes");
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let settings: RuleSettings = serde_json::from_str(text).with_context(|| {
        format!(
            "{shown}: expected JSON like {{\"rules\":[{{\"slug\":\"partners\",\"when\":[{{\"field\":\"query.ref\",\"op\":\"is\",\"value\":\"acme\"}}],\"source\":\"acme\",\"medium\":\"partner\"}}],\"ignored_referrers\":[\"pay.example.com\"],\"meta_clicks\":\"paid\"}}"
        )
    })?;
    ProjectRules::new(settings).map_err(|error| anyhow::anyhow!("{shown}: {error}"))
}
