//! Counts pairs of values of all columns in one pass: every row has a small number for its value of each column,
//! and each two columns a table that is indexed by two of those.

mod visitors;

use hashbrown::HashMap;
use millimetric_core::query::{ChangeMetric, ChangesQuery, ColumnChanges, Measured, PairChange};

use self::visitors::CellsOfVisitors;
use super::Counter;
use crate::columns::group_column::GroupColumn;
use crate::columns::hyperloglog::TOKENS;
use crate::columns::rows::Rows;
use crate::encoding::text::{widen, with_codes};
use crate::query::distinct::Distinct;
use crate::query::groups::sums::Sum;
use crate::query::groups::visitors_if_many;
use crate::query::run::{self, Span};
use crate::query::select::select;
use crate::query::view::View;
use crate::resources::query_context::Reservation;
use millimetric_events::StoreError;

/// The bits of the number of a value; 0 is any other value.
const BITS: usize = 6;
/// The cells of a table of two columns.
const CELLS: usize = 1 << (2 * BITS);
const _: () = assert!(ChangesQuery::PAIRED_VALUES < 1 << BITS);

/// The pairs to count.
pub(super) struct Pairs {
    columns: Vec<PairedColumn>,
    tables: Vec<Table>,
    /// The cells of all tables, without those of other values.
    cells: usize,
}

/// A column with values that are paired.
struct PairedColumn {
    /// Its index in the query.
    index: usize,
    by: GroupColumn,
    /// How many values are paired.
    values: usize,
    /// The number of each value, from 1.
    numbers: HashMap<String, u8>,
    /// The number of rows without a value; 0 if it is not paired.
    without: u8,
}

/// Two columns, by their index in `columns`.
struct Table {
    columns: [usize; 2],
    /// The index of its first cell.
    start: usize,
}

impl Pairs {
    /// The pairs of the first values of each column, as many as `paired` says.
    pub(super) fn new(query: &ChangesQuery, columns: &[ColumnChanges], paired: Vec<usize>) -> Self {
        let of_column = |(index, count): (usize, usize)| {
            let by = GroupColumn::from(&query.columns[index]);
            let mut column = PairedColumn { index, by, values: count, numbers: HashMap::new(), without: 0 };
            for (value, number) in (0..count).zip(1..) {
                match columns[index].text(value) {
                    Some(text) => _ = column.numbers.insert(text.to_owned(), number),
                    None => column.without = number,
                }
            }
            column
        };
        let paired = paired.into_iter().enumerate().filter(|(_, count)| *count > 0);
        let columns: Vec<PairedColumn> = paired.map(of_column).collect();
        let (mut tables, mut cells) = (Vec::new(), 0);
        for second in 1..columns.len() {
            for first in 0..second {
                tables.push(Table { columns: [first, second], start: cells });
                cells += columns[first].values * columns[second].values;
            }
        }
        Self { columns, tables, cells }
    }

    /// What was counted in each cell, for both views.
    pub(super) fn counts(&self, counter: &Counter<'_>) -> Result<[Vec<Measured>; 2], StoreError> {
        if self.cells == 0 {
            return Ok([Vec::new(), Vec::new()]);
        }
        let [now, before] = counter.views.map(|view| self.counts_of(view, counter));
        Ok([now?, before?])
    }

    /// The counts as pairs of values.
    pub(super) fn changes(&self, [now, before]: [Vec<Measured>; 2]) -> impl Iterator<Item = PairChange> {
        let cells = self.tables.iter().flat_map(move |table| {
            let [first, second] = table.columns.map(|column| &self.columns[column]);
            let values = second.values;
            (0..first.values * values).map(move |cell| {
                let parts = [(first.index, cell / values), (second.index, cell % values)];
                (table.start + cell, parts)
            })
        });
        cells.map(move |(cell, parts)| PairChange { parts, now: now[cell], before: before[cell] })
    }

