//! The state of one scope in memory: its memtable, its segments, its tombstones.
//!
//! Only the writer's thread changes it, under the lock and after the change is durable. A query takes a
//! consistent view under one read lock.

use std::sync::Arc;

use hashbrown::HashMap;
use millimetric_core::event::EventScope;
use parking_lot::{Mutex, RwLock};

use crate::columns::Chunk;
use crate::columns::visitor_table::VisitorTable;
use crate::encoding::column_set::ColumnSet;
use crate::encoding::row::Row;
use crate::memtable::{Block, Tail};
use crate::resources::options::Options;
use crate::segment::Segment;
use crate::state::memtable_usage::MemtableSize;
use crate::state::tombstones::{ErasedIds, Tombstones};

/// The state of one scope.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) id: EventScope,
    pub(crate) data: RwLock<ScopeData>,
    visitors: Mutex<Arc<VisitorTable>>,
}

impl Scope {
    pub(crate) fn new(id: EventScope) -> Self {
        Self { id, data: RwLock::default(), visitors: Mutex::new(Arc::new(VisitorTable::new(0))) }
    }

    /// Returns the table of visitor numbers for one query; a new one if the old one has more than `max`.
    pub(crate) fn visitors(&self, max: usize) -> Arc<VisitorTable> {
        if self.numbered_visitors() > max {
            self.reset_visitors();
        }
        Arc::clone(&self.visitors.lock())
    }

    /// The ids of its segments.
    pub(crate) fn segment_ids(&self) -> Vec<i64> {
        self.data.read().segments.iter().map(|segment| segment.id).collect()
    }

    fn numbered_visitors(&self) -> usize {
        self.visitors.lock().len()
    }

    /// Replaces the table by an empty one; running queries keep the old one until they end.
    fn reset_visitors(&self) {
        let mut table = self.visitors.lock();
        *table = Arc::new(VisitorTable::new(table.generation + 1));
    }
}

/// The rows of a scope and what hides some of them.
#[derive(Debug, Default)]
pub(crate) struct ScopeData {
    /// The immutable blocks of the memtable, oldest first.
    pub(crate) blocks: Vec<Arc<Block>>,
    pub(crate) tail: Tail,
    /// In ascending order of id.
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) tombstones: Tombstones,
    pub(crate) erased_ids: Arc<ErasedIds>,
    /// `seq` of the scope's first row in the write-ahead log that is not in a segment.
    pub(crate) first_seq: Option<i64>,
    /// `seq` of the last such row.
    pub(crate) last_seq: i64,
    /// When the oldest row of the memtable was stored, by the server's clock, in milliseconds since 1970.
    pub(crate) oldest: Option<i64>,
}

impl ScopeData {
    pub(crate) fn memtable_rows(&self) -> usize {
        self.memtable_size().rows
    }

    pub(crate) fn memtable_size(&self) -> MemtableSize {
        let tail = MemtableSize { rows: self.tail.rows(), bytes: self.tail.bytes() };
        self.blocks.iter().fold(tail, |size, block| MemtableSize {
            rows: size.rows + block.rows(),
            bytes: size.bytes + block.bytes,
        })
    }

    /// Whether the memtable has reached the size for a flush.
    pub(crate) fn is_due(&self, options: &Options) -> bool {
        let MemtableSize { rows, bytes } = self.memtable_size();
        rows >= options.flush_rows || bytes >= options.flush_bytes
    }

    /// The earliest event time of the scope.
    pub(crate) fn earliest(&self) -> Option<i64> {
        let segments = self.segments.iter().map(|segment| segment.earliest);
        segments.chain(self.memtable_earliest()).min()
    }

    /// The earliest event time in the memtable.
    pub(crate) fn memtable_earliest(&self) -> Option<i64> {
        let blocks = self.blocks.iter().map(|block| block.earliest);
        blocks.chain(self.tail.span().map(|(earliest, _)| earliest)).min()
    }

    /// Adds a durable row to the memtable; `next_id` returns the chunk id of a new block.
    pub(crate) fn publish(&mut self, row: &Row<'_>, next_id: &mut impl FnMut() -> u64) {
        self.tail.push(row);
        if self.tail.is_full() {
            self.close_tail(next_id());
        }
    }

    /// Turns the tail into an immutable block.
    pub(crate) fn close_tail(&mut self, chunk_id: u64) {
        if self.tail.rows() > 0 {
            self.blocks.push(Arc::new(self.tail.take_block(chunk_id)));
        }
    }

    /// Returns the chunks with rows in the time range `from` ≤ time < `to`. The tail is copied with only
    /// these fields.
    pub(crate) fn chunks(&self, from: i64, to: i64, fields: ColumnSet) -> Vec<Chunk> {
        let segments = self.segments.iter().cloned().map(Chunk::Segment);
        let blocks = self.blocks.iter().cloned().map(Chunk::Memtable);
        let within = |earliest: i64, latest: i64| earliest < to && latest >= from;
        let tail = self.tail.span().filter(|(earliest, latest)| within(*earliest, *latest));
        let tail = tail.map(|_| Chunk::Memtable(Arc::new(self.tail.copy(fields))));
        segments.chain(blocks).filter(|chunk| within(chunk.earliest(), chunk.latest())).chain(tail).collect()
    }
}

/// All scopes that have or had events.
#[derive(Debug, Default)]
pub(crate) struct Scopes(RwLock<HashMap<EventScope, Arc<Scope>>>);

impl Scopes {
    pub(crate) fn get(&self, id: EventScope) -> Option<Arc<Scope>> {
        self.0.read().get(&id).cloned()
    }

    pub(crate) fn get_or_new(&self, id: EventScope) -> Arc<Scope> {
        let known = self.get(id);
        known.unwrap_or_else(|| {
            let mut scopes = self.0.write();
            Arc::clone(scopes.entry(id).or_insert_with(|| Arc::new(Scope::new(id))))
        })
    }

    /// Limits the visitors that are numbered in all scopes together to `max`: resets the largest tables,
    /// except that of the queried scope. A reset table is rebuilt by the next query that needs it.
    pub(crate) fn limit_visitors(&self, max: usize, queried: &Scope) {
        let scopes = self.0.read();
        let mut numbered: usize = scopes.values().map(|scope| scope.numbered_visitors()).sum();
        while numbered > max {
            let others = scopes.values().filter(|scope| scope.id != queried.id);
            let Some(largest) = others.max_by_key(|scope| scope.numbered_visitors()) else { return };
            let visitors = largest.numbered_visitors();
            if visitors == 0 {
                return;
            }
            largest.reset_visitors();
            numbered -= visitors.min(numbered);
        }
    }

    pub(crate) fn all(&self) -> Vec<Arc<Scope>> {
        self.0.read().values().cloned().collect()
    }
}
