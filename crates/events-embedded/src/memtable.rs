//! The parts of a memtable, stored by column: a tail that grows, and the immutable blocks before it.
//!
//! Readers share the blocks; of the tail they get a copy of the columns that they need. Every row here is
//! also in the write-ahead log.

use std::str::Utf8Error;
use std::sync::Arc;

use crate::encoding::column_set::ColumnSet;
use crate::encoding::heap_size::HeapSize as _;
use crate::encoding::row::{PackedRow, Row};
use crate::encoding::text::{Codes, Interner, TextColumn};
use crate::encoding::times::Times;
use millimetric_core::column::Column;

/// Rows at which a tail becomes a block: few enough to be copied for each query, and many enough to keep
/// the overhead of one dictionary per block small.
pub(crate) const BLOCK_ROWS: usize = 16_384;
/// Bytes at which a tail becomes a block; they limit what a query copies.
const BLOCK_BYTES: usize = 8 << 20;

/// Immutable rows.
#[derive(Debug)]
pub(crate) struct Block {
    /// Its chunk id, the key of the column cache; `None` for a copy of a tail, which is not cached.
    pub(crate) chunk_id: Option<u64>,
    pub(crate) timestamps: Arc<Times>,
    pub(crate) received: Vec<i64>,
    pub(crate) earliest: i64,
    pub(crate) latest: i64,
    /// Its memory in bytes.
    pub(crate) bytes: usize,
    texts: [Option<Arc<TextColumn>>; Column::COUNT],
}

impl Block {
    pub(crate) fn rows(&self) -> usize {
        self.timestamps.rows()
    }

    /// The column; `None` if the tail was copied without it.
    pub(crate) fn text(&self, field: Column) -> Option<&Arc<TextColumn>> {
        self.texts[field as usize].as_ref()
    }

    /// One row, which borrows its texts from the block.
    pub(crate) fn row(&self, row: usize) -> Row<'_> {
        let texts = Column::ALL.map(|field| self.text(field).and_then(|column| column.value(row)));
        Row { timestamp: self.timestamps.at(row), received_at: self.received[row], texts }
    }
}

/// The newest rows of a scope, which can be appended to.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    timestamps: Vec<i64>,
    received: Vec<i64>,
    interners: [Interner; Column::COUNT],
    codes: [Vec<u32>; Column::COUNT],
    earliest: i64,
    latest: i64,
}

impl Tail {
    pub(crate) fn rows(&self) -> usize {
        self.timestamps.len()
    }

    /// Whether it must become a block before more rows are added.
    pub(crate) fn is_full(&self) -> bool {
        self.rows() >= BLOCK_ROWS || self.bytes() >= BLOCK_BYTES
    }

    /// Approximate memory of the rows in bytes, without spare capacity.
    pub(crate) fn bytes(&self) -> usize {
        let dictionaries: usize = self.interners.iter().map(|interner| interner.dictionary().bytes()).sum();
        dictionaries + self.rows() * (16 + 4 * Column::COUNT)
    }

    /// The earliest and the latest event time.
    pub(crate) fn span(&self) -> Option<(i64, i64)> {
        (self.rows() > 0).then_some((self.earliest, self.latest))
    }

    pub(crate) fn push(&mut self, row: &Row<'_>) {
        let codes = Column::ALL.map(|field| self.code(field, row.text(field)));
        self.push_codes(row.timestamp, row.received_at, codes);
    }

    /// Appends a row of the write-ahead log. UTF-8 is validated only for texts that are new to the
    /// dictionary.
    pub(crate) fn push_packed(&mut self, row: &PackedRow<'_>) -> Result<(), Utf8Error> {
        let mut codes = [0; Column::COUNT];
        for ((field, text), code) in Column::ALL.into_iter().zip(row.texts).zip(&mut codes) {
            let Some(text) = text else { continue };
            let known =
                if field == Column::EventId { None } else { self.interners[field as usize].known(text) };
            *code = match known {
                Some(code) => code,
                None => self.code(field, Some(str::from_utf8(text)?)),
            };
        }
        self.push_codes(row.timestamp, row.received_at, codes);
        Ok(())
    }

    fn code(&mut self, field: Column, text: Option<&str>) -> u32 {
        let interner = &mut self.interners[field as usize];
        // Event ids are unique, so looking one up would be wasted.
        if field == Column::EventId { interner.new_code(text) } else { interner.code(text) }
    }

    fn push_codes(&mut self, timestamp: i64, received_at: i64, codes: [u32; Column::COUNT]) {
        if self.timestamps.is_empty() {
            (self.earliest, self.latest) = (timestamp, timestamp);
        }
        self.earliest = self.earliest.min(timestamp);
        self.latest = self.latest.max(timestamp);
        self.timestamps.push(timestamp);
        self.received.push(received_at);
        for (column, code) in self.codes.iter_mut().zip(codes) {
            column.push(code);
        }
    }

    /// Copies these columns and the times, for one query.
    pub(crate) fn copy(&self, fields: ColumnSet) -> Block {
        let texts = Column::ALL.map(|field| {
            fields.contains(field).then(|| {
                let dictionary = self.interners[field as usize].dictionary().clone();
                let codes = Codes::narrow(&self.codes[field as usize], dictionary.len());
                Arc::new(TextColumn { codes, dictionary: Arc::new(dictionary) })
            })
        });
        self.block(None, texts)
    }

    /// Empties the tail and returns its rows as a block.
    pub(crate) fn take_block(&mut self, chunk_id: u64) -> Block {
        let tail = std::mem::take(self);
        let mut columns = tail.interners.into_iter().zip(&tail.codes).map(|(interner, codes)| {
            let dictionary = interner.into_dictionary();
            let codes = Codes::narrow(codes, dictionary.len());
            Arc::new(TextColumn { codes, dictionary: Arc::new(dictionary) })
        });
        let texts = Column::ALL.map(|_| columns.next());
        drop(columns);
        let times = Self { timestamps: tail.timestamps, received: tail.received, ..Self::default() };
        Self { earliest: tail.earliest, latest: tail.latest, ..times }.block(Some(chunk_id), texts)
    }

    fn block(&self, chunk_id: Option<u64>, texts: [Option<Arc<TextColumn>>; Column::COUNT]) -> Block {
        let text_bytes: usize = texts.iter().flatten().map(|column| column.heap_bytes()).sum();
        Block {
            chunk_id,
            timestamps: Arc::new(Times::new(&self.timestamps)),
            received: self.received.clone(),
            earliest: self.earliest,
            latest: self.latest,
            bytes: text_bytes + 16 * self.rows(),
            texts,
        }
    }
}
