//! `/v1/quality`: what is wrong with the events.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::reading::ReadRequest;
use crate::error::ApiResult;
use crate::ops;
use crate::ops::reports::warnings;
use crate::state::App;
use crate::wire::params::TimezoneParam;
use crate::wire::reports::{QualityParams, QualityRows};

/// What is wrong with the events, and what to do about it
///
/// Looks for campaign tags in several spellings (`tagging_variants`), or on links between the site's own pages
/// (`own_campaign_links`); payment and sign-in pages as sources (`payment_and_sign_in_hosts`); numbers that were sent as
/// texts, where a property also has numbers, is named like an amount, or is the value of a goal (`numbers_as_text`);
/// events of one name in several currencies, or some without one (`mixed_currencies`); event names that only one stored
/// event has (`event_names_seen_once`), or that look like a more frequent one (`similar_event_names`); ids that identify
/// nobody, such as `undefined` (`placeholder_ids`); and whether more than a fifth of the events is in sessions whose
/// attribution has a low confidence (`low_confidence`).
///
/// Each check looks at the 1000 most frequent values.
#[utoipa::path(get, path = "/v1/quality", operation_id = "getQuality", tag = "read", params(QualityParams, TimezoneParam),
    responses((status = 200, description = "The faults.", body = QualityRows)), security(("rk" = []), ("sk" = [])))]
pub async fn quality(State(app): State<Arc<App>>, request: ReadRequest) -> ApiResult<Json<QualityRows>> {
    let (by, query) = request.query::<QualityParams>(&app).await?;
    let response = ops::reports::quality::quality(&app, &by, &query).await?;
    let unconfirmed = query.unconfirmed(&response);
    let warnings = warnings::of_one(&app, &by, unconfirmed.as_ref()).await;
    Ok(Json(QualityRows::from(response).with(warnings)))
}
