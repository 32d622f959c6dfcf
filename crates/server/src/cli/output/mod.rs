//! What commands print: text, tables, JSON and progress. The only module that writes to standard output.
//!
//! Colours are on terminals alone, and never where `NO_COLOR` is set.

mod progress;
mod table;

use std::io::{self, Write as _};

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

pub(super) use progress::Progress;
pub(super) use table::table;

use millimetric_control::{Damage, Project, StoredKey};
use millimetric_core::ids::ProjectId;

/// What is well, and what is not.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();

/// Prints one line, on a terminal with its colours. A reader that has gone (a closed pipe) is no error.
pub(super) fn line(text: impl std::fmt::Display) {
    let _ = writeln!(anstream::AutoStream::auto(io::stdout().lock()), "{text}");
}

/// Prints one line for people on standard error: it is not part of the result.
pub(super) fn note(text: impl std::fmt::Display) {
    let _ = writeln!(anstream::AutoStream::auto(io::stderr().lock()), "{text}");
}

/// Prints bytes as they are, such as a script for a shell.
pub(super) fn raw(bytes: &[u8]) {
    let _ = io::stdout().lock().write_all(bytes);
}

/// Prints a JSON value on one line.
pub(super) fn json(value: &Value) {
    let _ = writeln!(io::stdout().lock(), "{value}");
}

/// Prints, beside a list, the rows of a kind, like `project`, that it omits because they are unreadable.
pub(super) fn unreadable(damage: &Damage, kind: &str) {
    unreadable_if(damage, kind, |_| true);
}

/// The same for rows that name their project.
pub(super) fn unreadable_of(damage: &Damage, kind: &str, project: ProjectId) {
    let project = project.to_string();
    unreadable_if(damage, kind, |name| !name.contains(" of project ") || name.contains(&project));
}

fn unreadable_if(damage: &Damage, kind: &str, is_shown: impl Fn(&str) -> bool) {
    let is_one = |name: &&String| name.split([' ', ',']).find(|word| *word != "a") == Some(kind);
    for name in damage.names.iter().filter(is_one).filter(|name| is_shown(name)) {
        note(format_args!("{name}: unreadable; run `millimetric doctor` for details"));
    }
}

/// A project as JSON.
pub(super) fn project(project: &Project) -> Value {
    let mut row = json!({
        "project_id": project.id,
        "slug": project.slug.as_str(),
        "name": project.name.as_str(),
        "allowed_origins": project.allowed_origins.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "plan": project.plan.as_str(),
        "retention_days": project.retention_days,
        "timezone": project.timezone.name(),
        "created_at": project.created_at.to_string(),
    });
    if !project.unreadable_origins.is_empty() {
        row["unreadable_origins"] = json!(project.unreadable_origins);
    }
    row
}

/// A key as JSON: everything but the secret, which is not stored.
pub(super) fn key(key: &StoredKey) -> Value {
    let at = |time: Option<millimetric_core::time::Timestamp>| time.map(|time| time.to_string());
    json!({
        "key_id": key.id,
        "prefix": key.prefix.as_str(),
        "kind": key.kind.as_str(),
        "env": key.env.as_str(),
        "label": key.label.as_ref().map(millimetric_control::Name::as_str),
        "scopes": key.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>(),
        "allowed_ips": key.allowed_ips.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "created_at": key.created_at.to_string(),
        "last_used_at": at(key.last_used_at),
        "expires_at": at(key.expires_at),
        "revoked_at": at(key.revoked_at),
        "exposed_at": at(key.exposed_at),
        "replaced_by": key.replaced_by,
    })
}
