//! The queries that the product answers, and the shapes of their responses: one file for each.
//!
//! A query that exists is valid: ranges are not empty, limits are within bounds, columns are known.
//! Every engine executes these types and no others; REST, MCP and the dashboard build them, which is
//! why their responses cannot differ. No SQL and no JSON here.

mod bounds;
mod dimension;
mod events;
mod funnel;
mod names;
mod pages;
mod period;
mod retention;
mod sessions;
mod sources;
mod stats;

pub use self::bounds::{Buckets, Interval, RowLimit, UnknownInterval};
pub use self::dimension::{Dimension, Filter, PropertyName, UnknownDimension};
pub use self::events::{Cursor, EventsQuery, EventsResponse, ExportQuery};
pub use self::funnel::{
    FunnelGroup, FunnelQuery, FunnelResponse, FunnelStep, FunnelSteps, FunnelWindow, ParseWindowError,
    StepOrder,
};
pub use self::names::{NamesQuery, NamesResponse, NamesRow, PropertySeen};
pub use self::pages::{PAGE_VIEW, PagesQuery, PagesResponse, PagesRow, PagesSort, UnknownPagesSort};
pub use self::period::{Period, UnknownPeriod, midnight};
pub use self::retention::{Cohort, RetentionQuery, RetentionResponse};
pub use self::sessions::{SessionsQuery, SessionsResponse, SessionsRow};
pub use self::sources::{SourcesQuery, SourcesResponse, SourcesRow};
pub use self::stats::{Metric, Number, StatsQuery, StatsResponse, StatsRow};
pub use crate::column::Column;
