//! Filters: a parameter for each column that queries can filter by, and a list of conditions.

use millimetric_core::column::{Column, FilterInfo};
use millimetric_core::ingest::page_path;
use millimetric_core::query::{Dimension, Filter};
use serde_json::Value;
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};

use super::{NOT_A_TEXT, mistyped};
use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::ops::goals::AskedGoals;

/// What the list of conditions holds.
const LIST: &str = "A JSON list of conditions that must all hold, beside the other filters: \
    `[operator, column, [values]]`, of which one value must fit. Operators: `is`, `is_not`, `contains`, \
    `contains_not`, `starts_with`, `ends_with`, `matches` (a regular expression), `greater`, `less` (numeric \
    properties), `exists`, `missing` (without values). `[\"and\", [conditions]]`, `[\"or\", [conditions]]` and \
    `[\"not\", condition]` join them.";

const EXAMPLE: &str =
    r#"[["is_not","browser",["safari"]],["not",["starts_with","path",["/admin","/test"]]]]"#;

/// A filter as somebody asks for it: paths are normalised as those of events are.
pub fn filter(column: Dimension, value: &str) -> Filter {
    let value = if column.holds_paths() { page_path::normalised(value) } else { value.into() };
    Filter::new(column, value)
}

/// The name of the parameter with a list of conditions.
pub const FILTERS: &str = "filters";

/// The filters of a route: one for each column of events and sessions that queries can filter by, and a list of
/// conditions. A route that selects events by name or by goal has the parameters `event` and `goal` among its own.
#[derive(Debug, Default)]
pub struct FilterParams {
    pub(super) columns: Vec<(Dimension, String)>,
    /// The list of conditions, as it was sent.
    pub(super) list: Option<Value>,
    /// The goals that the request names.
    pub(in crate::wire) goals: AskedGoals,
}

impl FilterParams {
    /// The columns with a parameter, and how they filter.
    pub(crate) fn all() -> impl Iterator<Item = (Dimension, FilterInfo)> {
        Dimension::filters().filter(|(column, _)| *column != Column::EventName.into())
    }

    fn column(parameter: &str) -> Option<Dimension> {
        Self::all().find(|(_, filter)| filter.parameter == parameter).map(|(column, _)| column)
    }

    /// No filters yet, and the goals that the request names.
    pub(super) const fn with(goals: AskedGoals) -> Self {
        Self { columns: Vec::new(), list: None, goals }
    }

    /// Whether a parameter is one of the filters.
    pub(super) fn has(parameter: &str) -> bool {
        parameter == FILTERS || Self::column(parameter).is_some()
    }

    /// Adds a filter, unless it is there already.
    ///
    /// # Errors
    /// `invalid_params` for a filter that is there twice, and for one by a column whose value is no text.
    pub(super) fn add(&mut self, parameter: &str, value: Value) -> ApiResult<()> {
        let is_new = match (Self::column(parameter), value) {
            (None, value) => self.list.replace(value).is_none(),
            (Some(column), Value::String(value)) => {
                let is_new = self.columns.iter().all(|(known, _)| *known != column);
                self.columns.push((column, value));
                is_new
            }
            (Some(_), _) => return Err(mistyped(parameter, NOT_A_TEXT)),
        };
        if is_new {
            return Ok(());
        }
        Err(ApiError::form(ErrorCode::InvalidParams, format!("duplicate field `{parameter}`")))
    }

    /// The names of the parameters.
    pub(super) fn names() -> Vec<&'static str> {
        [FILTERS].into_iter().chain(Self::all().map(|(_, filter)| filter.parameter)).collect()
    }
}

impl IntoParams for FilterParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = || ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
        let parameter = |filter: FilterInfo| {
            ParameterBuilder::new()
                .name(filter.parameter)
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(filter.description))
                .schema(Some(text()))
                .build()
        };
        let list = ParameterBuilder::new()
            .name(FILTERS)
            .parameter_in(ParameterIn::Query)
            .required(Required::False)
            .description(Some(LIST))
            .schema(Some(text()))
            .example(Some(EXAMPLE.into()));
        [list.build()].into_iter().chain(Self::all().map(|(_, filter)| parameter(filter))).collect()
    }
}
