//! Behaviours of responses that are repeated: each is stored with its change, or neither is.

use millimetric_core::key::KeyKind;

use super::goals::{by_event, slug};
use super::{BY, at, create_account, create_project, key_id, new_key, new_project, project_id};
use crate::{AuditScope, Control, ControlError, KeyOwner, ProjectPatch, StoredResponse};

fn response(number: u8, until: i64) -> StoredResponse {
    StoredResponse { id: [number; 32], request: [9; 32], sealed: vec![number, 1, 2], expires_at: at(until) }
}

pub(super) async fn a_response_is_stored_with_its_change_and_repeated_in_its_time(control: Control) {
    let owner = KeyOwner::Project(create_project(&control, 1).await.id);
    let (first, second) = (response(1, 1000), response(2, 1000));
    control.insert_key_once(new_key(KeyKind::Sk, 1, owner), Some(&first), &BY, at(10)).await.unwrap();
    let rotated = new_key(KeyKind::Sk, 2, owner);
    control.rotate_key_once((key_id(1), at(20)), rotated, Some(&second), &BY, at(11)).await.unwrap();
    for known in [&first, &second] {
        assert_eq!(control.stored_response(known.id, at(999)).await, Ok(Some(known.clone())));
        assert_eq!(control.stored_response(known.id, at(1000)).await, Ok(None));
    }
    assert_eq!(control.stored_response([3; 32], at(10)).await, Ok(None));
    control.drop_expired_responses(at(1000)).await.unwrap();
    assert_eq!(control.stored_response(first.id, at(999)).await, Ok(None));
}

pub(super) async fn the_same_response_is_stored_once_and_its_change_made_once(control: Control) {
    let account = create_account(&control, 1).await;
    let first = response(1, 1000);
    control.create_project_once(new_project(1, account), Some(&first), &BY, at(2)).await.unwrap();
    let owner = KeyOwner::Project(project_id(1));
    let again = control.create_project_once(new_project(2, account), Some(&first), &BY, at(3)).await;
    assert_eq!(again, Err(ControlError::AlreadyAnswered));
    let key = control.insert_key_once(new_key(KeyKind::Sk, 1, owner), Some(&first), &BY, at(3)).await;
    assert_eq!(key.unwrap_err(), ControlError::AlreadyAnswered);
    assert_eq!(control.projects().await.unwrap().len(), 1);
    assert!(control.keys(owner).await.unwrap().is_empty());
    // Once it has expired, the request is a new one.
    control
        .create_project_once(new_project(2, account), Some(&response(1, 2000)), &BY, at(1000))
        .await
        .unwrap();
    assert_eq!(control.projects().await.unwrap().len(), 2);
}

pub(super) async fn a_change_that_fails_stores_no_response(control: Control) {
    let account = create_account(&control, 1).await;
    control.create_project(new_project(1, account), &BY, at(2)).await.unwrap();
    let first = response(1, 1000);
    let mut taken = new_project(2, account);
    taken.slug = "project-1".parse().unwrap();
    let refused = control.create_project_once(taken, Some(&first), &BY, at(3)).await;
    assert!(matches!(refused, Err(ControlError::SlugTaken(_))));
    assert_eq!(control.stored_response(first.id, at(4)).await, Ok(None));
}

pub(super) async fn a_change_of_something_else_than_expected_is_not_made(control: Control) {
    let project = create_project(&control, 1).await;
    let rename = |text: &str| ProjectPatch { name: Some(super::name(text)), ..ProjectPatch::default() };
    let refused = control.update_project_if(project.id, rename("New"), |_| false, &BY, at(5)).await;
    assert_eq!(refused, Err(ControlError::Changed));
    let expected = project.clone();
    let renamed =
        control.update_project_if(project.id, rename("New"), |now| *now == expected, &BY, at(6)).await;
    assert_eq!(renamed.unwrap().name.as_str(), "New");
    let late =
        control.update_project_if(project.id, rename("Newer"), |now| *now == project, &BY, at(7)).await;
    assert_eq!(late, Err(ControlError::Changed));
}

pub(super) async fn goals_are_replaced_as_a_whole_with_an_entry_for_each_change(control: Control) {
    let project = create_project(&control, 1).await.id;
    for goal in ["a", "b", "c"] {
        control.create_goal(project, &by_event(goal), &BY, at(5)).await.unwrap();
    }
    let mut changed = by_event("b");
    changed.name = super::name("B");
    let wanted = vec![by_event("a"), changed, by_event("d")];
    let before = vec![by_event("a"), by_event("b"), by_event("c")];
    let refused = control.replace_goals(project, &wanted, |_| false, &BY, at(6)).await;
    assert_eq!(refused, Err(ControlError::Changed));
    control.replace_goals(project, &wanted, |now| now == before, &BY, at(7)).await.unwrap();
    assert_eq!(control.goals(project).await, Ok(wanted.clone()));
    control.replace_goals(project, &wanted, |_| true, &BY, at(8)).await.unwrap();
    let log = control.audit_log(AuditScope::Project(project), 1000, None).await.unwrap();
    let written: Vec<_> =
        log.iter().take(4).map(|entry| (entry.action.as_str(), entry.subject.as_str())).collect();
    let expected =
        [("goal.deleted", "c"), ("goal.created", "d"), ("goal.updated", "b"), ("goal.created", "c")];
    assert_eq!(written, expected, "a goal that stays the same has no entry");
    let twice = control.replace_goals(project, &[by_event("x"), by_event("x")], |_| true, &BY, at(9)).await;
    assert_eq!(twice, Err(ControlError::GoalTaken(slug("x"))));
    let many: Vec<_> = (0..101).map(|number| by_event(&format!("goal-{number}"))).collect();
    let too_many = control.replace_goals(project, &many, |_| true, &BY, at(9)).await;
    assert_eq!(too_many, Err(ControlError::TooManyGoals));
    control.replace_goals(project, &many[..100], |_| true, &BY, at(9)).await.unwrap();
    control.replace_goals(project, &[], |_| true, &BY, at(10)).await.unwrap();
    assert_eq!(control.goals(project).await, Ok(vec![]));
    let unknown = control.replace_goals(project_id(9), &[], |_| true, &BY, at(11)).await;
    assert_eq!(unknown, Err(ControlError::UnknownProject));
}

pub(super) async fn requests_that_race_make_one_change(one: Control, other: Control) {
    let account = create_account(&one, 1).await;
    let create = |control: Control, number| async move {
        control.create_project_once(new_project(number, account), Some(&response(1, 1000)), &BY, at(3)).await
    };
    let (first, second) =
        tokio::join!(tokio::spawn(create(one.clone(), 1)), tokio::spawn(create(other.clone(), 2)));
    let outcomes = [first.unwrap(), second.unwrap()];
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    assert!(outcomes.contains(&Err(ControlError::AlreadyAnswered)), "{outcomes:?}");
    assert_eq!(one.projects().await.unwrap().len(), 1);
}
