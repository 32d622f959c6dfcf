//! What a query reads of a scope: columns, and how far back.

use millimetric_core::column::{Column, SessionColumn};
use millimetric_core::query::{
    AnyQuery, ChangeMetric, ChangesQuery, Conversions, Dimension, Filter, Metric, NewVisitors, StatsQuery,
    StepSelector,
};
use millimetric_core::session;
use millimetric_core::time::{TimeRange, Timestamp};

use crate::columns::reclassified::Reclassified;
use crate::columns::session_events::SessionEvents;
use crate::encoding::column_set::ColumnSet;

const SOURCE: Dimension = Dimension::Session(SessionColumn::Source);
const MEDIUM: Dimension = Dimension::Session(SessionColumn::Medium);

/// What a query reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reads {
    pub(crate) columns: ColumnSet,
    /// How far before its range it reads events of sessions, in milliseconds; `None` if it needs no sessions.
    pub(crate) lookback: Option<i64>,
    /// The rows that it reads besides those of its range.
    beyond: Beyond,
}

/// Rows outside the range of a query that it reads too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beyond {
    /// At most those of the lookback.
    Nothing,
    /// All before the range.
    Before,
    /// All.
    All,
}

impl Reads {
    /// All columns, without sessions.
    pub(crate) const ALL: Self = Self { columns: ColumnSet::ALL, lookback: None, beyond: Beyond::Nothing };

    /// What the query reads.
    pub(crate) fn of(query: &AnyQuery) -> Self {
        match query {
            AnyQuery::Events(query) => Self::ALL.filters(&query.events.and(&query.filters)),
            AnyQuery::Event(_) => Self::ALL,
            AnyQuery::Stats(query) => counted(query),
            AnyQuery::Sources(query) => Self::only([Column::AnonymousId])
                .filters(&query.events.and(&query.filters))
                .groups(&query.attribution.columns()),
            AnyQuery::Names(query) => {
                Self::only([Column::EventName, Column::AnonymousId, Column::Properties])
                    .filters(&query.filters)
                    .beyond(Beyond::All)
            }
            AnyQuery::Funnel(query) => {
                let steps = query.steps.as_slice().iter().flat_map(StepSelector::conditions);
                Self::only([Column::EventName, Column::AnonymousId])
                    .filters(&query.filters)
                    .filters(&steps.collect::<Vec<_>>())
                    .groups(&query.group_by)
            }
            AnyQuery::Retention(query) => Self::only([Column::EventName, Column::AnonymousId])
                .filters(&query.events.and(&query.filters))
                .beyond(match query.new {
                    NewVisitors::Ever => Beyond::Before,
                    NewVisitors::Range => Beyond::Nothing,
                }),
            AnyQuery::Pages(query) => {
                Self::only([Column::Path, Column::AnonymousId]).sessions().filters(&query.filters)
            }
            AnyQuery::Sessions(query) => {
                Self::only([]).sessions().filters(&query.filters).groups(&query.group_by)
            }
            AnyQuery::Journeys(query) => Self::only([]).sessions().filters(&query.conditions()),
            AnyQuery::Attribution(query) => {
                Self::only([]).conversions(&query.conversions).groups(&query.group_by)
            }
            AnyQuery::Paths(query) => {
                Self::only([]).conversions(&query.conversions).with(&SOURCE).with(&MEDIUM)
            }
            AnyQuery::Changes(query) => compared(query),
            AnyQuery::NumericTexts(_) => Self::only([Column::EventName, Column::Properties]),
            AnyQuery::RuleChanges(_) => {
                Self { columns: Reclassified::columns().with(Column::EventId), ..Self::ALL }
            }
            AnyQuery::Touches(query) => {
                Self { lookback: Some(query.lookback.millis() + session::LOOKBACK), ..Self::ALL }
            }
        }
    }

    fn only(columns: impl IntoIterator<Item = Column>) -> Self {
        Self { columns: columns.into_iter().collect(), ..Self::ALL }
    }

    const fn beyond(self, beyond: Beyond) -> Self {
        Self { beyond, ..self }
    }

    /// The range of the rows that a query of this range reads.
    pub(crate) fn range(&self, range: TimeRange) -> TimeRange {
        let wider = match self.beyond {
            Beyond::Nothing => None,
            Beyond::Before => TimeRange::new(Timestamp::MIN, range.to()),
            Beyond::All => TimeRange::new(Timestamp::MIN, Timestamp::MAX),
        };
        wider.unwrap_or(range)
    }

    /// And sessions.
    fn sessions(self) -> Self {
        let columns = self.columns.union(SessionEvents::COLUMNS.into_iter().collect());
        Self { columns, lookback: self.lookback.max(Some(session::LOOKBACK)), ..self }
    }

    /// And the sessions that conversions are credited to.
    fn conversions(self, conversions: &Conversions) -> Self {
        let selected = conversions.events.and(&conversions.filters);
        let reads = self.sessions().with(&SOURCE).filters(&selected);
        let reads = if conversions.value.is_some() { reads.with(&Column::Properties.into()) } else { reads };
        Self { lookback: Some(conversions.lookback.millis() + session::LOOKBACK), ..reads }
    }

    fn with(self, dimension: &Dimension) -> Self {
        let column = match dimension {
            Dimension::Column(column) => *column,
            Dimension::Session(column) => return self.sessions().with(&column.column().into()),
            Dimension::Derived(column) => column.column(),
            Dimension::Property(_) | Dimension::Currency(_) => Column::Properties,
        };
        Self { columns: self.columns.with(column), ..self }
    }

    /// And the columns of filters.
    pub(crate) fn filters(self, filters: &[Filter]) -> Self {
        let mut reads = self;
        for filter in filters {
            filter.each_condition(&mut |condition| reads = reads.with(&condition.column));
        }
        reads
    }

    fn groups(self, group_by: &[Dimension]) -> Self {
        group_by.iter().fold(self, Self::with)
    }
}

fn compared(query: &ChangesQuery) -> Reads {
    let reads = Reads::only([]).filters(&query.events.and(&query.filters)).groups(&query.columns);
    match query.metric {
        ChangeMetric::Count | ChangeMetric::Conversions => reads,
        ChangeMetric::Uniques => reads.with(&Column::AnonymousId.into()),
        ChangeMetric::Sum { .. } => reads.with(&Column::Properties.into()),
    }
}

fn counted(query: &StatsQuery) -> Reads {
    let reads = Reads::only([]).filters(&query.events.and(&query.filters)).groups(&query.group_by);
    match query.metric {
        Metric::Count | Metric::Conversions => reads,
        Metric::Uniques | Metric::ConversionRate => reads.with(&Column::AnonymousId.into()),
        Metric::Of(..) => reads.with(&Column::Properties.into()),
    }
}
