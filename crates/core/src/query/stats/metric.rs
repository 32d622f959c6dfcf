//! What `/v1/stats` counts, and what it computes of numbers.

use super::super::PropertyName;
use super::Number;

/// What is computed of the numbers of a property: of the events that carry it as a JSON number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// Their sum; 0 of none.
    Sum,
    /// Their mean.
    Avg,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The middle one; of an even number of them, the mean of the middle two.
    Median,
    /// The 95th percentile: linear interpolation between the closest ranks.
    P95,
}

impl Aggregate {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 6] = [Self::Sum, Self::Avg, Self::Min, Self::Max, Self::Median, Self::P95];

    /// The value of `metric` in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::Median => "median",
            Self::P95 => "p95",
        }
    }

    /// The aggregate that the API calls so.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|aggregate| aggregate.as_str() == name)
    }

    /// What it is of no numbers.
    pub const fn of_nothing(self) -> Option<f64> {
        match self {
            Self::Sum => Some(0.0),
            Self::Avg | Self::Min | Self::Max | Self::Median | Self::P95 => None,
        }
    }
}

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metric {
    /// Events.
    Count,
    /// Distinct visitors (`anonymous_id`).
    Uniques,
    /// Events that reach the goal that the query is about.
    Conversions,
    /// Distinct visitors of the selected events, divided by those of all events that pass the filters.
    ConversionRate,
    /// An aggregate of a numeric property. Amounts in different currencies are never put together: unless the
    /// query is grouped by a currency, rows are if a number has one (see
    /// [`StatsResponse::by_currency`](super::StatsResponse::by_currency)).
    Of(Aggregate, PropertyName),
}

impl Metric {
    /// Those that need no property, in the order in which they are listed.
    pub const COUNTS: [Self; 4] = [Self::Count, Self::Uniques, Self::Conversions, Self::ConversionRate];

    /// The value of `metric` in the API.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Uniques => "uniques",
            Self::Conversions => "conversions",
            Self::ConversionRate => "conversion_rate",
            Self::Of(aggregate, _) => aggregate.as_str(),
        }
    }

    /// The values of `metric` in the API.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let counts = Self::COUNTS.map(|metric| metric.as_str());
        counts.into_iter().chain(Aggregate::ALL.map(Aggregate::as_str))
    }

    /// The property that an aggregate is of.
    pub const fn property(&self) -> Option<&PropertyName> {
        match self {
            Self::Of(_, property) => Some(property),
            Self::Count | Self::Uniques | Self::Conversions | Self::ConversionRate => None,
        }
    }

    /// The number of no events; `None` if there is none.
    pub fn of_nothing(&self) -> Option<Number> {
        match self {
            Self::Count | Self::Uniques | Self::Conversions => Some(Number::Integer(0)),
            Self::ConversionRate => Some(Number::Float(0.0)),
            Self::Of(aggregate, _) => aggregate.of_nothing().map(Number::Float),
        }
    }

    /// Whether the values of single hours or days have a sum that means something, and so a mean.
    pub const fn adds_up(&self) -> bool {
        match self {
            Self::Count | Self::Uniques | Self::Conversions | Self::Of(Aggregate::Sum, _) => true,
            Self::ConversionRate | Self::Of(..) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_one_name() {
        let names: Vec<&str> = Metric::names().collect();
        assert_eq!(
            names,
            [
                "count",
                "uniques",
                "conversions",
                "conversion_rate",
                "sum",
                "avg",
                "min",
                "max",
                "median",
                "p95"
            ]
        );
        for aggregate in Aggregate::ALL {
            assert_eq!(Aggregate::named(aggregate.as_str()), Some(aggregate));
        }
        assert_eq!(Aggregate::named("count"), None);
    }
}
