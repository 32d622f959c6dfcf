//! What is in memory of one scope: its hot rows, its segments, what is hidden.
//!
//! The writer's thread alone changes it, under the lock and only after the change is durable;
//! readers take a view of all of it at once.

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

/// One scope.
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

    /// The table of visitor numbers for one query; a new one when the old one has more than that.
    pub(crate) fn visitors(&self, max: usize) -> Arc<VisitorTable> {
        if self.numbered_visitors() > max {
            self.forget_visitors();
        }
        Arc::clone(&self.visitors.lock())
    }

    fn numbered_visitors(&self) -> usize {
        self.visitors.lock().len()
    }

    /// Begins a new table; queries that run keep the old one until they end.
    fn forget_visitors(&self) {
        let mut table = self.visitors.lock();
        *table = Arc::new(VisitorTable::new(table.generation + 1));
    }
}

/// What answers come from.
#[derive(Debug, Default)]
pub(crate) struct ScopeData {
    pub(crate) blocks: Vec<Arc<Block>>,
    pub(crate) tail: Tail,
    /// Ascending by id.
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) tombstones: Tombstones,
    pub(crate) erased_ids: Arc<ErasedIds>,
    /// The hot log's first row of this scope that is in no segment.
    pub(crate) first_seq: Option<i64>,
    /// … and its last.
    pub(crate) last_seq: i64,
    /// When the oldest hot row was stored, by the server's clock, in milliseconds.
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

    /// Whether there is enough for a segment.
    pub(crate) fn is_due(&self, options: &Options) -> bool {
        let MemtableSize { rows, bytes } = self.memtable_size();
        rows >= options.seal_rows || bytes >= options.seal_bytes
    }

    /// The time of the oldest event there is.
    pub(crate) fn earliest(&self) -> Option<i64> {
        let segments = self.segments.iter().map(|segment| segment.earliest);
        segments.chain(self.memtable_earliest()).min()
    }

    /// The time of the oldest hot event.
    pub(crate) fn memtable_earliest(&self) -> Option<i64> {
        let blocks = self.blocks.iter().map(|block| block.earliest);
        blocks.chain(self.tail.span().map(|(earliest, _)| earliest)).min()
    }

    /// Adds a stored row; `number` gives the next block its number.
    pub(crate) fn publish(&mut self, row: &Row<'_>, number: &mut impl FnMut() -> u64) {
        self.tail.push(row);
        if self.tail.is_full() {
            self.close_tail(number());
        }
    }

    /// Moves the tail behind the blocks, where it no longer changes.
    pub(crate) fn close_tail(&mut self, number: u64) {
        if self.tail.rows() > 0 {
            self.blocks.push(Arc::new(self.tail.take_block(number)));
        }
    }

    /// The chunks with rows from `from` to before `to`; of the tail only these fields.
    pub(crate) fn chunks(&self, from: i64, to: i64, fields: ColumnSet) -> Vec<Chunk> {
        let segments = self.segments.iter().cloned().map(Chunk::Segment);
        let blocks = self.blocks.iter().cloned().map(Chunk::Memtable);
        let within = |earliest: i64, latest: i64| earliest < to && latest >= from;
        let tail = self.tail.span().filter(|(earliest, latest)| within(*earliest, *latest));
        let tail = tail.map(|_| Chunk::Memtable(Arc::new(self.tail.copy(fields))));
        segments.chain(blocks).filter(|chunk| within(chunk.earliest(), chunk.latest())).chain(tail).collect()
    }
}

/// Every scope that has or had something.
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

    /// Keeps the visitors that are numbered in all scopes together below `most`, and those of the scope
    /// that is queried: the largest other tables go, and are made again when they are needed.
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
            largest.forget_visitors();
            numbered -= visitors.min(numbered);
        }
    }

    pub(crate) fn all(&self) -> Vec<Arc<Scope>> {
        self.0.read().values().cloned().collect()
    }
}
