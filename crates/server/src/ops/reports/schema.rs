//! What a project's events look like: names, properties, values, columns, rules, goals. It ends
//! guessing: who knows the names queries right the first time.
//!
//! Asks the same typed queries as everybody else and counts nothing itself. Types and samples
//! are those of recent events, and say so by being samples.

use std::str::FromStr;

use millimetric_control::ProjectGoal;
use millimetric_core::classify::{Rule, RuleDefinition, rules};
use millimetric_core::event::{Confidence, Event};
use millimetric_core::fuzzy_match;
use millimetric_core::property_samples::{PropertyDescribed, with_samples};
use millimetric_core::query::{
    Column, DerivedColumn, Dimension, EventSelector, EventsQuery, Filter, Limit, Metric, Named, NamesQuery,
    NamesResponse, NamesRow, PropertyName, PropertySeen, RowLimit, SessionColumn, StatsQuery,
};
use millimetric_core::time::{TimeRange, Timestamp};

use super::warnings::Unconfirmed;
use crate::auth::{Authorized, Read};
use crate::ops::error::OpsResult;
use crate::ops::{goals, read};
use crate::state::App;

/// Events whose properties are looked at for types and samples.
const SAMPLED: u64 = 500;

/// What is to be described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// Event names.
    #[default]
    Events,
    /// Properties, with types and samples.
    Properties,
    /// Values of one column or property.
    Values,
    /// Columns to group and filter by.
    Columns,
    /// The classifier's rules.
    Rules,
    /// The project's goals.
    Goals,
}

/// The text is no kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be events, properties, values, columns, rules or goals")]
pub struct UnknownKind;

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        match text {
            "events" => Ok(Self::Events),
            "properties" => Ok(Self::Properties),
            "values" => Ok(Self::Values),
            "columns" => Ok(Self::Columns),
            "rules" => Ok(Self::Rules),
            "goals" => Ok(Self::Goals),
            _ => Err(UnknownKind),
        }
    }
}

/// `GET /v1/schema`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaQuery {
    /// What is to be described.
    pub kind: Kind,
    /// Of which events, by their `timestamp`.
    pub range: TimeRange,
    /// Only these events; names and properties are not selected by a goal.
    pub events: EventSelector,
    /// Only events that pass all of them.
    pub filters: Vec<Filter>,
    /// The column or property whose values are asked for.
    pub of: Option<Dimension>,
    /// Only what holds this text, in whatever case.
    pub search: Option<String>,
    /// The most rows of the response.
    pub limit: RowLimit,
}

/// What a project's events look like.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaResponse {
    /// At most the limit asked for.
    pub rows: SchemaRows,
    /// Rows were cut at the limit.
    pub truncated: bool,
}

/// The rows of a [`SchemaResponse`].
#[derive(Debug, Clone, PartialEq)]
pub enum SchemaRows {
    /// Event names.
    Events(Vec<NamesRow>),
    /// Properties.
    Properties(Vec<PropertyDescribed>),
    /// Values, with how many events have each.
    Values(Vec<(Option<String>, u64)>),
    /// Columns of the stored row.
    Columns(Vec<ColumnDescribed>),
    /// Rules, those of the project first, in the order in which they are tried.
    Rules(Vec<RuleDescribed>),
    /// Goals, by slug.
    Goals(Vec<ProjectGoal>),
}

/// A rule of the project or of the classifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleDescribed {
    /// Its id, as events store it.
    pub id: String,
    /// When it fires, in words.
    pub fires_when: String,
    /// The source that it gives, or where that is taken from.
    pub source: String,
    /// The medium that it gives, or where that is taken from.
    pub medium: String,
    /// How sure it is.
    pub confidence: Confidence,
}

/// A column of the stored row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnDescribed {
    /// Its name.
    pub name: &'static str,
    /// Whether `group_by` takes it.
    pub groups: bool,
    /// Whether conditions of `filters` can be about it.
    pub filters: bool,
    /// What it holds.
    pub text: &'static str,
}

