//! The parameters of routes and tools that read: from a query string or from JSON into a typed query.
//!
//! A parameter that is unknown, given twice or out of range is refused by its name, so that nobody gets a
//! response to another query than they meant.

mod body_schema;
mod check;
mod compare;
mod filters;
mod sent;
mod steps;
#[cfg(test)]
mod tests;
mod timezone;
mod values;

use std::borrow::Cow;
use std::fmt::Write as _;

use millimetric_core::query::Dimension;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::IntoParams;
use utoipa::openapi::path::Parameter;

pub use self::body_schema::body_schema;
pub(super) use self::check::Check;
pub use self::check::ENDS_EXCHANGED;
pub use self::compare::{COMPARE, CompareParam};
pub use self::filters::{FILTERS, FilterParams, filter};
pub use self::sent::{SentParams, named_goals};
pub use self::steps::STEPS;
use self::steps::goals_in_steps;
use self::timezone::TIMEZONE;
pub use self::timezone::TimezoneParam;
pub(super) use self::timezone::no_zone;
pub use self::values::{FlagParam, ListParam, NumberParam};
use crate::error::{ApiError, ApiResult, ErrorCode, Problems};
use crate::ops::goals::AskedGoals;

/// The name of the parameter that names a goal.
pub const GOAL: &str = "goal";
/// How serde begins to say that a name is unknown.
const UNKNOWN: &str = "unknown field";
const NOT_A_TEXT: &str = "must be a text, in quotes";

/// The parameters of one query as a client sends them, before they are checked.
pub trait Parameters: DeserializeOwned + IntoParams + 'static {
    /// The query that they ask for.
    type Query;

    /// Whether [`FilterParams`] are taken beside them.
    const FILTERED: bool;

    /// The names that `group_by` takes, if there is one.
    fn group_names() -> Vec<String> {
        Dimension::allowed().map(str::to_owned).collect()
    }

    /// The query.
    ///
    /// # Errors
    /// `invalid_params` with every parameter that is wrong; `invalid_group_by`.
    fn query(self, filters: FilterParams) -> ApiResult<Self::Query>;
}

/// Whether the parameters have one of this name.
fn takes<P: Parameters>(name: &str) -> bool {
    P::into_params(|| None).iter().any(|parameter| parameter.name == name)
}

/// The parameters of `P` for the API description, with `timezone`, filters, and the names that `group_by`
/// takes.
pub fn described<P: Parameters>() -> Vec<Parameter> {
    let mut parameters = P::into_params(|| None);
    for parameter in parameters.iter_mut().filter(|parameter| parameter.name == "group_by") {
        let names: Vec<_> = P::group_names().iter().map(|name| format!("`{name}`")).collect();
        let description = parameter.description.get_or_insert_default();
        let _ = write!(description, " Columns: {}.", names.join(", "));
    }
    if !timezone::has_own::<P>() {
        parameters.extend(TimezoneParam::into_params(|| None));
    }
    if P::FILTERED {
        parameters.extend(FilterParams::into_params(|| None));
    }
    parameters
}

/// Reads a query string.
///
/// # Errors
/// As [`Parameters::query`]; `invalid_params` for a name that is unknown or occurs twice.
pub fn from_query_string<P: Parameters>(text: Option<&str>) -> ApiResult<P::Query> {
    from_query_string_with::<P>(text, AskedGoals::default())
}

/// Reads a query string that names these goals.
///
/// # Errors
/// As [`from_query_string`].
pub fn from_query_string_with<P: Parameters>(text: Option<&str>, goals: AskedGoals) -> ApiResult<P::Query> {
    // serde cannot flatten one struct into another and still refuse unknown names, so filters are
    // separated first.
    let mut own: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    let mut filters = FilterParams::with(goals);
    let mut repeated = Ok(());
    for (name, value) in form_urlencoded::parse(text.unwrap_or_default().as_bytes()) {
        if P::FILTERED && FilterParams::has(&name) {
            repeated = repeated.and_then(|()| filters.add(&name, value.into_owned().into()));
        } else {
            own.push((name, value));
        }
    }
    if let Some(at) = own.iter().position(|(name, _)| name == TIMEZONE) {
        if let Some(zone) = timezone::read::<P>(&own[at].1)? {
            for (name, value) in &mut own {
                if let Some(time) = timezone::midnight_of(name, value, zone) {
                    *value = time.into();
                }
            }
        }
        if !timezone::has_own::<P>() {
            own.remove(at);
        }
    }
    let own = form_urlencoded::Serializer::new(String::new()).extend_pairs(own).finish();
    let own: P = serde_urlencoded::from_str(&own).map_err(|error| unreadable::<P>(error.to_string()))?;
    repeated?;
    own.query(filters)
}

/// Reads a JSON object, with a member for each parameter.
///
/// # Errors
/// As [`Parameters::query`]; `invalid_params` for a name that is unknown or a value of a wrong type.
pub fn from_json<P: Parameters>(object: Map<String, Value>) -> ApiResult<P::Query> {
    from_json_with::<P>(object, AskedGoals::default())
}

/// Reads a JSON object that names these goals.
///
/// # Errors
/// As [`from_json`].
pub fn from_json_with<P: Parameters>(object: Map<String, Value>, goals: AskedGoals) -> ApiResult<P::Query> {
    let mut filters = FilterParams::with(goals);
    let mut own = Map::new();
    for (name, value) in object {
        if P::FILTERED && FilterParams::has(&name) {
            filters.add(&name, value)?;
        } else {
            own.insert(name, value);
        }
    }
    if let Some(zone) = own.get(TIMEZONE) {
        let zone = zone.as_str().ok_or_else(|| mistyped(TIMEZONE, NOT_A_TEXT))?;
        if let Some(zone) = timezone::read::<P>(zone)? {
            for (name, value) in &mut own {
                let time = value.as_str().and_then(|text| timezone::midnight_of(name, text, zone));
                if let Some(time) = time {
                    *value = time.into();
                }
            }
        }
        if !timezone::has_own::<P>() {
            own.remove(TIMEZONE);
        }
    }
    let own: P = serde_path_to_error::deserialize(Value::Object(own)).map_err(|error| {
        let why = error.inner().to_string();
        if why.starts_with(UNKNOWN) {
            unreadable::<P>(why)
        } else {
            mistyped(&error.path().to_string(), &why)
        }
    })?;
    own.query(filters)
}

/// A query string or an object that is none of `P`'s, for the reason that serde gives.
fn unreadable<P: Parameters>(mut why: String) -> ApiError {
    if P::FILTERED && why.starts_with(UNKNOWN) {
        let _ = write!(why, ", or a filter: `{}`", FilterParams::names().join("`, `"));
    }
    ApiError::form(ErrorCode::InvalidParams, why)
}

/// A member of an object whose value has a wrong type.
fn mistyped(name: &str, why: &str) -> ApiError {
    let mut problems = Problems::default();
    // Types with a sentence of their own give it; all others are texts.
    problems.field(name, if why.starts_with("must be") { why } else { NOT_A_TEXT });
    ApiError::validation(ErrorCode::InvalidParams, problems)
}
