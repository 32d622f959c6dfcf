//! Texts of which there are only a few: what the API description says of parameters and members that hold one.
//!
//! The types have no values. They stand in `value_type`, where the field itself is a text, so that a wrong one is
//! refused with a sentence of ours.

use millimetric_core::query::Metric;
use utoipa::openapi::schema::{AnyOfBuilder, KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

macro_rules! choices {
    ($($(#[doc = $doc:literal])+ $name:ident: $($value:literal)+;)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug)]
            pub enum $name {}

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    ObjectBuilder::new().schema_type(Type::String).enum_values(Some([$($value),+])).into()
                }
            }

            impl ToSchema for $name {}
        )+
    };
}

choices! {
    /// The width of a bucket.
    IntervalName: "hour" "day" "week" "month";
    /// The period of a cohort.
    PeriodName: "day" "week" "month";
    /// The width of a bucket of `/v1/stats`, or what comes again.
    StatsIntervalName: "hour" "day" "week" "month" "hour_of_day" "day_of_week";
    /// What `/v1/changes` compares.
    ChangeMetricName: "count" "uniques" "conversions" "sum";
    /// The columns of `/v1/sources`.
    BreakdownName: "source_medium" "source";
    /// Whose source a report is about.
    AttributionName: "event" "session";
    /// The order of the steps of a funnel.
    StepOrderName: "strict" "any";
    /// Whether journeys are followed forwards or backwards.
    JourneyDirectionName: "forwards" "backwards";
    /// Which event of a visitor the group of a funnel is that of.
    GroupAtName: "first" "attempt";
    /// Which visitors are new in a cohort.
    NewVisitorsName: "ever" "range";
    /// What pages are ordered by.
    PagesSortName: "views" "entries" "exits";
    /// Which conversions count.
    ConversionCountName: "all" "once";
    /// What `/v1/schema` describes.
    SchemaKindName: "events" "properties" "values" "columns" "rules" "goals";
    /// Which rules `/v1/explain` lists.
    ExplainedRulesName: "all" "near";
    /// What `/v1/quality` finds.
    FaultCodeName: "tagging_variants" "own_campaign_links" "payment_and_sign_in_hosts" "numbers_as_text"
        "mixed_currencies" "event_names_seen_once" "similar_event_names" "placeholder_ids" "low_confidence";
    /// The format of an export.
    RowFormatName: "ndjson" "csv" "parquet";
    /// What an `fbclid` without further tags means.
    MetaClicksName: "paid" "social";
    /// How a condition of a rule compares.
    RuleOperatorName: "is" "starts_with" "contains" "matches";
    /// How confident the classifier is.
    ConfidenceName: "high" "medium" "low";
    /// The plan of a project.
    PlanName: "free" "pro" "business" "self_hosted";
    /// The version of JSON-RPC.
    JsonRpcVersionName: "2.0";
    /// The status of an erasure.
    ErasureStatusName: "queued" "running" "done" "failed";
}

/// What `/v1/stats` counts.
#[derive(Debug)]
pub enum MetricName {}

impl PartialSchema for MetricName {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Metric::names())).into()
    }
}

impl ToSchema for MetricName {}

/// An instant: ISO 8601 with an offset, or a date.
#[derive(Debug)]
pub enum Instant {}

impl PartialSchema for Instant {
    fn schema() -> RefOr<Schema> {
        let text = |format| {
            ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(format)))
        };
        AnyOfBuilder::new().item(text(KnownFormat::DateTime)).item(text(KnownFormat::Date)).into()
    }
}

impl ToSchema for Instant {}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use millimetric_core::classify::MetaClicks;
    use millimetric_core::query::{
        Attribution, Cycle, GroupAt, Interval, JourneyDirection, NewVisitors, PagesSort,
    };
    use millimetric_core::values::Confidence;

    use super::*;
    use crate::ops::reports::quality::FaultCode;
    use crate::ops::reports::schema::Kind;
    use crate::wire::rows::RowFormat;

    /// The texts that the description lists.
    fn listed<T: PartialSchema>() -> Vec<String> {
        let schema = serde_json::to_value(T::schema()).unwrap();
        serde_json::from_value(schema["enum"].clone()).unwrap()
    }

    fn all_are_read<Described: PartialSchema, Read: FromStr>() -> bool {
        listed::<Described>().iter().all(|text| text.parse::<Read>().is_ok())
    }

    #[test]
    fn what_the_description_lists_is_read() {
        assert!(all_are_read::<IntervalName, Interval>());
        assert!(all_are_read::<PeriodName, Interval>());
        let of_stats = listed::<StatsIntervalName>();
        assert!(
            of_stats.iter().all(|text| text.parse::<Interval>().is_ok() || text.parse::<Cycle>().is_ok())
        );
        assert!(all_are_read::<AttributionName, Attribution>());
        assert!(all_are_read::<JourneyDirectionName, JourneyDirection>());
        assert!(all_are_read::<GroupAtName, GroupAt>());
        assert!(all_are_read::<NewVisitorsName, NewVisitors>());
        assert!(all_are_read::<PagesSortName, PagesSort>());
        assert!(all_are_read::<SchemaKindName, Kind>());
        assert!(all_are_read::<RowFormatName, RowFormat>());
        let faults: Vec<_> = FaultCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(listed::<FaultCodeName>(), faults);
        for text in listed::<MetaClicksName>() {
            serde_json::from_value::<MetaClicks>(text.into()).unwrap();
        }
        let confidences: Vec<_> = Confidence::ALL.iter().map(|confidence| confidence.as_str()).collect();
        assert!(listed::<ConfidenceName>().iter().all(|text| confidences.contains(&text.as_str())));
    }
}
