//! What a query names: events, properties and values that may not exist, because somebody mistyped them; and
//! whether a response shows that they do.

use std::collections::BTreeSet;

use super::super::{
    AnyQuery, AnyResponse, Condition, Dimension, EventSelector, Filter, Number, PropertyName, Test,
};
use crate::column::Column;

/// What a query names. Goals, and columns that are not personal, exist: a query that exists is valid.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Named {
    /// Names of events: those that the query selects, steps of a funnel, and in conditions.
    pub events: BTreeSet<String>,
    /// Properties that are added up, grouped by or in a condition.
    pub properties: BTreeSet<PropertyName>,
    /// The values that conditions compare a column with, without names of events.
    pub values: Vec<(Dimension, Vec<String>)>,
    /// A condition names something that a matching event need not have: one of several values, or a part of `or`
    /// or `not`.
    pub has_alternatives: bool,
}

impl Named {
    /// What this query names.
    pub fn by(query: &AnyQuery) -> Self {
        let mut named = Self::default();
        match query {
            AnyQuery::Events(query) => named.add(&query.events, &query.filters),
            AnyQuery::Stats(query) => {
                named.add(&query.events, &query.filters);
                named.add_groups(&query.group_by);
                named.properties.extend(query.metric.property().cloned());
            }
            AnyQuery::Sources(query) => named.add(&query.events, &query.filters),
            AnyQuery::Names(query) => named.add(&EventSelector::Any, &query.filters),
            AnyQuery::Funnel(query) => {
                for step in query.steps.as_slice() {
                    named.add(&step.events, &step.filters);
                }
                named.add(&EventSelector::Any, &query.filters);
                named.add_groups(&query.group_by);
            }
            AnyQuery::Retention(query) => {
                named.add(&query.events, &query.filters);
                named.events.extend(query.return_event.clone());
            }
            AnyQuery::Pages(query) => named.add(&EventSelector::Any, &query.filters),
            AnyQuery::Sessions(query) => named.add(&EventSelector::Any, &query.filters),
            AnyQuery::Attribution(query) => {
                named.add(&query.conversions.events, &query.conversions.filters);
                let value = query.conversions.value.as_ref();
                named.properties.extend(value.map(|value| value.property.clone()));
            }
            AnyQuery::Paths(query) => named.add(&query.conversions.events, &query.conversions.filters),
            AnyQuery::Journeys(query) => named.add(&EventSelector::Any, &query.conditions()),
            AnyQuery::Changes(query) => {
                named.add(&query.events, &query.filters);
                named.add_groups(&query.columns);
                named.properties.extend(query.metric.property().cloned());
            }
            AnyQuery::NumericTexts(_)
            | AnyQuery::Event(_)
            | AnyQuery::Touches(_)
            | AnyQuery::RuleChanges(_) => {}
        }
        named
    }

    /// What a question names that is no query of the event store: these events, conditions and columns.
    pub fn selecting(events: &EventSelector, filters: &[Filter], columns: &[Dimension]) -> Self {
        let mut named = Self::default();
        named.add(events, filters);
        named.add_groups(columns);
        named
    }

    fn add(&mut self, events: &EventSelector, filters: &[Filter]) {
        self.events.extend(events.name().flatten().map(str::to_owned));
        for filter in filters {
            let alone = matches!(filter, Filter::Condition(condition) if !condition.negated);
            self.has_alternatives |= !alone;
            filter.each_condition(&mut |condition| self.add_condition(condition));
        }
    }

    fn add_condition(&mut self, Condition { column, test, .. }: &Condition) {
        if let Dimension::Property(property) = column {
            self.properties.insert(property.clone());
        }
        let Test::OneOf(values) = test else { return };
        self.has_alternatives |= values.len() > 1;
        if *column == Column::EventName.into() {
            self.events.extend(values.iter().cloned());
        } else {
            self.values.push((column.clone(), values.clone()));
        }
    }

    fn add_groups(&mut self, dimensions: &[Dimension]) {
        let property = |dimension: &Dimension| match dimension {
            Dimension::Property(property) => Some(property.clone()),
            _ => None,
        };
        self.properties.extend(dimensions.iter().filter_map(property));
    }
}

