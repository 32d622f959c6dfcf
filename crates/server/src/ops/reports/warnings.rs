//! What a query names that the data do not contain: events, properties, values, or a range outside of them.
//! They distinguish a 0 that means "it did not happen" from one that means "there is no such name" (contract, 4.5).
//!
//! A query can name hundreds of values, so the number of lookups and their time are bounded.

mod numbers;
mod range;
mod wording;

use std::collections::BTreeMap;
use std::time::Duration;

use millimetric_core::column::Column;
use millimetric_core::query::{
    AnyQuery, AnyResponse, Dimension, EventSelector, Filter, Metric, Named, NamesQuery, Number, PropertyName,
    RowLimit, StatsQuery,
};
use millimetric_core::time::{TimeRange, Timestamp};

use self::numbers::{about_sums, sums};
use self::range::{about_compared, about_range};
use self::wording::{instead, quoted};
use super::multi_project::of_each;
use super::schema;
use crate::auth::{Authorized, Read};
use crate::ops::error::OpsResult;
use crate::ops::read;
use crate::state::App;

/// The most warnings of one response.
const MOST: usize = 16;
/// The most columns whose values are looked up for one response.
const MOST_COLUMNS: usize = 8;
/// The most names that are looked up one by one for one response.
const MOST_LOOKUPS: usize = 16;
/// Longest time of all lookups for one response.
const WITHIN: Duration = Duration::from_secs(10);

/// What a query names, if its response does not show that all of it exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unconfirmed {
    /// What it names.
    pub named: Named,
    /// The range of the query.
    pub range: TimeRange,
    /// Nothing that the query asks for is in the response.
    pub is_empty: bool,
    /// The range that it is compared with, if nothing that the query asks for is in that response.
    pub compared: Option<TimeRange>,
    /// Sums of values that may not all be numbers.
    pub sums: Vec<StatsQuery>,
}

/// A warning about a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What it is about.
    pub code: WarningCode,
    /// One sentence or two for people: what does not exist, and what does.
    pub message: String,
}

/// What a warning is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarningCode {
    /// No event is kept.
    NoEvents,
    /// The range is before the first event or after the last one, or the compared range before the first one.
    RangeOutsideData,
    /// No event has this name.
    UnknownEvent,
    /// Events have this name, but none in the range.
    EventNotInRange,
    /// No event in the range has this property.
    UnknownProperty,
    /// No event in the range has this value.
    UnknownValue,
    /// All that the query names exists, but no event has it all.
    NothingMatches,
    /// Some values of the property are not numbers, and count nowhere.
    NotNumeric,
    /// The names could not be looked up.
    NotChecked,
}

impl Warning {
    /// So many values of a property are no numbers, and left out of an aggregate.
    pub fn not_numeric(property: &PropertyName, values: u64) -> Self {
        let name = quoted(property.as_str());
        let (what, are) =
            if values == 1 { ("value", "is no JSON number") } else { ("values", "are no JSON numbers") };
        let message =
            format!("{values} {what} of {name} {are} (a text such as \"12\") and left out: send numbers.");
        Self { code: WarningCode::NotNumeric, message }
    }
}

impl WarningCode {
    /// The code in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoEvents => "no_events",
            Self::RangeOutsideData => "range_outside_data",
            Self::UnknownEvent => "unknown_event",
            Self::EventNotInRange => "event_not_in_range",
            Self::UnknownProperty => "unknown_property",
            Self::UnknownValue => "unknown_value",
            Self::NothingMatches => "nothing_matches",
            Self::NotNumeric => "not_numeric",
            Self::NotChecked => "not_checked",
        }
    }
}

impl Unconfirmed {
    /// What must be looked up because of this response; `None` if it shows that everything the query names
    /// exists.
    pub fn by(query: &AnyQuery, response: &AnyResponse) -> Option<Self> {
        let is_empty = !response.has_all_of(query);
        let named = Named::by(query);
        let compared = match (query, response) {
            (AnyQuery::Changes(query), AnyResponse::Changes(response)) => {
                (response.total.previous == 0.0).then_some(query.compared_with)
            }
            _ => None,
        };
        let sums = sums(query);
        let is_of_names = is_empty || named.has_alternatives;
        let named = if is_of_names { named } else { Named::default() };
        let is_unconfirmed = is_of_names || compared.is_some() || !sums.is_empty();
        is_unconfirmed.then(|| Self { named, range: query.range(), is_empty, compared, sums })
    }

