//! The queries and their responses, one file each.
//!
//! A query that exists is valid: ranges are not empty, limits are within bounds, columns are known.
//! Every engine executes these types and no others; REST, MCP and the dashboard build them, which is
//! why their responses cannot differ. No SQL here, and no JSON but that of `filter`.
//!
//! A new query is a file here and a line in the list of [`AnyQuery`].

mod attribution;
mod bounds;
pub mod calendar;
mod comparison;
pub mod currency;
mod dimension;
mod events;
mod filter;
mod funnel;
mod names;
mod pages;
mod period;
mod retention;
mod selector;
mod sessions;
mod sources;
mod stats;

pub use self::attribution::{
    AttributionQuery, AttributionResponse, AttributionRow, ConversionTotal, Conversions, InvalidLookback,
    Lookback, PathsQuery, PathsResponse, PathsRow, TouchRow, TouchesQuery, TouchesResponse, ValueProperty,
};
pub use self::bounds::{Buckets, Interval, Limit, RowLimit, UnknownInterval};
pub use self::calendar::{Cycle, CyclicBuckets, midnight};
pub use self::comparison::changes::{
    Change, ChangeMetric, ChangeRanking, ChangesQuery, ChangesResponse, ChangesRow, ColumnChanges, Measured,
    OtherChange, PairChange, ValueChange,
};
pub use self::comparison::{Comparison, RangeEnd, UnknownComparison};
pub use self::dimension::{Dimension, PropertyName, UnknownDimension};
pub use self::events::rule_changes::{
    ChangeSample, ClassifiedAs, RuleChange, RuleChangeCounter, RuleChanges, RuleChangesQuery,
};
pub use self::events::{Cursor, EventQuery, EventsQuery, EventsResponse, ExportQuery};
pub use self::filter::{
    Bound, Condition, Filter, FilterError, FilterList, Operator, Test, TextOperator, TextTest,
};
pub use self::funnel::{
    FunnelGroup, FunnelQuery, FunnelResponse, FunnelStep, FunnelSteps, FunnelWindow, GroupAt,
    ParseWindowError, StepOrder, StepSelector, UnknownGroupAt,
};
pub use self::names::numeric_texts::{NumericTextsQuery, NumericTextsResponse, NumericTextsRow};
pub use self::names::{NamesQuery, NamesResponse, NamesRow, PropertySeen};
pub use self::pages::{PagesQuery, PagesResponse, PagesRow, PagesSort, UnknownPagesSort};
pub use self::period::{Period, UnknownPeriod, time_or_date};
pub use self::retention::{Cohort, NewVisitors, RetentionQuery, RetentionResponse, UnknownNewVisitors};
pub use self::selector::named::Named;
pub use self::selector::path_pattern::{InvalidPathPattern, PathPattern};
pub use self::selector::{EventSelector, GoalSlug, InvalidGoalSlug};
pub use self::sessions::journeys::{
    InvalidJourneyStart, JourneyDirection, JourneyStart, JourneyStep, JourneySteps, JourneysQuery,
    JourneysResponse, JourneysRow, UnknownJourneyDirection,
};
pub use self::sessions::{SessionsQuery, SessionsResponse, SessionsRow};
pub use self::sources::{Attribution, SourcesQuery, SourcesResponse, SourcesRow, UnknownAttribution};
pub use self::stats::{
    Aggregate, Metric, Number, Phase, Skipped, StatsBuckets, StatsQuery, StatsResponse, StatsRow,
};
pub use crate::column::{Column, DerivedColumn, SessionColumn};
use crate::event::Event;
pub use crate::event::PAGE_VIEW;
use crate::time::TimeRange;

/// A query, with the type of its response.
pub trait Query: Into<AnyQuery> + Clone + Send + Sync + 'static {
    /// What the query returns.
    type Response: TryFrom<AnyResponse, Error = OtherResponse> + Into<AnyResponse> + Send + 'static;

    /// The query looks at events whose `timestamp` is in this range.
    fn range(&self) -> TimeRange;

    /// The same query over another range.
    #[must_use]
    fn over(self, range: TimeRange) -> Self;
}

/// An event store returned the response of another query than it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the response is one of another query")]
pub struct OtherResponse;

macro_rules! queries {
    ($($(#[doc = $doc:literal])+ $name:ident($query:ty) -> $response:ty;)+) => {
        /// A query of any type, for code that passes queries on.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum AnyQuery {
            $($(#[doc = $doc])+ $name($query),)+
        }

        impl AnyQuery {
            /// The query looks at events whose `timestamp` is in this range.
            pub fn range(&self) -> TimeRange {
                match self { $(Self::$name(query) => query.range,)+ }
            }
        }

        /// The response to an [`AnyQuery`], of the variant of the same name.
        #[derive(Debug, Clone, PartialEq)]
        pub enum AnyResponse {
            $($(#[doc = $doc])+ $name($response),)+
        }

        $(
            impl Query for $query {
                type Response = $response;

                fn range(&self) -> TimeRange {
                    self.range
                }

                fn over(self, range: TimeRange) -> Self {
                    Self { range, ..self }
                }
            }

            impl From<$query> for AnyQuery {
                fn from(query: $query) -> Self {
                    Self::$name(query)
                }
            }

            impl From<$response> for AnyResponse {
                fn from(response: $response) -> Self {
                    Self::$name(response)
                }
            }

            impl TryFrom<AnyResponse> for $response {
                type Error = OtherResponse;

                fn try_from(response: AnyResponse) -> Result<Self, OtherResponse> {
                    match response {
                        AnyResponse::$name(response) => Ok(response),
                        _ => Err(OtherResponse),
                    }
                }
            }
        )+
    };
}

queries! {
    /// Raw events, newest first.
    Events(EventsQuery) -> EventsResponse;
    /// One event by its id.
    Event(EventQuery) -> Option<Box<Event>>;
    /// Counts, distinct visitors and aggregates of numbers, by group and over time.
    Stats(StatsQuery) -> StatsResponse;
    /// The sources of visits.
    Sources(SourcesQuery) -> SourcesResponse;
    /// The event names that occur, and their properties.
    Names(NamesQuery) -> NamesResponse;
    /// How many visitors complete each step of a funnel.
    Funnel(FunnelQuery) -> FunnelResponse;
    /// How many visitors return in each period after their first.
    Retention(RetentionQuery) -> RetentionResponse;
    /// Views, entries and exits of pages.
    Pages(PagesQuery) -> PagesResponse;
    /// The number of sessions and bounces, by group and over time.
    Sessions(SessionsQuery) -> SessionsResponse;
    /// What visitors do after or before a page or event.
    Journeys(JourneysQuery) -> JourneysResponse;
    /// Which sources conversions are credited to.
    Attribution(AttributionQuery) -> AttributionResponse;
    /// The sequences of touches before conversions.
    Paths(PathsQuery) -> PathsResponse;
    /// The touches of one conversion.
    Touches(TouchesQuery) -> TouchesResponse;
    /// What rules would change of the attribution of stored events.
    RuleChanges(RuleChangesQuery) -> RuleChanges;
    /// What explains the difference between two ranges.
    Changes(ChangesQuery) -> ChangesResponse;
    /// Properties that hold texts which look like numbers.
    NumericTexts(NumericTextsQuery) -> NumericTextsResponse;
}

impl AnyQuery {
    /// The range that the query compares its own with; `None` if it has one range only.
    pub fn compared_with(&self) -> Option<TimeRange> {
        match self {
            Self::Changes(query) => Some(query.compared_with),
            _ => None,
        }
    }
}
