//! Behaviours of two instances on one database: a server beside another, or beside the command
//! line.

use millimetric_core::ids::KeyId;
use millimetric_core::key::{Env, KeyKind};

use super::{BY, at, create_project, key_id, new_key, project_id};
use crate::{AuditScope, Control, ControlError, KeyOwner, Month};

const ROUNDS: u8 = 25;

pub(super) async fn a_revocation_is_seen_by_the_other_instance(server: Control, command_line: Control) {
    let owner = KeyOwner::Project(create_project(&server, 1).await.id);
    let key = server.insert_key(new_key(KeyKind::Sk, 1, owner), &BY, at(10)).await.unwrap();
    let remembered = server.key_revision().await.unwrap();
    assert!(
        command_line.key_by_prefix(&key.prefix).await.unwrap().unwrap().record.unwrap().key.is_live(at(11))
    );

    command_line.revoke_key(key.id, &BY, at(12)).await.unwrap();
    assert!(server.key_revision().await.unwrap() > remembered);
    assert!(!server.key_by_prefix(&key.prefix).await.unwrap().unwrap().record.unwrap().key.is_live(at(12)));
}

pub(super) async fn writers_wait_for_each_other(one: Control, two: Control) {
    let project = create_project(&one, 1).await.id;
    let month: Month = "2026-11".parse().unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for (number, control) in (0..).zip([one.clone(), two.clone(), one.clone(), two]) {
        writers.spawn(async move {
            for round in 0..ROUNDS {
                let (id, owner) = (number * ROUNDS + round, KeyOwner::Project(project));
                let key = control.insert_key(new_key(KeyKind::Sk, id, owner), &BY, at(10)).await?;
                control.add_usage(&[(project, Env::Live, month, 1)]).await?;
                control.touch_last_used(&[(key.id, at(11))]).await?;
                control.revoke_key(key.id, &BY, at(12)).await?;
            }
            Ok::<_, ControlError>(())
        });
    }
    while let Some(finished) = writers.join_next().await {
        assert_eq!(finished.unwrap(), Ok(()));
    }
    let keys = usize::from(ROUNDS) * 4;
    assert_eq!(one.keys(KeyOwner::Project(project)).await.unwrap().len(), keys);
    assert_eq!(one.usage(project, month, month).await.unwrap()[0].events, keys as u64);
    assert_eq!(one.key_revision().await, Ok(1 + 2 * keys as i64));
    let entries = one.audit_log(AuditScope::Project(project), 1000, None).await.unwrap();
    assert_eq!(entries.len(), 1 + 2 * keys);
}

pub(super) async fn rotations_that_race_have_one_winner(one: Control, two: Control) {
    let owner = KeyOwner::Project(create_project(&one, 1).await.id);
    let old = one.insert_key(new_key(KeyKind::Sk, 1, owner), &BY, at(10)).await.unwrap();
    let rotate = |control: Control, number| async move {
        control.rotate_key(old.id, new_key(KeyKind::Sk, number, owner), at(90), &BY, at(20)).await
    };
    let (first, second) = tokio::join!(rotate(one.clone(), 2), rotate(two, 3));
    let successors: Vec<KeyId> = [&first, &second].into_iter().flatten().map(|key| key.id).collect();
    let refusals: Vec<_> = [&first, &second].into_iter().filter_map(|r| r.as_ref().err()).collect();
    assert_eq!(refusals, [&ControlError::KeyNotLive]);
    assert_eq!(one.key(key_id(1)).await.unwrap().unwrap().replaced_by, Some(successors[0]));
    assert_eq!(one.keys(KeyOwner::Project(project_id(1))).await.unwrap().len(), 2);
}
