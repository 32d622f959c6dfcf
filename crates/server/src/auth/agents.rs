//! What the key of an agent (MCP) opens: one project, or the projects of an account.
//!
//! Proofs of authority like [`Authorized`], which they hand out for what the key may do and for
//! nothing else: plans and scopes are checked where the proof is asked for, so no call can pass
//! them by. Knows nothing of tools.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use millimetric_control::{Plan, Project};
use millimetric_core::fuzzy_match;
use millimetric_core::ids::{AccountId, ProjectId};
use millimetric_core::key::{KeyKind, Scope};

use super::error::{AuthError, AuthResult};
use super::metered::{Draws as _, Track, take_token};
use super::{Authorized, Ingest, Permission, Read, check_address, key_text};
use crate::client_info::ClientInfo;
use crate::credentials::key_cache::{KeyError, VerifiedKey};
use crate::limits::Traffic;
use crate::state::App;

/// The most slugs that an error names.
const MOST_OTHERS: usize = 5;

/// A key of one project: an `rk`, or an `sk`.
#[derive(Debug)]
pub struct ProjectAgent {
    project: ProjectId,
    plan: Plan,
    read: Option<Authorized<Read>>,
    ingest: Option<Authorized<Ingest>>,
}

/// A key of an account: an `ak`.
#[derive(Debug)]
pub struct AccountAgent {
    key: Arc<VerifiedKey>,
}

/// Which of an account's projects a query is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Projects {
    /// All that the key sees.
    #[default]
    All,
    /// Those with these ids, as they were sent.
    Ids(Vec<String>),
    /// The one with this slug, as it was sent.
    Slug(String),
}

impl ProjectAgent {
    /// Whether the key has the scope `read`.
    pub const fn reads(&self) -> bool {
        self.read.is_some()
    }

    /// Whether the key has the scope `ingest`.
    pub const fn sends(&self) -> bool {
        self.ingest.is_some()
    }

    /// The right to ask queries, within the plan.
    pub fn reader(&self) -> AuthResult<&Authorized<Read>> {
        self.within_plan()?;
        self.read.as_ref().ok_or(AuthError::LacksScope(Scope::Read))
    }

    /// The right to send one event, within the plan; takes a token from track's bucket.
    pub fn sender(&self, app: &App, client: &ClientInfo) -> AuthResult<&Authorized<Ingest>> {
        self.within_plan()?;
        let sender = self.ingest.as_ref().ok_or(AuthError::LacksScope(Scope::Ingest))?;
        take_token(app, Track::FROM, sender.traffic(), client.ip, &client.rate)?;
        Ok(sender)
    }

    /// Whose share of memory its messages use.
    pub const fn traffic(&self) -> Traffic {
        Traffic::Servers(self.project)
    }

    fn within_plan(&self) -> AuthResult<()> {
        if self.plan.allows_mcp() { Ok(()) } else { Err(AuthError::BeyondPlan(self.plan)) }
    }
}

/// The slug that is most similar; if none is, the first few.
fn others(slug: &str, own: &[Project]) -> Vec<String> {
    let slugs = || own.iter().map(|project| project.slug.as_str());
    match fuzzy_match::closest(slug, slugs()) {
        Some(closest) => vec![closest.to_owned()],
        None => slugs().take(MOST_OTHERS).map(str::to_owned).collect(),
    }
}

impl AccountAgent {
    /// The right to ask queries of the projects chosen, oldest first; never of none. Another
    /// account's project is treated like one that does not exist.
    pub async fn readers(&self, app: &App, chosen: &Projects) -> AuthResult<Vec<Authorized<Read>>> {
        let own = app.stores.control.projects_of_account(self.account()).await?;
        match chosen {
            Projects::All => self.all(own),
            Projects::Slug(slug) => {
                let found = own.iter().find(|project| project.slug.as_str() == slug).cloned();
                let unknown =
                    || AuthError::UnknownProjectSlug { slug: slug.clone(), others: others(slug, &own) };
                Ok(vec![self.reader(found.ok_or_else(unknown)?)?])
            }
            Projects::Ids(ids) => {
                let mut readers = Vec::with_capacity(ids.len());
                for id in ids {
                    let unknown = || AuthError::UnknownProjectId(id.clone());
                    let parsed: ProjectId = id.parse().map_err(|_| unknown())?;
                    let found = own.iter().find(|project| project.id == parsed).cloned();
                    readers.push(self.reader(found.ok_or_else(unknown)?)?);
                }
                Ok(readers)
            }
        }
    }

