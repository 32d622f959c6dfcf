//! The behaviours of re-classifications.

use millimetric_core::classify::{ProjectRules, classify};
use millimetric_core::event::Event;
use millimetric_core::ids::ReclassificationId;
use millimetric_core::query::{RuleChanges, RuleChangesQuery};
use millimetric_core::time::TimeRange;
use uuid::Uuid;

use super::queries::rules;
use super::requests::{all_exported, forget};
use super::sample::{at, by, ever, scope};
use super::{Engine, UnderTest, naive};
use crate::{Appended, Reclassify, Subject};

fn request(number: u128, range: Option<TimeRange>) -> Reclassify {
    Reclassify { id: ReclassificationId::new(Uuid::from_u128(number)), range, rules: rules() }
}

fn direct(id: &str, time: &str, visitor: &str) -> Event {
    let direct = classify(None, None, None, &ProjectRules::NONE);
    Event {
        source: direct.source,
        medium: direct.medium,
        campaign: None,
        source_confidence: direct.confidence,
        source_rule_id: direct.rule_id,
        url: None,
        referrer: None,
        ..by(id, time, visitor, None)
    }
}

/// A visit that the rules of [`rules`] credit to `acme`, stored as direct.
fn visit(id: &str, time: &str, visitor: &str) -> Event {
    Event { url: Some("https://shop.example/?ref=acme".to_owned()), ..direct(id, time, visitor) }
}

/// Four events in two parts of the store: one that changes, one that keeps what it has, one that has no
/// normalised path, and one that stays as it is.
async fn store<E: Engine>(engine: &UnderTest<E>) -> Vec<Event> {
    let lost = Event {
        url: Some("https://shop.example/".to_owned()),
        source: "google".into(),
        medium: "paid".into(),
        source_rule_id: "google_click_id".into(),
        ..direct("b", "2026-05-02T00:00:00Z", "v2")
    };
    let path = Event { path: Some("/%d8%b3".to_owned()), ..direct("c", "2026-05-03T00:00:00Z", "v2") };
    let events =
        vec![visit("a", "2026-05-01T00:00:00Z", "v1"), lost, path, direct("d", "2026-05-04T00:00:00Z", "v3")];
    engine.append(scope(1), events[..2].to_vec()).await;
    engine.settle().await;
    engine.append(scope(1), events[2..].to_vec()).await;
    events
}

fn expected(events: &[Event]) -> Vec<Event> {
    events.iter().map(|event| naive::reclassified(event, &rules())).collect()
}

fn without_samples(mut changes: RuleChanges) -> RuleChanges {
    changes.rows.iter_mut().for_each(|row| row.samples.clear());
    changes
}

pub async fn stored_events_are_classified_again<E: Engine>(mut engine: UnderTest<E>) {
    let events = store(&engine).await;
    let what_if = RuleChangesQuery { range: ever(), rules: rules() };
    let before = engine.query(scope(1), what_if.clone()).await;
    assert_eq!(engine.exported(scope(1), all_exported()).await, events, "a what-if writes nothing");
    let request = request(1, None);
    engine.reclassify(scope(1), request.clone()).await;
    let changes = engine.until_reclassified(scope(1), request.id).await;
    assert_eq!((changes.events, changes.kept, changes.paths, changes.changed), (4, 1, 1, 1));
    assert_eq!(changes, without_samples(before), "it changes what the what-if said");
    let now = expected(&events);
    assert_eq!(now[0].source, "acme");
    assert_eq!(now[2].path.as_deref(), Some("/س"));
    for _ in 0..2 {
        assert_eq!(engine.exported(scope(1), all_exported()).await, now);
        let again = engine.append(scope(1), events.clone()).await;
        assert_eq!(again, Appended { stored: 0, duplicates: 4 });
        let after = engine.query(scope(1), what_if.clone()).await;
        assert_eq!((after.changed, after.kept, after.paths), (0, 1, 0));
        // The same request again changes nothing.
        engine.reclassify(scope(1), request.clone()).await;
        assert_eq!(engine.until_reclassified(scope(1), request.id).await, changes);
        engine = engine.restart().await;
    }
}

pub async fn a_reclassification_changes_only_its_range_and_its_scope<E: Engine>(engine: UnderTest<E>) {
    let days = ["2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z", "2026-05-03T00:00:00Z"];
    let events: Vec<Event> = days.iter().map(|day| visit(day, day, "v1")).collect();
    engine.append(scope(1), events.clone()).await;
    engine.append(scope(2), events.clone()).await;
    engine.settle().await;
    let request = request(2, TimeRange::new(at(days[1]), at(days[2])));
    engine.reclassify(scope(1), request.clone()).await;
    let changes = engine.until_reclassified(scope(1), request.id).await;
    assert_eq!((changes.events, changes.changed), (1, 1));
    let now = vec![events[0].clone(), expected(&events)[1].clone(), events[2].clone()];
    assert_eq!(engine.exported(scope(1), all_exported()).await, now);
    assert_eq!(engine.exported(scope(2), all_exported()).await, events);
    assert_eq!(engine.reclassification(scope(2), request.id).await, None, "of another scope");
}

pub async fn a_reclassification_goes_on_after_a_restart<E: Engine>(mut engine: UnderTest<E>) {
    let events = store(&engine).await;
    let request = request(3, None);
    engine.reclassify(scope(1), request.clone()).await;
    for _ in 0..3 {
        engine = engine.restart().await;
    }
    engine.until_reclassified(scope(1), request.id).await;
    assert_eq!(engine.exported(scope(1), all_exported()).await, expected(&events));
}

pub async fn a_person_erased_during_a_reclassification_is_gone<E: Engine>(engine: UnderTest<E>) {
    let events = store(&engine).await;
    let request = request(4, None);
    engine.reclassify(scope(1), request.clone()).await;
    let visitor = Subject::Visitor { anonymous_id: "v1".to_owned() };
    let erasure = forget(30, visitor, "2026-06-01T00:00:00Z");
    engine.erase(scope(1), erasure.clone()).await;
    assert_eq!(engine.until_done(scope(1), erasure.id).await, 1);
    engine.until_reclassified(scope(1), request.id).await;
    assert_eq!(engine.exported(scope(1), all_exported()).await, expected(&events[1..]));
}
