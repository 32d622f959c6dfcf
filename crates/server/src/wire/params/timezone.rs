//! `timezone`, which every route with `from` and `to` takes: a date alone is its midnight there (contract,
//! section 4). Routes that use the zone themselves, for buckets, read it once more.

use chrono_tz::{TZ_VARIANTS, Tz};
use millimetric_core::fuzzy_match;
use millimetric_core::query::time_or_date;
use millimetric_core::time::Timestamp;
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};

use super::Parameters;
use crate::error::{ApiError, ApiResult, ErrorCode, Problems};

/// The name of the parameter.
pub(super) const TIMEZONE: &str = "timezone";

/// The parameter of routes that use it for dates alone.
#[derive(Debug)]
pub struct TimezoneParam;

impl IntoParams for TimezoneParam {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
        let parameter = ParameterBuilder::new()
            .name(TIMEZONE)
            .parameter_in(ParameterIn::Query)
            .required(Required::False)
            .description(Some("The time zone of dates without a time, an IANA name; default UTC."))
            .schema(Some(text))
            .example(Some("Europe/Berlin".into()));
        vec![parameter.build()]
    }
}

/// Why a text is no time zone, with the one that was probably meant.
pub(in crate::wire) fn no_zone(text: &str) -> String {
    let names = || TZ_VARIANTS.iter().map(|zone| zone.name());
    let is_city = |name: &&str| name.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(text));
    let meant = names().find(is_city).or_else(|| fuzzy_match::closest(text, names()));
    let meant = meant.map(|name| format!(": did you mean `{name}`?")).unwrap_or_default();
    format!("must be an IANA time zone like Europe/Berlin{meant}")
}

/// Whether the parameters have a `timezone` of their own.
pub(super) fn has_own<P: Parameters>() -> bool {
    super::takes::<P>(TIMEZONE)
}

/// Reads the value; `None` if it is no time zone and the parameters say so themselves.
pub(super) fn read<P: Parameters>(text: &str) -> ApiResult<Option<Tz>> {
    match text.parse() {
        Ok(zone) => Ok(Some(zone)),
        Err(_) if has_own::<P>() => Ok(None),
        Err(_) => {
            let mut problems = Problems::default();
            problems.field(TIMEZONE, no_zone(text));
            Err(ApiError::validation(ErrorCode::InvalidParams, problems))
        }
    }
}

/// The instant that a parameter's value means in the zone; `None` unless it is an end of a range and a date.
pub(super) fn midnight_of(parameter: &str, value: &str, zone: Tz) -> Option<String> {
    let is_date = matches!(parameter, "from" | "to") && Timestamp::parse_date(value).is_some();
    is_date.then(|| time_or_date(value, zone).ok())?.map(|at| at.to_string())
}