    fn all(&self, own: Vec<Project>) -> AuthResult<Vec<Authorized<Read>>> {
        let first = own.first().map(|project| project.plan);
        let readers: Vec<_> = own.into_iter().filter_map(|project| self.reader(project).ok()).collect();
        match (readers.is_empty(), first) {
            (true, None) => Err(AuthError::NoProjects),
            (true, Some(plan)) => Err(AuthError::BeyondPlan(plan)),
            (false, _) => Ok(readers),
        }
    }

    fn reader(&self, project: Project) -> AuthResult<Authorized<Read>> {
        if !project.plan.allows_account_mcp() {
            return Err(AuthError::BeyondPlan(project.plan));
        }
        Ok(Authorized::of_key(Arc::clone(&self.key), Arc::new(project)))
    }

    /// Whose share of memory its messages use.
    pub fn traffic(&self) -> Traffic {
        Traffic::Account(self.account())
    }

    fn account(&self) -> AccountId {
        self.key.account
    }
}

impl FromRequestParts<Arc<App>> for ProjectAgent {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, AuthError> {
        let address = ClientInfo::address(parts, app);
        let text = key_text::of(parts, app, address, false).await?;
        let key = app.credentials.keys.verify(&app.stores.control, &text, address, app.now()).await?;
        match key.kind {
            KeyKind::Sk | KeyKind::Rk => {}
            KeyKind::Pk => {
                return Err(wrong_kind(
                    "a pk only sends events, to /v1/track; use an rk to query, or an sk to also send events",
                ));
            }
            KeyKind::Ak => {
                return Err(wrong_kind("use an ak at /mcp/account"));
            }
        }
        let project = key.project.clone().ok_or(KeyError::Invalid)?;
        check_address(&key, address)?;
        let agent = Self {
            project: project.id,
            plan: project.plan,
            read: allowed(&key, &project),
            ingest: allowed(&key, &project),
        };
        if !agent.reads() && !agent.sends() {
            return Err(AuthError::LacksScope(Scope::Read));
        }
        app.credentials.keys.used(&key, app.now());
        Ok(agent)
    }
}

impl FromRequestParts<Arc<App>> for AccountAgent {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, AuthError> {
        let address = ClientInfo::address(parts, app);
        let text = key_text::of(parts, app, address, false).await?;
        let key = app.credentials.keys.verify(&app.stores.control, &text, address, app.now()).await?;
        let hint = match key.kind {
            KeyKind::Ak => None,
            KeyKind::Rk | KeyKind::Sk => Some("use an rk or sk at /mcp"),
            KeyKind::Pk => Some("a pk only sends events, to /v1/track; create an ak for /mcp/account"),
        };
        if let Some(hint) = hint {
            return Err(AuthError::AccountKeyRequired { hint });
        }
        check_address(&key, address)?;
        if !key.scopes.contains(&Scope::Read) {
            return Err(AuthError::LacksScope(Scope::Read));
        }
        app.credentials.keys.used(&key, app.now());
        Ok(Self { key })
    }
}

/// The proof for one permission, when the key's kind and scopes give it.
fn allowed<P: Permission>(key: &Arc<VerifiedKey>, project: &Arc<Project>) -> Option<Authorized<P>> {
    let may = P::refusal(key.kind).is_none() && key.scopes.contains(&P::SCOPE);
    may.then(|| Authorized::of_key(Arc::clone(key), Arc::clone(project)))
}

fn wrong_kind(hint: &'static str) -> AuthError {
    AuthError::WrongKind { allowed: &["rk", "sk"], hint: Some(hint) }
}
