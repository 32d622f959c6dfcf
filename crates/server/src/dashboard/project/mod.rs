//! Pages of a project: its installation, keys and settings. Its reports are in `reports`.

mod install;
mod key_row;
pub(super) mod keys;
mod settings;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::auth::sessions::{Admin, InProject, Viewer};
use crate::state::App;

/// The pages.
pub(super) fn routes() -> Router<Arc<App>> {
    type Seen = InProject<Viewer>;
    type Changed = InProject<Admin>;
    Router::new()
        .route("/projects/{project}/install", get(install::show))
        .route("/projects/{project}/install/arrivals", get(install::show_arrivals))
        .route("/projects/{project}/keys", get(keys::show::<Seen>).post(keys::create::<Changed>))
        .route(
            "/projects/{project}/keys/{key}/rotate",
            get(keys::ask_rotate::<Changed>).post(keys::rotate_one::<Changed>),
        )
        .route(
            "/projects/{project}/keys/{key}/revoke",
            get(keys::ask_revoke::<Changed>).post(keys::revoke::<Changed>),
        )
        .route("/projects/{project}/settings", get(settings::show).post(settings::save_settings))
        .route("/projects/{project}/settings/origins", post(settings::save_origins))
        .route("/projects/{project}/settings/origins/check", get(settings::check_origin))
        .route("/projects/{project}/settings/delete", post(settings::delete))
}
