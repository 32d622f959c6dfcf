//! What stands around every page: head, top bar, the project's tabs.

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};
use millimetric_control::Project;

use super::assets;
use super::refusal::PageResult;
use crate::auth::sessions::{Asks, InProject, Refusal, SignedIn};
use crate::error::{ApiError, ErrorCode};

/// The frame of a page; `layout.html` draws it.
#[derive(Debug)]
pub(super) struct Frame {
    /// The page's name, also in the browser's tab.
    pub(super) title: String,
    /// Who is signed in.
    pub(super) who: Option<Who>,
    /// The project that the page is about.
    pub(super) project: Option<Here>,
}

/// Whoever is signed in, as pages show them.
#[derive(Debug)]
pub(super) struct Who {
    pub(super) email: String,
    /// For the forms of the page.
    pub(super) form_token: String,
}

/// The project that a page is about.
#[derive(Debug)]
pub(super) struct Here {
    pub(super) slug: String,
    pub(super) name: String,
    pub(super) tab: Tab,
}

/// The tabs of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    /// What the traffic did.
    Overview,
}

impl Tab {
    const ALL: &'static [Self] = &[Self::Overview];

    /// What it is called.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
        }
    }

    /// Its address below the project's.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Overview => "",
        }
    }
}

impl Here {
    fn of(project: &Project, tab: Tab) -> Self {
        Self { slug: project.slug.to_string(), name: project.name.to_string(), tab }
    }

    /// Every tab, for the bar.
    #[expect(clippy::unused_self, reason = "the template asks the project for its tabs")]
    pub(super) const fn tabs(&self) -> &'static [Tab] {
        Tab::ALL
    }
}

impl Frame {
    /// Of a page for everybody.
    pub(super) fn open(title: impl Into<String>) -> Self {
        Self { title: title.into(), who: None, project: None }
    }

    /// Of a page for somebody who is signed in.
    pub(super) fn of(by: &SignedIn, title: impl Into<String>) -> PageResult<Self> {
        let who = Who { email: by.user().email.to_string(), form_token: by.form_token()? };
        Ok(Self { title: title.into(), who: Some(who), project: None })
    }

    /// Of a page about a project.
    pub(super) fn of_project<R: Asks>(member: &InProject<R>, tab: Tab) -> PageResult<Self> {
        let here = Here::of(&member.project, tab);
        let frame = Self::of(&member.by, format!("{} · {}", tab.title(), here.name))?;
        Ok(Self { project: Some(here), ..frame })
    }

    /// What forms carry; empty on pages without anybody.
    pub(super) fn form_token(&self) -> &str {
        self.who.as_ref().map_or("", |who| &who.form_token)
    }

    /// Where an asset is served.
    #[expect(clippy::unused_self, reason = "the template asks the frame for its assets")]
    pub(super) fn asset(&self, name: &str) -> String {
        assets::address(name)
    }
}

/// Draws a page.
pub(super) fn page(template: &impl Template) -> PageResult<Response> {
    let drawn = template.render();
    let text =
        drawn.map_err(|error| Refusal::Failed(ApiError::new(ErrorCode::InternalError).because(error)))?;
    Ok(Html(text).into_response())
}
