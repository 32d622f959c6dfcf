//! The table of tools: descriptions, parameters and rows. The lists that clients see and the checks of
//! arguments come from it.

mod attribution;
mod events;
mod findings;
mod projects;
mod visits;

use std::sync::LazyLock;

use millimetric_core::query::Period;

use crate::wire::params::FilterParams;
use crate::wire::reports::{FunnelParams, PagesParams, Report as _, SourcesParams, StatsParams};
use Shape::{Choice, Columns, Filters, List, Number, Steps, Text, Unlisted};
use attribution::{ATTRIBUTION, EXPLAIN_ATTRIBUTION};
use events::{QUERY_EVENTS, TRACK_EVENT};
use findings::{DATA_QUALITY, EXPLAIN_CHANGE};
use projects::{COMPARE_PROJECTS, LIST_PROJECTS};
use visits::{JOURNEYS, RETENTION, SESSIONS};

/// A tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mcp) enum Tool {
    TrackEvent,
    QueryEvents,
    GetStats,
    TopSources,
    Funnel,
    TopPages,
    Sessions,
    Retention,
    Journeys,
    Attribution,
    ExplainChange,
    DataQuality,
    DescribeSchema,
    ExplainAttribution,
    ListProjects,
    CompareProjects,
}

/// The description of a tool.
#[derive(Debug)]
pub(in crate::mcp) struct Spec {
    pub(in crate::mcp) name: &'static str,
    pub(in crate::mcp) title: &'static str,
    pub(in crate::mcp) text: &'static str,
    /// Its own parameters, required ones first.
    pub(in crate::mcp) own: &'static [Parameter],
    pub(in crate::mcp) required: &'static [&'static str],
    /// The range of a call that names none; `None` if the tool has no `period`, `from`, `to` and `timezone`.
    pub(in crate::mcp) range: Option<Period>,
    /// Whether it has the filters of `/v1/query`.
    pub(in crate::mcp) filtered: bool,
    /// The path of the REST route that returns the same.
    pub(in crate::mcp) route: Option<&'static str>,
    /// Arguments of an example call.
    pub(in crate::mcp) example: &'static str,
}

/// A parameter of a tool.
#[derive(Debug)]
pub(in crate::mcp) struct Parameter {
    pub(in crate::mcp) name: &'static str,
    pub(in crate::mcp) shape: Shape,
    pub(in crate::mcp) text: &'static str,
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy)]
pub(in crate::mcp) enum Shape {
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// One of these words, which another tool lists.
    Unlisted(&'static [&'static str]),
    /// A whole number from 1 to this.
    Number(u64),
    /// At most this many texts, or one text with commas between.
    List(usize),
    /// Columns to group by, in the same form; the description lists them.
    Columns(usize),
    /// Two to this many names of events, or objects with conditions.
    Steps(usize),
    /// Any JSON object.
    Object,
    /// A list of conditions, or a JSON object with the values of each column that events are filtered by.
    Filters,
    /// `true` or `false`.
    Flag,
}

const fn parameter(name: &'static str, shape: Shape, text: &'static str) -> Parameter {
    Parameter { name, shape, text }
}

/// The metrics of `/v1/stats`.
const METRICS: &[&str] =
    &["count", "uniques", "conversions", "conversion_rate", "sum", "avg", "min", "max", "median", "p95"];
const EVENT: Parameter = parameter("event", Text, "Only this event.");
const GOAL: Parameter = parameter("goal", Text, "Or a goal's slug.");
const COMPARE: Parameter = parameter("compare", Text, "previous, year or from/to.");
const fn limit(most: u64) -> Parameter {
    parameter("limit", Number(most), "Rows.")
}

/// The range of a query, and how its rows are written. One tool says all about them: the list of tools is short.
const RANGE: &[Parameter] = &range("Default 7d; see get_stats.");
const RANGE_OF_CHANGE: &[Parameter] = &range("Default last_week; see get_stats.");
const RANGE_IN_FULL: &[Parameter] = &[
    parameter(
        "period",
        Choice(Period::WORDS),
        "Default 7d. 7d, 30d and 90d are today so far and the days before; last_7_days and the like are full days up to yesterday.",
    ),
    parameter("from", Text, "In place of period: a date (its midnight) or ISO 8601 time, inclusive."),
    parameter("to", Text, "Exclusive."),
    parameter("timezone", Text, "Of days and buckets, an IANA name. Default: the project's."),
    parameter("format", Choice(FORMATS), "csv is a third of the size: for more than 20 rows."),
];

const FORMATS: &[&str] = &["json", "csv"];

