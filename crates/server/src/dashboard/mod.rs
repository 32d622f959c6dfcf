//! The dashboard's door: pages in plain HTML, drawn on the server. One file a page; a handler
//! takes, checks, asks and draws, and what the product does is in `ops`.
//!
//! Nothing here speaks JSON to programs, knows SQL, or loads anything from elsewhere.

mod assets;
mod code;
mod form;
mod frame;
mod guard;
mod home;
mod invitation;
mod password;
mod profile;
mod project;
mod refusal;
mod setup;
mod sign_in;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use tower_http::compression::CompressionLayer;

use crate::app::App;

/// Every page.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(home::show))
        .route("/setup/{token}", get(setup::show).post(setup::set_up))
        .route("/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/sign-in/code", get(code::show).post(code::give))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/password/{token}", get(password::show).post(password::choose))
        .route("/invitations/{token}", get(invitation::show).post(invitation::accept_as_new))
        .route("/invitations/{token}/accept", post(invitation::accept))
        .route("/profile", get(profile::show))
        .route("/profile/password", post(profile::change_password))
        .route("/profile/sessions/{session}/end", post(profile::end_session))
        .route("/profile/second-factor", get(profile::show_factor).post(profile::turn_on_factor))
        .route("/profile/second-factor/off", post(profile::turn_off_factor))
        .route("/projects/{project}", get(project::show))
        .layer(from_fn(guard::guard))
        .route("/assets/{fingerprint}/{name}", get(assets::show))
        .layer(CompressionLayer::new())
}
