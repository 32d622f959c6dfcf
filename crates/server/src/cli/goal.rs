//! `millimetric goal …`

use anyhow::Context as _;
use clap::{Args, Subcommand};
use millimetric_control::{Actor, Control, Name, Project, ProjectGoal, Slug};
use millimetric_core::fuzzy_match;
use millimetric_core::goal::{Goal, GoalEvent, GoalFilters, GoalTarget};
use millimetric_core::query::{GoalSlug, PathPattern, PropertyName, ValueProperty, currency};
use serde_json::json;

use super::{existing_control, output, project_of, read_control};
use crate::config::Installation;
use crate::state::system_clock;
use crate::wire::goals::GoalRow;

/// What can be done with goals.
#[derive(Debug, Subcommand)]
pub(super) enum GoalCommand {
    /// Create a goal; reports take it as goal=SLUG
    Create(CreateArgs),
    /// List the goals of a project
    List(ListArgs),
    /// Change a goal; options that are not given stay as they are
    Update(UpdateArgs),
    /// Delete a goal; events stay as they are
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
pub(super) struct Of {
    /// Slug of the project
    #[arg(long, value_name = "SLUG")]
    project: Slug,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What a goal is made of.
#[derive(Debug, Args)]
pub(super) struct Parts {
    /// Display name
    #[arg(long)]
    name: Option<Name>,
    /// Event that reaches the goal, like signup
    #[arg(long, value_name = "NAME", conflicts_with = "page")]
    event: Option<GoalEvent>,
    /// Path of the page view that reaches the goal, like /thank-you; * matches any characters
    #[arg(long, value_name = "PATH")]
    page: Option<PathPattern>,
    /// Conditions that the event must meet too, a JSON list like `[["is","country",["DE","AT"]]]`
    #[arg(long, value_name = "JSON")]
    filters: Option<GoalFilters>,
    /// Numeric property that says what reaching the goal is worth, like amount
    #[arg(long, value_name = "NAME", value_parser = property)]
    value: Option<PropertyName>,
    /// Currency of events that have no property `currency`, like EUR
    #[arg(long, value_name = "CODE", value_parser = currency_code)]
    currency: Option<&'static str>,
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// Short name, like signup
    slug: GoalSlug,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    parts: Parts,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    of: Of,
}

#[derive(Debug, Args)]
pub(super) struct UpdateArgs {
    /// The goal's slug
    slug: GoalSlug,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    parts: Parts,
    /// Remove the value
    #[arg(long, conflicts_with_all = ["value", "currency"])]
    no_value: bool,
    /// Remove the currency
    #[arg(long, conflicts_with = "currency")]
    no_currency: bool,
}

#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    /// The goal's slug
    slug: GoalSlug,
    #[command(flatten)]
    of: Of,
}

fn property(text: &str) -> Result<PropertyName, &'static str> {
    PropertyName::new(text).ok_or("expected the name of a property, 1 to 128 bytes long, like amount")
}

fn currency_code(text: &str) -> Result<&'static str, &'static str> {
    currency::code(text).ok_or("expected a currency of ISO 4217, like EUR")
}

/// Runs one of them.
pub(super) async fn run(at: &Installation, command: GoalCommand) -> anyhow::Result<()> {
    match command {
        GoalCommand::Create(args) => create(at, args).await,
        GoalCommand::List(args) => list(at, &args).await,
        GoalCommand::Update(args) => update(at, args).await,
        GoalCommand::Delete(args) => delete(at, &args).await,
    }
}

impl Parts {
    /// Whether no part is given.
    const fn is_empty(&self) -> bool {
        let Self { name, event, page, filters, value, currency } = self;
        let target = event.is_none() && page.is_none();
        name.is_none() && target && filters.is_none() && value.is_none() && currency.is_none()
    }

    /// The event or the page.
    fn target(&self) -> Option<GoalTarget> {
        let page = self.page.clone().map(GoalTarget::Page);
        self.event.clone().map(GoalTarget::Event).or(page)
    }

    /// The goal of these parts; without a name it has that of its slug.
    fn goal(self, slug: GoalSlug) -> anyhow::Result<ProjectGoal> {
        let target =
            self.target().context("pass --event or --page: what happens when the goal is reached")?;
        let value = value(self.value, self.currency)?;
        let name = self.name.map_or_else(|| slug.as_str().parse(), Ok)?;
        Ok(ProjectGoal {
            name,
            goal: Goal { slug, target, filters: self.filters.unwrap_or_default(), value },
        })
    }
}

fn value(
    property: Option<PropertyName>,
    currency: Option<&'static str>,
) -> anyhow::Result<Option<ValueProperty>> {
    anyhow::ensure!(
        property.is_some() || currency.is_none(),
        "--currency goes with --value: the property with the amount"
    );
    Ok(property.map(|property| ValueProperty { property, currency }))
}