/// The columns of the stored row that responses show, and properties as one of them.
fn columns() -> Vec<ColumnDescribed> {
    let described = |name, groups, filters, text| ColumnDescribed { name, groups, filters, text };
    let shown = Column::shown().filter(|column| *column != Column::Properties);
    let filtered = |column: Column| Column::in_conditions().any(|known| known == column);
    let columns = shown.map(|column| {
        let info = column.info();
        described(info.name, info.group, filtered(column), info.description)
    });
    std::iter::once(described("timestamp", false, false, "when it happened, UTC"))
        .chain(columns)
        .chain(SessionColumn::ALL.map(|column| described(column.as_str(), true, true, column.description())))
        .chain(DerivedColumn::ALL.map(|column| described(column.as_str(), true, true, column.description())))
        .chain([described("properties.<name>", true, true, "any top-level property of the event")])
        .collect()
}

/// Describes what was asked for.
pub async fn schema(app: &App, by: &Authorized<Read>, query: &SchemaQuery) -> OpsResult<SchemaResponse> {
    match query.kind {
        Kind::Events => events(app, by, query).await,
        Kind::Properties => properties(app, by, query).await,
        Kind::Values => values(app, by, query).await,
        Kind::Columns => {
            let found = columns().into_iter().filter(|column| query.holds(column.name));
            Ok(cut(found.collect(), query, false, SchemaRows::Columns))
        }
        Kind::Rules => {
            let settings = by.project().classifier.settings();
            let rules = settings.rules.iter().map(own_rule).chain(rules().iter().map(rule));
            Ok(cut(rules.filter(|rule| query.holds(&rule.id)).collect(), query, false, SchemaRows::Rules))
        }
        Kind::Goals => {
            let mut found = goals::list(app, by).await?;
            found.retain(|goal| query.holds(goal.goal.slug.as_str()) || query.holds(goal.name.as_str()));
            Ok(cut(found, query, false, SchemaRows::Goals))
        }
    }
}

fn rule(rule: &Rule) -> RuleDescribed {
    RuleDescribed {
        id: rule.id().to_owned(),
        fires_when: rule.fires_when(),
        source: rule.source().to_owned(),
        medium: rule.medium().to_owned(),
        confidence: rule.confidence(),
    }
}

fn own_rule(rule: &RuleDefinition) -> RuleDescribed {
    let RuleDefinition { source, medium, .. } = rule.clone();
    RuleDescribed {
        id: rule.id(),
        fires_when: rule.fires_when(),
        source,
        medium,
        confidence: Confidence::High,
    }
}

/// The names of all events that are kept, most frequent first.
pub async fn known_names(app: &App, by: &Authorized<Read>) -> OpsResult<Vec<String>> {
    let query = StatsQuery {
        range: always(),
        events: EventSelector::Any,
        filters: Vec::new(),
        metric: Metric::Count,
        group_by: vec![Dimension::Column(Column::EventName)],
        buckets: None,
        labels: false,
        limit: most_rows().into(),
    };
    let rows = read::run(app, by, query).await?.rows;
    Ok(rows.into_iter().filter_map(|row| row.keys.into_iter().next().flatten()).collect())
}

/// Names that occur and that this one was probably meant to be; none when it occurs itself.
pub async fn similar_names(app: &App, by: &Authorized<Read>, name: &str) -> OpsResult<Vec<String>> {
    let known = known_names(app, by).await?;
    let more_common = known.into_iter().take_while(|known| known != name);
    Ok(more_common.filter(|known| fuzzy_match::looks_like(name, known)).collect())
}

/// When the newest event happened, of a name or of any.
pub async fn last_seen(
    app: &App,
    by: &Authorized<Read>,
    event: Option<&str>,
) -> OpsResult<Option<Timestamp>> {
    let (range, events) = (always(), EventSelector::from(event.map(str::to_owned)));
    let query = EventsQuery { range, events, filters: Vec::new(), limit: RowLimit::ONE, after: None };
    Ok(read::run(app, by, query).await?.rows.first().map(|event| event.timestamp))
}

async fn events(app: &App, by: &Authorized<Read>, query: &SchemaQuery) -> OpsResult<SchemaResponse> {
    let asked = NamesQuery { range: query.range, filters: query.filters.clone(), limit: most_rows() };
    let response = read::run(app, by, asked).await?;
    let found = response.rows.into_iter().filter(|row| query.is_about(&row.event_name));
    let found = found.filter(|row| query.holds(&row.event_name)).collect();
    Ok(cut(found, query, response.truncated, SchemaRows::Events))
}

