//! Hot events in memory, by column: a tail that grows, and the frozen blocks before it.
//!
//! A block never changes once it is frozen, so readers share it; of the tail they get a copy
//! of the columns that they want. Everything here is also in the hot log, or it is not here.

use std::str::Utf8Error;
use std::sync::Arc;

use crate::encoding::column_set::ColumnSet;
use crate::encoding::heap_size::HeapSize as _;
use crate::encoding::row::{PackedRow, Row};
use crate::encoding::text::{Codes, Interner, TextColumn};
use crate::encoding::times::Times;
use millimetric_core::column::Column;

/// Rows at which a tail is frozen: few enough to be copied for a query, many enough that
/// their dictionaries do not weigh.
pub(crate) const BLOCK_ROWS: usize = 16_384;
/// … or at so many bytes, which bounds what a query copies of it.
const BLOCK_BYTES: usize = 8 << 20;

/// Rows that no longer change.
#[derive(Debug)]
pub(crate) struct Block {
    /// Its number for the cache; none for the copy of a tail.
    pub(crate) number: Option<u64>,
    pub(crate) timestamps: Arc<Times>,
    pub(crate) received: Vec<i64>,
    pub(crate) earliest: i64,
    pub(crate) latest: i64,
    /// Memory that it takes.
    pub(crate) bytes: usize,
    texts: [Option<Arc<TextColumn>>; Column::COUNT],
}

impl Block {
    pub(crate) fn rows(&self) -> usize {
        self.timestamps.rows()
    }

    /// The column; `None` when the copy was made without it.
    pub(crate) fn text(&self, field: Column) -> Option<&Arc<TextColumn>> {
        self.texts[field as usize].as_ref()
    }

    /// One row, its texts borrowed from the block.
    pub(crate) fn row(&self, row: usize) -> Row<'_> {
        let texts = Column::ALL.map(|field| self.text(field).and_then(|column| column.value(row)));
        Row { timestamp: self.timestamps.at(row), received_at: self.received[row], texts }
    }
}

/// The newest rows of a scope.
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

    /// Whether it is to be frozen.
    pub(crate) fn is_full(&self) -> bool {
        self.rows() >= BLOCK_ROWS || self.bytes() >= BLOCK_BYTES
    }

    /// Memory in use, about: what was pushed, not what was set aside.
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

    /// The same for a row out of the hot log: whether a text is text is looked at once, when it is new.
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
        // No two rows have the same id.
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

    /// A copy of these columns and the times, for one query.
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

    /// Empties the tail into a block that no longer changes.
    pub(crate) fn take_block(&mut self, number: u64) -> Block {
        let tail = std::mem::take(self);
        let mut columns = tail.interners.into_iter().zip(&tail.codes).map(|(interner, codes)| {
            let dictionary = interner.into_dictionary();
            let codes = Codes::narrow(codes, dictionary.len());
            Arc::new(TextColumn { codes, dictionary: Arc::new(dictionary) })
        });
        let texts = Column::ALL.map(|_| columns.next());
        drop(columns);
        let times = Self { timestamps: tail.timestamps, received: tail.received, ..Self::default() };
        Self { earliest: tail.earliest, latest: tail.latest, ..times }.block(Some(number), texts)
    }

    fn block(&self, number: Option<u64>, texts: [Option<Arc<TextColumn>>; Column::COUNT]) -> Block {
        let text_bytes: usize = texts.iter().flatten().map(|column| column.heap_bytes()).sum();
        Block {
            number,
            timestamps: Arc::new(Times::new(&self.timestamps)),
            received: self.received.clone(),
            earliest: self.earliest,
            latest: self.latest,
            bytes: text_bytes + 16 * self.rows(),
            texts,
        }
    }
}
