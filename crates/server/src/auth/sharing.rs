//! Proof that a request comes with a link by which a project's reports are shared: [`Shared`].
//!
//! Decides who may; what is shown, and what never, is decided where it is drawn.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use millimetric_core::key::Env;
use millimetric_core::token::Token;

use super::sessions::SessionError;
use super::{Authorized, Read};
use crate::state::App;

/// Anybody with the link whose token is `{token}` in the path.
#[derive(Debug)]
pub struct Shared {
    /// The link's own text.
    pub token: Token,
    /// The right to read the project's live side.
    pub reader: Authorized<Read>,
}

impl FromRequestParts<Arc<App>> for Shared {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, SessionError> {
        let Path(text) =
            Path::<String>::from_request_parts(parts, app).await.map_err(|_| SessionError::NotFound)?;
        let token: Token = text.parse().map_err(|_| SessionError::NotFound)?;
        let project = app.stores.control.shared_project(token.hash()).await?.ok_or(SessionError::NotFound)?;
        Ok(Self { reader: Authorized::of_link(project, Env::Live), token })
    }
}
