//! `/v1/export`: every event of a range as a file, streamed.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};

use super::reading::ReadRequest;
use crate::body::stream;
use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::ops::read;
use crate::state::App;
use crate::wire::params::{FilterParams, TimezoneParam};
use crate::wire::reports::ExportParams;
use crate::wire::rows::RowWriter;

/// Every event of a range as NDJSON, CSV or Parquet
///
/// All columns of the stored row, as of one point in time, in bounded memory however many rows there are.
/// Rows of one segment are ordered by timestamp and `event_id`; there is no order across segments. A
/// transfer that fails is aborted, never ended as if it were complete.
#[utoipa::path(get, path = "/v1/export", operation_id = "exportEvents", tag = "read", params(ExportParams, TimezoneParam, FilterParams),
    responses((status = 200, description = "The file.",
        headers(("Content-Disposition" = String, description = "The name of the file.")), content(
        (String = "application/x-ndjson"), (String = "text/csv"), (String = "application/vnd.apache.parquet")))),
    security(("rk" = []), ("sk" = [])))]
pub async fn export(State(app): State<Arc<App>>, request: ReadRequest) -> ApiResult<Response> {
    let (by, (query, format)) = request.query::<ExportParams>(&app).await?;
    let mut export = read::export(&app, &by, query, RowWriter::new(format, by.scope())?)?;
    // An error before the first byte is a normal error response.
    let first = export.next().await.transpose()?;
    let name = format!("{}-{}.{}", by.project().slug, by.scope().env, format.extension());
    let name = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
        .map_err(|error| ApiError::new(ErrorCode::InternalError).because(error))?;
    let mut response = Body::from_stream(stream::pieces(first, export)).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    response.headers_mut().insert(CONTENT_DISPOSITION, name);
    Ok(response)
}
