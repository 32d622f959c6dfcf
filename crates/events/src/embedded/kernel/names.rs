//! `GET /v1/events`: which event names occur, when, and with which properties.
//! Counting is in `groups`; nothing here looks at a row.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use millimetric_core::query::{NamesAnswer, NamesQuestion, NamesRow, PropertySeen};

use super::groups::{self, By, Counted, Counting};
use super::properties::read_names;
use super::run::QueryContext;
use crate::StoreError;
use crate::embedded::field::Field;
use crate::embedded::row::instant;
use crate::embedded::view::View;

/// Answers the question from the view's rows.
pub(in crate::embedded) fn names(
    view: &View,
    question: &NamesQuestion,
    context: &QueryContext,
) -> Result<NamesAnswer, StoreError> {
    let by = vec![By::Field(Field::EventName)];
    let counting = Counting { by, uniques: true, spans: true, ..Counting::default() };
    let counted = groups::count(view, &counting, context)?;
    let by = vec![By::Field(Field::EventName), By::Shape];
    let shapes = groups::count(view, &Counting { by, ..Counting::default() }, context)?;
    let mut properties = properties_by_name(&shapes);
    let name = |group: usize| counted.groups.text(group, 0).unwrap_or_default();
    let mut order: Vec<usize> = (0..counted.events.len()).collect();
    order.sort_unstable_by_key(|group| (Reverse(counted.events[*group]), name(*group)));
    let truncated = order.len() > question.limit.get();
    order.truncate(question.limit.get());
    let row = |group: usize| NamesRow {
        event_name: name(group).to_owned(),
        count: counted.events[group],
        uniques: counted.uniques[group],
        first_seen: instant(counted.spans[group].0),
        last_seen: instant(counted.spans[group].1),
        properties: ranked(properties.remove(name(group)).unwrap_or_default()),
    };
    let rows = order.into_iter().map(row).collect();
    Ok(NamesAnswer { rows, truncated, approximate: counted.approximate })
}

/// Events by event name and property.
fn properties_by_name(shapes: &Counted) -> HashMap<&str, BTreeMap<String, u64>> {
    let mut properties: HashMap<&str, BTreeMap<String, u64>> = HashMap::new();
    for group in 0..shapes.events.len() {
        let seen = properties.entry(shapes.groups.text(group, 0).unwrap_or_default()).or_default();
        for property in read_names(shapes.groups.text(group, 1).unwrap_or_default()) {
            *seen.entry(property).or_default() += shapes.events[group];
        }
    }
    properties
}

fn ranked(properties: BTreeMap<String, u64>) -> Vec<PropertySeen> {
    let mut seen: Vec<_> = properties.into_iter().map(|(name, count)| PropertySeen { name, count }).collect();
    // The sort is stable and the names stand in order already.
    seen.sort_by_key(|property| Reverse(property.count));
    seen.truncate(NamesRow::MAX_PROPERTIES);
    seen
}