    /// What must be looked up because nothing that was asked for is in the range.
    pub const fn of_nothing(named: Named, range: TimeRange) -> Self {
        Self { named, range, is_empty: true, compared: None, sums: Vec::new() }
    }

    /// What must be looked up of a comparison: what both responses lack, and whether the compared range is before the
    /// first event. What one of the ranges has exists.
    pub fn of_both(
        ranges: [TimeRange; 2],
        of_range: Option<Self>,
        of_compared: Option<Self>,
    ) -> Option<Self> {
        let [range, compared] = ranges;
        let lacks_all = of_compared.as_ref().is_some_and(|unconfirmed| unconfirmed.is_empty);
        let compared = lacks_all.then_some(compared);
        let sums: Vec<StatsQuery> =
            of_range.iter().chain(&of_compared).flat_map(|unconfirmed| unconfirmed.sums.clone()).collect();
        let is_of_names = |unconfirmed: &Self| unconfirmed.is_of_names();
        let also_before = of_compared.as_ref().is_some_and(is_of_names);
        let named = of_range.filter(is_of_names);
        let named = named.filter(|unconfirmed| unconfirmed.named.has_alternatives || also_before);
        let nothing = Self { is_empty: false, ..Self::of_nothing(Named::default(), range) };
        let unconfirmed = named.or_else(|| (compared.is_some() || !sums.is_empty()).then_some(nothing))?;
        Some(Self { compared, sums, ..unconfirmed })
    }

    /// What must be looked up of two projects that are queried at once: what one of them has exists.
    #[must_use]
    pub fn and(self, other: &Self) -> Option<Self> {
        let is_of_names = self.is_of_names() && other.is_of_names();
        let both = Self {
            named: if is_of_names { self.named } else { Named::default() },
            range: self.range,
            is_empty: self.is_empty && other.is_empty,
            compared: self.compared.filter(|_| other.compared.is_some()),
            // Of goals, each project has its own events.
            sums: if self.sums == other.sums { self.sums } else { Vec::new() },
        };
        (is_of_names || both.compared.is_some() || !both.sums.is_empty()).then_some(both)
    }

    /// Whether the names of the query, and its range, are to be looked up.
    fn is_of_names(&self) -> bool {
        self.is_empty || self.named != Named::default()
    }
}

/// Looks up what the query of these projects names. If the store does not answer, for example because a segment of
/// another time is missing, the only warning is that nothing was checked.
pub async fn about(app: &App, readers: &[Authorized<Read>], unconfirmed: &Unconfirmed) -> Vec<Warning> {
    match tokio::time::timeout(WITHIN, looked_up(app, readers, unconfirmed)).await {
        Ok(Ok(warnings)) => warnings,
        failed => {
            tracing::debug!(?failed, "the names of a query could not be looked up");
            let message = "Whether all that the query names exists could not be checked: ask again later.";
            vec![Warning { code: WarningCode::NotChecked, message: message.to_owned() }]
        }
    }
}

/// The same of one project; no warning if there is nothing to look up.
pub async fn of_one(app: &App, by: &Authorized<Read>, unconfirmed: Option<&Unconfirmed>) -> Vec<Warning> {
    match unconfirmed {
        Some(unconfirmed) => about(app, std::slice::from_ref(by), unconfirmed).await,
        None => Vec::new(),
    }
}

async fn looked_up(
    app: &App,
    readers: &[Authorized<Read>],
    unconfirmed: &Unconfirmed,
) -> OpsResult<Vec<Warning>> {
    let mut warnings = Vec::new();
    if unconfirmed.is_of_names() {
        warnings = about_names(app, readers, unconfirmed).await?;
    }
    // Where both ranges have nothing, the reason is the same.
    if let Some(compared) = unconfirmed.compared.filter(|_| !unconfirmed.is_empty) {
        warnings.extend(about_compared(app, readers, compared).await?);
    }
    warnings.extend(about_sums(app, readers, &unconfirmed.sums).await?);
    warnings.truncate(MOST);
    Ok(warnings)
}

