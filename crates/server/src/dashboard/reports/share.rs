//! `/projects/{project}/share`: the share links of the overview; and `/share/{token}`, the overview for anyone
//! with a link: totals only, no events and no visitors.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use millimetric_core::ids::ShareLinkId;
use serde::Deserialize;

use super::overview;
use super::place;
use super::view::View;
use crate::auth::sessions::{Admin, Asks, InProject, Viewer};
use crate::auth::sharing::Shared;
use crate::dashboard::form::Posted;
use crate::dashboard::format::date_time;
use crate::dashboard::frame::{Frame, Tab, page};
use crate::dashboard::refusal::{PageError, PageResult};
use crate::ops;
use crate::state::App;

/// Asks search engines not to index the page.
const NO_INDEX: [(&str, &str); 1] = [("x-robots-tag", "noindex, nofollow")];

#[derive(Debug, Template)]
#[template(path = "reports/share.html")]
struct SharePage {
    frame: Frame,
    base: String,
    links: Vec<Link>,
    /// The link that was just created; shown once.
    fresh: Option<String>,
}

#[derive(Debug)]
struct Link {
    id: String,
    created: String,
}

async fn draw<R: Asks>(app: &App, member: &InProject<R>, fresh: Option<String>) -> PageResult<Response> {
    let links = app.stores.control.share_links(member.project.id).await?.into_iter();
    page(&SharePage {
        frame: Frame::of_project(member, Tab::Overview)?,
        base: place(member, "/share"),
        links: links
            .map(|link| Link { id: link.id.to_string(), created: date_time(link.created_at) })
            .collect(),
        fresh,
    })
}

/// The page.
pub(super) async fn list(State(app): State<Arc<App>>, member: InProject<Viewer>) -> PageResult<Response> {
    draw(&app, &member, None).await
}

/// Makes a link, and shows it once.
pub(super) async fn make(
    State(app): State<Arc<App>>,
    member: InProject<Admin>,
    Posted(_): Posted,
) -> PageResult<Response> {
    let token = ops::share::share(&app, &member).await?;
    let link = format!("{}/share/{}", app.public_url.as_str(), token.reveal());
    draw(&app, &member, Some(link)).await
}

/// The link that the path names.
#[derive(Debug, Deserialize)]
pub(super) struct LinkPath {
    link: String,
}

/// Revokes a link.
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    member: InProject<Admin>,
    Path(LinkPath { link }): Path<LinkPath>,
    Posted(_): Posted,
) -> PageResult<Response> {
    let id: ShareLinkId = link.parse().map_err(|_| PageError::NotFound)?;
    ops::share::revoke(&app, &member, id).await?;
    Ok(Redirect::to(&place(&member, "/share")).into_response())
}

/// The overview for anybody with the link.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    shared: Shared,
    RawQuery(query): RawQuery,
) -> PageResult<Response> {
    let path = format!("/share/{}", shared.token.reveal());
    let view = View::read(path, shared.reader.project().timezone, query.as_deref()).impersonal();
    let frame = Frame::open(shared.reader.project().name.to_string());
    let drawn = overview::draw(&app, &shared.reader, view, frame, true).await?;
    Ok((NO_INDEX, drawn).into_response())
}
