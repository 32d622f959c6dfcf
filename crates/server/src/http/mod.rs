//! Every route and every layer; and how requests reach them. The routes of reports are listed in
//! `wire::reports`.

pub mod cors;
pub mod documents;
mod head;
pub mod listener;
pub mod local;
mod npm;
pub mod openapi;
mod rate_headers;
pub mod reference;
pub mod response_headers;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::reading::also_by_post;
use crate::api::{
    admin, collect, discover, explain, export, goals, packages, privacy, quality, reports, schema, script,
    segment,
};
use crate::dashboard;
use crate::error::{ApiError, ErrorCode};
use crate::mcp;
use crate::state::App;

/// Every route, with its description.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    let from_browsers = OpenApiRouter::new()
        .routes(routes!(collect::track))
        .routes(routes!(collect::batch))
        .routes(routes!(collect::identify))
        .routes(routes!(privacy::forget))
        .routes(routes!(script::script))
        .merge(segment::routes())
        .layer(from_fn(cors::allow_any_origin));
    OpenApiRouter::with_openapi(openapi::Description::openapi())
        .merge(from_browsers)
        .routes(routes!(privacy::status))
        .merge(reports::routes())
        .routes(also_by_post(routes!(schema::schema), schema::schema))
        .routes(also_by_post(routes!(quality::quality), quality::quality))
        .routes(routes!(explain::explain, explain::rule_changes))
        .routes(routes!(goals::goals))
        .routes(also_by_post(routes!(reports::usage), reports::usage))
        .routes(also_by_post(routes!(export::export), export::export))
        .routes(routes!(packages::track))
        .routes(routes!(packages::node))
        .merge(admin::routes())
        .routes(routes!(mcp::project))
        .routes(routes!(mcp::account))
        .routes(routes!(mcp::card::server_card))
        .routes(routes!(discover::healthz))
        .routes(routes!(discover::readyz))
        .routes(routes!(discover::metrics))
        .routes(routes!(discover::openapi_json))
        .merge(OpenApiRouter::new().routes(routes!(discover::docs)).layer(from_fn(dashboard::secure)))
        .routes(routes!(discover::llms_txt))
        .routes(routes!(discover::llms_full_txt))
}

/// The whole server as one service.
pub fn router(app: Arc<App>) -> Router {
    let (router, _) = routes().split_for_parts();
    router
        .merge(reference::routes::routes().layer(from_fn(dashboard::secure)))
        .merge(dashboard::routes())
        .fallback(async || ApiError::new(ErrorCode::NotFound))
        .layer(from_fn_with_state(Arc::clone(&app), response_headers::finish))
        .with_state(app)
}
