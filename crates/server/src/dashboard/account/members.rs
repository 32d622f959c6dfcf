//! Who belongs to an account: members with their roles, and invitations.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use millimetric_control::{ControlError, Role};
use millimetric_core::ids::UserId;
use serde::Deserialize;

use crate::auth::sessions::{Asks, InAccount, Owner, Viewer};
use crate::dashboard::form::Posted;
use crate::dashboard::format::{date_time, sentence};
use crate::dashboard::frame::{AccountTab, Frame, page};
use crate::dashboard::refusal::{PageError, PageResult, again, problem};
use crate::ops::people::invitations::invite;
use crate::state::App;

#[derive(Template)]
#[template(path = "members.html")]
struct Members {
    frame: Frame,
    base: String,
    rows: Vec<MemberRow>,
    invitations: Vec<InvitationRow>,
    /// The link of an invitation just made: shown this once.
    link: Option<String>,
    email: String,
    problem: Option<String>,
}

struct MemberRow {
    id: String,
    email: String,
    role: Role,
    totp_on: bool,
    since: String,
    this_one: bool,
}

impl MemberRow {
    /// The roles to choose from.
    #[expect(clippy::unused_self, reason = "the template asks the row for its choices")]
    const fn roles(&self) -> &'static [Role] {
        &Role::ALL
    }
}

struct InvitationRow {
    id: String,
    email: String,
    role: Role,
    until: String,
}

impl Members {
    async fn new<R: Asks>(app: &App, member: &InAccount<R>) -> PageResult<Self> {
        let (id, own) = (member.account.id, member.by.user().id);
        let rows = app.stores.control.members(id).await?.into_iter().map(|member| MemberRow {
            id: member.user.to_string(),
            email: member.email.to_string(),
            role: member.role,
            totp_on: member.totp_on,
            since: date_time(member.since),
            this_one: member.user == own,
        });
        let invitations = app.stores.control.invitations(id, app.now()).await?;
        let invitations = invitations.into_iter().map(|invitation| InvitationRow {
            id: invitation.id.to_string(),
            email: invitation
                .email
                .map_or_else(|| "anyone with the link".to_owned(), |email| email.to_string()),
            role: invitation.role,
            until: date_time(invitation.expires_at),
        });
        Ok(Self {
            frame: Frame::of_account(member, AccountTab::Members)?,
            base: format!("/accounts/{id}"),
            rows: rows.collect(),
            invitations: invitations.collect(),
            link: None,
            email: String::new(),
            problem: None,
        })
    }
}

/// The page.
pub(in crate::dashboard) async fn show(
    State(app): State<Arc<App>>,
    member: InAccount<Viewer>,
) -> PageResult<Response> {
    page(&Members::new(&app, &member).await?)
}

/// Makes an invitation, and shows its link this once.
pub(in crate::dashboard) async fn make_invitation(
    State(app): State<Arc<App>>,
    member: InAccount<Owner>,
    Posted(fields): Posted,
) -> PageResult<Response> {
    let role = fields.get("role").parse().unwrap_or(Role::Viewer);
    let email = fields.get("email");
    match invite(&app, &member, role, email).await {
        Ok(token) => {
            let link = Some(format!("{}/invitations/{}", app.public_url.as_str(), token.reveal()));
            page(&Members { link, ..Members::new(&app, &member).await? })
        }
        Err(error) => {
            let (email, problem) = (email.to_owned(), Some(problem(error)?));
            again(&Members { email, problem, ..Members::new(&app, &member).await? })
        }
    }
}

/// Takes an invitation back.
pub(in crate::dashboard) async fn withdraw_invitation(
    State(app): State<Arc<App>>,
    member: InAccount<Owner>,
    Path(path): Path<InvitationPath>,
    Posted(_): Posted,
) -> PageResult<Response> {
    let id = path.invitation.parse().map_err(|_| PageError::NotFound)?;
    app.stores.control.withdraw_invitation(id, member.account.id, &member.by.actor(), app.now()).await?;
    Ok(back(&member))
}

/// Gives a member another role.
pub(in crate::dashboard) async fn set_role(
    State(app): State<Arc<App>>,
    member: InAccount<Owner>,
    Path(path): Path<MemberPath>,
    Posted(fields): Posted,
) -> PageResult<Response> {
    let (user, role) = (path.user()?, fields.get("role").parse().map_err(|_| PageError::NotFound)?);
    let done =
        app.stores.control.set_role(member.account.id, user, role, &member.by.actor(), app.now()).await;
    decided(&app, &member, done).await
}

/// Takes a member out.
pub(in crate::dashboard) async fn remove(
    State(app): State<Arc<App>>,
    member: InAccount<Owner>,
    Path(path): Path<MemberPath>,
    Posted(_): Posted,
) -> PageResult<Response> {
    let user = path.user()?;
    let done = app.stores.control.remove_member(member.account.id, user, &member.by.actor(), app.now()).await;
    decided(&app, &member, done).await
}

/// The invitation that the path names.
#[derive(Debug, Deserialize)]
pub(in crate::dashboard) struct InvitationPath {
    invitation: String,
}

/// The member that the path names.
#[derive(Debug, Deserialize)]
pub(in crate::dashboard) struct MemberPath {
    user: String,
}

impl MemberPath {
    fn user(&self) -> PageResult<UserId> {
        self.user.parse().map_err(|_| PageError::NotFound)
    }
}

async fn decided(
    app: &App,
    member: &InAccount<Owner>,
    done: Result<(), ControlError>,
) -> PageResult<Response> {
    match done {
        Ok(()) => Ok(back(member)),
        Err(ControlError::UnknownUser) => Err(PageError::NotFound),
        Err(error @ ControlError::LastOwner) => {
            let problem = Some(sentence(error));
            again(&Members { problem, ..Members::new(app, member).await? })
        }
        Err(error) => Err(error.into()),
    }
}

fn back<R>(member: &InAccount<R>) -> Response {
    Redirect::to(&format!("/accounts/{}", member.account.id)).into_response()
}
