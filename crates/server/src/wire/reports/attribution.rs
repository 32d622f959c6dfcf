//! `GET /v1/attribution`: which sources conversions are credited to, under every model.

use std::collections::BTreeMap;

use millimetric_core::attribution::{Credit, Model, UnknownModel};
use millimetric_core::query::{
    AttributionQuery, AttributionResponse, AttributionRow, ConversionTotal, Conversions, Dimension, Lookback,
    PropertyName, SessionColumn, ValueProperty,
};
use millimetric_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::answer::comparison::{Comparable, lifted};
use super::{QueryResponse, Report};
use crate::error::ApiResult;
use crate::ops::goals::AskedGoals;
use crate::wire::choices::{ConversionCountName, Instant};
use crate::wire::params::{Check, FilterParams, ListParam, NumberParam, Parameters};

/// `GET /v1/attribution`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AttributionParams {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in `timezone`.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-06-01")]
    to: Option<String>,
    /// The event that is a conversion; required unless `goal` is given.
    #[param(example = "purchase")]
    event: Option<String>,
    /// The goal that is reached by a conversion, by its slug (`/v1/goals`), such as `sale`; in place of `event`.
    goal: Option<String>,
    /// How long before a conversion a session may have started to be credited: `1d` to `366d`; default `30d`.
    #[param(pattern = "^[0-9]+[smhdw]$")]
    lookback: Option<String>,
    /// The models, with commas between: `first`, `last`, `last_non_direct`, `linear`, `position`,
    /// `time_decay`; default all. Rows are ordered by `last_non_direct` if it is among them, else by the first.
    #[param(value_type = Option<String>, example = "last_non_direct,linear")]
    models: Option<ListParam>,
    /// Up to four columns of sessions, with commas between; default `session_source,session_medium`.
    #[param(value_type = Option<String>, example = "session_source,session_medium")]
    group_by: Option<ListParam>,
    /// `all` conversions (default), or `once`: the first of each visitor in the range.
    #[param(value_type = Option<ConversionCountName>, inline)]
    count: Option<String>,
    /// A numeric property that says what a conversion is worth; default that of the goal, if it has one. Rows
    /// are then split by the event's `currency`.
    #[param(example = "amount")]
    value: Option<String>,
    /// Maximum number of rows, 1–1000; default 100.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<NumberParam>,
}

impl Parameters for AttributionParams {
    type Query = AttributionQuery;
    const FILTERED: bool = true;

    fn group_names() -> Vec<String> {
        SessionColumn::ALL.map(|column| column.as_str().to_owned()).to_vec()
    }

    fn query(self, filters: FilterParams) -> ApiResult<AttributionQuery> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = check.limit(self.limit, 100, 1000);
        let group_by = match self.group_by {
            None => [SessionColumn::Source, SessionColumn::Medium].map(Dimension::Session).to_vec(),
            sent => check.group_by(sent, Self::group_names())?,
        };
        let models = models(&mut check, self.models);
        let sent = SentConversions {
            event: self.event,
            goal: self.goal,
            lookback: self.lookback,
            count: self.count,
            value: self.value,
        };
        let conversions = sent.checked(&mut check, filters);
        let (range, limit) = check.finish(range, limit)?;
        Ok(AttributionQuery { range, conversions, group_by, models, limit })
    }
}

fn models(check: &mut Check, sent: Option<ListParam>) -> Vec<Model> {
    let names = sent.iter().flat_map(ListParam::texts).filter(|name| !name.is_empty());
    let mut models = Vec::new();
    // One more than there are is enough to find one twice.
    for name in names.take(Model::ALL.len() + 1) {
        match name.parse() {
            Ok(model) if models.contains(&model) => {
                check.problems.field("models", format!("names {name} twice"));
            }
            Ok(model) => models.push(model),
            Err(UnknownModel) => check.problems.field("models", UnknownModel.to_string()),
        }
    }
    if models.is_empty() { Model::ALL.to_vec() } else { models }
}

/// The parameters that say which events are conversions, and what they are worth.
pub(super) struct SentConversions {
    pub(super) event: Option<String>,
    pub(super) goal: Option<String>,
    pub(super) lookback: Option<String>,
    pub(super) count: Option<String>,
    pub(super) value: Option<String>,
}

