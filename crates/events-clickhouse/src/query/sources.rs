//! `GET /v1/sources`: the sources of visits.

use std::cmp::Reverse;

use millimetric_core::query::{Column, Dimension, Filter, SourcesQuery, SourcesResponse, SourcesRow};
use millimetric_events::StoreError;

use super::count::groups::{Distinct, Group, Groups};
use super::scan::in_sessions::{InSessions, name};
use super::scan::needs::Needs;
use super::scan::resolve::resolve;
use super::scan::visitors::Unit;
use super::scan::{Reader, Scan, pushdown, values};

/// What is counted of a source.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    events: u64,
    visitors: Distinct,
    paid: u64,
}

/// Runs the query.
pub(super) async fn sources(
    reader: &Reader<'_>,
    query: &SourcesQuery,
) -> Result<SourcesResponse, StoreError> {
    let mut query = query.clone();
    resolve(reader, query.range, &mut query.events, &mut query.filters).await?;
    let query = &query;
    let filters = query.events.and(&query.filters);
    let columns = InSessions::of(&filters, &query.attribution.columns());
    let mut rows = match columns.filter(|_| pushdown::decides_in_sessions(&filters)) {
        Some(columns) => by_sql(reader, query, &filters, &columns).await?,
        None => by_scan(reader, query).await?,
    };
    rows.sort_by(|a, b| {
        (Reverse(a.events), &a.source, &a.medium).cmp(&(Reverse(b.events), &b.source, &b.medium))
    });
    let truncated = rows.len() > query.limit.get();
    rows.truncate(query.limit.get());
    Ok(SourcesResponse { rows, truncated, ..SourcesResponse::default() })
}

async fn by_sql(
    reader: &Reader<'_>,
    query: &SourcesQuery,
    filters: &[Filter],
    in_sessions: &InSessions,
) -> Result<Vec<SourcesRow>, StoreError> {
    let (mut conditions, relation) = reader.events(query.range, filters, in_sessions);
    let passes = pushdown::all_of(filters, &mut conditions);
    conditions.and(passes);
    let columns = query.attribution.columns();
    let [of_source, of_medium] = [&columns[0], &columns[1]].map(|column| name(column).unwrap_or_default());
    let by_medium = if query.by_medium { of_medium } else { "''" };
    let columns = format!(
        "{of_source} AS g0, {by_medium} AS g1, count() AS events, uniqExact(anonymous_id), \
         countIf({of_medium} = 'paid')"
    );
    let rest = format!("GROUP BY g0, g1 ORDER BY events DESC, g0, g1 LIMIT {}", query.limit.get() + 1);
    let row = |row: Vec<serde_json::Value>| {
        let text = |column| values::text(&row, column).unwrap_or_default().to_owned();
        let visitors = Distinct::counted(values::number(&row, 3)?);
        let counts = Counts { events: values::number(&row, 2)?, visitors, paid: values::number(&row, 4)? };
        Ok(source(text(0), query.by_medium.then(|| text(1)), counts))
    };
    reader.rows(&conditions.select_from(&relation, &columns, &rest)).await?.into_iter().map(row).collect()
}

async fn by_scan(reader: &Reader<'_>, query: &SourcesQuery) -> Result<Vec<SourcesRow>, StoreError> {
    let filters = query.events.and(&query.filters);
    let [of_source, of_medium] = query.attribution.columns();
    let by: Vec<Dimension> =
        if query.by_medium { vec![of_source, of_medium.clone()] } else { vec![of_source] };
    let needs = Needs::of([Column::AnonymousId]).with_filters(&filters).with_dimensions(&by);
    let needs = needs.with_dimensions([&of_medium]);
    let scan = Scan { needs, range: query.range, filters: &filters, unit: Unit::Parts };
    let mut visitors = reader.visitors(&scan);
    let mut groups: Groups<Counts> = Groups::new(reader.max_bytes());
    while let Some(visitor) = visitors.next().await? {
        for event in visitor.events_in(query.range).filter(|event| visitor.passes(*event, &filters)) {
            let counts = groups.of(None, &visitor.texts(event, &by), Counts::default)?;
            counts.events += 1;
            counts.visitors.add(visitor.number);
            counts.paid += u64::from(visitor.text(event, &of_medium).as_deref() == Some("paid"));
        }
    }
    let row = |(group, counts): (Group, Counts)| {
        let mut texts = group.texts.into_iter().map(Option::unwrap_or_default);
        source(texts.next().unwrap_or_default(), texts.next(), counts)
    };
    Ok(groups.sorted().into_iter().map(row).collect())
}

fn source(source: String, medium: Option<String>, counts: Counts) -> SourcesRow {
    let Counts { events, visitors, paid } = counts;
    let paid_share = paid as f64 / events.max(1) as f64;
    SourcesRow { source, medium, events, uniques: visitors.count, paid_share }
}
