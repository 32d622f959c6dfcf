//! The dashboard: pages in plain HTML, drawn on the server. One file a page; a handler
//! takes, checks, asks and draws, and what the product does is in `ops`.
//!
//! Nothing here speaks JSON to programs, knows SQL, or loads anything from elsewhere.

mod assets;
mod audit;
mod form;
mod format;
mod frame;
mod home;
mod install;
mod invitation;
mod key_row;
mod keys;
mod members;
mod new_project;
mod password;
mod profile;
mod refusal;
mod reports;
mod security_headers;
mod settings;
mod setup;
mod sign_in;
mod totp;
mod usage;

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use tower_http::compression::CompressionLayer;

use self::assets::Assets;
use crate::auth::sessions::{Admin, InAccount, InProject, Owner, Viewer};
use crate::state::App;

/// Every page.
pub fn routes() -> Router<Arc<App>> {
    let assets = Arc::new(Assets::new());
    let asset = async move |path: Path<(String, String)>, headers: HeaderMap| assets.show(&path, &headers);
    Router::new()
        .merge(people())
        .merge(project())
        .merge(account())
        .route("/assets/{fingerprint}/{name}", get(asset))
        .layer(from_fn(security_headers::insert))
        .layer(CompressionLayer::new())
}

fn people() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(home::show))
        .route("/setup/{token}", get(setup::show).post(setup::set_up))
        .route("/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/sign-in/code", get(totp::show).post(totp::give))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/password/{token}", get(password::show).post(password::choose))
        .route("/invitations/{token}", get(invitation::show).post(invitation::accept_as_new))
        .route("/invitations/{token}/accept", post(invitation::accept))
        .route("/profile", get(profile::show))
        .route("/profile/password", post(profile::change_password))
        .route("/profile/sessions/{session}/end", post(profile::end_session))
        .route("/profile/second-factor", get(profile::show_factor).post(profile::turn_on_factor))
        .route("/profile/second-factor/off", post(profile::turn_off_factor))
}

fn project() -> Router<Arc<App>> {
    type Seen = InProject<Viewer>;
    type Changed = InProject<Admin>;
    Router::new()
        .merge(reports::routes())
        .route("/projects/{project}/install", get(install::show))
        .route("/projects/{project}/install/arrivals", get(install::show_arrivals))
        .route("/projects/{project}/keys", get(keys::show::<Seen>).post(keys::mint_one::<Changed>))
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

fn account() -> Router<Arc<App>> {
    type Seen = InAccount<Viewer>;
    type Decided = InAccount<Owner>;
    Router::new()
        .route("/accounts/{account}", get(members::show))
        .route("/accounts/{account}/invitations", post(members::make_invitation))
        .route("/accounts/{account}/invitations/{invitation}/withdraw", post(members::withdraw_invitation))
        .route("/accounts/{account}/members/{user}/role", post(members::set_role))
        .route("/accounts/{account}/members/{user}/remove", post(members::remove))
        .route("/accounts/{account}/projects/new", get(new_project::show).post(new_project::make))
        .route("/accounts/{account}/usage", get(usage::show))
        .route("/accounts/{account}/audit", get(audit::show))
        .route("/accounts/{account}/keys", get(keys::show::<Seen>).post(keys::mint_one::<Decided>))
        .route(
            "/accounts/{account}/keys/{key}/rotate",
            get(keys::ask_rotate::<Decided>).post(keys::rotate_one::<Decided>),
        )
        .route(
            "/accounts/{account}/keys/{key}/revoke",
            get(keys::ask_revoke::<Decided>).post(keys::revoke::<Decided>),
        )
}
