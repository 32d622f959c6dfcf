//! The management API, `/v1/admin`: projects, keys, goals and rules for scripts and infrastructure tools. Each route
//! takes a personal access token, and permits what the dashboard permits its owner.

mod account;
mod keys;
mod projects;
mod request;
mod settings;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::App;

/// The routes, with their descriptions.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(projects::list, projects::create))
        .routes(routes!(projects::show, projects::update, projects::delete))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::show, keys::revoke))
        .routes(routes!(keys::rotate))
        .routes(routes!(settings::origins, settings::replace_origins))
        .routes(routes!(settings::goals, settings::replace_goals))
        .routes(routes!(settings::rules, settings::replace_rules))
        .routes(routes!(account::show))
        .routes(routes!(account::members))
        .routes(routes!(account::audit))
        .routes(routes!(account::usage))
}