async fn about_names(
    app: &App,
    readers: &[Authorized<Read>],
    unconfirmed: &Unconfirmed,
) -> OpsResult<Vec<Warning>> {
    let names = names(app, readers).await?;
    if names.is_empty() {
        let message =
            "No event was ever stored here, or none is kept any more: send one with POST /v1/track.";
        return Ok(vec![Warning { code: WarningCode::NoEvents, message: message.to_owned() }]);
    }
    let mut warnings = Vec::new();
    for event in unlisted(&unconfirmed.named.events, &names) {
        // Not every name is among the most frequent ones.
        if is_complete(&names) || newest(app, readers, Some(event)).await?.is_none() {
            let message = format!("No event is called {}{}", quoted(event), instead(event, &names));
            warnings.push(Warning { code: WarningCode::UnknownEvent, message });
        }
    }
    if unconfirmed.is_empty && warnings.is_empty() {
        if let Some(warning) = about_range(app, readers, unconfirmed.range).await? {
            return Ok(vec![warning]);
        }
        for event in unconfirmed.named.events.iter().take(MOST_LOOKUPS) {
            warnings.extend(about_event(app, readers, event, unconfirmed.range).await?);
        }
    }
    warnings.extend(about_properties(app, readers, unconfirmed).await?);
    for (column, values) in unconfirmed.named.values.iter().take(MOST_COLUMNS) {
        warnings.extend(about_values(app, readers, column, values, unconfirmed.range).await?);
    }
    if unconfirmed.is_empty && warnings.is_empty() {
        let newest = newest(app, readers, None).await?;
        let newest = newest.map(|at| format!(" The newest event of all is of {at}.")).unwrap_or_default();
        let message = format!("No event in this range fits all that the query asks for.{newest}");
        warnings.push(Warning { code: WarningCode::NothingMatches, message });
    }
    Ok(warnings)
}

/// The names of all events that are kept, with their counts, most frequent first.
async fn names(app: &App, readers: &[Authorized<Read>]) -> OpsResult<Vec<(String, u64)>> {
    counts(app, readers, schema::always(), &Dimension::Column(Column::EventName)).await
}

/// The values of a column in this range with their counts, most frequent first, without the empty text.
async fn counts(
    app: &App,
    readers: &[Authorized<Read>],
    range: TimeRange,
    column: &Dimension,
) -> OpsResult<Vec<(String, u64)>> {
    let query =
        StatsQuery { group_by: vec![column.clone()], limit: RowLimit::MOST.into(), ..every_event(range) };
    let mut counts = BTreeMap::new();
    for response in of_each(readers, |by| read::run(app, by, query.clone())).await? {
        for row in response.rows {
            let (Some(Some(value)), Some(Number::Integer(count))) = (row.keys.into_iter().next(), row.value)
            else {
                continue;
            };
            *counts.entry(value).or_insert(0) += count;
        }
    }
    counts.remove("");
    Ok(most_frequent_first(counts))
}

fn most_frequent_first(counts: BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|(name, count), (other_name, other)| (other, name).cmp(&(count, other_name)));
    counts
}

/// The first names that are not among the known ones, without the empty text.
fn unlisted<'a>(names: impl IntoIterator<Item = &'a String>, known: &[(String, u64)]) -> Vec<&'a str> {
    let is_unlisted = |name: &&str| !name.is_empty() && !known.iter().any(|(known, _)| known == name);
    names.into_iter().map(String::as_str).filter(is_unlisted).take(MOST_LOOKUPS).collect()
}

/// Whether there are no other names: [`counts`] lists the most frequent ones, and may leave out the empty text.
const fn is_complete(known: &[(String, u64)]) -> bool {
    known.len() < RowLimit::MOST.get() - 1
}

/// Counts every event of the range.
fn every_event(range: TimeRange) -> StatsQuery {
    StatsQuery {
        range,
        events: EventSelector::Any,
        filters: Vec::new(),
        metric: Metric::Count,
        group_by: Vec::new(),
        buckets: None,
        labels: false,
        limit: RowLimit::ONE.into(),
    }
}

