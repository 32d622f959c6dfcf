//! Forgetting a person: at once in every response, within a minute on disk.
//!
//! The audit log keeps who asked, when, and a keyed hash of the id; never the id.

use millimetric_control::{AuditScope, NewAuditEntry};
use millimetric_core::ids::ErasureId;
use millimetric_events::{Erasure, ErasureReport, Subject};

use crate::auth::{Authorized, Forget};
use crate::ops::error::{OpsError, OpsResult};
use crate::state::App;

/// Queues the erasure; from the return on no response holds the person's past events.
pub async fn forget(app: &App, by: &Authorized<Forget>, subject: Subject) -> OpsResult<ErasureId> {
    let (id, now) = (ErasureId::new(app.new_id()), app.now());
    let named_by = match &subject {
        Subject::User { .. } => "user_id",
        Subject::Visitor { .. } => "anonymous_id",
    };
    let person = app.credentials.secrets.hash_person(by.project().id, &subject);
    let entry = NewAuditEntry::new(AuditScope::Project(by.project().id), "person.erasure_requested", person)
        .with("request_id", id.to_string())
        .with("named_by", named_by)
        .with("include_linked", matches!(subject, Subject::User { include_linked: true, .. }));
    let failed = |error: &dyn ToString| OpsError::ForgetFailed(error.to_string());
    app.stores.control.record_audit(&entry, &by.actor(), now).await.map_err(|error| failed(&error))?;
    app.stores
        .events
        .erase(by.scope(), Erasure { id, subject, at: now })
        .await
        .map_err(|error| failed(&error))?;
    Ok(id)
}

/// How an erasure of this project stands.
pub async fn status(app: &App, by: &Authorized<Forget>, id: ErasureId) -> OpsResult<ErasureReport> {
    let report = app.stores.events.erasure(by.scope(), id).await?;
    report.ok_or(OpsError::NotFound)
}
