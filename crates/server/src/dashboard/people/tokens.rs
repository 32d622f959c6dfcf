//! `/profile/tokens`: one's own personal access tokens. The text of a token is in the one response that creates it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use millimetric_control::{AccessToken, ControlError, Name};
use millimetric_core::key::access_token::{AccessTokenScope, AccessTokenText};
use millimetric_core::time::{DAY_MILLIS, Timestamp};

use super::profile::Profile;
use crate::auth::sessions::SignedIn;
use crate::dashboard::form::{Fields, Posted};
use crate::dashboard::format::{ago, date_time};
use crate::dashboard::frame::page;
use crate::dashboard::refusal::{PageError, PageResult, again, problem};
use crate::ops::people::access_tokens::{TokenRequest, create_own};
use crate::state::App;

/// The choices for a token's expiry: days and label. The first is the usual one.
const EXPIRIES: &[(i64, &str)] =
    &[(90, "In 90 days"), (7, "In 7 days"), (30, "In 30 days"), (AccessTokenText::MAX_DAYS, "In 366 days")];

/// The tokens on the profile page, and the form for a new one.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    pub(super) rows: Vec<TokenRow>,
    /// The text of a token that was just created.
    pub(super) fresh: Option<String>,
    pub(super) problem: Option<String>,
    /// The name that was typed.
    pub(super) name: String,
}

/// A token as the table shows it: never more than its prefix.
#[derive(Debug)]
pub(super) struct TokenRow {
    pub(super) id: String,
    pub(super) prefix: String,
    pub(super) name: String,
    pub(super) scope: &'static str,
    pub(super) created: String,
    pub(super) last_used: String,
    pub(super) expires: String,
    pub(super) exposed: bool,
}

impl Tokens {
    /// Those that work.
    pub(super) async fn of(app: &App, by: &SignedIn) -> PageResult<Self> {
        let now = app.now();
        let all = app.stores.control.access_tokens(by.user().id).await?;
        let rows = all.iter().filter(|token| token.is_live(now)).map(|token| row(token, now)).collect();
        Ok(Self { rows, ..Self::default() })
    }

    #[expect(clippy::unused_self, reason = "the template asks the form for its choices")]
    pub(super) fn expiries(&self) -> &'static [(i64, &'static str)] {
        EXPIRIES
    }
}

fn row(token: &AccessToken, now: Timestamp) -> TokenRow {
    TokenRow {
        id: token.id.to_string(),
        prefix: format!("mmt_{}", token.prefix),
        name: token.name.to_string(),
        scope: token.scope.as_str(),
        created: date_time(token.created_at),
        last_used: token.last_used_at.map_or_else(|| "never".to_owned(), |at| ago(at, now)),
        expires: date_time(token.expires_at),
        exposed: token.exposed_at.is_some(),
    }
}

/// Creates a token, and shows its text this once.
pub(in crate::dashboard) async fn create(
    State(app): State<Arc<App>>,
    by: SignedIn,
    Posted(fields): Posted,
) -> PageResult<Response> {
    let created = match request(&fields) {
        Ok(request) => match create_own(&app, &by, fields.get("password"), &request).await {
            Ok(created) => created,
            Err(error) => return form_again(&app, &by, &fields, problem(error)?).await,
        },
        Err(problem) => return form_again(&app, &by, &fields, problem).await,
    };
    let mut profile = Profile::new(&app, &by).await?;
    profile.tokens.fresh = Some(created.text.reveal().to_owned());
    page(&profile)
}

async fn form_again(app: &App, by: &SignedIn, fields: &Fields, problem: String) -> PageResult<Response> {
    let mut profile = Profile::new(app, by).await?;
    profile.tokens.problem = Some(problem);
    fields.get("name").clone_into(&mut profile.tokens.name);
    again(&profile)
}

/// What was asked for, or what is wrong with it.
fn request(fields: &Fields) -> Result<TokenRequest, String> {
    let name: Name = fields.get("name").parse().map_err(|error| format!("Name: {error}."))?;
    let write = fields.get("scope") == AccessTokenScope::Write.as_str();
    let days = fields.get("expires").parse().ok();
    let days = days.filter(|days| EXPIRIES.iter().any(|(known, _)| known == days));
    Ok(TokenRequest {
        name,
        scope: if write { AccessTokenScope::Write } else { AccessTokenScope::Read },
        lifetime_millis: days.unwrap_or(EXPIRIES[0].0) * DAY_MILLIS,
    })
}

/// Revokes a token.
pub(in crate::dashboard) async fn revoke(
    State(app): State<Arc<App>>,
    by: SignedIn,
    Path(token): Path<String>,
    Posted(_): Posted,
) -> PageResult<Response> {
    let id = token.parse().map_err(|_| PageError::NotFound)?;
    match app.stores.control.revoke_access_token(id, by.user().id, &by.actor(), app.now()).await {
        Ok(_) => Ok(Redirect::to("/profile#tokens").into_response()),
        Err(ControlError::UnknownToken) => Err(PageError::NotFound),
        Err(error) => Err(error.into()),
    }
}