impl AnyResponse {
    /// Whether the response to this query contains something of everything that the query requires: the event
    /// it selects, each step of a funnel, each property.
    pub fn has_all_of(&self, query: &AnyQuery) -> bool {
        match (self, query) {
            // Behind the last page there is nothing.
            (Self::Events(response), AnyQuery::Events(query)) => {
                query.after.is_some() || !response.rows.is_empty()
            }
            (Self::Stats(response), AnyQuery::Stats(query)) => {
                let counts = |value: Option<Number>| match value {
                    Some(Number::Integer(count)) => count > 0,
                    Some(Number::Float(number)) => number != 0.0,
                    None => false,
                };
                let has_property = |index: usize| {
                    !matches!(query.group_by[index], Dimension::Property(_))
                        || response.rows.iter().any(|row| row.keys[index].is_some())
                };
                // Values that are not numbers are there, though they are in no aggregate.
                let has_texts = response.skipped.is_some_and(|skipped| skipped.not_numeric > 0);
                (has_texts || response.rows.iter().any(|row| counts(row.value)))
                    && (0..query.group_by.len()).all(has_property)
            }
            (Self::Sources(response), _) => !response.rows.is_empty(),
            (Self::Names(response), _) => !response.rows.is_empty(),
            (Self::Funnel(response), _) => {
                let is_through =
                    |steps: &[super::super::FunnelStep]| steps.iter().all(|step| step.visitors > 0);
                response.groups.iter().any(|group| is_through(&group.steps))
            }
            (Self::Retention(response), AnyQuery::Retention(query)) => {
                let mut returned = response.cohorts.iter().flat_map(|cohort| &cohort.returned);
                !response.cohorts.is_empty()
                    && (query.return_event.is_none() || returned.any(|visitors| *visitors > 0))
            }
            (Self::Pages(response), _) => !response.rows.is_empty(),
            (Self::Sessions(response), _) => response.rows.iter().any(|row| row.sessions > 0),
            (Self::Attribution(response), AnyQuery::Attribution(query)) => {
                let is_worth = |total: &super::super::ConversionTotal| {
                    total.conversions > 0 && (query.conversions.value.is_none() || total.value != 0.0)
                };
                response.totals.iter().any(is_worth)
            }
            (Self::Paths(response), _) => !response.rows.is_empty(),
            (Self::Journeys(response), _) => !response.rows.is_empty(),
            (Self::Changes(response), _) => response.total.value != 0.0 || response.total.previous != 0.0,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{
        EventsQuery, FilterList, FunnelQuery, FunnelSteps, FunnelWindow, GroupAt, Metric, RowLimit, StepOrder,
    };
    use crate::query::{StatsQuery, StatsResponse, StatsRow};
    use crate::time::TimeRange;

    fn events(filters: &str) -> Named {
        let filters = FilterList::from_json(&serde_json::from_str(filters).unwrap()).unwrap();
        Named::by(&AnyQuery::Events(EventsQuery {
            range: TimeRange::LAST,
            events: EventSelector::Named("buy".to_owned()),
            filters: filters.into_vec(),
            limit: RowLimit::ONE,
            after: None,
        }))
    }

    #[test]
    fn events_properties_and_values_are_found_in_conditions() {
        let named = events(
            r#"[["is","country",["DE"]],["is","event_name",["add","buy"]],
                ["or",[["greater","properties.amount",[1]],["not",["is","properties.plan",["pro"]]]]]]"#,
        );
        assert_eq!(named.events.iter().map(String::as_str).collect::<Vec<_>>(), ["add", "buy"]);
        assert_eq!(named.properties.iter().map(PropertyName::as_str).collect::<Vec<_>>(), ["amount", "plan"]);
        let values: Vec<_> =
            named.values.iter().map(|(column, values)| (column.name(), &values[..])).collect();
        assert_eq!(
            values,
            [
                ("country".to_owned(), &["DE".to_owned()][..]),
                ("properties.plan".to_owned(), &["pro".to_owned()][..])
            ]
        );
        assert!(named.has_alternatives);
    }

    #[test]
    fn a_condition_with_alternatives_is_told_from_one_that_every_event_passes() {
        for (filters, has_alternatives) in [
            ("[]", false),
            (r#"[["is","country",["DE"]],["contains","path",["/a","/b"]]]"#, false),
            (r#"[["is","country",["DE","AT"]]]"#, true),
            (r#"[["is_not","country",["DE"]]]"#, true),
            (r#"[["not",["is","country",["DE"]]]]"#, true),
            (r#"[["or",[["is","country",["DE"]]]]]"#, true),
        ] {
            assert_eq!(events(filters).has_alternatives, has_alternatives, "{filters}");
        }
    }

    #[test]
    fn every_step_of_a_funnel_is_named() {
        let query = FunnelQuery {
            range: TimeRange::LAST,
            filters: Vec::new(),
            steps: FunnelSteps::new(vec!["a".to_owned(), "b".to_owned()]).unwrap(),
            window: FunnelWindow::WEEK,
            order: StepOrder::Strict,
            group_at: GroupAt::First,
            group_by: vec!["properties.plan".parse().unwrap()],
            limit: RowLimit::ONE,
        };
        let named = Named::by(&AnyQuery::Funnel(query));
        assert_eq!(named.events.len(), 2);
        assert_eq!(named.properties.first().map(PropertyName::as_str), Some("plan"));
    }

    #[test]
    fn a_row_with_a_value_shows_that_what_is_required_exists() {
        let query = AnyQuery::Stats(StatsQuery {
            range: TimeRange::LAST,
            events: EventSelector::Any,
            filters: Vec::new(),
            metric: Metric::Count,
            group_by: vec!["properties.plan".parse().unwrap()],
            buckets: None,
            labels: false,
            limit: RowLimit::ONE.into(),
        });
        let row = |key: Option<&str>, count: u64| StatsRow {
            keys: vec![key.map(str::to_owned)],
            value: Some(Number::Integer(count)),
            ..StatsRow::default()
        };
        for (rows, has_all) in [
            (vec![], false),
            (vec![row(Some("pro"), 0)], false),
            (vec![row(None, 7)], false),
            (vec![row(None, 7), row(Some("pro"), 1)], true),
        ] {
            let response = AnyResponse::Stats(StatsResponse { rows, ..StatsResponse::default() });
            assert_eq!(response.has_all_of(&query), has_all, "{response:?}");
        }
    }
}
