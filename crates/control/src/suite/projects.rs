//! Behaviours of accounts and projects.

use std::num::NonZeroU32;

use chrono_tz::Tz;
use millimetric_core::key::KeyKind;
use millimetric_core::origin::AllowedOrigin;

use super::{BY, account_id, at, create_account, create_project, name, new_key, new_project, project_id};
use crate::{AuditScope, Control, ControlError, KeyOwner, NewProject, Plan, ProjectPatch, Slug};

fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

pub(super) async fn an_account_is_found_by_its_name_and_listed(control: Control) {
    let second = control.create_account(account_id(1), name("Second"), &BY, at(20)).await.unwrap();
    let first = control.create_account(account_id(2), name("First"), &BY, at(10)).await.unwrap();
    assert_eq!(control.account_by_name(&name("Second")).await, Ok(Some(second.clone())));
    assert_eq!(control.account_by_name(&name("second")).await, Ok(None));
    assert_eq!(control.accounts().await, Ok(vec![first, second]));
}

pub(super) async fn an_account_name_is_taken_once(control: Control) {
    control.create_account(account_id(1), name("Acme"), &BY, at(1)).await.unwrap();
    let again = control.create_account(account_id(2), name("Acme"), &BY, at(2)).await;
    assert_eq!(again, Err(ControlError::AccountNameTaken(name("Acme"))));
    assert_eq!(control.accounts().await.unwrap().len(), 1);
}

pub(super) async fn a_project_reads_back_as_it_was_created(control: Control) {
    let account = create_account(&control, 1).await;
    let new = NewProject {
        allowed_origins: vec![
            "https://*.example.com".parse().unwrap(),
            "http://localhost:3000".parse().unwrap(),
        ],
        name: name("L’été \"à\" 'Zürich' \\ ; --"),
        plan: Plan::Pro,
        retention_days: NonZeroU32::new(400),
        timezone: Tz::America__Argentina__Buenos_Aires,
        ..new_project(1, account)
    };
    let created = control.create_project(new, &BY, at(5)).await.unwrap();
    assert_eq!((created.created_at, created.deleted_at), (at(5), None));
    assert_eq!(created.effective_retention_days(), Some(90));
    assert_eq!(control.project(created.id).await, Ok(Some(created.clone())));
    assert_eq!(control.project_by_slug(&created.slug).await, Ok(Some(created)));
    assert_eq!(control.project(project_id(2)).await, Ok(None));
}

pub(super) async fn a_slug_is_taken_once_until_its_project_is_deleted(control: Control) {
    let project = create_project(&control, 1).await;
    let again = || NewProject { slug: project.slug.clone(), ..new_project(2, project.account_id) };
    let taken = ControlError::SlugTaken(project.slug.clone());
    assert_eq!(control.create_project(again(), &BY, at(3)).await, Err(taken));
    control.delete_project(project.id, &BY, at(4)).await.unwrap();
    let heir = control.create_project(again(), &BY, at(5)).await.unwrap();
    assert_eq!(control.project_by_slug(&project.slug).await, Ok(Some(heir)));
}

pub(super) async fn a_project_needs_an_account(control: Control) {
    let orphan = control.create_project(new_project(1, account_id(1)), &BY, at(1)).await;
    assert_eq!(orphan, Err(ControlError::UnknownAccount));
    assert_eq!(control.projects().await, Ok(vec![]));
}

pub(super) async fn a_patch_changes_what_it_names_and_nothing_else(control: Control) {
    let mut expected = create_project(&control, 1).await;
    let patch = ProjectPatch {
        allowed_origins: Some(vec!["https://shop.example".parse().unwrap()]),
        retention_days: Some(NonZeroU32::new(7)),
        ..ProjectPatch::default()
    };
    expected.allowed_origins = patch.allowed_origins.clone().unwrap();
    expected.retention_days = NonZeroU32::new(7);
    assert_eq!(control.update_project(expected.id, patch, &BY, at(9)).await, Ok(expected.clone()));

    let patch = ProjectPatch {
        slug: Some(slug("renamed")),
        name: Some(name("Renamed")),
        plan: Some(Plan::Free),
        retention_days: Some(None),
        timezone: Some(Tz::Europe__Rome),
        ..ProjectPatch::default()
    };
    (expected.slug, expected.name) = (slug("renamed"), name("Renamed"));
    (expected.plan, expected.retention_days, expected.timezone) = (Plan::Free, None, Tz::Europe__Rome);
    assert_eq!(control.update_project(expected.id, patch, &BY, at(10)).await, Ok(expected.clone()));
    assert_eq!(control.project_by_slug(&slug("renamed")).await, Ok(Some(expected)));
}