async fn properties(app: &App, by: &Authorized<Read>, query: &SchemaQuery) -> OpsResult<SchemaResponse> {
    let asked = NamesQuery { range: query.range, filters: query.filters.clone(), limit: most_rows() };
    let names = read::run(app, by, asked).await?;
    let recent = EventsQuery {
        range: query.range,
        events: query.events.clone(),
        filters: query.filters.clone(),
        limit: RowLimit::new(SAMPLED).unwrap_or(RowLimit::ONE),
        after: None,
    };
    let recent = read::run(app, by, recent).await?.rows;
    let query = query.clone();
    // Strangers choose how many properties an event has.
    Ok(app.limits.heavy.run(move || described(&query, names, &recent)).await?)
}

/// The properties of these names that were asked for, most frequent first, with types and samples of
/// these events.
fn described(query: &SchemaQuery, names: NamesResponse, recent: &[Event]) -> SchemaResponse {
    let rows = names.rows.into_iter().filter(|row| query.is_about(&row.event_name));
    let mut found: Vec<(String, PropertySeen)> = rows
        .flat_map(|row| {
            let name = row.event_name;
            row.properties.into_iter().map(move |property| (name.clone(), property))
        })
        .filter(|(_, property)| query.holds(&property.name))
        .collect();
    found.sort_by(|(event, property), (other_event, other)| {
        (other.count, event, &property.name).cmp(&(property.count, other_event, &other.name))
    });
    cut(found, query, names.truncated, |found| SchemaRows::Properties(with_samples(&found, recent)))
}

async fn values(app: &App, by: &Authorized<Read>, query: &SchemaQuery) -> OpsResult<SchemaResponse> {
    let asked = StatsQuery {
        range: query.range,
        events: query.events.clone(),
        filters: query.filters.clone(),
        metric: Metric::Count,
        group_by: query.of.clone().into_iter().collect(),
        buckets: None,
        labels: false,
        limit: Limit::Rows(if query.search.is_some() { most_rows() } else { query.limit }),
    };
    let response = read::run(app, by, asked).await?;
    let rows = response.rows.into_iter().map(|row| {
        let count = match row.value {
            Some(millimetric_core::query::Number::Integer(count)) => count,
            _ => 0,
        };
        (row.keys.into_iter().next().flatten(), count)
    });
    let found = rows.filter(|(value, _)| query.holds(value.as_deref().unwrap_or_default())).collect();
    Ok(cut(found, query, response.truncated, SchemaRows::Values))
}

impl SchemaQuery {
    /// What must be looked up because this response describes no event.
    pub fn unconfirmed(&self, response: &SchemaResponse) -> Option<Unconfirmed> {
        let is_empty = match &response.rows {
            SchemaRows::Events(rows) => rows.is_empty(),
            SchemaRows::Properties(rows) => rows.is_empty(),
            SchemaRows::Values(rows) => rows.is_empty(),
            SchemaRows::Columns(_) | SchemaRows::Rules(_) | SchemaRows::Goals(_) => false,
        };
        let named = Named::selecting(&self.events, &self.filters, self.of.as_slice());
        is_empty.then(|| Unconfirmed::of_nothing(named, self.range))
    }

    fn is_about(&self, event_name: &str) -> bool {
        self.events.event().is_none_or(|event| event == event_name)
    }

    fn holds(&self, text: &str) -> bool {
        let search = self.search.as_deref().map(str::to_lowercase);
        search.is_none_or(|search| text.to_lowercase().contains(&search))
    }
}

fn cut<T>(
    mut rows: Vec<T>,
    query: &SchemaQuery,
    already: bool,
    of: impl FnOnce(Vec<T>) -> SchemaRows,
) -> SchemaResponse {
    let truncated = already || rows.len() > query.limit.get();
    rows.truncate(query.limit.get());
    SchemaResponse { rows: of(rows), truncated }
}

/// Every time.
pub fn always() -> TimeRange {
    TimeRange::new(Timestamp::MIN, Timestamp::MAX).unwrap_or(TimeRange::LAST)
}

fn most_rows() -> RowLimit {
    RowLimit::new(1000).unwrap_or(RowLimit::ONE)
}

/// The column of this name, or the top-level property.
pub fn dimension(name: &str) -> Option<Dimension> {
    name.parse().ok().or_else(|| PropertyName::new(name).map(Dimension::Property))
}
