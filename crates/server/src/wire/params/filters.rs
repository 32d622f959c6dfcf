//! Filters: a parameter for each column that queries can filter by.

use millimetric_core::column::{Column, FilterInfo};
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};

use crate::error::{ApiError, ApiResult, ErrorCode};

/// The filters of a route: one for each column that queries can filter by. A route that filters by event
/// name has the parameter `event` among its own.
#[derive(Debug, Default)]
pub struct FilterParams(pub(super) Vec<(Column, String)>);

impl FilterParams {
    /// The columns that filter, and how.
    fn columns() -> impl Iterator<Item = (Column, FilterInfo)> {
        let beside = Column::filterable().filter(|column| *column != Column::EventName);
        beside.filter_map(|column| Some((column, column.info().filter?)))
    }

    /// The column that a parameter filters by.
    pub(super) fn column(parameter: &str) -> Option<Column> {
        Self::columns().find(|(_, filter)| filter.parameter == parameter).map(|(column, _)| column)
    }

    /// Adds a filter, unless the column has one already.
    pub(super) fn add(&mut self, column: Column, value: String) -> ApiResult<()> {
        if self.0.iter().any(|(known, _)| *known == column) {
            let why = format!("duplicate field `{}`", column.filter_parameter());
            return Err(ApiError::form(ErrorCode::InvalidParams, why));
        }
        self.0.push((column, value));
        Ok(())
    }
}

impl FilterParams {
    /// The names of the parameters.
    pub(super) fn names() -> Vec<&'static str> {
        Self::columns().map(|(_, filter)| filter.parameter).collect()
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
        Self::columns().map(|(_, filter)| parameter(filter)).collect()
    }
}