pub(super) async fn a_patch_that_changes_nothing_leaves_no_trace(control: Control) {
    let project = create_project(&control, 1).await;
    let (revision, scope) = (control.key_revision().await.unwrap(), AuditScope::Project(project.id));
    let entries = control.audit_log(scope, 10, None).await.unwrap();
    let same = ProjectPatch { plan: Some(project.plan), ..ProjectPatch::default() };
    assert_eq!(control.update_project(project.id, same, &BY, at(9)).await, Ok(project));
    assert_eq!(control.key_revision().await, Ok(revision));
    assert_eq!(control.audit_log(scope, 10, None).await, Ok(entries));
}

pub(super) async fn a_patch_cannot_take_a_slug_or_wake_the_deleted(control: Control) {
    let (one, two) = (create_project(&control, 1).await, create_project(&control, 2).await);
    let patch = || ProjectPatch { slug: Some(one.slug.clone()), ..ProjectPatch::default() };
    let taken = ControlError::SlugTaken(one.slug.clone());
    assert_eq!(control.update_project(two.id, patch(), &BY, at(9)).await, Err(taken));
    assert_eq!(control.project(two.id).await, Ok(Some(two.clone())));
    control.delete_project(two.id, &BY, at(10)).await.unwrap();
    for id in [two.id, project_id(3)] {
        let refused = control.update_project(id, patch(), &BY, at(11)).await;
        assert_eq!(refused, Err(ControlError::UnknownProject));
    }
}

pub(super) async fn a_list_of_origins_has_a_bound(control: Control) {
    let account = create_account(&control, 1).await;
    let origins = |count| -> Vec<AllowedOrigin> {
        (0..count).map(|number| format!("https://a{number}.example").parse().unwrap()).collect()
    };
    let most = AllowedOrigin::MAX_PER_PROJECT;
    let with = |number, count| NewProject { allowed_origins: origins(count), ..new_project(number, account) };
    let refused = ControlError::TooManyOrigins(most + 1);
    assert_eq!(control.create_project(with(1, most + 1), &BY, at(2)).await, Err(refused.clone()));
    let project = control.create_project(with(1, most), &BY, at(2)).await.unwrap();
    assert_eq!(project.allowed_origins.len(), most);
    let patch = ProjectPatch { allowed_origins: Some(origins(most + 1)), ..ProjectPatch::default() };
    assert_eq!(control.update_project(project.id, patch, &BY, at(3)).await, Err(refused.clone()));
    assert!(refused.to_string().contains("at most 100 allowed origins, and these are 101"));
    assert_eq!(control.project(project.id).await, Ok(Some(project)));
}

pub(super) async fn a_deleted_project_is_gone_and_its_keys_are_revoked(control: Control) {
    let (gone, stays) = (create_project(&control, 1).await, create_project(&control, 2).await);
    let mut keys = Vec::new();
    for (number, project) in [(1, &gone), (2, &gone), (3, &stays)] {
        let new = new_key(KeyKind::Sk, number, KeyOwner::Project(project.id));
        keys.push(control.insert_key(new, &BY, at(3)).await.unwrap());
    }
    control.revoke_key(keys[1].id, &BY, at(4)).await.unwrap();
    control.delete_project(gone.id, &BY, at(5)).await.unwrap();

    let mut revoked_at = Vec::new();
    for key in &keys {
        revoked_at.push(control.key(key.id).await.unwrap().unwrap().revoked_at);
    }
    assert_eq!(revoked_at, [Some(at(5)), Some(at(4)), None]);
    let record = control.key_by_prefix(&keys[0].prefix).await.unwrap().unwrap().record.unwrap();
    assert_eq!((record.project, record.account_id), (None, gone.account_id));
    assert_eq!(control.project_by_slug(&gone.slug).await, Ok(None));
    assert_eq!(control.projects().await, Ok(vec![stays]));
    assert_eq!(control.deleted_projects().await, Ok(vec![gone.id]));
    assert_eq!(control.project(gone.id).await.unwrap().unwrap().deleted_at, Some(at(5)));
    for id in [gone.id, project_id(9)] {
        assert_eq!(control.delete_project(id, &BY, at(6)).await, Err(ControlError::UnknownProject));
    }
}

pub(super) async fn a_project_is_never_listed_under_another_account(control: Control) {
    let (one, two) = (create_project(&control, 1).await, create_project(&control, 2).await);
    let three = control.create_project(new_project(3, one.account_id), &BY, at(1)).await.unwrap();
    let mine = vec![three.clone(), one.clone()];
    assert_eq!(control.projects_of_account(one.account_id).await, Ok(mine));
    assert_eq!(control.projects_of_account(two.account_id).await, Ok(vec![two.clone()]));
    assert_eq!(control.projects_of_account(account_id(9)).await, Ok(vec![]));
    assert_eq!(control.projects().await, Ok(vec![three, one, two]));
}
