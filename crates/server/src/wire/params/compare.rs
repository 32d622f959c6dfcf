//! `compare`: the range that a report is compared with.

use chrono_tz::Tz;
use millimetric_core::query::{Buckets, Comparison};
use millimetric_core::time::TimeRange;
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};

use crate::error::{ApiError, ApiResult, ErrorCode, Problems};
use crate::wire::reports::answer::comparison::{MOST_BUCKETS, Ranges, bucket_starts};

/// The name of the parameter.
pub const COMPARE: &str = "compare";

/// The parameter of reports whose rows can be compared.
#[derive(Debug)]
pub struct CompareParam;

impl IntoParams for CompareParam {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "Compares each row with another range: `previous` (the range of equal length before \
             this one), `year` (the same dates one year earlier), or two ends like `2026-04-01/2026-05-01`. Rows \
             gain `previous` and `change_pct`, and those that only the other range has are there too. With an \
             interval, buckets are paired by their position.";
        let parameter = ParameterBuilder::new()
            .name(COMPARE)
            .parameter_in(ParameterIn::Query)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(ObjectBuilder::new().schema_type(SchemaType::Type(Type::String))))
            .example(Some("previous".into()));
        vec![parameter.build()]
    }
}

/// The range of a query, and the one that this text means.
///
/// # Errors
/// `invalid_params`: the text means no range, or there are too many buckets to pair.
pub(super) fn ranges(
    text: &str,
    range: TimeRange,
    buckets: Option<Buckets>,
    timezone: Tz,
) -> ApiResult<Ranges> {
    let refused = |why: String| {
        let mut problems = Problems::default();
        problems.field(COMPARE, why);
        ApiError::validation(ErrorCode::InvalidParams, problems)
    };
    let comparison = text.parse::<Comparison>().map_err(|error| refused(error.to_string()))?;
    let compared = comparison.range(range, timezone);
    let compared =
        compared.ok_or_else(|| refused("must be a range that begins before its end".to_owned()))?;
    let has_few = |range| buckets.is_none_or(|buckets| bucket_starts(buckets, range).is_some());
    if !has_few(range) || !has_few(compared) {
        let why = format!("takes at most {MOST_BUCKETS} buckets: shorten the range, or widen `interval`");
        return Err(refused(why));
    }
    Ok(Ranges { range, compared })
}