    fn counts_of(&self, view: &View, counter: &Counter<'_>) -> Result<Vec<Measured>, StoreError> {
        let is_of_visitors = *counter.metric == ChangeMetric::Uniques;
        let is_exact = is_of_visitors && visitors_if_many(view, &counter.filters, counter.context)?.is_none();
        let exact = is_exact.then(|| CellsOfVisitors::new(self, view, counter.context)).transpose()?;
        let start = || Counts::new(counter);
        let add =
            |counts: &mut Counts, span: &Span<'_>| self.add_span(view, counter, exact.as_ref(), span, counts);
        let mut whole = Counts::new(counter);
        for counts in run::each_span(view, counter.context, start, add)? {
            whole.merge(counts)?;
        }
        let Counts { mut events, mut sums, estimated: mut visitors, .. } = whole;
        Ok(match counter.metric {
            ChangeMetric::Count | ChangeMetric::Conversions => {
                events.resize(self.cells, 0);
                events.into_iter().map(Measured::count).collect()
            }
            ChangeMetric::Sum { .. } => {
                sums.resize(self.cells, Sum::default());
                let of_sum = |sum: Sum| Measured { total: sum.total(), squares: sum.squares };
                sums.into_iter().map(of_sum).collect()
            }
            ChangeMetric::Uniques => {
                let counts = match exact {
                    Some(exact) => exact.counts(self.cells),
                    None => visitors.estimates(self.cells, counter.context)?,
                };
                counts.into_iter().map(Measured::count).collect()
            }
        })
    }

    /// The position of each column's first value among those of all columns.
    fn starts(&self) -> Vec<usize> {
        let starts = self.columns.iter().scan(0, |next, column| {
            let start = *next;
            *next += column.values;
            Some(start)
        });
        starts.collect()
    }

    fn add_span(
        &self,
        view: &View,
        counter: &Counter<'_>,
        exact: Option<&CellsOfVisitors>,
        span: &Span<'_>,
        counts: &mut Counts,
    ) -> Result<(), StoreError> {
        let Some(selection) = select(view, span, &counter.filters)? else { return Ok(()) };
        let mut rows = selection.rows;
        let numbers =
            counter.number.as_ref().map(|name| view.columns.numbers(span.chunk, name)).transpose()?;
        if let Some(numbers) = &numbers {
            rows = rows.retain(|row| !numbers[row].is_nan());
        }
        let columns = self.columns.iter().map(|column| column.numbers_of(view, span, &rows));
        let columns = columns.collect::<Result<Vec<Vec<u8>>, _>>()?;
        if let Some(numbers) = numbers {
            self.add_sums(&columns, &rows.values(&numbers), counts)
        } else if let Some(exact) = exact {
            exact.add(self, &columns, &rows.values(&view.columns.visitors(span.chunk, &view.visitors)?));
            Ok(())
        } else if *counter.metric == ChangeMetric::Uniques {
            self.add_tokens(&columns, &rows.values(&view.columns.visitor_tokens(span.chunk)?), counts)
        } else {
            self.add_events(&columns, counts)
        }
    }

    fn add_events(&self, columns: &[Vec<u8>], counts: &mut Counts) -> Result<(), StoreError> {
        counts.events.resize(self.cells, 0);
        counts.reserve()?;
        for table in &self.tables {
            let [first, second] = table.columns;
            let counted = events_of(&columns[first], &columns[second]);
            let [rows, values] = table.columns.map(|column| self.columns[column].values);
            let cells = &mut counts.events[table.start..table.start + rows * values];
            for (cell, count) in cells.iter_mut().enumerate() {
                let (row, value) = (cell / values + 1, cell % values + 1);
                *count += u64::from(counted[row << BITS | value]);
            }
        }
        Ok(())
    }

    fn add_sums(&self, columns: &[Vec<u8>], numbers: &[f64], counts: &mut Counts) -> Result<(), StoreError> {
        counts.sums.resize(self.cells, Sum::default());
        counts.reserve()?;
        for table in &self.tables {
            for (index, cell) in self.paired_rows(table, columns) {
                counts.sums[table.start + cell].add(numbers[index]);
            }
        }
        Ok(())
    }

