//! `compare`: the range that a range is compared with (contract, 4.5).

pub(super) mod changes;

use std::str::FromStr;

use chrono::{Datelike as _, Days, Months, NaiveDate, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;

use super::calendar::{instant, midnight};
use crate::time::{ParseTimeError, TimeRange, Timestamp};

/// What a range is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Comparison {
    /// `previous`: the range of equal length that ends where this one begins. If both ends are midnights of the
    /// zone, it has as many days, which are longer or shorter where clocks change.
    #[default]
    Previous,
    /// `year`: the same dates and local times one year earlier. 29 February counts as the 28th; a range that
    /// begins before 29 February and ends on it ends with the 28th.
    Year,
    /// `<from>/<to>`: another range.
    Range {
        /// The first instant inside.
        from: RangeEnd,
        /// The first instant after it.
        to: RangeEnd,
    },
}

/// An end of a range, as a client wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeEnd {
    /// A time with an offset.
    Instant(Timestamp),
    /// A date alone: its midnight in the zone of the query.
    Date(NaiveDate),
}

/// The text is no comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be previous, year, or two dates or times with an offset and a slash between them, like 2026-05-01/2026-05-08"
)]
pub struct UnknownComparison;

impl Comparison {
    /// The range to compare `of` with; days and dates are those of the zone. `None` if it would begin before the
    /// year 1, or if the range that a client wrote does not begin before its end.
    pub fn range(&self, of: TimeRange, timezone: Tz) -> Option<TimeRange> {
        match self {
            Self::Previous => previous(of, timezone),
            Self::Year => year(of, timezone),
            Self::Range { from, to } => TimeRange::new(from.at(timezone), to.at(timezone)),
        }
    }
}

impl RangeEnd {
    fn at(self, timezone: Tz) -> Timestamp {
        match self {
            Self::Instant(at) => at,
            Self::Date(date) => midnight(date, timezone),
        }
    }
}

impl FromStr for Comparison {
    type Err = UnknownComparison;

    fn from_str(text: &str) -> Result<Self, UnknownComparison> {
        match text {
            "previous" => Ok(Self::Previous),
            "year" => Ok(Self::Year),
            _ => {
                let (from, to) = text.split_once('/').ok_or(UnknownComparison)?;
                let end = |text: &str| text.parse::<RangeEnd>().map_err(|ParseTimeError| UnknownComparison);
                Ok(Self::Range { from: end(from)?, to: end(to)? })
            }
        }
    }
}

impl FromStr for RangeEnd {
    type Err = ParseTimeError;

    fn from_str(text: &str) -> Result<Self, ParseTimeError> {
        match Timestamp::parse_date(text) {
            Some(date) if (1..=9999).contains(&date.year()) => Ok(Self::Date(date)),
            Some(_) => Err(ParseTimeError),
            None => Timestamp::parse(text).map(Self::Instant),
        }
    }
}

fn previous(of: TimeRange, zone: Tz) -> Option<TimeRange> {
    let begin = match (date_that_begins(of.from(), zone), date_that_begins(of.to(), zone)) {
        (Some(first), Some(end)) => {
            let days = end.signed_duration_since(first).num_days().unsigned_abs();
            at_local(first.checked_sub_days(Days::new(days))?.and_time(NaiveTime::MIN), zone)?
        }
        _ => Timestamp::from_millis(2 * of.from().millis() - of.to().millis())?,
    };
    TimeRange::new(begin, of.from())
}

fn year(of: TimeRange, zone: Tz) -> Option<TimeRange> {
    let [from, to] = [of.from(), of.to()].map(|at| local(at, zone));
    let is_leap_day = |local: NaiveDateTime| (local.month(), local.day()) == (2, 29);
    let end = if is_leap_day(to) && from.date() < to.date() {
        // The end of the 28th.
        let date = to.date().checked_sub_months(Months::new(12))?.succ_opt()?;
        at_local(date.and_time(NaiveTime::MIN), zone)?
    } else {
        a_year_before(of.to(), zone)?
    };
    TimeRange::new(a_year_before(of.from(), zone)?, end)
}

