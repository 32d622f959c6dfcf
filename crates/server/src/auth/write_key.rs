//! Write keys where some of Segment's libraries put them: in a body, and in the path of the settings
//! (contract, section 8). The checks are those of every other key.

use axum::http::request::Parts;
use millimetric_core::key::{KeyKind, Scope};

use super::error::{AuthError, AuthResult};
use super::metered::{Draws, Metered};
use super::{check_address, check_key, check_origin, key_text, only_origin};
use crate::client_info::ClientInfo;
use crate::credentials::key_cache::KeyError;
use crate::refusals::Why;
use crate::state::App;

/// The proof of a request whose key is in the URL or the headers; `None` if neither has one.
pub async fn in_head<D: Draws>(parts: &Parts, app: &App) -> AuthResult<Option<Metered<D>>> {
    match key_text::in_head(parts, app, ClientInfo::address(parts, app), true).await? {
        Some(text) => Metered::with_token(check_key(&text, parts, app).await?, parts, app).map(Some),
        None => Ok(None),
    }
}

/// The proof of a request whose key is in its body.
pub async fn in_body<D: Draws>(text: Option<String>, parts: &Parts, app: &App) -> AuthResult<Metered<D>> {
    let text = key_text::visible(text.ok_or(AuthError::MissingKey)?)?;
    Metered::with_token(check_key(&text, parts, app).await?, parts, app)
}

/// Checks the key in the path of the settings: a pk that may send. An origin is checked if the request
/// names one, so that a page learns at once that it may not send; apps, and pages of the same origin, name
/// none in a GET. Gives no right, and takes no token.
pub async fn in_path(text: &str, parts: &Parts, app: &App) -> AuthResult<()> {
    let address = ClientInfo::address(parts, app);
    key_text::in_head(parts, app, address, true).await?;
    let text = key_text::in_path(text, app, address).await?;
    let key = app.credentials.keys.verify(&app.stores.control, &text, address, app.now()).await?;
    if key.kind != KeyKind::Pk {
        return Err(AuthError::SecretKeyInUrl);
    }
    let project = key.project.clone().ok_or(KeyError::Invalid)?;
    let note = |why| app.refusals.note(project.id, (key.kind, key.prefix), why, app.now());
    if let Some(origin) = only_origin(&parts.headers) {
        check_origin(&key, &project, Some(origin)).inspect_err(|_| note(Why::origin(Some(origin))))?;
    }
    check_address(&key, address).inspect_err(|_| note(Why::AddressNotAllowed))?;
    if key.scopes.contains(&Scope::Ingest) { Ok(()) } else { Err(AuthError::LacksScope(Scope::Ingest)) }
}
