//! Behaviours of the audit log and the installation's facts.

use millimetric_core::key::KeyKind;
use serde_json::json;

use super::{BY, account_id, at, create_project, key_id, name, new_key, project_id, user_id};
use crate::{Actor, AuditEntry, AuditScope, Control, KeyOwner, NewAuditEntry, ProjectPatch};

async fn everything(control: &Control) -> Vec<AuditEntry> {
    control.audit_log(AuditScope::Installation, 100, None).await.unwrap()
}

/// One of each change that the log records, on a project with the number 1.
async fn a_life(control: &Control) {
    let project = create_project(control, 1).await.id;
    let owner = KeyOwner::Project(project);
    control.insert_key(new_key(KeyKind::Sk, 1, owner), &BY, at(10)).await.unwrap();
    let new = new_key(KeyKind::Sk, 2, owner).with_label(name("second"));
    control.rotate_key(key_id(1), new, at(90), &Actor::User(user_id(42)), at(20)).await.unwrap();
    let prefix = control.key(key_id(2)).await.unwrap().unwrap().prefix;
    control.flag_exposed(prefix, &Actor::Server, at(30)).await.unwrap();
    control.revoke_key(key_id(2), &Actor::Key(key_id(1)), at(40)).await.unwrap();
    let patch = ProjectPatch { name: Some(name("New")), ..ProjectPatch::default() };
    control.update_project(project, patch, &Actor::Setup, at(50)).await.unwrap();
    control.delete_project(project, &BY, at(60)).await.unwrap();
}

pub(super) async fn every_change_writes_one_entry(control: Control) {
    a_life(&control).await;
    control.touch_last_used(&[(key_id(1), at(70))]).await.unwrap();
    control.revoke_key(key_id(1), &BY, at(80)).await.unwrap();
    let actions: Vec<_> = everything(&control).await.into_iter().map(|entry| entry.action).rev().collect();
    let expected = [
        "account.created",
        "project.created",
        "key.minted",
        "key.rotated",
        "key.exposed",
        "key.revoked",
        "project.updated",
        "project.deleted",
    ];
    assert_eq!(actions, expected);
}

pub(super) async fn entries_tell_who_did_what_to_what(control: Control) {
    a_life(&control).await;
    let entries = everything(&control).await;
    let recorded: Vec<_> = entries.iter().rev().map(|e| (e.at, e.by.clone(), e.subject.as_str())).collect();
    let (account, project) = (account_id(1).to_string(), project_id(1).to_string());
    let (one, two) = (key_id(1).to_string(), key_id(2).to_string());
    let expected = [
        (at(1), BY, account.as_str()),
        (at(2), BY, &project),
        (at(10), BY, &one),
        (at(20), Actor::User(user_id(42)), &one),
        (at(30), Actor::Server, &two),
        (at(40), Actor::Key(key_id(1)), &two),
        (at(50), Actor::Setup, &project),
        (at(60), BY, &project),
    ];
    assert_eq!(recorded, expected);

    let detail = |action: &str| &entries.iter().find(|e| e.action == action).unwrap().detail;
    assert_eq!(*detail("project.updated"), json!({ "name": { "from": "Project 1", "to": "New" } }));
    assert_eq!(*detail("project.deleted"), json!({ "keys_revoked": 1 }));
    assert_eq!(*detail("key.revoked"), json!({ "prefix": "02020202", "was_live": true }));
    let rotated = json!({
        "new_id": two,
        "new": {
            "kind": "sk", "env": "live", "prefix": "02020202", "label": "second",
            "scopes": ["ingest", "read", "forget"], "allowed_ips": [], "expires_at": null,
        },
        "old_expires_at": "1970-01-01T00:00:00.090Z",
    });
    assert_eq!(*detail("key.rotated"), rotated);
}

pub(super) async fn the_log_is_read_by_account_and_project_page_by_page(control: Control) {
    a_life(&control).await;
    create_project(&control, 2).await;
    let of = |scope| {
        let control = control.clone();
        async move { control.audit_log(scope, 100, None).await.unwrap() }
    };
    assert_eq!(of(AuditScope::Installation).await.len(), 10);
    assert_eq!(of(AuditScope::Account(account_id(1))).await.len(), 8);
    assert_eq!(of(AuditScope::Project(project_id(1))).await.len(), 7);
    assert_eq!(of(AuditScope::Account(account_id(2))).await.len(), 2);
    assert_eq!(of(AuditScope::Project(project_id(9))).await, []);
    let mine = of(AuditScope::Account(account_id(1))).await;
    assert!(mine.iter().all(|entry| entry.account_id == Some(account_id(1))));

    let mut paged = Vec::new();
    let mut before = None;
    loop {
        let page = control.audit_log(AuditScope::Account(account_id(1)), 3, before).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 3);
        before = Some(last.cursor.to_string().parse().unwrap());
        paged.extend(page);
    }
    assert_eq!(paged, mine);
}

pub(super) async fn other_rooms_record_their_own_entries(control: Control) {
    let project = create_project(&control, 1).await.id;
    let entry = NewAuditEntry {
        scope: AuditScope::Project(project),
        action: "person.erased",
        subject: "5f2b".into(),
        detail: json!({ "events_deleted": 3 }),
    };
    control.record_audit(&entry, &Actor::Key(key_id(1)), at(9)).await.unwrap();
    let read = control.audit_log(AuditScope::Account(account_id(1)), 1, None).await.unwrap().remove(0);
    assert_eq!((read.action.as_str(), read.subject.as_str(), read.at), ("person.erased", "5f2b", at(9)));
    assert_eq!((read.by, read.detail), (Actor::Key(key_id(1)), json!({ "events_deleted": 3 })));
    assert_eq!((read.account_id, read.project_id), (Some(account_id(1)), Some(project)));
}

pub(super) async fn a_fact_is_kept_and_its_value_not_logged(control: Control) {
    assert_eq!(control.meta("pepper_fingerprint").await, Ok(None));
    for value in ["11112222", "33334444"] {
        control.set_meta("pepper_fingerprint", value, &BY, at(5)).await.unwrap();
        assert_eq!(control.meta("pepper_fingerprint").await, Ok(Some(value.to_owned())));
    }
    let entries = everything(&control).await;
    assert_eq!(entries.len(), 2);
    assert_eq!((entries[0].action.as_str(), entries[0].subject.as_str()), ("meta.set", "pepper_fingerprint"));
    assert_eq!((&entries[0].detail, entries[0].account_id), (&json!({}), None));
}
