//! Ranges outside the data: the one that a query is about, and the one that it is compared with.

use chrono::NaiveDate;
use millimetric_core::query::{Buckets, Interval, StatsQuery};
use millimetric_core::time::{TimeRange, Timestamp};

use super::{Warning, WarningCode, every_event, newest};
use crate::auth::{Authorized, Read};
use crate::ops::error::OpsResult;
use crate::ops::read;
use crate::ops::reports::multi_project::of_each;
use crate::ops::reports::schema;
use crate::state::App;

/// A warning if no event is in the range because it is outside the data.
pub(super) async fn about_range(
    app: &App,
    readers: &[Authorized<Read>],
    range: TimeRange,
) -> OpsResult<Option<Warning>> {
    let newest = newest(app, readers, None).await?;
    let (Some(oldest), Some(newest)) = (oldest(app, readers).await?, newest) else { return Ok(None) };
    if range.to() > oldest && range.from() <= newest {
        return Ok(None);
    }
    let (oldest, newest) = (date(oldest), date(newest));
    let message = format!("The range is outside the data: events are from {oldest} to {newest} (UTC).");
    Ok(Some(Warning { code: WarningCode::RangeOutsideData, message }))
}

/// A warning if the data begin after the range that is compared with.
pub(super) async fn about_compared(
    app: &App,
    readers: &[Authorized<Read>],
    compared: TimeRange,
) -> OpsResult<Option<Warning>> {
    let oldest = oldest(app, readers).await?.filter(|oldest| compared.to() <= *oldest);
    let warning = |oldest| {
        let message = format!(
            "The compared range is outside the data, so `previous` counts nothing: the first event is of {} (UTC).",
            date(oldest)
        );
        Warning { code: WarningCode::RangeOutsideData, message }
    };
    Ok(oldest.map(warning))
}

/// The hour of the first event that is kept.
async fn oldest(app: &App, readers: &[Authorized<Read>]) -> OpsResult<Option<Timestamp>> {
    let hours = Buckets { interval: Interval::Hour, timezone: chrono_tz::Tz::UTC };
    let by_hour = StatsQuery { buckets: Some(hours.into()), ..every_event(schema::always()) };
    let responses = of_each(readers, |by| read::run(app, by, by_hour.clone())).await?;
    Ok(responses.iter().filter_map(|response| response.rows.first()?.bucket).min())
}

fn date(at: Timestamp) -> NaiveDate {
    at.to_utc().date_naive()
}
