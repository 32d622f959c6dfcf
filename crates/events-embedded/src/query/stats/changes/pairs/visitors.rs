//! Counts the visitors of pairs of values in one pass. So few values are paired of distinct visitors that those of
//! a row fit into 16 bits, and the pairs of a visitor into 128.

use std::sync::atomic::{AtomicU64, Ordering};

use millimetric_core::query::ChangesQuery;
use millimetric_events::StoreError;

use super::Pairs;
use crate::columns::Chunk;
use crate::query::run;
use crate::query::view::View;
use crate::resources::query_context::{QueryContext, Reservation};

const VALUES: usize = ChangesQuery::PAIRED_VALUES_OF_VISITORS;
const _: () = assert!(VALUES <= u16::BITS as usize && VALUES * (VALUES - 1) / 2 <= u128::BITS as usize);

/// The cells of each visitor of a view, filled by all cores.
pub(super) struct CellsOfVisitors {
    /// The bits of a row's cells, by the bits of its values.
    of_values: Vec<u128>,
    /// The bits of a visitor's cells, the lower half first, by the visitor's number.
    of_visitors: Vec<[AtomicU64; 2]>,
    _memory: Reservation,
}

impl CellsOfVisitors {
    /// Has room for every visitor of the view.
    pub(super) fn new(pairs: &Pairs, view: &View, context: &QueryContext) -> Result<Self, StoreError> {
        // Visitors are numbered when a chunk is first asked for them.
        let rows = view.chunks.iter().map(Chunk::rows).sum();
        run::each_of(
            &view.chunks,
            rows,
            context,
            || (),
            |(), chunk| view.columns.visitors(chunk, &view.visitors).map(drop),
        )?;
        let visitors = view.visitors.len();
        let mut memory = context.memory();
        memory.grow_to(visitors * size_of::<[AtomicU64; 2]>())?;
        let mut of_visitors = Vec::new();
        of_visitors.resize_with(visitors, Default::default);
        Ok(Self { of_values: cells_of_values(pairs), of_visitors, _memory: memory })
    }

    /// Adds rows to the cells of their visitors. `columns` has the number of each row's value, by column.
    pub(super) fn add(&self, pairs: &Pairs, columns: &[Vec<u8>], seen: &[u32]) {
        let mut values = vec![0_u16; seen.len()];
        for (numbers, start) in columns.iter().zip(pairs.starts()) {
            for (values, number) in values.iter_mut().zip(numbers) {
                // The number 0 is any other value: no bit.
                *values |= (((1_u32 << number) >> 1) << start) as u16;
            }
        }
        for (values, visitor) in values.into_iter().zip(seen) {
            let cells = self.of_values[usize::from(values)];
            if cells != 0 {
                let [low, high] = &self.of_visitors[*visitor as usize];
                set(low, cells as u64);
                set(high, (cells >> u64::BITS) as u64);
            }
        }
    }

    /// The number of visitors in each cell.
    pub(super) fn counts(&self, cells: usize) -> Vec<u64> {
        let mut counts = vec![0; cells];
        for of_visitor in &self.of_visitors {
            let [low, high] = of_visitor.each_ref().map(|half| u128::from(half.load(Ordering::Relaxed)));
            bits(high << u64::BITS | low).for_each(|cell| counts[cell] += 1);
        }
        counts
    }
}

/// Sets bits; those of most rows are set by now, and reading is cheaper.
fn set(half: &AtomicU64, bits: u64) {
    if half.load(Ordering::Relaxed) & bits != bits {
        half.fetch_or(bits, Ordering::Relaxed);
    }
}

/// The bits of the cells in which a row with these values is. Rows have at most one value of each column.
fn cells_of_values(pairs: &Pairs) -> Vec<u128> {
    let starts = pairs.starts();
    let all: usize = pairs.columns.iter().map(|column| column.values).sum();
    // The cells of each value with every other one, whose position is higher.
    let mut cells = vec![[0_u128; VALUES]; all];
    for table in &pairs.tables {
        let [first, second] = table.columns;
        let values = pairs.columns[second].values;
        for cell in 0..pairs.columns[first].values * values {
            cells[starts[first] + cell / values][starts[second] + cell % values] = 1 << (table.start + cell);
        }
    }
    let mut of_values = vec![0; 1 << all];
    for values in 1..of_values.len() {
        let (first, others) = (values.trailing_zeros() as usize, values & (values - 1));
        let with_first = bits(others as u128).fold(0, |all, other| all | cells[first][other]);
        of_values[values] = of_values[others] | with_first;
    }
    of_values
}

/// The positions of the bits that are set.
fn bits(mut of: u128) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (of != 0).then(|| of.trailing_zeros() as usize)?;
        of &= of - 1;
        Some(bit)
    })
}
