//! Pages of an account: its members, projects, usage, audit log and keys.

mod audit;
mod members;
mod new_project;
mod usage;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::project::keys;
use crate::auth::sessions::{InAccount, Owner, Viewer};
use crate::state::App;

/// The pages.
pub(super) fn routes() -> Router<Arc<App>> {
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
        .route("/accounts/{account}/keys", get(keys::show::<Seen>).post(keys::create::<Decided>))
        .route(
            "/accounts/{account}/keys/{key}/rotate",
            get(keys::ask_rotate::<Decided>).post(keys::rotate_one::<Decided>),
        )
        .route(
            "/accounts/{account}/keys/{key}/revoke",
            get(keys::ask_revoke::<Decided>).post(keys::revoke::<Decided>),
        )
}
