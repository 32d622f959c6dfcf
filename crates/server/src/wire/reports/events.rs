//! `GET /v1/query`: raw events.

use millimetric_core::column::Column;
use millimetric_core::event::Event;
use millimetric_core::query::{EventsQuery, EventsResponse};
use millimetric_core::time::Timestamp;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::{QueryResponse, Report};
use crate::error::ApiResult;
use crate::wire::choices::Instant;
use crate::wire::params::{Check, FilterParams, NumberParam, Parameters};
use crate::wire::responses::{read_cursor, write_cursor};

/// `GET /v1/query`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsParams {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in `timezone`.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-06-01")]
    to: Option<String>,
    /// Only this event name.
    #[param(max_length = 2048)]
    event: Option<String>,
    /// Only events that reach this goal of the project, by its slug (`/v1/goals`), such as `signup`; in place
    /// of `event`.
    #[param(max_length = 2048)]
    goal: Option<String>,
    /// Maximum number of rows, 1–1000; default 100.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<NumberParam>,
    /// `next_cursor` of the previous page.
    cursor: Option<String>,
}

impl Parameters for EventsParams {
    type Query = EventsQuery;
    const FILTERED: bool = true;

    fn query(self, filters: FilterParams) -> ApiResult<EventsQuery> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = check.limit(self.limit, 100, 1000);
        let after = check.read("cursor", self.cursor, |text| {
            read_cursor(text).ok_or("is not a cursor: pass next_cursor as it was returned")
        });
        let events = check.events(self.event, self.goal.as_deref(), &filters.goals);
        let filters = check.filters(filters);
        let (range, limit) = check.finish(range, limit)?;
        Ok(EventsQuery { range, events, filters, limit, after })
    }
}

impl Report for EventsParams {
    const PATH: &'static str = "/v1/query";
    const OPERATION_ID: &'static str = "queryEvents";
    const SUMMARY: &'static str = "Raw events, newest first";
    type Body = EventRows;

    fn body(_: &Self::Query, response: QueryResponse<Self>, _: Timestamp) -> EventRows {
        response.into()
    }
}

/// `GET /v1/query`
#[derive(Debug, Serialize, ToSchema)]
pub struct EventRows {
    /// Newest first.
    pub rows: Vec<EventRow>,
    /// Pass it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// One stored event: `timestamp`, then the columns of `core::column` that responses show.
#[derive(Debug)]
pub struct EventRow(Event);

impl Serialize for EventRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_map(None)?;
        row.serialize_entry("timestamp", &self.0.timestamp.to_string())?;
        for column in Column::shown() {
            row.serialize_entry(column.as_str(), &self.0.text(column))?;
        }
        row.end()
    }
}

impl PartialSchema for EventRow {
    fn schema() -> RefOr<Schema> {
        let text = |types, description: &str| {
            ObjectBuilder::new().schema_type(types).description(Some(description)).build()
        };
        let time = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .examples(["2026-05-16T19:00:00.000Z"])
            .build();
        let mut row = ObjectBuilder::new()
            .description(Some("One stored event."))
            .property("timestamp", time)
            .required("timestamp");
        for info in Column::shown().map(Column::info) {
            row = if info.is_optional() {
                let types = SchemaType::from_iter([Type::String, Type::Null]);
                row.property(info.name, text(types, info.description))
            } else {
                row.property(info.name, text(SchemaType::Type(Type::String), info.description))
                    .required(info.name)
            };
        }
        row.into()
    }
}

impl ToSchema for EventRow {}

impl From<EventsResponse> for EventRows {
    fn from(response: EventsResponse) -> Self {
        Self {
            next_cursor: response.next.as_ref().map(write_cursor),
            rows: response.rows.into_iter().map(EventRow).collect(),
        }
    }
}
