//! A project's first page.

use askama::Template;
use axum::response::Response;

use super::frame::{Frame, Tab, page};
use super::refusal::PageResult;
use crate::auth::sessions::{InProject, Viewer};

#[derive(Debug, Template)]
#[template(path = "project.html")]
struct Overview {
    frame: Frame,
}

/// The page.
pub(super) async fn show(member: InProject<Viewer>) -> PageResult<Response> {
    page(&Overview { frame: Frame::of_project(&member, Tab::Overview)? })
}