impl SentConversions {
    pub(super) fn checked(self, check: &mut Check, filters: FilterParams) -> Conversions {
        if self.goal.is_none() && self.event.as_deref().is_none_or(str::is_empty) {
            let why = "is required: the event that is a conversion, like purchase; or send a `goal`";
            check.problems.field("event", why);
        }
        let lookback = check.read("lookback", self.lookback, |text| {
            text.parse::<Lookback>().map_err(|error| error.to_string())
        });
        let once = check.read("count", self.count, |text| match text {
            "all" => Ok(false),
            "once" => Ok(true),
            _ => Err("must be all or once"),
        });
        let value = check.read("value", self.value, |text| {
            PropertyName::new(text).ok_or("must be the name of a property, 1 to 128 bytes long")
        });
        Conversions {
            events: check.events(self.event, self.goal.as_deref(), &filters.goals),
            value: worth(value, &filters.goals),
            filters: check.filters(filters),
            lookback: lookback.unwrap_or(Lookback::USUAL),
            once: once.unwrap_or_default(),
        }
    }
}

/// What conversions are worth: the property that was asked for, else that of the goal. The currency of the goal
/// is that of its own property.
fn worth(asked: Option<PropertyName>, goal: &AskedGoals) -> Option<ValueProperty> {
    let of_goal = goal.value().cloned();
    let Some(property) = asked else { return of_goal };
    let currency = of_goal.filter(|value| value.property == property).and_then(|value| value.currency);
    Some(ValueProperty { property, currency })
}

impl Report for AttributionParams {
    const PATH: &'static str = "/v1/attribution";
    const OPERATION_ID: &'static str = "getAttribution";
    const SUMMARY: &'static str = "Which sources conversions are credited to, under six models";
    const DESCRIPTION: Option<&'static str> = Some(
        "The touches of a conversion are the visitor's sessions that started at most `lookback` before it, and \
         the session it happened in. Direct touches get credit only if there is no other, except under `first` \
         and `last`. For each model, the rows and `other` sum to `conversions`. Filters select conversions.",
    );
    const COMPARABLE: Option<Comparable<AttributionQuery>> = Some(Comparable {
        keys: |query| query.group_by.iter().map(Dimension::name).chain(["currency".to_owned()]).collect(),
        figures: &["conversions", "value", "touches", "visitors"],
        nothing: |_| 0.into(),
        unlimited: |query| lifted(&mut query.limit),
        buckets: None,
    });
    type Body = AttributionRows;

    fn body(query: &Self::Query, response: QueryResponse<Self>, _: Timestamp) -> AttributionRows {
        AttributionRows::new(query, response)
    }

    fn say_cut(body: &mut Map<String, Value>, cut: &[Map<String, Value>]) {
        // Values in several currencies have no sum.
        let valued = body.contains_key("value");
        let others = body.shift_remove("other").into_iter().filter_map(|other| match other {
            Value::Object(other) => Some(other),
            _ => None,
        });
        let mut sum = Map::new();
        for row in others.chain(cut.iter().cloned()) {
            for name in
                ["conversions", "value", "touches"].into_iter().filter(|name| *name != "value" || valued)
            {
                let figure = row.get(name).unwrap_or(&Value::Null);
                let before = sum.get(name).unwrap_or(&Value::Null);
                sum.insert(name.to_owned(), added(before, figure));
            }
        }
        body.insert("other".to_owned(), Value::Object(sum));
    }
}

/// A number by model.
type ByModel = BTreeMap<&'static str, f64>;

/// `GET /v1/attribution`
#[derive(Debug, Serialize, ToSchema)]
pub struct AttributionRows {
    /// The event that is a conversion; absent if `goal` was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The goal; absent if `event` was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// Conversions.
    pub conversions: u64,
    /// What they are worth; absent unless asked for, and if there are several currencies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The conversions of each currency, if a value is asked for; null for events that name none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub currencies: Vec<CurrencyRow>,
    /// By conversions under `last_non_direct` if it is among the models, else under the first, descending.
    pub rows: Vec<AttributionEntry>,
    /// The credit of all that is in no row; absent if everything is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<OtherEntry>,
}

