//! The error for events that an operation refused, with the names of REST for their fields.

use millimetric_core::ingest::validate::FieldError;

use crate::error::{ApiError, ErrorCode, Problems};
use crate::ops::error::CollectError;

/// The error for events that were not stored; a field of a batch is named with the event's index.
pub fn not_collected(error: CollectError, is_batch: bool) -> ApiError {
    let invalid = match error {
        CollectError::Invalid(invalid) => invalid,
        CollectError::Failed(error) => return error.into(),
    };
    let mut problems = Problems::default();
    for (index, errors) in invalid {
        let path = |field| if is_batch { format!("events.{index}.{field}") } else { String::from(field) };
        problems.event(errors.into_iter().map(|error| (path(error.field), error.message)));
    }
    ApiError::validation(ErrorCode::InvalidPayload, problems)
}

/// Like [`not_collected`] for `identify`, whose properties are called traits.
pub fn not_identified(error: CollectError) -> ApiError {
    let rename = |mut error: FieldError| {
        if error.field == "properties" {
            error.field = "traits";
        }
        error
    };
    let renamed =
        |(index, errors): (usize, Vec<FieldError>)| (index, errors.into_iter().map(rename).collect());
    not_collected(
        match error {
            CollectError::Invalid(invalid) => {
                CollectError::Invalid(invalid.into_iter().map(renamed).collect())
            }
            failed @ CollectError::Failed(_) => failed,
        },
        false,
    )
}
