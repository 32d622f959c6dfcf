//! Events under other rules, one by one.

use millimetric_core::classify::{Attribution, ProjectRules, classify_stored};
use millimetric_core::event::Event;
use millimetric_core::ingest::page_path;
use millimetric_core::query::{ChangeSample, ClassifiedAs, RuleChangeCounter, RuleChanges, RuleChangesQuery};

/// What the rules say of an event; `None` if it keeps what it has.
fn again(event: &Event, rules: &ProjectRules) -> Option<Attribution> {
    classify_stored(event.url.as_deref(), event.referrer.as_deref(), &event.source_rule_id, rules)
}

fn stored(event: &Event) -> Attribution {
    Attribution {
        source: event.source.clone(),
        medium: event.medium.clone(),
        campaign: event.campaign.clone(),
        confidence: event.source_confidence,
        rule_id: event.source_rule_id.clone(),
    }
}

fn path(event: &Event) -> Option<String> {
    event.path.as_deref().map(|path| page_path::normalised(path).into_owned())
}

pub(super) fn rule_changes(events: &[Event], query: &RuleChangesQuery) -> RuleChanges {
    let mut counter = RuleChangeCounter::default();
    for event in events.iter().filter(|event| query.range.contains(event.timestamp)) {
        let (old, now) = (stored(event), again(event, &query.rules));
        counter.add_events(1, u64::from(now.is_none()), u64::from(path(event) != event.path));
        let Some(now) = now.filter(|now| *now != old) else { continue };
        let Event { timestamp, event_id, url, referrer, .. } = event.clone();
        let sample = ChangeSample { timestamp, event_id, url, referrer };
        counter.add(ClassifiedAs::from(&old), ClassifiedAs::from(&now), 1, [sample]);
    }
    counter.finish()
}

/// The event after a re-classification.
pub(in super::super) fn reclassified(event: &Event, rules: &ProjectRules) -> Event {
    let Attribution { source, medium, campaign, confidence, rule_id } =
        again(event, rules).unwrap_or_else(|| stored(event));
    Event {
        source,
        medium,
        campaign,
        source_confidence: confidence,
        source_rule_id: rule_id,
        path: path(event),
        ..event.clone()
    }
}