/// Whether events of a name that exists are in the range.
async fn about_event(
    app: &App,
    readers: &[Authorized<Read>],
    event: &str,
    range: TimeRange,
) -> OpsResult<Option<Warning>> {
    let of_name = StatsQuery { events: EventSelector::Named(event.to_owned()), ..every_event(range) };
    if count(app, readers, of_name).await? > 0 {
        return Ok(None);
    }
    let newest = newest(app, readers, Some(event)).await?;
    let at = newest.map(|at| format!(": the newest one is of {at}")).unwrap_or_default();
    let message = format!("No {} event is in this range{at}.", quoted(event));
    Ok(Some(Warning { code: WarningCode::EventNotInRange, message }))
}

/// Properties that no event of the range has, of the name that the query is about if it is about one.
async fn about_properties(
    app: &App,
    readers: &[Authorized<Read>],
    unconfirmed: &Unconfirmed,
) -> OpsResult<Vec<Warning>> {
    if unconfirmed.named.properties.is_empty() {
        return Ok(Vec::new());
    }
    let only_event = match unconfirmed.named.events.len() {
        1 => unconfirmed.named.events.first(),
        _ => None,
    };
    let filters = only_event.map(|event| Filter::new(Column::EventName, event)).into_iter().collect();
    let query = NamesQuery { range: unconfirmed.range, filters, limit: RowLimit::MOST };
    let mut known = BTreeMap::new();
    for response in of_each(readers, |by| read::run(app, by, query.clone())).await? {
        for property in response.rows.into_iter().flat_map(|row| row.properties) {
            *known.entry(property.name).or_insert(0) += property.count;
        }
    }
    let known = most_frequent_first(known);
    let mut warnings = Vec::new();
    for property in unconfirmed.named.properties.iter().take(MOST_LOOKUPS) {
        let is_known = known.iter().any(|(name, _)| name == property.as_str());
        if !is_known && !has_property(app, readers, property, unconfirmed.range).await? {
            let of = only_event.map(|event| format!("{} ", quoted(event))).unwrap_or_default();
            let name = property.as_str();
            let message = format!(
                "No {of}event in this range has the property {}{}",
                quoted(name),
                instead(name, &known)
            );
            warnings.push(Warning { code: WarningCode::UnknownProperty, message });
        }
    }
    Ok(warnings)
}

/// Whether an event of the range has the property: the lists of properties leave out rare ones.
async fn has_property(
    app: &App,
    readers: &[Authorized<Read>],
    property: &PropertyName,
    range: TimeRange,
) -> OpsResult<bool> {
    let exists = millimetric_core::query::Test::Exists;
    let filter = Filter::of(Dimension::Property(property.clone()), exists);
    Ok(count(app, readers, StatsQuery { filters: vec![filter], ..every_event(range) }).await? > 0)
}

/// The values that no event of the range has in this column. Values of personal columns are not listed.
async fn about_values(
    app: &App,
    readers: &[Authorized<Read>],
    column: &Dimension,
    values: &[String],
    range: TimeRange,
) -> OpsResult<Vec<Warning>> {
    let is_listed = column.name().parse::<Dimension>().is_ok();
    let known = if is_listed { counts(app, readers, range, column).await? } else { Vec::new() };
    let mut warnings = Vec::new();
    for value in unlisted(values, &known) {
        let filter = Filter::new(column.clone(), value);
        let with_value = StatsQuery { filters: vec![filter], ..every_event(range) };
        let is_sure = is_listed && is_complete(&known);
        if !is_sure && count(app, readers, with_value).await? > 0 {
            continue;
        }
        let name = column.name();
        let other = if is_listed { instead(value, &known) } else { ".".to_owned() };
        let message = format!("No event in this range has {name}={}{other}", quoted(value));
        warnings.push(Warning { code: WarningCode::UnknownValue, message });
    }
    Ok(warnings)
}

async fn count(app: &App, readers: &[Authorized<Read>], query: StatsQuery) -> OpsResult<u64> {
    let responses = of_each(readers, |by| read::run(app, by, query.clone())).await?;
    let counts = responses.iter().filter_map(|response| match response.rows.first()?.value {
        Some(Number::Integer(count)) => Some(count),
        _ => None,
    });
    Ok(counts.sum())
}

/// When the newest event happened, of a name or of any.
async fn newest(
    app: &App,
    readers: &[Authorized<Read>],
    event: Option<&str>,
) -> OpsResult<Option<Timestamp>> {
    let newest = of_each(readers, |by| schema::last_seen(app, by, event)).await?;
    Ok(newest.into_iter().max().flatten())
}
