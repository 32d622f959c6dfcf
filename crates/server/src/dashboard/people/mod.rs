//! Pages of a person: the first setup, signing in and out, invitations, passwords, the profile.

mod invitation;
mod password;
mod profile;
mod setup;
mod sign_in;
mod tokens;
mod totp;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::home;
use crate::state::App;

/// The pages.
pub(super) fn routes() -> Router<Arc<App>> {
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
        .route("/profile/tokens", post(tokens::create))
        .route("/profile/tokens/{token}/revoke", post(tokens::revoke))
        .route("/profile/second-factor", get(profile::show_factor).post(profile::turn_on_factor))
        .route("/profile/second-factor/off", post(profile::turn_off_factor))
}
