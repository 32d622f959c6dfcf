//! The choices of a form's field; above all the names of events, which funnels and retention are
//! made of. Reads no form.

use millimetric_core::query::{NamesQuery, RowLimit};
use millimetric_core::time::TimeRange;

use super::text::Shown;
use crate::auth::{Authorized, Read};
use crate::error::ApiResult;
use crate::ops::read;
use crate::state::App;

/// Event names to pick from.
const NAMES: u64 = 200;

/// A choice of a field.
#[derive(Debug)]
pub(in crate::dashboard::reports) struct Pick {
    pub(in crate::dashboard::reports) value: String,
    pub(in crate::dashboard::reports) title: Shown,
    pub(in crate::dashboard::reports) chosen: bool,
}

impl Pick {
    pub(in crate::dashboard::reports) fn new(value: &str, title: Shown, chosen: bool) -> Self {
        Self { value: value.to_owned(), title, chosen }
    }
}

/// The names of events in the range, the most frequent first.
pub(in crate::dashboard::reports) async fn event_names(
    app: &App,
    by: &Authorized<Read>,
    range: TimeRange,
) -> ApiResult<Vec<String>> {
    let query =
        NamesQuery { range, filters: Vec::new(), limit: RowLimit::new(NAMES).unwrap_or(RowLimit::MOST) };
    Ok(read::run(app, by, query).await?.rows.into_iter().map(|row| row.event_name).collect())
}

/// Nothing, called `none`, or one of the events; the one chosen is there also when it is not known.
pub(in crate::dashboard::reports) fn events(
    known: &[String],
    chosen: Option<&String>,
    none: &str,
) -> Vec<Pick> {
    let none = Pick::new("", Shown::ours(none), chosen.is_none());
    let missing = chosen.filter(|name| !known.contains(name));
    let name = |name: &String| Pick::new(name, Shown::new(name), chosen == Some(name));
    [none].into_iter().chain(known.iter().chain(missing).map(name)).collect()
}
