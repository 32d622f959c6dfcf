//! Filters: a parameter for each column that queries can filter by.

use millimetric_core::column::{Column, FilterInfo};
use millimetric_core::ingest::page_path;
use millimetric_core::query::{Dimension, Filter};
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};

use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::ops::goals::AskedGoal;

/// A filter as somebody asks for it: paths are normalised as those of events are.
pub fn filter(column: Dimension, value: &str) -> Filter {
    let value = if column.holds_paths() { page_path::normalised(value) } else { value.into() };
    Filter::new(column, value)
}

/// The filters of a route: one for each column of events and sessions that queries can filter by. A route
/// that selects events by name or by goal has the parameters `event` and `goal` among its own.
#[derive(Debug, Default)]
pub struct FilterParams {
    pub(super) columns: Vec<(Dimension, String)>,
    /// The goal that the request names.
    pub(in crate::wire) goal: AskedGoal,
}

impl FilterParams {
    /// What they filter by, and how.
    pub(crate) fn all() -> impl Iterator<Item = (Dimension, FilterInfo)> {
        Dimension::filters().filter(|(column, _)| *column != Column::EventName.into())
    }

    /// What a parameter filters by.
    pub(super) fn column(parameter: &str) -> Option<Dimension> {
        Self::all().find(|(_, filter)| filter.parameter == parameter).map(|(column, _)| column)
    }

    /// No filters yet, and the goal that the request names.
    pub(super) const fn with(goal: AskedGoal) -> Self {
        Self { columns: Vec::new(), goal }
    }

    /// Adds a filter, unless there is one by the same column already.
    pub(super) fn add(&mut self, column: Dimension, value: String) -> ApiResult<()> {
        if self.columns.iter().any(|(known, _)| *known == column) {
            let why = format!("duplicate field `{}`", column.filter_parameter().unwrap_or_default());
            return Err(ApiError::form(ErrorCode::InvalidParams, why));
        }
        self.columns.push((column, value));
        Ok(())
    }
}

impl FilterParams {
    /// The names of the parameters.
    pub(super) fn names() -> Vec<&'static str> {
        Self::all().map(|(_, filter)| filter.parameter).collect()
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
        Self::all().map(|(_, filter)| parameter(filter)).collect()
    }
}
