//! The JSON of `GET /v1/changes`.

use std::collections::BTreeMap;

use millimetric_core::query::{Change, ChangesQuery, ChangesResponse, ChangesRow, Dimension, OtherChange};
use millimetric_core::time::Timestamp;
use serde::Serialize;
use serde_json::{Number, Value};
use utoipa::ToSchema;

use crate::wire::choices::ChangeMetricName;
use crate::wire::responses::is_false;

/// `GET /v1/changes`
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangesRows {
    /// `count`, `uniques`, `conversions` or `sum`.
    #[schema(value_type = ChangeMetricName, inline)]
    pub metric: &'static str,
    /// First instant of the range.
    #[schema(format = DateTime)]
    pub from: String,
    /// First instant after it.
    #[schema(format = DateTime)]
    pub to: String,
    /// The range that it is compared with.
    pub compared_with: ComparedRange,
    /// The metric in the range.
    #[schema(value_type = f64)]
    pub value: Value,
    /// The metric in the range that it is compared with.
    #[schema(value_type = f64)]
    pub previous: Value,
    /// The difference.
    #[schema(value_type = f64)]
    pub change: Value,
    /// The difference in percent of `previous`, with two digits; null if that is 0.
    pub change_pct: Option<f64>,
    /// The currency of the sums, ISO 4217; absent if the events name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The currencies whose amounts are left out, with most events first; null: of events without a currency.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_currencies: Vec<Option<String>>,
    /// By the size of the change, descending; noise comes last.
    pub rows: Vec<ChangeRow>,
    /// Of each column with a row, what its values that are in no row changed together; absent if there is nothing,
    /// and for `uniques`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other: Vec<OtherChangeRow>,
    /// The most frequent values that stayed the same: their change is noise and at most a tenth. At most five.
    pub unchanged: Vec<UnchangedRow>,
    /// Present and true if rows were cut at the limit, or a column has too many values to count each.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// Present and true if distinct visitors are estimated.
    #[serde(skip_serializing_if = "is_false")]
    pub approximate: bool,
}

/// A range of time.
#[derive(Debug, Serialize, ToSchema)]
pub struct ComparedRange {
    /// First instant.
    #[schema(format = DateTime)]
    pub from: String,
    /// First instant after the range.
    #[schema(format = DateTime)]
    pub to: String,
}

/// A value of a column, or a pair of values, whose events changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangeRow {
    /// One column, or two, with the value of each; null if the events have none.
    pub columns: BTreeMap<String, Option<String>>,
    /// The metric in the range.
    #[schema(value_type = f64)]
    pub value: Value,
    /// The metric in the range that it is compared with.
    #[schema(value_type = f64)]
    pub previous: Value,
    /// The difference.
    #[schema(value_type = f64)]
    pub change: Value,
    /// The difference in percent of the whole difference; null if that is 0.
    pub contribution_pct: Option<f64>,
    /// The difference in percent of `previous`, with two digits; null if that is 0.
    pub change_pct: Option<f64>,
    /// Present and true if the change is not statistically significant (|z| < 3).
    #[serde(skip_serializing_if = "is_false")]
    pub noise: bool,
}

/// All values of a column that are in no row.
#[derive(Debug, Serialize, ToSchema)]
pub struct OtherChangeRow {
    /// The column.
    pub column: String,
    /// The metric in the range.
    #[schema(value_type = f64)]
    pub value: Value,
    /// The metric in the range that it is compared with.
    #[schema(value_type = f64)]
    pub previous: Value,
    /// The difference.
    #[schema(value_type = f64)]
    pub change: Value,
    /// The difference in percent of the whole difference; null if that is 0.
    pub contribution_pct: Option<f64>,
}

/// A value that stayed the same.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnchangedRow {
    /// The column, with the value; null if the events have none.
    pub columns: BTreeMap<String, Option<String>>,
    /// The metric in the range.
    #[schema(value_type = f64)]
    pub value: Value,
    /// The metric in the range that it is compared with.
    #[schema(value_type = f64)]
    pub previous: Value,
}

impl ChangesRows {
    /// The response, with the names of the query's columns.
    pub fn new(query: &ChangesQuery, response: ChangesResponse) -> Self {
        let names: Vec<String> = query.columns.iter().map(Dimension::name).collect();
        let written = Written { whole: query.metric.is_whole(), total: response.total, names };
        let total = response.total;
        let at = |at: Timestamp| at.to_string();
        Self {
            metric: query.metric.as_str(),
            from: at(query.range.from()),
            to: at(query.range.to()),
            compared_with: ComparedRange {
                from: at(query.compared_with.from()),
                to: at(query.compared_with.to()),
            },
            value: written.number(total.value),
            previous: written.number(total.previous),
            change: written.number(total.difference()),
            change_pct: two_digits(total.percent()),
            currency: response.currency,
            other_currencies: response.other_currencies,
            rows: response.rows.into_iter().map(|row| written.row(row)).collect(),
            other: response.other.into_iter().map(|other| written.other(other)).collect(),
            unchanged: response.unchanged.into_iter().map(|row| written.unchanged(row)).collect(),
            truncated: response.truncated,
            approximate: response.approximate,
        }
    }
}

/// How the numbers and columns of a response are written.
struct Written {
    /// Numbers are counts.
    whole: bool,
    total: Change,
    names: Vec<String>,
}

impl Written {
    fn number(&self, number: f64) -> Value {
        if self.whole {
            Value::from(number as i64)
        } else {
            Number::from_f64(number).map_or(Value::Null, Value::Number)
        }
    }

    fn columns(&self, keys: Vec<(usize, Option<String>)>) -> BTreeMap<String, Option<String>> {
        keys.into_iter().map(|(column, text)| (self.names[column].clone(), text)).collect()
    }

    fn row(&self, row: ChangesRow) -> ChangeRow {
        ChangeRow {
            columns: self.columns(row.keys),
            value: self.number(row.change.value),
            previous: self.number(row.change.previous),
            change: self.number(row.change.difference()),
            contribution_pct: row.change.contribution(self.total),
            change_pct: two_digits(row.change.percent()),
            noise: row.noise,
        }
    }

    fn other(&self, other: OtherChange) -> OtherChangeRow {
        OtherChangeRow {
            column: self.names[other.column].clone(),
            value: self.number(other.change.value),
            previous: self.number(other.change.previous),
            change: self.number(other.change.difference()),
            contribution_pct: other.change.contribution(self.total),
        }
    }

    fn unchanged(&self, row: ChangesRow) -> UnchangedRow {
        UnchangedRow {
            value: self.number(row.change.value),
            previous: self.number(row.change.previous),
            columns: self.columns(row.keys),
        }
    }
}

fn two_digits(percent: Option<f64>) -> Option<f64> {
    percent.map(|percent| (percent * 100.0).round() / 100.0).filter(|percent| percent.is_finite())
}