async fn create(at: &Installation, args: CreateArgs) -> anyhow::Result<()> {
    let control = existing_control(at).await?;
    let project = project_of(&control, &args.of.project).await?;
    let goal = args.parts.goal(args.slug)?;
    control.create_goal(project.id, &goal, &Actor::CommandLine, system_clock()()).await?;
    print(goal, args.of.json)
}

async fn list(at: &Installation, args: &ListArgs) -> anyhow::Result<()> {
    let control = read_control(at).await?;
    let project = project_of(&control, &args.of.project).await?;
    let goals: Vec<GoalRow> = control.goals(project.id).await?.into_iter().map(GoalRow::from).collect();
    if args.of.json {
        output::json(&json!(goals));
        return Ok(());
    }
    let rows = goals.iter().map(|goal| {
        let filters = goal.filters.as_ref().map(ToString::to_string).unwrap_or_default();
        [goal.slug.clone(), target(goal), value_of(goal), filters, goal.name.clone()]
    });
    output::table(["SLUG", "REACHED BY", "VALUE", "FILTERS", "NAME"], rows);
    output::unreadable_of(&control.damage().await?, "goal", project.id);
    Ok(())
}

async fn update(at: &Installation, args: UpdateArgs) -> anyhow::Result<()> {
    anyhow::ensure!(
        args.no_value || args.no_currency || !args.parts.is_empty(),
        "nothing to change: pass what should, like --name or --event; see `millimetric goal update --help`"
    );
    let control = existing_control(at).await?;
    let project = project_of(&control, &args.of.project).await?;
    let ProjectGoal { name, goal } = found(&control, &project, &args.slug).await?;
    let (target, parts) = (args.parts.target(), args.parts);
    let before = goal.value.filter(|_| !args.no_value);
    let currency = before.as_ref().and_then(|value| value.currency).filter(|_| !args.no_currency);
    let property = parts.value.or(before.map(|value| value.property));
    let goal = Goal {
        slug: goal.slug,
        target: target.unwrap_or(goal.target),
        filters: parts.filters.unwrap_or(goal.filters),
        value: value(property, parts.currency.or(currency))?,
    };
    let goal = ProjectGoal { name: parts.name.unwrap_or(name), goal };
    control.update_goal(project.id, &goal, &Actor::CommandLine, system_clock()()).await?;
    print(goal, args.of.json)
}

async fn delete(at: &Installation, args: &DeleteArgs) -> anyhow::Result<()> {
    let control = existing_control(at).await?;
    let project = project_of(&control, &args.of.project).await?;
    let known = control.goal_slugs(project.id).await?;
    anyhow::ensure!(known.contains(&args.slug), unknown(&project, &args.slug, &known));
    control.delete_goal(project.id, &args.slug, &Actor::CommandLine, system_clock()()).await?;
    if args.of.json {
        output::json(&json!({ "deleted": args.slug.as_str() }));
    } else {
        output::line(format_args!("Goal {} deleted.", args.slug));
    }
    Ok(())
}

async fn found(control: &Control, project: &Project, slug: &GoalSlug) -> anyhow::Result<ProjectGoal> {
    match control.goal(project.id, slug).await? {
        Some(goal) => Ok(goal),
        None => anyhow::bail!(unknown(project, slug, &control.goal_slugs(project.id).await?)),
    }
}

/// The sentence about a goal that does not exist.
fn unknown(project: &Project, slug: &GoalSlug, known: &[GoalSlug]) -> String {
    let closest = fuzzy_match::closest(slug.as_str(), known.iter().map(GoalSlug::as_str));
    let meant = closest.map(|slug| format!(" Did you mean `{slug}`?")).unwrap_or_default();
    let project = &project.slug;
    format!(
        "the project `{project}` has no goal `{slug}`.{meant} See `millimetric goal list --project {project}`"
    )
}

fn print(goal: ProjectGoal, json: bool) -> anyhow::Result<()> {
    let goal = GoalRow::from(goal);
    if json {
        output::json(&serde_json::to_value(goal)?);
    } else {
        output::line(sentence(&goal));
    }
    Ok(())
}

/// A goal as a sentence.
fn sentence(goal: &GoalRow) -> String {
    let filters = goal.filters.as_ref().map(|filters| format!(", filters {filters}")).unwrap_or_default();
    let value = match value_of(goal) {
        none if none.is_empty() => none,
        value => format!(", value {value}"),
    };
    format!("Goal {} ({}): {}{value}{filters}", goal.slug, goal.name, target(goal))
}

/// What reaches a goal.
fn target(goal: &GoalRow) -> String {
    match (&goal.event, &goal.page) {
        (Some(event), _) => format!("event {event}"),
        (None, page) => format!("page {}", page.as_deref().unwrap_or_default()),
    }
}

/// What reaching a goal is worth; nothing if it is worth nothing.
fn value_of(goal: &GoalRow) -> String {
    goal.value.as_ref().map_or_else(String::new, |value| {
        let currency = value.currency.map(|code| format!(" in {code}")).unwrap_or_default();
        format!("{}{currency}", value.property)
    })
}
