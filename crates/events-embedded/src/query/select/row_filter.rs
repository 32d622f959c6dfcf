//! Filters as tests of the rows of one chunk.
//!
//! A text is tested once for each distinct value of the chunk: rows are then decided by their codes. Which
//! rows pass is kept as a bitmap, in the column cache if it depends on nothing but the chunk. Only a filter
//! by a single value needs none, since codes are compared many at a time.

use std::sync::Arc;

use hashbrown::HashMap;
use millimetric_core::query::{Condition, Dimension, Filter};
use millimetric_events::StoreError;
use parking_lot::Mutex;

use crate::columns::Chunk;
use crate::columns::cache::CachedPart;
use crate::columns::group_column::GroupColumn;
use crate::columns::row_bits::RowBits;
use crate::columns::rows::Rows;
use crate::encoding::heap_size::HeapSize as _;
use crate::encoding::text::{TextColumn, with_codes};
use crate::query::view::View;
use crate::resources::query_context::{QueryContext, Reservation};

/// How many texts are tested between two checks whether the query must end: a text can take a millisecond.
const TEXTS_PER_CHECK: usize = 16;

/// Filters that must all hold, for the rows of one chunk; `None` if no row passes one of them.
#[derive(Debug)]
pub(crate) struct RowFilter(Option<Vec<RowTest>>);

#[derive(Debug)]
enum RowTest {
    /// The row has this code.
    Code(Arc<TextColumn>, u32),
    /// The row is one of these.
    Bits(Arc<RowBits>),
}

impl RowFilter {
    pub(crate) fn of<'a>(
        view: &View,
        chunk: &Chunk,
        filters: impl IntoIterator<Item = &'a Filter>,
    ) -> Result<Self, StoreError> {
        let mut tests = Vec::new();
        for filter in filters {
            if let (Some(value), Some(column)) = (filter.value(), filter.column()) {
                let column = view.column(chunk, &GroupColumn::from(column))?;
                let Some(code) = column.dictionary.find(value) else { return Ok(Self(None)) };
                tests.push(RowTest::Code(column, code));
            } else {
                let bits = bits(view, chunk, filter)?;
                if bits.is_empty() {
                    return Ok(Self(None));
                }
                tests.push(RowTest::Bits(bits));
            }
        }
        Ok(Self(Some(tests)))
    }

    /// Whether a row passes all filters.
    pub(crate) fn passes(&self, row: usize) -> bool {
        self.0.as_ref().is_some_and(|tests| {
            tests.iter().all(|test| match test {
                RowTest::Code(column, code) => column.codes.get(row) == *code,
                RowTest::Bits(bits) => bits.has(row),
            })
        })
    }

    /// Whether no row passes.
    pub(crate) const fn is_never(&self) -> bool {
        self.0.is_none()
    }

    /// The rows that pass all filters.
    pub(crate) fn retain(&self, mut rows: Rows) -> Rows {
        for test in self.0.iter().flatten() {
            rows = match test {
                RowTest::Code(column, code) => with_codes!(&column.codes, |codes| rows.holding(codes, *code)),
                RowTest::Bits(bits) => rows.within(bits),
            };
        }
        rows
    }
}

/// Bitmaps by the address of their chunk and their filter.
type KnownBits = HashMap<(usize, Arc<str>), Arc<RowBits>>;

/// Bitmaps that a query has computed of chunks whose bitmaps cannot be cached.
pub(crate) struct QueryBits {
    context: QueryContext,
    known: Mutex<(KnownBits, Reservation)>,
}

impl QueryBits {
    pub(crate) fn new(context: &QueryContext) -> Self {
        Self { context: context.clone(), known: Mutex::new((HashMap::new(), context.memory())) }
    }

    fn get(
        &self,
        chunk: &Chunk,
        filter: &Arc<str>,
        load: impl FnOnce() -> Result<RowBits, StoreError>,
    ) -> Result<Arc<RowBits>, StoreError> {
        let key = (chunk.address(), Arc::clone(filter));
        if let Some(bits) = self.known.lock().0.get(&key) {
            return Ok(Arc::clone(bits));
        }
        // Two threads may compute the same; neither waits for the other.
        let bits = Arc::new(load()?);
        let (known, memory) = &mut *self.known.lock();
        known.insert(key, Arc::clone(&bits));
        let bytes: usize = known.values().map(|bits| bits.heap_bytes()).sum();
        memory.grow_to(bytes)?;
        Ok(bits)
    }
}

/// The rows of the chunk that pass a filter.
fn bits(view: &View, chunk: &Chunk, filter: &Filter) -> Result<Arc<RowBits>, StoreError> {
    let text: Arc<str> = filter.to_json().to_string().into();
    let load = || computed(view, chunk, filter);
    let of_sessions = filter.concerns(|column| matches!(column, Dimension::Session(_)));
    let depends_on_others = of_sessions && !view.sessions()?.is_unchanged(chunk);
    if depends_on_others || !chunk.is_cached() {
        return view.query_bits.get(chunk, &text, load);
    }
    view.columns.derived(chunk, CachedPart::Passing(text), load)
}

fn computed(view: &View, chunk: &Chunk, filter: &Filter) -> Result<RowBits, StoreError> {
    let joined = |filters: &[Filter], start: bool, join: fn(&mut RowBits, &RowBits)| {
        let mut bits = RowBits::of(chunk.rows(), |_| start);
        for filter in filters {
            join(&mut bits, &computed(view, chunk, filter)?);
        }
        Ok(bits)
    };
    match filter {
        Filter::Condition(condition) => of_condition(view, chunk, condition),
        Filter::And(filters) => joined(filters, true, RowBits::intersect),
        Filter::Or(filters) => joined(filters, false, RowBits::unite),
        Filter::Not(filter) => Ok(computed(view, chunk, filter)?.inverse()),
    }
}

fn of_condition(view: &View, chunk: &Chunk, condition: &Condition) -> Result<RowBits, StoreError> {
    let column = GroupColumn::from(&condition.column);
    if condition.test.is_of_numbers() {
        let GroupColumn::Property(name) = &column else {
            return Ok(RowBits::of(chunk.rows(), |_| condition.negated));
        };
        let numbers = view.columns.numbers(chunk, name)?;
        let holds = |row: usize| condition.test.passes_number(numbers[row]) != condition.negated;
        return Ok(RowBits::of(chunk.rows(), holds));
    }
    let column = view.column(chunk, &column)?;
    let mut passes = Vec::with_capacity(column.dictionary.len());
    passes.push(condition.holds(None));
    for (index, text) in column.dictionary.texts().enumerate() {
        if index % TEXTS_PER_CHECK == 0 {
            view.query_bits.context.check()?;
        }
        passes.push(condition.holds(Some(text)));
    }
    Ok(RowBits::of_codes(&column.codes, chunk.rows(), &passes))
}
