//! Behaviours of keys.

use millimetric_core::key::{KeyKind, Scope};

use super::{
    BY, account_id, at, create_account, create_project, key_id, key_text, name, new_key, new_project, pepper,
    project_id,
};
use crate::{Control, ControlError, KeyOwner, NewKey, ProjectPatch, StoredKey};

/// A project with the number 1 and an sk of it, both live.
async fn project_with_key(control: &Control) -> (KeyOwner, StoredKey) {
    let owner = KeyOwner::Project(create_project(control, 1).await.id);
    let key = control.insert_key(new_key(KeyKind::Sk, 1, owner), &BY, at(10)).await.unwrap();
    (owner, key)
}

async fn stored(control: &Control, number: u128) -> StoredKey {
    control.key(key_id(number)).await.unwrap().unwrap()
}

pub(super) async fn a_key_reads_back_as_it_was_created(control: Control) {
    let project = create_project(&control, 1).await;
    let new = new_key(KeyKind::Sk, 1, KeyOwner::Project(project.id))
        .with_scopes(&[Scope::Read, Scope::Ingest])
        .unwrap()
        .with_label(name("nightly export"))
        .with_allowed_ips(&["10.1.2.3/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()])
        .with_expiry(at(99));
    let returned = control.insert_key(new, &BY, at(10)).await.unwrap();
    let read = stored(&control, 1).await;
    assert_eq!(format!("{returned:?}"), format!("{read:?}"));
    assert!(read.hash.matches(&key_text(KeyKind::Sk, 1).hash(&pepper())));
    assert_eq!((read.id, read.owner, read.kind), (key_id(1), KeyOwner::Project(project.id), KeyKind::Sk));
    assert_eq!(read.prefix.as_str(), "01010101");
    assert_eq!(read.label, Some(name("nightly export")));
    assert_eq!(read.scopes, [Scope::Ingest, Scope::Read]);
    assert_eq!(read.allowed_ips, ["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()]);
    assert_eq!((read.created_at, read.expires_at), (at(10), Some(at(99))));
    assert_eq!(
        (read.last_used_at, read.revoked_at, read.exposed_at, read.replaced_by),
        (None, None, None, None)
    );
    assert!(read.is_live(at(98)) && !read.is_live(at(99)));
}

pub(super) async fn one_query_tells_all_that_verifying_needs(control: Control) {
    let (_, key) = project_with_key(&control).await;
    let record = control.key_by_prefix(&key.prefix).await.unwrap().unwrap().record.unwrap();
    assert_eq!((record.key.id, record.account_id), (key.id, account_id(1)));
    assert_eq!(record.project, control.project(project_id(1)).await.unwrap());

    let account_key = new_key(KeyKind::Ak, 2, KeyOwner::Account(account_id(1)));
    let account_key = control.insert_key(account_key, &BY, at(11)).await.unwrap();
    let record = control.key_by_prefix(&account_key.prefix).await.unwrap().unwrap().record.unwrap();
    assert_eq!((record.account_id, record.project), (account_id(1), None));
    assert!(control.key_by_prefix(&"ffffffff".parse().unwrap()).await.unwrap().is_none());
}

pub(super) async fn a_taken_prefix_is_told_apart(control: Control) {
    let (owner, key) = project_with_key(&control).await;
    control.revoke_key(key.id, &BY, at(11)).await.unwrap();
    let hash = key_text(KeyKind::Rk, 7).hash(&pepper());
    let same_prefix = NewKey::new(key_id(2), owner, KeyKind::Rk, key.env, key.prefix, hash).unwrap();
    let refused = control.insert_key(same_prefix, &BY, at(12)).await.unwrap_err();
    assert_eq!(refused, ControlError::KeyPrefixTaken(key.prefix));
    assert_eq!(control.keys(owner).await.unwrap().len(), 1);
}

pub(super) async fn a_key_needs_a_live_owner(control: Control) {
    let project = create_project(&control, 1).await;
    control.delete_project(project.id, &BY, at(3)).await.unwrap();
    for id in [project.id, project_id(2)] {
        let new = new_key(KeyKind::Sk, 1, KeyOwner::Project(id));
        assert_eq!(control.insert_key(new, &BY, at(4)).await.unwrap_err(), ControlError::UnknownProject);
    }
    let new = new_key(KeyKind::Ak, 1, KeyOwner::Account(account_id(2)));
    assert_eq!(control.insert_key(new, &BY, at(4)).await.unwrap_err(), ControlError::UnknownAccount);
}

pub(super) async fn keys_are_listed_by_owner_newest_first(control: Control) {
    let account = create_account(&control, 1).await;
    let [one, two] = [1, 2].map(|number| new_project(number, account));
    let one = KeyOwner::Project(control.create_project(one, &BY, at(2)).await.unwrap().id);
    let two = KeyOwner::Project(control.create_project(two, &BY, at(2)).await.unwrap().id);
    for (kind, number, owner) in [
        (KeyKind::Sk, 1, one),
        (KeyKind::Rk, 2, two),
        (KeyKind::Ak, 3, KeyOwner::Account(account)),
        (KeyKind::Pk, 4, one),
    ] {
        control.insert_key(new_key(kind, number, owner), &BY, at(i64::from(number))).await.unwrap();
    }
    for (owner, expected) in [
        (one, vec![key_id(4), key_id(1)]),
        (two, vec![key_id(2)]),
        (KeyOwner::Account(account), vec![key_id(3)]),
        (KeyOwner::Project(project_id(9)), vec![]),
    ] {
        let ids: Vec<_> = control.keys(owner).await.unwrap().iter().map(|key| key.id).collect();
        assert_eq!(ids, expected);
    }
}

pub(super) async fn revoking_is_idempotent_and_tells_whether_the_key_was_live(control: Control) {
    let (owner, key) = project_with_key(&control).await;
    assert_eq!(control.revoke_key(key.id, &BY, at(20)).await, Ok(true));
    assert_eq!(control.revoke_key(key.id, &BY, at(30)).await, Ok(false));
    assert_eq!(stored(&control, 1).await.revoked_at, Some(at(20)));

    let expired = new_key(KeyKind::Sk, 2, owner).with_expiry(at(25));
    control.insert_key(expired, &BY, at(20)).await.unwrap();
    assert_eq!(control.revoke_key(key_id(2), &BY, at(25)).await, Ok(false));
    assert_eq!(stored(&control, 2).await.revoked_at, Some(at(25)));
    assert_eq!(control.revoke_key(key_id(9), &BY, at(30)).await, Err(ControlError::UnknownKey));
}

pub(super) async fn rotation_leaves_the_old_key_its_grace_and_never_more(control: Control) {
    let (owner, old) = project_with_key(&control).await;
    let new = new_key(KeyKind::Sk, 2, owner).with_expiry(at(200));
    let new = control.rotate_key(old.id, new, at(100), &BY, at(20)).await.unwrap();
    let old = stored(&control, 1).await;
    assert_eq!((old.expires_at, old.replaced_by, old.revoked_at), (Some(at(100)), Some(new.id), None));
    assert!(old.is_live(at(99)) && !old.is_live(at(100)) && new.is_live(at(100)));

    // The second key ends at 200 by itself: a longer grace does not make it live longer.
    let third = new_key(KeyKind::Sk, 3, owner);
    control.rotate_key(new.id, third, at(900), &BY, at(30)).await.unwrap();
    assert_eq!(stored(&control, 2).await.expires_at, Some(at(200)));
    assert_eq!(stored(&control, 3).await.expires_at, None);
}

pub(super) async fn only_a_live_key_without_successor_is_rotated(control: Control) {
    let (owner, replaced) = project_with_key(&control).await;
    control.rotate_key(replaced.id, new_key(KeyKind::Sk, 2, owner), at(100), &BY, at(20)).await.unwrap();
    control.insert_key(new_key(KeyKind::Sk, 3, owner), &BY, at(20)).await.unwrap();
    control.revoke_key(key_id(3), &BY, at(21)).await.unwrap();
    control.insert_key(new_key(KeyKind::Sk, 4, owner).with_expiry(at(30)), &BY, at(20)).await.unwrap();

    for (old, expected) in [
        (1, ControlError::KeyNotLive),
        (3, ControlError::KeyNotLive),
        (4, ControlError::KeyNotLive),
        (9, ControlError::UnknownKey),
    ] {
        let new = new_key(KeyKind::Sk, 5, owner);
        let refused = control.rotate_key(key_id(old), new, at(100), &BY, at(30)).await.unwrap_err();
        assert_eq!(refused, expected, "key {old}");
    }
}

pub(super) async fn a_failed_rotation_changes_nothing(control: Control) {
    let (owner, old) = project_with_key(&control).await;
    let other = KeyOwner::Project(create_project(&control, 2).await.id);
    for (new, expected) in [
        (new_key(KeyKind::Sk, 2, other), ControlError::RotationMismatch),
        (new_key(KeyKind::Rk, 2, owner), ControlError::RotationMismatch),
        (new_key(KeyKind::Sk, 1, owner), ControlError::KeyPrefixTaken(old.prefix)),
    ] {
        let refused = control.rotate_key(old.id, new, at(100), &BY, at(20)).await.unwrap_err();
        assert_eq!(refused, expected);
    }
    assert_eq!(format!("{:?}", stored(&control, 1).await), format!("{old:?}"));
    assert_eq!(control.keys(owner).await.unwrap().len(), 1);
    assert!(control.keys(other).await.unwrap().is_empty());
}

pub(super) async fn last_use_only_moves_forward(control: Control) {
    let (owner, key) = project_with_key(&control).await;
    control.insert_key(new_key(KeyKind::Rk, 2, owner), &BY, at(10)).await.unwrap();
    let revision = control.key_revision().await;
    for (touched, expected) in [(50, 50), (40, 50), (50, 50), (60, 60)] {
        control.touch_last_used(&[(key.id, at(touched)), (key_id(9), at(touched))]).await.unwrap();
        assert_eq!(stored(&control, 1).await.last_used_at, Some(at(expected)));
    }
    control.touch_last_used(&[]).await.unwrap();
    assert_eq!(stored(&control, 2).await.last_used_at, None);
    assert_eq!(control.key_revision().await, revision);
}

pub(super) async fn exposure_is_flagged_once(control: Control) {
    let (_, key) = project_with_key(&control).await;
    assert_eq!(control.flag_exposed(key.prefix, &BY, at(20)).await, Ok(true));
    assert_eq!(control.flag_exposed(key.prefix, &BY, at(30)).await, Ok(false));
    assert_eq!(control.flag_exposed("ffffffff".parse().unwrap(), &BY, at(30)).await, Ok(false));
    assert_eq!(stored(&control, 1).await.exposed_at, Some(at(20)));
}

pub(super) async fn every_change_and_no_failure_moves_the_revision(control: Control) {
    assert_eq!(control.key_revision().await, Ok(0));
    let (owner, key) = project_with_key(&control).await;
    assert_eq!(control.key_revision().await, Ok(2));
    control.rotate_key(key.id, new_key(KeyKind::Sk, 2, owner), at(90), &BY, at(20)).await.unwrap();
    control.flag_exposed(key.prefix, &BY, at(21)).await.unwrap();
    control.revoke_key(key.id, &BY, at(22)).await.unwrap();
    let patch = ProjectPatch { name: Some(name("New")), ..ProjectPatch::default() };
    control.update_project(project_id(1), patch, &BY, at(23)).await.unwrap();
    assert_eq!(control.key_revision().await, Ok(6));

    control.revoke_key(key.id, &BY, at(24)).await.unwrap();
    control.revoke_key(key_id(9), &BY, at(24)).await.unwrap_err();
    control.flag_exposed(key.prefix, &BY, at(24)).await.unwrap();
    control.insert_key(new_key(KeyKind::Sk, 1, owner), &BY, at(24)).await.unwrap_err();
    control.delete_project(project_id(9), &BY, at(24)).await.unwrap_err();
    assert_eq!(control.key_revision().await, Ok(6));
    control.delete_project(project_id(1), &BY, at(25)).await.unwrap();
    assert_eq!(control.key_revision().await, Ok(7));
}
