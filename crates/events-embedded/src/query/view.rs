//! A consistent view for one query: the chunks of its scope and time range, and the tombstones. Later writes
//! do not change it.

mod reads;

use std::sync::Arc;

use millimetric_core::time::{TimeRange, Timestamp};

pub(crate) use self::reads::Reads;
use crate::columns::Chunk;
use crate::columns::Columns;
use crate::columns::group_column::GroupColumn;
use crate::columns::visitor_table::VisitorTable;
use crate::encoding::text::TextColumn;
use crate::query::select::row_filter::QueryBits;
use crate::query::sessions::SessionView;
use crate::resources::query_context::QueryContext;
use crate::state::State;
use crate::state::scope::Scope;
use crate::state::tombstones::Tombstones;
use millimetric_core::column::Column;
use millimetric_events::StoreError;

/// The limits of what one query counts exactly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueryLimits {
    /// Groups that are counted separately; the rest are counted together.
    pub(crate) groups: usize,
    /// Distinct visitors that are counted exactly; more are estimated.
    pub(crate) exact_visitors: usize,
}

/// The rows that a query can read.
pub(crate) struct View {
    pub(crate) columns: Arc<Columns>,
    pub(crate) limits: QueryLimits,
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) visitors: Arc<VisitorTable>,
    pub(crate) tombstones: Tombstones,
    /// Start of the time range, inclusive, in milliseconds since 1970.
    pub(crate) from: i64,
    /// End of the time range, exclusive.
    pub(crate) to: i64,
    /// Start of the time that sessions are computed from, which lies before `from`.
    pub(crate) read_from: i64,
    /// The sessions, if the query [reads](Reads) them.
    pub(crate) sessions: Option<Arc<SessionView>>,
    /// What the query knows of rows that pass its filters.
    pub(crate) query_bits: QueryBits,
}

impl View {
    /// Returns a view of the scope's rows in the range from `since` on, with what the query reads. Sessions
    /// come with [`Self::with_sessions`]. The range of a query that reads events outside its own is
    /// [wider](Reads::range); [`Self::part`] is a view of its own.
    pub(crate) fn of(state: &State, scope: &Scope, range: TimeRange, since: Timestamp, reads: Reads) -> Self {
        let live = scope.data.read();
        let tombstones = live.tombstones.clone();
        let columns = if tombstones.people.is_empty() {
            reads.columns
        } else {
            reads.columns.with(Column::UserId).with(Column::AnonymousId)
        };
        let oldest = since.millis().max(tombstones.retention_watermark);
        let (from, to) = (range.from().millis().max(oldest), range.to().millis());
        let read_from = (range.from().millis() - reads.lookback.unwrap_or_default()).max(oldest);
        let chunks = if from < to { live.chunks(read_from, to, columns) } else { Vec::new() };
        drop(live);
        let limits =
            QueryLimits { groups: state.options.query_groups, exact_visitors: state.options.exact_visitors };
        state.scopes.limit_visitors(2 * limits.exact_visitors, scope);
        Self {
            columns: Arc::clone(&state.columns),
            limits,
            chunks,
            visitors: scope.visitors(limits.exact_visitors),
            tombstones,
            from,
            to,
            read_from,
            sessions: None,
            query_bits: QueryBits::new(&QueryContext::default()),
        }
    }

    /// The view of a query with this context. Computes the sessions if the query reads them.
    pub(crate) fn with_sessions(mut self, reads: Reads, context: &QueryContext) -> Result<Self, StoreError> {
        self.query_bits = QueryBits::new(context);
        if reads.lookback.is_some() {
            self.sessions = Some(Arc::new(SessionView::of(&self, context)?));
        }
        Ok(self)
    }

    /// A view of the same rows in a part of the time, with the sessions of this view if they are computed.
    /// Sessions that are computed of the part begin `lookback` milliseconds before it.
    pub(crate) fn part(&self, from: i64, to: i64, lookback: i64, context: &QueryContext) -> Self {
        let (read_from, from) = ((from - lookback).max(self.from), from.max(self.from));
        let to = to.min(self.to);
        let is_read = |chunk: &&Chunk| from < to && chunk.earliest() < to && chunk.latest() >= read_from;
        Self {
            columns: Arc::clone(&self.columns),
            limits: self.limits,
            chunks: self.chunks.iter().filter(is_read).cloned().collect(),
            visitors: Arc::clone(&self.visitors),
            tombstones: self.tombstones.clone(),
            from,
            to,
            read_from,
            sessions: self.sessions.clone(),
            query_bits: QueryBits::new(context),
        }
    }

    /// The view with the sessions of its own events, if it has those of another view.
    pub(crate) fn with_own_sessions(mut self, context: &QueryContext) -> Result<Self, StoreError> {
        if self.sessions.is_some() {
            self.sessions = Some(Arc::new(SessionView::of(&self, context)?));
        }
        Ok(self)
    }

    /// Whether the view shows every row of the chunk.
    pub(crate) fn shows_all(&self, chunk: &Chunk) -> bool {
        self.from <= chunk.earliest() && chunk.latest() < self.to && !self.tombstones.concerns(chunk)
    }

    /// The sessions of a query that reads them.
    pub(crate) fn sessions(&self) -> Result<&SessionView, StoreError> {
        self.sessions.as_deref().ok_or_else(|| StoreError::Internal("sessions were not computed".to_owned()))
    }

    /// The values of a column in the rows of a chunk.
    pub(crate) fn column(&self, chunk: &Chunk, column: &GroupColumn) -> Result<Arc<TextColumn>, StoreError> {
        match column {
            GroupColumn::Column(column) => self.columns.text(chunk, *column),
            GroupColumn::Session(column) => self.sessions()?.text(&self.columns, chunk, *column),
            GroupColumn::Derived(column) => self.columns.read_out(chunk, *column),
            GroupColumn::Property(name) => self.columns.property(chunk, name),
            GroupColumn::Currency(otherwise) => self.columns.currency(chunk, *otherwise),
        }
    }
}