const fn range(period: &'static str) -> [Parameter; 5] {
    [
        parameter("period", Unlisted(Period::WORDS), period),
        parameter("from", Text, "Inclusive; replaces period."),
        parameter("to", Text, "Exclusive."),
        parameter("timezone", Text, "Default: the project's."),
        parameter("format", Unlisted(FORMATS), "json or csv (shorter)."),
    ]
}
/// The filters of `/v1/query`, as one list or object. One tool says all about them: the list of tools is short.
const FILTERS: &[Parameter] = &[parameter("filters", Filters, "Like {\"country\":[\"DE\"]}; see get_stats.")];
const FILTERS_IN_FULL: &[Parameter] = &[parameter(
    "filters",
    Filters,
    "Exact values, of a list any: {\"country\":\"DE\",\"medium\":[\"paid\",\"social\"]}; or conditions that must all hold, like \
     [[\"contains\",\"path\",[\"/blog\",\"/docs\"]],[\"not\",[\"exists\",\"campaign\"]]]. \
     Operators: is, is_not, contains, contains_not, starts_with, ends_with, matches (regex), greater, less, exists, \
     missing, and, or, not. Columns: those of group_by, url, referrer, user_id, anonymous_id, session_id.",
)];
/// The same filters as arguments of their own, which are taken but not listed.
static COLUMN_FILTERS: LazyLock<Vec<Parameter>> = LazyLock::new(|| {
    FilterParams::all().map(|(_, filter)| parameter(filter.parameter, Text, filter.description)).collect()
});
/// Which projects of an account.
pub(in crate::mcp) const PROJECTS: &[Parameter] = &[
    parameter("project_id", Text, "One project by its id; none given: all projects."),
    parameter("project_slug", Text, "One project by its slug."),
    PROJECT_IDS,
];
const PROJECT_IDS: Parameter = parameter("project_ids", List(100), "Several projects by their ids.");
const GROUP_BY: Parameter = parameter("group_by", Columns(4), "Up to four columns");
const GROUP_BY_IN_SHORT: Parameter = parameter("group_by", List(4), "As in get_stats.");

const GET_STATS: Spec = Spec {
    name: "get_stats",
    title: "Counts and visitors",
    text: "Counts events, distinct visitors or conversions of a goal, or sums up a property, by groups and over time. Without group_by and interval: one number.",
    own: &[
        parameter(
            "metric",
            Choice(METRICS),
            "Default count (events). uniques: visitors. conversions, conversion_rate (visitors who reach goal / visitors): of goal. The others: of property.",
        ),
        parameter("property", Text, "A numeric property, such as amount; split by currency."),
        GROUP_BY,
        parameter(
            "interval",
            Choice(&["hour", "day", "week", "month", "hour_of_day", "day_of_week"]),
            "One row for each, in bucket; of hour_of_day (0-23) and day_of_week (1 = Monday) with the mean of an hour or day.",
        ),
        EVENT,
        GOAL,
        parameter(
            "compare",
            Text,
            "With another range: previous, year or from/to. Rows gain previous and change_pct.",
        ),
        limit(1000),
    ],
    required: &[],
    range: Some(Period::WEEK),
    filtered: true,
    route: Some(StatsParams::PATH),
    example: r#"{"metric":"uniques","group_by":["session_source","session_medium"],"event":"$pageview","period":"30d"}"#,
};
const TOP_SOURCES: Spec = Spec {
    name: "top_sources",
    title: "Top sources",
    text: "Where visits came from: events, visitors and the paid share by source and medium of the session. For the paid and social parts of a network filter session_source.",
    own: &[
        parameter("breakdown", Choice(&["source_medium", "source"]), "Default source_medium."),
        parameter(
            "attribution",
            Choice(&["session", "event"]),
            "session (default): the source of the whole visit; event: of each event alone.",
        ),
        EVENT,
        GOAL,
        COMPARE,
        limit(200),
    ],
    required: &[],
    range: Some(Period::WEEK),
    filtered: true,
    route: Some(SourcesParams::PATH),
    example: r#"{"period":"30d","event":"$pageview"}"#,
};
const FUNNEL: Spec = Spec {
    name: "funnel",
    title: "Funnel",
    text: "How many visitors get how far along a series of steps, in numbers and percent, with median times: the tool for conversion rates. With group_by each visitor is in one group, that of their first event of step 1; filters are about it too.",
    own: &[
        parameter(
            "steps",
            Steps(8),
            "In order: event names, page:/pricing* or goal:slug; one with conditions is {\"event\":\"signup\",\"filters\":[[\"is\",\"properties.plan\",[\"pro\"]]]}.",
        ),
        parameter("window", Text, "Time allowed, such as 30m or 24h. Default 7d."),
        parameter("order", Choice(&["strict", "any"]), "strict (default): each step after the one before."),
        GROUP_BY_IN_SHORT,
        parameter("group_at", Unlisted(&["first", "attempt"]), "attempt: of the one that got furthest."),
        COMPARE,
        limit(1000),
    ],
    required: &["steps"],
    range: Some(Period::WEEK),
    filtered: true,
    route: Some(FunnelParams::PATH),
    example: r#"{"steps":["$pageview","add_to_cart","purchase"],"window":"7d","period":"30d"}"#,
};
const TOP_PAGES: Spec = Spec {
    name: "top_pages",
    title: "Top pages",
    text: "Page views by path, with visitors, the sessions that begin and end there, and bounces. Filters are about the first page view of a session.",
    own: &[
        parameter(
            "by",
            Choice(&["path", "entry", "exit"]),
            "path (default): by views; entry, exit: by sessions.",
        ),
        COMPARE,
        limit(1000),
    ],
    required: &[],
    range: Some(Period::WEEK),
    filtered: true,
    route: Some(PagesParams::PATH),
    example: r#"{"by":"entry","filters":{"session_source":"google"},"period":"30d","limit":10}"#,
};
const DESCRIBE_SCHEMA: Spec = Spec {
    name: "describe_schema",
    title: "Describe the data",
    text: "What there is: event names with counts and dates, properties with types and samples, values of a column or property, columns, rules of attribution, goals. Ask this first.",
    own: &[
        parameter(
            "kind",
            Choice(&["events", "properties", "values", "columns", "rules", "goals"]),
            "Default events. values needs property.",
        ),
        EVENT,
        GOAL,
        parameter("property", Text, "With kind=values: a column or the name of a property."),
        parameter("search", Text, "Only what holds this text."),
        limit(1000),
    ],
    required: &[],
    range: Some(Period::WEEK),
    filtered: false,
    route: Some("/v1/schema"),
    example: r#"{"kind":"properties","event":"purchase","period":"30d"}"#,
};
impl Tool {
    /// Every tool, in the order in which clients see them.
    pub(in crate::mcp) const ALL: [Self; 16] = [
        Self::ListProjects,
        Self::CompareProjects,
        Self::DescribeSchema,
        Self::GetStats,
        Self::TopSources,
        Self::TopPages,
        Self::Sessions,
        Self::Funnel,
        Self::Retention,
        Self::Journeys,
        Self::Attribution,
        Self::ExplainChange,
        Self::DataQuality,
        Self::QueryEvents,
        Self::ExplainAttribution,
        Self::TrackEvent,
    ];