/// The first instant of a day stays one, whatever clocks show then.
fn a_year_before(at: Timestamp, zone: Tz) -> Option<Timestamp> {
    let local = match date_that_begins(at, zone) {
        Some(date) => date.and_time(NaiveTime::MIN),
        None => local(at, zone),
    };
    at_local(local.checked_sub_months(Months::new(12))?, zone)
}

/// The first instant at which clocks show this time or a later one; `None` outside the allowed years.
fn at_local(local: NaiveDateTime, zone: Tz) -> Option<Timestamp> {
    Timestamp::from_millis(instant(local, zone))
}

/// The date of which the instant is the first one.
fn date_that_begins(at: Timestamp, zone: Tz) -> Option<NaiveDate> {
    let date = local(at, zone).date();
    (instant(date.and_time(NaiveTime::MIN), zone) == at.millis()).then_some(date)
}

fn local(at: Timestamp, zone: Tz) -> NaiveDateTime {
    at.to_utc().with_timezone(&zone).naive_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(text: &str, zone: Tz, from: &str, to: &str) -> Option<String> {
        let [from, to] = [from, to].map(|text| text.parse::<RangeEnd>().unwrap().at(zone));
        let range = text.parse::<Comparison>().unwrap().range(TimeRange::new(from, to).unwrap(), zone)?;
        Some(format!("{} {}", range.from().to_rfc3339_seconds(), range.to().to_rfc3339_seconds()))
    }

    fn assert_compared(text: &str, cases: &[(Tz, &str, &str, &str)]) {
        for (zone, from, to, expected) in cases {
            let expected = Some(*expected).filter(|text| !text.is_empty()).map(str::to_owned);
            assert_eq!(compared(text, *zone, from, to), expected, "{text} {zone} {from} {to}");
        }
    }

    #[test]
    fn the_previous_range_ends_where_the_range_begins() {
        let berlin = Tz::Europe__Berlin;
        assert_compared(
            "previous",
            &[
                (Tz::UTC, "2026-05-08", "2026-05-15", "2026-05-01T00:00:00Z 2026-05-08T00:00:00Z"),
                (Tz::UTC, "2024-03-01", "2024-03-02", "2024-02-29T00:00:00Z 2024-03-01T00:00:00Z"),
                (
                    Tz::UTC,
                    "2026-05-08T10:00:00Z",
                    "2026-05-08T10:30:00Z",
                    "2026-05-08T09:30:00Z 2026-05-08T10:00:00Z",
                ),
                // The week in which clocks went forward, and the one after it.
                (berlin, "2026-03-23", "2026-03-30", "2026-03-15T23:00:00Z 2026-03-22T23:00:00Z"),
                (berlin, "2026-03-30", "2026-04-06", "2026-03-22T23:00:00Z 2026-03-29T22:00:00Z"),
                // Not whole days: the same number of hours.
                (
                    berlin,
                    "2026-03-29T22:00:00Z",
                    "2026-03-30T10:00:00Z",
                    "2026-03-29T10:00:00Z 2026-03-29T22:00:00Z",
                ),
            ],
        );
    }

    #[test]
    fn the_same_dates_one_year_earlier() {
        let (berlin, sao_paulo) = (Tz::Europe__Berlin, Tz::America__Sao_Paulo);
        assert_compared(
            "year",
            &[
                (Tz::UTC, "2026-05-08", "2026-05-15", "2025-05-08T00:00:00Z 2025-05-15T00:00:00Z"),
                (berlin, "2026-03-30", "2026-04-01", "2025-03-29T23:00:00Z 2025-03-31T22:00:00Z"),
                (
                    berlin,
                    "2026-10-25T10:00:00+01",
                    "2026-10-25T11:00:00+01",
                    "2025-10-25T08:00:00Z 2025-10-25T09:00:00Z",
                ),
                (
                    berlin,
                    "2027-03-28T02:30:00Z",
                    "2027-03-28T03:30:00Z",
                    "2026-03-28T03:30:00Z 2026-03-28T04:30:00Z",
                ),
                // The time did not exist: clocks went from 02:00 to 03:00.
                (
                    berlin,
                    "2027-03-29T00:30:00Z",
                    "2027-03-29T03:30:00Z",
                    "2026-03-29T01:00:00Z 2026-03-29T03:30:00Z",
                ),
                // The day began at 01:00, and at midnight one year earlier; and the other way round.
                (sao_paulo, "2018-11-04", "2018-11-05", "2017-11-04T02:00:00Z 2017-11-05T02:00:00Z"),
                (sao_paulo, "2019-11-04", "2019-11-05", "2018-11-04T03:00:00Z 2018-11-05T02:00:00Z"),
            ],
        );
    }

    #[test]
    fn a_leap_day_counts_as_the_day_before() {
        assert_compared(
            "year",
            &[
                (Tz::UTC, "2024-02-29", "2024-03-01", "2023-02-28T00:00:00Z 2023-03-01T00:00:00Z"),
                (Tz::UTC, "2024-02-28", "2024-02-29", "2023-02-28T00:00:00Z 2023-03-01T00:00:00Z"),
                (Tz::UTC, "2024-02-01", "2024-03-01", "2023-02-01T00:00:00Z 2023-03-01T00:00:00Z"),
                (Tz::UTC, "2025-02-01", "2025-03-01", "2024-02-01T00:00:00Z 2024-03-01T00:00:00Z"),
                (
                    Tz::UTC,
                    "2024-02-29T10:00:00Z",
                    "2024-02-29T11:00:00Z",
                    "2023-02-28T10:00:00Z 2023-02-28T11:00:00Z",
                ),
                (
                    Tz::UTC,
                    "2024-02-28T20:00:00Z",
                    "2024-02-29T18:00:00Z",
                    "2023-02-28T20:00:00Z 2023-03-01T00:00:00Z",
                ),
            ],
        );
    }

    #[test]
    fn a_range_is_given_by_its_ends() {
        assert_compared(
            "2026-04-01/2026-04-03",
            &[
                (Tz::UTC, "2026-05-08", "2026-05-15", "2026-04-01T00:00:00Z 2026-04-03T00:00:00Z"),
                (Tz::Europe__Berlin, "2026-05-08", "2026-05-15", "2026-03-31T22:00:00Z 2026-04-02T22:00:00Z"),
            ],
        );
        assert_compared(
            "2026-04-01T12:00:00+02:00/2026-04-03",
            &[(Tz::UTC, "2026-05-08", "2026-05-15", "2026-04-01T10:00:00Z 2026-04-03T00:00:00Z")],
        );
        for text in ["2026-04-03/2026-04-03", "2026-04-04/2026-04-03"] {
            assert_eq!(compared(text, Tz::UTC, "2026-05-08", "2026-05-15"), None, "{text}");
        }
        for text in [
            "",
            "Previous",
            "week",
            "2026-04-01",
            "2026-04-01/",
            "/",
            "2026-04-01/2026-04-03/",
            "0000-01-01/2026-01-01",
        ] {
            assert_eq!(text.parse::<Comparison>(), Err(UnknownComparison), "{text}");
        }
    }

    #[test]
    fn nothing_is_before_the_first_year() {
        let (los_angeles, tokyo) = (Tz::America__Los_Angeles, Tz::Asia__Tokyo);
        for text in ["previous", "year"] {
            assert_compared(
                text,
                &[
                    (Tz::UTC, "0001-01-01", "0001-01-02", ""),
                    (Tz::UTC, "0001-01-01T00:00:00.001Z", "9999-12-31", ""),
                    (tokyo, "0001-01-01", "0001-01-02", ""),
                    (los_angeles, "0001-01-01", "0001-01-02", ""),
                ],
            );
        }
        assert_compared(
            "previous",
            &[
                (Tz::UTC, "0001-01-02", "0001-01-03", "0001-01-01T00:00:00Z 0001-01-02T00:00:00Z"),
                (Tz::UTC, "0001-01-02", "0001-01-04", ""),
                (tokyo, "9999-12-30", "9999-12-31", "9999-12-28T15:00:00Z 9999-12-29T15:00:00Z"),
            ],
        );
        assert_compared(
            "year",
            &[(Tz::UTC, "0002-01-01", "9999-12-31", "0001-01-01T00:00:00Z 9998-12-31T00:00:00Z")],
        );
    }
}
