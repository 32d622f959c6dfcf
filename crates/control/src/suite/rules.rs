//! Behaviours of a project's settings for the classifier, and of re-classifications.

use millimetric_core::classify::{ProjectRules, RuleSettings};
use millimetric_core::event::EventScope;
use millimetric_core::ids::ReclassificationId;
use millimetric_core::key::Env;
use millimetric_core::query::RuleChanges;
use millimetric_core::time::TimeRange;
use serde_json::json;
use uuid::Uuid;

use super::{BY, at, create_project};
use crate::{AuditScope, Control, ControlError, Project, ProjectPatch};

fn partner() -> ProjectRules {
    let settings: RuleSettings = serde_json::from_value(json!({
        "rules": [{ "slug": "partner", "source": "acme", "medium": "partner",
            "when": [{ "field": "query.ref", "op": "is", "value": "acme" }] }],
        "ignored_referrers": ["pay.example.com"], "meta_clicks": "social",
    }))
    .unwrap();
    ProjectRules::new(settings).unwrap()
}

async fn set(control: &Control, project: &Project, rules: ProjectRules) -> Project {
    let patch = ProjectPatch { classifier: Some(rules), ..ProjectPatch::default() };
    control.update_project(project.id, patch, &BY, at(3)).await.unwrap()
}

fn id(number: u128) -> ReclassificationId {
    ReclassificationId::new(Uuid::from_u128(number))
}

pub(super) async fn rules_are_kept_with_their_project(control: Control) {
    let project = create_project(&control, 1).await;
    assert_eq!(project.classifier.settings(), RuleSettings::default());
    let changed = set(&control, &project, partner()).await;
    assert_eq!(changed.classifier.rules(), &partner());
    assert_eq!(control.project(project.id).await, Ok(Some(changed.clone())));
    let entries = control.audit_log(AuditScope::Project(project.id), 1, None).await.unwrap();
    assert_eq!(entries[0].action, "project.updated");
    let detail = &entries[0].detail["classifier"];
    assert_eq!(detail["from"], json!({ "meta_clicks": "paid" }));
    assert_eq!(detail["to"], json!(partner().settings()));
    let back = set(&control, &changed, ProjectRules::default()).await;
    assert_eq!(back, project);
}

pub(super) async fn a_reclassification_is_recorded_at_both_ends(control: Control) {
    let project = create_project(&control, 1).await;
    set(&control, &project, partner()).await;
    let scope = EventScope { project: project.id, env: Env::Live };
    let range = TimeRange::new(at(1000), at(2000));
    let asked = control.request_reclassification(id(1), scope, range, &BY, at(10)).await.unwrap();
    assert_eq!((&asked.rules, asked.range, asked.finished_at), (&partner(), range, None));
    // Rules that are set later do not count for it.
    set(&control, &project, ProjectRules::default()).await;
    assert_eq!(control.unfinished_reclassifications().await, Ok(vec![asked.clone()]));
    let counts = RuleChanges { events: 3, changed: 2, ..RuleChanges::default() };
    control.finish_reclassification(&asked, counts.clone(), &BY, at(20)).await.unwrap();
    control.finish_reclassification(&asked, RuleChanges::default(), &BY, at(30)).await.unwrap();
    assert_eq!(control.unfinished_reclassifications().await, Ok(Vec::new()));
    let done = control.reclassification(id(1)).await.unwrap().unwrap();
    assert_eq!((done.finished_at, done.counts.as_ref()), (Some(at(20)), Some(&counts)));
    let entries = control.audit_log(AuditScope::Project(project.id), 10, None).await.unwrap();
    let entries: Vec<_> = entries.iter().map(|entry| (entry.action.as_str(), &entry.detail)).collect();
    assert_eq!(entries[0], ("events.reclassified", &json!(counts)));
    assert_eq!(entries.iter().filter(|(action, _)| action.starts_with("events.")).count(), 2);
}

pub(super) async fn one_reclassification_of_the_same_events_runs_at_a_time(control: Control) {
    let project = create_project(&control, 1).await;
    let scope = |env| EventScope { project: project.id, env };
    let ask =
        async |number, env| control.request_reclassification(id(number), scope(env), None, &BY, at(10)).await;
    let first = ask(1, Env::Live).await.unwrap();
    assert_eq!(ask(2, Env::Live).await, Err(ControlError::ReclassificationRunning));
    assert!(ask(3, Env::Test).await.is_ok());
    control.finish_reclassification(&first, RuleChanges::default(), &BY, at(20)).await.unwrap();
    assert!(ask(4, Env::Live).await.is_ok());
    control.delete_project(project.id, &BY, at(30)).await.unwrap();
    assert_eq!(control.unfinished_reclassifications().await, Ok(Vec::new()));
    assert_eq!(ask(5, Env::Live).await, Err(ControlError::UnknownProject));
}