    /// Adds the `HyperLogLog` tokens of visitors.
    fn add_tokens(&self, columns: &[Vec<u8>], tokens: &[u32], counts: &mut Counts) -> Result<(), StoreError> {
        counts.estimated.reserve(self.cells, TOKENS);
        for table in &self.tables {
            let [values, others] = table.columns.map(|column| self.columns[column].values);
            let mut rows = vec![0; values * others];
            let mut pairs = Vec::new();
            for (index, cell) in self.paired_rows(table, columns) {
                rows[cell] += 1;
                pairs.push((cell as u32, tokens[index]));
            }
            let cells: Vec<u32> = (table.start as u32..).take(rows.len()).collect();
            counts.estimated.add(&cells, &rows, pairs.into_iter());
        }
        counts.reserve()
    }

    /// The rows in which both columns of a table have one of their values: the index of the row, and the cell.
    fn paired_rows(&self, table: &Table, columns: &[Vec<u8>]) -> impl Iterator<Item = (usize, usize)> {
        let [first, second] = table.columns;
        let values = self.columns[second].values;
        let rows = columns[first].iter().zip(&columns[second]).enumerate();
        rows.filter(|(_, (a, b))| **a > 0 && **b > 0)
            .map(move |(index, (a, b))| (index, (usize::from(*a) - 1) * values + usize::from(*b) - 1))
    }
}

impl PairedColumn {
    /// The number of the value of each row.
    fn numbers_of(&self, view: &View, span: &Span<'_>, rows: &Rows) -> Result<Vec<u8>, StoreError> {
        let column = view.column(span.chunk, &self.by)?;
        let of_text = |text| self.numbers.get(text).copied().unwrap_or(0);
        let texts = column.dictionary.texts().map(of_text);
        let numbers: Vec<u8> = std::iter::once(self.without).chain(texts).collect();
        Ok(with_codes!(&column.codes, |codes| match rows {
            Rows::Span(rows) =>
                codes[rows.clone()].iter().map(|code| numbers[widen(*code) as usize]).collect(),
            Rows::List(rows) =>
                rows.iter().map(|row| numbers[widen(codes[*row as usize]) as usize]).collect(),
        }))
    }
}

/// The number of rows in each cell of a table.
fn events_of(first: &[u8], second: &[u8]) -> [u32; CELLS] {
    const MASK: u8 = (1 << BITS) - 1;
    let cell = |a: u8, b: u8| usize::from(a & MASK) << BITS | usize::from(b & MASK);
    // Neighbouring rows are often in the same cell. With a table for every other row, they need not wait for each
    // other.
    let (mut even, mut odd) = ([0_u32; CELLS], [0_u32; CELLS]);
    let ((first, last_first), (second, last_second)) = (first.as_chunks::<2>(), second.as_chunks::<2>());
    for ([a, next_a], [b, next_b]) in first.iter().zip(second) {
        even[cell(*a, *b)] += 1;
        odd[cell(*next_a, *next_b)] += 1;
    }
    for (a, b) in last_first.iter().zip(last_second) {
        even[cell(*a, *b)] += 1;
    }
    even.iter_mut().zip(odd).for_each(|(even, odd)| *even += odd);
    even
}

/// What one core has counted, by cell; of these, one is used.
struct Counts {
    events: Vec<u64>,
    sums: Vec<Sum>,
    /// The tokens of visitors.
    estimated: Distinct,
    memory: Reservation,
}

impl Counts {
    fn new(counter: &Counter<'_>) -> Self {
        let memory = counter.context.memory();
        Self { events: Vec::new(), sums: Vec::new(), estimated: Distinct::default(), memory }
    }

    fn reserve(&mut self) -> Result<(), StoreError> {
        let bytes = size_of_val(self.events.as_slice()) + size_of_val(self.sums.as_slice());
        self.memory.grow_to(bytes + self.estimated.bytes())
    }

    fn merge(&mut self, other: Self) -> Result<(), StoreError> {
        self.events.resize(self.events.len().max(other.events.len()), 0);
        self.events.iter_mut().zip(other.events).for_each(|(mine, theirs)| *mine += theirs);
        self.sums.resize(self.sums.len().max(other.sums.len()), Sum::default());
        self.sums.iter_mut().zip(other.sums).for_each(|(mine, theirs)| mine.merge(theirs));
        self.estimated.merge(other.estimated);
        drop(other.memory);
        self.reserve()
    }
}