    /// Its description.
    pub(in crate::mcp) const fn spec(self) -> &'static Spec {
        match self {
            Self::TrackEvent => &TRACK_EVENT,
            Self::QueryEvents => &QUERY_EVENTS,
            Self::GetStats => &GET_STATS,
            Self::TopSources => &TOP_SOURCES,
            Self::Funnel => &FUNNEL,
            Self::TopPages => &TOP_PAGES,
            Self::Sessions => &SESSIONS,
            Self::Retention => &RETENTION,
            Self::Journeys => &JOURNEYS,
            Self::Attribution => &ATTRIBUTION,
            Self::ExplainChange => &EXPLAIN_CHANGE,
            Self::DataQuality => &DATA_QUALITY,
            Self::DescribeSchema => &DESCRIBE_SCHEMA,
            Self::ExplainAttribution => &EXPLAIN_ATTRIBUTION,
            Self::ListProjects => &LIST_PROJECTS,
            Self::CompareProjects => &COMPARE_PROJECTS,
        }
    }

    /// Its parameters on an endpoint, in the order in which clients see them.
    pub(in crate::mcp) fn parameters(self, account: bool) -> impl Iterator<Item = &'static Parameter> {
        let spec = self.spec();
        let range = match self {
            Self::GetStats => RANGE_IN_FULL,
            Self::ExplainChange => RANGE_OF_CHANGE,
            _ if spec.range.is_some() => RANGE,
            _ => &[],
        };
        let filters = match self {
            Self::GetStats => FILTERS_IN_FULL,
            _ if spec.filtered => FILTERS,
            _ => &[],
        };
        let asks_projects = account && !matches!(self, Self::ListProjects | Self::CompareProjects);
        let projects = if asks_projects { PROJECTS } else { &[] };
        projects.iter().chain(spec.own).chain(range).chain(filters)
    }

    /// The filters by column, which are taken beside its parameters.
    pub(in crate::mcp) fn column_filters(self) -> &'static [Parameter] {
        if self.spec().filtered { &COLUMN_FILTERS } else { &[] }
    }
}

#[cfg(test)]
mod tests {
    use millimetric_core::query::{Cycle, Interval, Metric};

    use super::*;

    fn choices(name: &str) -> &'static [&'static str] {
        let parameter = GET_STATS.own.iter().find(|parameter| parameter.name == name);
        match parameter.map(|parameter| parameter.shape) {
            Some(Choice(words)) => words,
            other => panic!("{name} is {other:?}"),
        }
    }

    #[test]
    fn agents_can_choose_every_metric_and_interval() {
        assert_eq!(choices("metric"), Metric::names().collect::<Vec<_>>());
        let is_read = |word: &&str| word.parse::<Interval>().is_ok() || word.parse::<Cycle>().is_ok();
        let intervals = choices("interval");
        assert!(intervals.len() == 6 && intervals.iter().all(is_read), "{intervals:?}");
    }
}
