//! `millimetric project …`

pub(super) mod rules;

use std::num::NonZeroU32;

use chrono_tz::Tz;
use clap::{Args, Subcommand};
use millimetric_control::{Actor, Name, Plan, Project, ProjectPatch, Slug};
use millimetric_core::origin::AllowedOrigin;
use serde_json::{Value, json};

use rules::RulesCommand;

use super::{existing_control, one_of, open_control, output, project_of, read_control};
use crate::config::Installation;
use crate::ops::projects::found;
use crate::secrets::Secrets;
use crate::state::system_clock;

/// What can be done with projects.
#[derive(Debug, Subcommand)]
pub(super) enum ProjectCommand {
    /// Create a project with one live pk, sk and rk, printed once
    Create(CreateArgs),
    /// List the projects
    List(Json),
    /// Show a project
    Show(ShowArgs),
    /// Change a project; options that are not given stay as they are
    Update(UpdateArgs),
    /// Show, set and test a project's own attribution rules
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Delete a project: its keys stop immediately, its events are deleted from disk within an hour
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
pub(super) struct Json {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// Display name
    #[arg(long)]
    name: Name,
    /// Short name for commands and URLs; default: derived from the name
    #[arg(long)]
    slug: Option<Slug>,
    /// Allowed origin for pk keys, like `https://example.com` or `https://*.example.com`; may be repeated
    #[arg(long = "origin", value_name = "URL")]
    origins: Vec<AllowedOrigin>,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The project's slug
    slug: Slug,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
pub(super) struct UpdateArgs {
    /// The project's slug
    slug: Slug,
    /// New name
    #[arg(long)]
    name: Option<Name>,
    /// New slug
    #[arg(long, value_name = "SLUG")]
    new_slug: Option<Slug>,
    /// The allowed origins, replacing the whole list; may be repeated
    #[arg(long = "origin", value_name = "URL", conflicts_with = "no_origins")]
    origins: Vec<AllowedOrigin>,
    /// Remove all allowed origins
    #[arg(long)]
    no_origins: bool,
    /// Plan, with its quota and features
    #[arg(long, value_parser = one_of::<Plan>(Plan::ALL.map(Plan::as_str)))]
    plan: Option<Plan>,
    /// Days to keep events, or `forever`
    #[arg(long, value_name = "DAYS", value_parser = retention)]
    retention_days: Option<Retention>,
    /// Time zone of reports, an IANA name like Europe/Berlin
    #[arg(long)]
    timezone: Option<Tz>,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    /// The project's slug
    slug: Slug,
    /// Confirm: this cannot be undone
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Clone, Copy)]
struct Retention(Option<NonZeroU32>);

fn retention(text: &str) -> Result<Retention, String> {
    match text {
        "forever" => Ok(Retention(None)),
        days => days
            .parse()
            .map(|days| Retention(Some(days)))
            .map_err(|_| "expected days or `forever`".to_owned()),
    }
}

/// Runs one of them.
pub(super) async fn run(at: &Installation, command: ProjectCommand) -> anyhow::Result<()> {
    match command {
        ProjectCommand::Create(args) => create(at, args).await,
        ProjectCommand::List(args) => list(at, &args).await,
        ProjectCommand::Show(args) => show(at, &args).await,
        ProjectCommand::Update(args) => update(at, args).await,
        ProjectCommand::Rules(command) => rules::run(at, command).await,
        ProjectCommand::Delete(args) => delete(at, &args).await,
    }
}

async fn create(at: &Installation, args: CreateArgs) -> anyhow::Result<()> {
    let control = open_control(at).await?;
    let secrets = Secrets::load(at)?;
    let slug = args.slug.unwrap_or_else(|| Slug::from_name(&args.name));
    let now = system_clock()();
    let founded =
        found(&control, &secrets.pepper, args.name, slug, args.origins, &Actor::CommandLine, now).await?;
    let (project, keys) = (&founded.project, [&founded.pk, &founded.sk, &founded.rk]);
    let [pk, sk, rk] = keys.map(|key| key.text.reveal());
    if args.json.json {
        output::json(&json!({
            "project_id": project.id, "slug": project.slug.as_str(), "name": project.name.as_str(),
            "keys": { "pk": pk, "sk": sk, "rk": rk },
        }));
        return Ok(());
    }
    output::line(format_args!(
        "Project {} ({}) created. Its keys are shown only once:",
        project.slug, project.id
    ));
    for text in [pk, sk, rk] {
        output::line(format_args!("  {text}"));
    }
    if project.allowed_origins.is_empty() {
        output::line(format_args!(
            "Browsers cannot send yet, since there are no allowed origins. Add one:\n  millimetric project update {} --origin https://example.com",
            project.slug
        ));
    }
    Ok(())
}

async fn list(at: &Installation, args: &Json) -> anyhow::Result<()> {
    let control = read_control(at).await?;
    let projects = control.projects().await?;
    if args.json {
        output::json(&Value::Array(projects.iter().map(output::project).collect()));
        return Ok(());
    }
    let rows = projects.iter().map(|project| {
        let Project { slug, plan, created_at, id, name, .. } = project;
        [slug.to_string(), plan.to_string(), created_at.to_string(), id.to_string(), name.to_string()]
    });
    output::table(["SLUG", "PLAN", "CREATED", "ID", "NAME"], rows);
    output::unreadable(&control.damage().await?, "project");
    Ok(())
}

async fn show(at: &Installation, args: &ShowArgs) -> anyhow::Result<()> {
    let project = project_of(&read_control(at).await?, &args.slug).await?;
    print(&output::project(&project), args.json.json);
    Ok(())
}

async fn update(at: &Installation, args: UpdateArgs) -> anyhow::Result<()> {
    let control = existing_control(at).await?;
    let project = project_of(&control, &args.slug).await?;
    let origins = (args.no_origins || !args.origins.is_empty()).then_some(args.origins);
    let changes = origins.is_some()
        || args.new_slug.is_some()
        || args.name.is_some()
        || args.plan.is_some()
        || args.retention_days.is_some()
        || args.timezone.is_some();
    anyhow::ensure!(
        changes,
        "nothing to change: pass what should, like --name or --origin; see `millimetric project update --help`"
    );
    let patch = ProjectPatch {
        slug: args.new_slug,
        name: args.name,
        allowed_origins: origins,
        plan: args.plan,
        retention_days: args.retention_days.map(|Retention(days)| days),
        timezone: args.timezone,
        classifier: None,
    };
    let updated = control.update_project(project.id, patch, &Actor::CommandLine, system_clock()()).await?;
    print(&output::project(&updated), args.json.json);
    Ok(())
}

async fn delete(at: &Installation, args: &DeleteArgs) -> anyhow::Result<()> {
    let control = existing_control(at).await?;
    let project = project_of(&control, &args.slug).await?;
    anyhow::ensure!(
        args.yes,
        "this deletes `{}` and its events permanently; repeat with --yes",
        project.slug
    );
    control.delete_project(project.id, &Actor::CommandLine, system_clock()()).await?;
    print(&json!({ "deleted": project.id }), args.json.json);
    Ok(())
}

/// Prints an object: one line for each member, or one line of JSON.
fn print(object: &Value, json: bool) {
    if json {
        return output::json(object);
    }
    for (name, value) in object.as_object().into_iter().flatten() {
        output::line(format_args!("{name:<16} {}", plain(value)));
    }
}

/// A value as text: a list with commas, and `-` where there is none.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "-".to_owned(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
