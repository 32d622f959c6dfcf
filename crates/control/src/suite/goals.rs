//! Behaviours of goals.

use millimetric_core::goal::{Goal, GoalFilters, GoalTarget};
use millimetric_core::query::{GoalSlug, PropertyName, ValueProperty};
use serde_json::{Value, json};

use super::{BY, at, create_project, name, project_id, user_id};
use crate::{Actor, AuditScope, Control, ControlError, ProjectGoal};

pub(super) fn slug(text: &str) -> GoalSlug {
    text.parse().unwrap()
}

/// A goal that an event of the same name reaches.
pub(super) fn by_event(text: &str) -> ProjectGoal {
    let target = GoalTarget::Event(text.parse().unwrap());
    let goal = Goal { slug: slug(text), target, filters: GoalFilters::default(), value: None };
    ProjectGoal { name: name(text), goal }
}

/// A goal that has everything.
fn sale() -> ProjectGoal {
    let value = ValueProperty { property: PropertyName::new("amount").unwrap(), currency: Some("EUR") };
    let goal = Goal {
        slug: slug("sale"),
        target: GoalTarget::Page("/thanks*".parse().unwrap()),
        filters: r#"[["is","country",["DE","AT"]],["is","entry_path",["/ü"]]]"#.parse().unwrap(),
        value: Some(value),
    };
    ProjectGoal { name: name("A sale"), goal }
}

/// What the log says of goals, oldest first: time, actor, action, slug, details.
async fn audited(control: &Control) -> Vec<(i64, Actor, String, String, Value)> {
    let log = control.audit_log(AuditScope::Project(project_id(1)), 1000, None).await.unwrap();
    let of_goals = log.into_iter().rev().filter(|entry| entry.action.starts_with("goal."));
    of_goals.map(|entry| (entry.at.millis(), entry.by, entry.action, entry.subject, entry.detail)).collect()
}

pub(super) async fn a_goal_reads_back_as_it_was_created(control: Control) {
    let (mine, other) = (create_project(&control, 1).await.id, create_project(&control, 2).await.id);
    assert_eq!(control.goals(mine).await, Ok(vec![]));
    for goal in [by_event("signup"), sale(), by_event("a")] {
        control.create_goal(mine, &goal, &BY, at(5)).await.unwrap();
        assert_eq!(control.goal(mine, &goal.goal.slug).await, Ok(Some(goal)));
    }
    assert_eq!(control.goals(mine).await, Ok(vec![by_event("a"), sale(), by_event("signup")]));
    assert_eq!(control.goal_slugs(mine).await, Ok(["a", "sale", "signup"].map(slug).to_vec()));
    assert_eq!(control.goals(other).await, Ok(vec![]));
    assert_eq!(control.goal(other, &slug("sale")).await, Ok(None));
    assert_eq!(control.goal_slugs(other).await, Ok(vec![]));
    assert_eq!(control.goal(mine, &slug("sales")).await, Ok(None));
}

pub(super) async fn a_slug_of_a_goal_is_taken_once_in_its_project(control: Control) {
    let (mine, other) = (create_project(&control, 1).await.id, create_project(&control, 2).await.id);
    control.create_goal(mine, &by_event("sale"), &BY, at(5)).await.unwrap();
    let again = control.create_goal(mine, &sale(), &BY, at(6)).await;
    assert_eq!(again, Err(ControlError::GoalTaken(slug("sale"))));
    assert_eq!(control.goals(mine).await, Ok(vec![by_event("sale")]));
    control.create_goal(other, &sale(), &BY, at(7)).await.unwrap();
    control.delete_goal(mine, &slug("sale"), &BY, at(8)).await.unwrap();
    control.create_goal(mine, &sale(), &BY, at(9)).await.unwrap();
    assert_eq!(control.goals(mine).await, control.goals(other).await);
}

pub(super) async fn a_project_has_a_bounded_number_of_goals(control: Control) {
    let project = create_project(&control, 1).await.id;
    for number in 0..100 {
        control.create_goal(project, &by_event(&format!("goal-{number}")), &BY, at(5)).await.unwrap();
    }
    let one_more = control.create_goal(project, &by_event("one-more"), &BY, at(6)).await;
    assert_eq!(one_more, Err(ControlError::TooManyGoals));
    assert_eq!(control.goals(project).await.unwrap().len(), 100);
    assert_eq!(audited(&control).await.len(), 100);
    control.delete_goal(project, &slug("goal-7"), &BY, at(7)).await.unwrap();
    control.create_goal(project, &by_event("one-more"), &BY, at(8)).await.unwrap();
}

pub(super) async fn every_change_of_a_goal_is_told(control: Control) {
    let project = create_project(&control, 1).await.id;
    let revision = control.key_revision().await.unwrap();
    control.create_goal(project, &sale(), &BY, at(5)).await.unwrap();
    let mut changed = sale();
    changed.name = name("Sale");
    changed.goal.target = GoalTarget::Event("purchase".parse().unwrap());
    for time in [6, 7] {
        let by = Actor::User(user_id(1));
        control.update_goal(project, &changed, &by, at(time)).await.unwrap();
    }
    assert_eq!(control.goal(project, &slug("sale")).await, Ok(Some(changed)));
    control.delete_goal(project, &slug("sale"), &BY, at(8)).await.unwrap();
    let created = json!({ "name": "A sale", "page": "/thanks*", "value_property": "amount", "currency": "EUR",
        "filters": [["is", "country", ["DE", "AT"]], ["is", "entry_path", ["/ü"]]] });
    let updated = json!({ "name": { "from": "A sale", "to": "Sale" }, "page": { "from": "/thanks*", "to": null },
        "event": { "from": null, "to": "purchase" } });
    let entry = |time, by, action: &str, detail| (time, by, action.to_owned(), "sale".to_owned(), detail);
    let expected = [
        entry(5, BY, "goal.created", created),
        entry(6, Actor::User(user_id(1)), "goal.updated", updated),
        entry(8, BY, "goal.deleted", json!({})),
    ];
    assert_eq!(audited(&control).await, expected);
    assert_eq!(control.key_revision().await, Ok(revision), "no key is verified anew");
}

pub(super) async fn what_is_not_there_cannot_be_changed(control: Control) {
    let project = create_project(&control, 1).await.id;
    create_project(&control, 2).await;
    control.create_goal(project_id(2), &sale(), &BY, at(5)).await.unwrap();
    let unknown = || Err(ControlError::UnknownGoal(slug("sale")));
    assert_eq!(control.update_goal(project, &sale(), &BY, at(6)).await, unknown());
    assert_eq!(control.delete_goal(project, &slug("sale"), &BY, at(6)).await, unknown());
    assert_eq!(
        control.create_goal(project_id(9), &sale(), &BY, at(6)).await,
        Err(ControlError::UnknownProject)
    );
    control.delete_project(project, &BY, at(7)).await.unwrap();
    assert_eq!(control.create_goal(project, &sale(), &BY, at(8)).await, Err(ControlError::UnknownProject));
    assert_eq!(audited(&control).await, []);
    assert_eq!(control.goals(project_id(2)).await, Ok(vec![sale()]));
}
