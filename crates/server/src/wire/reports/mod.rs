//! One file for each report: the parameters that it takes, and the JSON that it returns.
//!
//! Reports that are one query of the event store are [`Report`]s: [`for_each_report`] lists them, and
//! their routes are made from the list. The others have handlers of their own.

pub mod answer;
mod attribution;
mod events;
pub mod explain;
mod export;
mod funnel;
#[cfg(test)]
mod mutated;
mod names;
mod pages;
mod paths;
mod retention;
mod schema;
mod sessions;
mod sources;
mod stats;
mod usage;

use millimetric_core::query::Query;
use millimetric_core::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use self::answer::comparison::Comparable;
pub use self::answer::{Answer, Asked, WarningRow, answer, describe_answer};
pub use self::attribution::{AttributionEntry, AttributionParams, AttributionRows, CurrencyRow, OtherEntry};
pub use self::events::{EventRow, EventRows, EventsParams};
pub use self::explain::{
    Classified, ExplainParams, ExplainedEvent, ExplainedRows, ExplainedSession, ExplainedTouch, RuleRow,
};
pub use self::export::ExportParams;
pub use self::funnel::{FunnelParams, FunnelRows};
pub use self::names::{NameRow, NameRows, NamesParams, PropertyRow};
pub use self::pages::{PageRow, PageRows, PagesParams};
pub use self::paths::{PathRow, PathRows, PathsParams};
pub use self::retention::{CohortRow, RetentionParams, RetentionRows};
pub use self::schema::quality::{FaultExample, FaultRow, FaultValueRow, QualityParams, QualityRows};
pub use self::schema::{SchemaParams, SchemaRows};
pub use self::sessions::{JourneyRow, JourneyRows, JourneysParams, SessionRow, SessionRows, SessionsParams};
pub use self::sources::{SourceRow, SourceRows, SourcesParams};
pub use self::stats::changes::{
    ChangeRow, ChangesParams, ChangesRows, ComparedRange, OtherChangeRow, UnchangedRow,
};
pub(in crate::wire) use self::stats::number;
pub use self::stats::{StatsParams, StatsRows};
pub use self::usage::{UsageParams, UsageRow, UsageRows};
use super::params::Parameters;
use crate::ops::reports::warnings::Warning;

/// A query of the event store as a route: its parameters, its description and its JSON.
pub trait Report: Parameters<Query: Query> + Send + 'static {
    /// The path of the route, which takes `GET`.
    const PATH: &'static str;

    /// The operation's id in the API description.
    const OPERATION_ID: &'static str;

    /// What the report returns, in one line.
    const SUMMARY: &'static str;

    /// How it is counted, if the summary does not say it all.
    const DESCRIPTION: Option<&'static str> = None;

    /// How its rows are compared with those of another range; `None` if they are not.
    const COMPARABLE: Option<Comparable<Self::Query>> = None;

    /// The JSON of the response.
    type Body: Serialize + ToSchema + Send;

    /// The JSON of a response to this query, `now`: what is not over yet is marked in it.
    fn body(query: &Self::Query, response: QueryResponse<Self>, now: Timestamp) -> Self::Body;

    /// Writes into the body of a comparison that these rows were cut at the limit, or some before they were paired.
    fn say_cut(body: &mut Map<String, Value>, _cut: &[Map<String, Value>]) {
        body.insert("truncated".to_owned(), true.into());
    }

    /// What the body itself shows to be left out.
    fn warnings(_: &Self::Query, _: &Self::Body) -> Vec<Warning> {
        Vec::new()
    }
}

/// The response of the event store to a report's query.
pub type QueryResponse<R> = <<R as Parameters>::Query as Query>::Response;

/// Something that is done for every report.
pub trait ReportVisitor {
    /// Does it for this report.
    fn visit<R: Report>(&mut self);
}

/// Visits every report.
pub fn for_each_report(visitor: &mut impl ReportVisitor) {
    visitor.visit::<EventsParams>();
    visitor.visit::<StatsParams>();
    visitor.visit::<SourcesParams>();
    visitor.visit::<NamesParams>();
    visitor.visit::<FunnelParams>();
    visitor.visit::<RetentionParams>();
    visitor.visit::<PagesParams>();
    visitor.visit::<SessionsParams>();
    visitor.visit::<JourneysParams>();
    visitor.visit::<AttributionParams>();
    visitor.visit::<PathsParams>();
    visitor.visit::<ChangesParams>();
}

/// A part of a whole, 0 to 1; 0 of nothing.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
