//! Rows whose columns depend on the query, and values of several types, as the API description shows them.
//!
//! The types have no values: they stand in `value_type`.

use std::borrow::Cow;

use utoipa::openapi::schema::{
    AnyOfBuilder, ArrayBuilder, KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A text, or null.
fn text_or_null() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]))
}

fn number(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Number).description(Some(description))
}

fn whole(description: &str, minimum: u64) -> ObjectBuilder {
    let format = SchemaFormat::KnownFormat(KnownFormat::Int64);
    let number = ObjectBuilder::new().schema_type(Type::Integer).format(Some(format));
    number.minimum(Some(minimum)).description(Some(description))
}

/// The first instant of a bucket.
fn bucket() -> ObjectBuilder {
    let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
    let text = ObjectBuilder::new().schema_type(Type::String).format(Some(format));
    text.description(Some("The first instant of the bucket; absent without `interval`."))
}

/// The local time of the first instant of a bucket.
fn label() -> ObjectBuilder {
    let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
    let text = ObjectBuilder::new().schema_type(Type::String).format(Some(format));
    text.description(Some("The first instant of the bucket in `timezone`; absent without that."))
        .examples(["2026-05-16T00:00:00+02:00"])
}

fn partial() -> ObjectBuilder {
    let why = "Present and true if the range cuts the bucket, or if it is not over yet.";
    ObjectBuilder::new().schema_type(Type::Boolean).description(Some(why))
}

/// A row with these members, and the columns of `group_by`.
fn grouped(row: ObjectBuilder) -> Object {
    row.additional_properties(Some(text_or_null().description(Some("A column of `group_by`.")))).build()
}

/// A row of `/v1/stats`.
#[derive(Debug)]
pub enum StatsRowShape {}

impl PartialSchema for StatsRowShape {
    fn schema() -> RefOr<Schema> {
        let currency =
            "ISO 4217; there for an aggregate of amounts in a currency, null if that is not known.";
        let mean = "With `interval=hour_of_day` or `day_of_week`: the value per single hour or day.";
        let number_or_null =
            || ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Number, Type::Null]));
        let value = "What `metric` says; null for an aggregate of no numbers, except sums.";
        let row = ObjectBuilder::new()
            .description(Some("One group in one bucket."))
            .property("bucket", bucket())
            .property("label", label())
            .property("partial", partial())
            .property("hour_of_day", whole("0 to 23, with `interval=hour_of_day`.", 0).maximum(Some(23)))
            .property(
                "day_of_week",
                whole("1 (Monday) to 7, with `interval=day_of_week`.", 1).maximum(Some(7)),
            )
            .property("currency", text_or_null().description(Some(currency)))
            .property("value", number_or_null().description(Some(value)))
            .property("mean", number_or_null().description(Some(mean)))
            .required("value");
        grouped(row).into()
    }
}

impl ToSchema for StatsRowShape {
    fn name() -> Cow<'static, str> {
        "StatsRow".into()
    }
}

/// A row of `/v1/funnel`.
#[derive(Debug)]
pub enum FunnelRowShape {}

impl PartialSchema for FunnelRowShape {
    fn schema() -> RefOr<Schema> {
        let event = "What the step is, as it was sent: the name of an event, `page:/pricing*` or `goal:signup`; \
            absent if the steps have no order.";
        let seconds = |description: &str| {
            let number_or_null = SchemaType::from_iter([Type::Number, Type::Null]);
            ObjectBuilder::new().schema_type(number_or_null).description(Some(description))
        };
        let row = ObjectBuilder::new()
            .description(Some("One step of one group."))
            .property("step", whole("The number of the step.", 1))
            .property("event", ObjectBuilder::new().schema_type(Type::String).description(Some(event)))
            .property("uniques", whole("Visitors who got there.", 0))
            .property("from_previous_pct", number("Their percentage of those at the step before."))
            .property("from_start_pct", number("Their percentage of those who started."))
            .property(
                "median_seconds",
                seconds("The median time from the step before; null if there is none."),
            )
            .property(
                "median_seconds_from_start",
                seconds("The median time from the start of the attempt; null for the first step."),
            );
        let required = [
            "step",
            "uniques",
            "from_previous_pct",
            "from_start_pct",
            "median_seconds",
            "median_seconds_from_start",
        ];
        grouped(required.into_iter().fold(row, ObjectBuilder::required)).into()
    }
}

impl ToSchema for FunnelRowShape {
    fn name() -> Cow<'static, str> {
        "FunnelRow".into()
    }
}

/// What a condition of a rule compares with: a text, or texts one of which must fit.
#[derive(Debug)]
pub enum RuleValue {}

impl PartialSchema for RuleValue {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        AnyOfBuilder::new().item(text()).item(ArrayBuilder::new().items(text()).min_items(Some(1))).into()
    }
}

impl ToSchema for RuleValue {}

/// The id of a JSON-RPC message: a whole number or a text.
#[derive(Debug)]
pub enum JsonRpcId {}

impl PartialSchema for JsonRpcId {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)));
        AnyOfBuilder::new().item(number).item(ObjectBuilder::new().schema_type(Type::String)).into()
    }
}

impl ToSchema for JsonRpcId {}