/// The conversions of one currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct CurrencyRow {
    /// ISO 4217.
    pub currency: Option<String>,
    /// Conversions.
    pub conversions: u64,
    /// What they are worth.
    pub value: f64,
}

/// The touches of one group.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttributionEntry {
    /// The columns of `group_by`.
    #[serde(flatten)]
    #[schema(value_type = std::collections::BTreeMap<String, Option<String>>)]
    pub groups: Map<String, Value>,
    /// The currency of `value`: present if a value is asked for, null if the events name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub currency: Option<Value>,
    /// Conversions that the touches are credited with, by model.
    #[schema(value_type = BTreeMap<String, f64>)]
    pub conversions: ByModel,
    /// What these are worth, by model; present if a value is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, f64>>)]
    pub value: Option<ByModel>,
    /// Touches: sessions, each once for every conversion.
    pub touches: u64,
    /// Distinct visitors.
    pub visitors: u64,
}

/// The credit of all that is in no row.
#[derive(Debug, Serialize, ToSchema)]
pub struct OtherEntry {
    /// Conversions, by model.
    #[schema(value_type = BTreeMap<String, f64>)]
    pub conversions: ByModel,
    /// What these are worth, by model; present if a value is asked for in a single currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, f64>>)]
    pub value: Option<ByModel>,
    /// Touches.
    pub touches: u64,
}

impl AttributionRows {
    fn new(query: &AttributionQuery, response: AttributionResponse) -> Self {
        let AttributionResponse { totals, rows, other } = response;
        let names: Vec<String> = query.group_by.iter().map(Dimension::name).collect();
        let by_model = |numbers: &[f64; Model::ALL.len()]| -> ByModel {
            query.models.iter().map(|model| (model.as_str(), rounded(numbers[*model as usize]))).collect()
        };
        let valued = query.conversions.value.is_some();
        let entry = |row: AttributionRow| AttributionEntry {
            groups: names.iter().cloned().zip(row.keys.into_iter().map(Value::from)).collect(),
            currency: valued.then(|| Value::from(row.currency)),
            conversions: by_model(&row.credit.conversions),
            value: valued.then(|| by_model(&row.credit.value)),
            touches: row.credit.touches,
            visitors: row.visitors,
        };
        let one_currency = valued && totals.len() <= 1;
        let mut rest = Credit::default();
        for row in &other {
            rest.add(&row.credit);
        }
        let rest = OtherEntry {
            conversions: by_model(&rest.conversions),
            value: one_currency.then(|| by_model(&rest.value)),
            touches: rest.touches,
        };
        Self {
            event: query.conversions.events.event().map(str::to_owned),
            goal: query.conversions.events.goal().map(ToString::to_string),
            conversions: totals.iter().map(|total| total.conversions).sum(),
            value: one_currency.then(|| rounded(totals.iter().map(|total| total.value).sum())),
            currencies: totals.into_iter().filter(|_| valued).map(CurrencyRow::from).collect(),
            rows: rows.into_iter().map(entry).collect(),
            other: (!other.is_empty()).then_some(rest),
        }
    }
}

/// The sum of two numbers, or of those by model.
fn added(one: &Value, other: &Value) -> Value {
    match (one, other) {
        (Value::Null, only) | (only, Value::Null) => only.clone(),
        (Value::Object(members), other) => {
            let nothing = Value::Null;
            let member = |(name, one): (&String, &Value)| {
                (name.clone(), added(one, other.get(name).unwrap_or(&nothing)))
            };
            members.iter().map(member).collect::<Map<String, Value>>().into()
        }
        _ => match (one.as_u64(), other.as_u64()) {
            (Some(one), Some(other)) => Value::from(one + other),
            _ => Value::from(rounded(one.as_f64().unwrap_or_default() + other.as_f64().unwrap_or_default())),
        },
    }
}

/// Sums of fractions in any order differ by less than this.
pub(super) fn rounded(number: f64) -> f64 {
    (number * 1e9).round() / 1e9
}

impl From<ConversionTotal> for CurrencyRow {
    fn from(total: ConversionTotal) -> Self {
        let ConversionTotal { currency, conversions, value } = total;
        Self { currency, conversions, value: rounded(value) }
    }
}
