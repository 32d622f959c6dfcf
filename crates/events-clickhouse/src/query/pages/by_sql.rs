//! Pages by filters that SQL decides.

use millimetric_core::query::{Column, PagesQuery, PagesRow};
use millimetric_core::session;
use millimetric_events::StoreError;
use serde_json::Value;

use crate::query::scan::in_sessions::InSessions;
use crate::query::scan::values::{number, text};
use crate::query::scan::{Reader, pushdown};

/// Counts the pages; `None` if SQL cannot.
pub(super) async fn count(
    reader: &Reader<'_>,
    query: &PagesQuery,
) -> Result<Option<Vec<PagesRow>>, StoreError> {
    let Some(columns) =
        InSessions::of(&query.filters, []).filter(|_| pushdown::decides_in_sessions(&query.filters))
    else {
        return Ok(None);
    };
    let columns = columns.with_column(Column::Path);
    // The entry of a session, which the filters are about, can lie before the range.
    let mut conditions = reader.of_visitors(query.range, &[], session::LOOKBACK);
    let path = |event: &str| columns.value(event, Column::Path);
    let (of_view, of_entry, of_exit) = (path("event"), path("views[1]"), path("views[-1]"));
    let relation = columns.clone().entries(&mut conditions);
    let from = conditions.bind("Int64", query.range.from().millis().to_string());
    let passes = pushdown::all_of(&query.filters, &mut conditions);
    // Of each part of a page: its path, views, entries, exits and bounces.
    let pages = format!(
        "SELECT anonymous_id, arrayJoin(arrayConcat(\
         arrayMap(event -> ({of_view}, 1, 0, 0, 0), arrayFilter(event -> event.1 >= {from}, views)), \
         if(begins >= {from}, [({of_entry}, 0, 1, 0, toUInt8(bounce)), ({of_exit}, 0, 0, 1, 0)], []))) AS page \
         FROM ({relation}) WHERE {passes}"
    );
    let statement = conditions.select_from(
        &format!("({pages})"),
        "page.1 AS g0, sum(page.2), uniqExactIf(anonymous_id, page.2 = 1), sum(page.3), sum(page.4), sum(page.5)",
        "GROUP BY g0",
    );
    let mut bytes = 0;
    let row = |row: Vec<Value>| {
        let path = text(&row, 0).map(str::to_owned);
        bytes += size_of::<PagesRow>() + path.as_ref().map_or(0, String::len);
        reader.check(bytes)?;
        let [views, uniques, entries, exits, bounces] = [1, 2, 3, 4, 5].map(|column| number(&row, column));
        Ok(PagesRow {
            path,
            views: views?,
            uniques: uniques?,
            entries: entries?,
            exits: exits?,
            bounces: bounces?,
        })
    };
    reader.rows(&statement).await?.into_iter().map(row).collect::<Result<_, _>>().map(Some)
}
