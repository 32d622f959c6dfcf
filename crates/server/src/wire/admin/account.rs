//! An account, its members, its audit log and its usage, as the management API returns them.

use millimetric_control::{Account, Actor, AuditEntry, Member, MonthlyUsage, Project, Role};
use millimetric_core::key::Env;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// `GET /v1/admin/account`
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
pub struct AccountOut {
    /// Its identifier.
    #[schema(example = "acc_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5")]
    pub id: String,
    /// Its name, which is unique on the server.
    #[schema(example = "default")]
    pub name: String,
    /// When it was created.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// The role of the token's owner: `viewer`, `admin` or `owner`.
    #[schema(example = "admin")]
    pub role: &'static str,
}

impl AccountOut {
    /// The account as a member with this role sees it.
    pub fn of(account: &Account, role: Role) -> Self {
        Self {
            id: account.id.to_string(),
            name: account.name.to_string(),
            created_at: account.created_at.to_string(),
            role: role.as_str(),
        }
    }
}

/// `GET /v1/admin/account/members`
#[derive(Debug, Serialize, ToSchema)]
pub struct MemberList {
    /// The first member first.
    pub members: Vec<MemberOut>,
    /// Continues the list; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A member of an account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
pub struct MemberOut {
    /// The person.
    #[schema(example = "usr_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5")]
    pub user_id: String,
    /// Their e-mail address.
    #[schema(example = "ann@example.com")]
    pub email: String,
    /// `viewer`, `admin` or `owner`.
    #[schema(example = "owner")]
    pub role: &'static str,
    /// Whether signing in takes them a second factor.
    pub two_factor: bool,
    /// Since when they are a member.
    #[schema(format = DateTime)]
    pub since: String,
}

impl From<&Member> for MemberOut {
    fn from(member: &Member) -> Self {
        Self {
            user_id: member.user.to_string(),
            email: member.email.to_string(),
            role: member.role.as_str(),
            two_factor: member.totp_on,
            since: member.since.to_string(),
        }
    }
}

/// `GET /v1/admin/account/audit`
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditList {
    /// Newest first.
    pub entries: Vec<AuditEntryOut>,
    /// Continues the list; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct AuditEntryOut {
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// Who.
    pub actor: ActorOut,
    /// What was done.
    #[schema(example = "key.minted")]
    pub action: String,
    /// The project it is about, if it is about one.
    pub project_id: Option<String>,
    /// The identifier of what it was done to.
    #[schema(example = "key_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5")]
    pub subject: String,
    /// What changed.
    #[schema(value_type = Object)]
    pub detail: Value,
}

/// Who did something.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = Actor)]
pub struct ActorOut {
    /// `user`, `token` (a person by an access token), `key`, `command_line`, `setup` or `server`.
    #[schema(example = "token")]
    pub kind: &'static str,
    /// Of `user` and `token`: the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Of `token`: the visible part of its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_prefix: Option<String>,
    /// Of `key`: the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
}

impl From<Actor> for ActorOut {
    fn from(actor: Actor) -> Self {
        let kind = |kind| Self { kind, ..Self::default() };
        match actor {
            Actor::CommandLine => kind("command_line"),
            Actor::Setup => kind("setup"),
            Actor::Server => kind("server"),
            Actor::Key(id) => Self { key_id: Some(id.to_string()), ..kind("key") },
            Actor::User(id) => Self { user_id: Some(id.to_string()), ..kind("user") },
            Actor::Token(id, prefix) => Self {
                user_id: Some(id.to_string()),
                token_prefix: Some(prefix.to_string()),
                ..kind("token")
            },
        }
    }
}

impl From<AuditEntry> for AuditEntryOut {
    fn from(entry: AuditEntry) -> Self {
        Self {
            at: entry.at.to_string(),
            actor: entry.by.into(),
            action: entry.action,
            project_id: entry.project_id.map(|id| id.to_string()),
            subject: entry.subject,
            detail: entry.detail,
        }
    }
}

/// `GET /v1/admin/account/usage`
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountUsage)]
pub struct UsageOut {
    /// The month, in UTC.
    #[schema(example = "2026-05")]
    pub month: String,
    /// Oldest project first.
    pub projects: Vec<ProjectUsage>,
    /// Continues the list; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// The events of one project in a month.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProjectUsage {
    /// The project.
    pub id: String,
    /// Its short name.
    #[schema(example = "acme-shop")]
    pub slug: String,
    /// Its plan.
    #[schema(example = "self_hosted")]
    pub plan: &'static str,
    /// Events that the plan allows in a month, live and test together; null: no limit.
    pub monthly_limit: Option<u64>,
    /// Live events stored in the month.
    pub live: u64,
    /// Test events stored in the month.
    pub test: u64,
    /// Days after which an event is deleted; null: never.
    pub retention_days: Option<u32>,
}

impl ProjectUsage {
    /// The counters of one month of a project.
    pub fn of(project: &Project, counters: &[MonthlyUsage]) -> Self {
        let events = |env| counters.iter().filter(|row| row.env == env).map(|row| row.events).sum();
        Self {
            id: project.id.to_string(),
            slug: project.slug.to_string(),
            plan: project.plan.as_str(),
            monthly_limit: project.plan.monthly_events(),
            live: events(Env::Live),
            test: events(Env::Test),
            retention_days: project.effective_retention_days(),
        }
    }
}
