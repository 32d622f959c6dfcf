//! What stands around every page: head, top bar, the tabs of the project or account.

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};
use millimetric_control::Role;

use super::assets;
use super::refusal::{PageError, PageResult};
use crate::auth::sessions::{Asks, InAccount, InProject, SignedIn};
use crate::error::{ApiError, ErrorCode};

/// The frame of a page; `layout.html` draws it.
#[derive(Debug)]
pub(super) struct Frame {
    /// The page's name, also in the browser's tab.
    pub(super) title: String,
    /// Who is signed in.
    pub(super) who: Option<Who>,
    /// The project or account that the page is about.
    pub(super) here: Option<Here>,
}

/// The user who is signed in, as pages show them.
#[derive(Debug)]
pub(super) struct Who {
    pub(super) email: String,
    /// For the forms of the page.
    pub(super) form_token: String,
}

/// Where a page is.
#[derive(Debug)]
pub(super) struct Here {
    /// `Project` or `Account`.
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) tabs: Vec<TabLink>,
    role: Role,
}

/// One of the tabs, as the bar shows it.
#[derive(Debug)]
pub(super) struct TabLink {
    pub(super) title: &'static str,
    pub(super) address: String,
    pub(super) current: bool,
}

/// The tabs of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    /// What the traffic did.
    Overview,
    /// What happens now.
    Live,
    /// How far visitors get.
    Funnels,
    /// How many come back.
    Retention,
    /// Its keys.
    Keys,
    /// How events get in, and what arrives.
    Install,
    /// Origins, name, retention.
    Settings,
}

impl Tab {
    /// In the order of the bar, with what each is called and its address below the project's.
    const ALL: &'static [(Self, &'static str, &'static str)] = &[
        (Self::Overview, "Overview", ""),
        (Self::Live, "Live", "/live"),
        (Self::Funnels, "Funnels", "/funnels"),
        (Self::Retention, "Retention", "/retention"),
        (Self::Install, "Install", "/install"),
        (Self::Keys, "API keys", "/keys"),
        (Self::Settings, "Settings", "/settings"),
    ];
}

/// The tabs of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccountTab {
    /// Who belongs to it.
    Members,
    /// What its projects used.
    Usage,
    /// Its own keys.
    Keys,
    /// Who did what.
    Audit,
}

impl AccountTab {
    /// As [`Tab::ALL`].
    const ALL: &'static [(Self, &'static str, &'static str)] = &[
        (Self::Members, "Members", ""),
        (Self::Usage, "Usage", "/usage"),
        (Self::Keys, "Account keys", "/keys"),
        (Self::Audit, "Audit log", "/audit"),
    ];
}

/// The links of a bar, and the title of the current one.
fn bar<T: Copy + PartialEq>(
    all: &[(T, &'static str, &'static str)],
    base: &str,
    current: T,
) -> (Vec<TabLink>, &'static str) {
    let links = all.iter().map(|&(tab, title, path)| TabLink {
        title,
        address: format!("{base}{path}"),
        current: tab == current,
    });
    let title = all.iter().find(|(tab, ..)| *tab == current).map_or("", |(_, title, _)| title);
    (links.collect(), title)
}

impl Frame {
    /// Of a page for everybody.
    pub(super) fn open(title: impl Into<String>) -> Self {
        Self { title: title.into(), who: None, here: None }
    }

    /// Of a page for somebody who is signed in.
    pub(super) fn of(by: &SignedIn, title: impl Into<String>) -> PageResult<Self> {
        let who = Who { email: by.user().email.to_string(), form_token: by.form_token()? };
        Ok(Self { title: title.into(), who: Some(who), here: None })
    }

    /// Of a page about an account.
    pub(super) fn of_account<R: Asks>(member: &InAccount<R>, tab: AccountTab) -> PageResult<Self> {
        let name = member.account.name.to_string();
        let (tabs, title) = bar(AccountTab::ALL, &format!("/accounts/{}", member.account.id), tab);
        let frame = Self::of(&member.by, format!("{title} · {name}"))?;
        Ok(Self { here: Some(Here { kind: "Account", name, tabs, role: member.role }), ..frame })
    }

    /// Of a page about a project.
    pub(super) fn of_project<R: Asks>(member: &InProject<R>, tab: Tab) -> PageResult<Self> {
        let name = member.project.name.to_string();
        let (tabs, title) = bar(Tab::ALL, &format!("/projects/{}", member.project.slug), tab);
        let frame = Self::of(&member.by, format!("{title} · {name}"))?;
        Ok(Self { here: Some(Here { kind: "Project", name, tabs, role: member.role }), ..frame })
    }

    /// What forms carry; empty on pages without anybody.
    pub(super) fn form_token(&self) -> &str {
        self.who.as_ref().map_or("", |who| &who.form_token)
    }

    /// Whether they may change projects and keys here.
    pub(super) fn may_change(&self) -> bool {
        self.has(Role::Admin)
    }

    /// Whether they may decide about the account.
    pub(super) fn may_decide(&self) -> bool {
        self.has(Role::Owner)
    }

    fn has(&self, role: Role) -> bool {
        self.here.as_ref().is_some_and(|here| here.role >= role)
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
        drawn.map_err(|error| PageError::Failed(ApiError::new(ErrorCode::InternalError).because(error)))?;
    Ok(Html(text).into_response())
}
