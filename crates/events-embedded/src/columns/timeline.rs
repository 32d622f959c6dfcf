//! The rows of a chunk grouped by visitor, for queries that follow visitors from event to event.

use std::ops::Range;

use crate::columns::rows::Rows;
use crate::encoding::heap_size::HeapSize;
use crate::encoding::text::TextColumn;
use crate::encoding::times::Times;

/// Time and name of each event, grouped by visitor; events of one visitor are in the order of the chunk.
#[derive(Debug)]
pub(crate) struct TimelineColumn {
    /// The visitor numbers, ascending.
    pub(crate) visitors: Vec<u32>,
    /// The index of each visitor's first event, and the end of the last visitor's events.
    pub(crate) starts: Vec<u32>,
    pub(crate) times: Times,
    pub(crate) names: TextColumn,
    /// A sparse index: for each cell of [`CELL`] visitor numbers, the index of the first visitor in or after
    /// it.
    cells: Vec<u32>,
}

/// Visitor numbers of a cell. A search looks only into one cell, because queries look up a few visitors at
/// a time in every chunk.
const CELL: usize = 1024;

impl TimelineColumn {
    /// Groups `rows` by visitor; the columns are those of the whole chunk.
    pub(crate) fn new(rows: &Rows, numbers: &[u32], times: &Times, names: &TextColumn) -> Self {
        let mut order = Vec::with_capacity(rows.len());
        rows.each(|row| order.push(u64::from(numbers[row]) << 32 | row as u64));
        order.sort_unstable();
        let (mut visitors, mut starts) = (Vec::new(), Vec::new());
        for (index, row) in (0..).zip(&order) {
            let visitor = (row >> 32) as u32;
            if visitors.last() != Some(&visitor) {
                visitors.push(visitor);
                starts.push(index);
            }
        }
        starts.push(order.len() as u32);
        let rows: Vec<u32> = order.into_iter().map(|row| row as u32).collect();
        Self::of(visitors, starts, times.of(&rows), names.of(&rows))
    }

    fn of(visitors: Vec<u32>, starts: Vec<u32>, times: Times, names: TextColumn) -> Self {
        let mut cells = Vec::new();
        for (index, visitor) in (0..).zip(&visitors) {
            cells.resize(cells.len().max(*visitor as usize / CELL + 1), index);
        }
        Self { visitors, starts, times, names, cells }
    }

    /// Number of events.
    pub(crate) fn rows(&self) -> usize {
        self.times.rows()
    }

    /// The indexes of the visitors with these numbers.
    pub(crate) fn indexes(&self, visitors: &Range<u32>) -> Range<usize> {
        self.first_from(visitors.start)..self.first_from(visitors.end)
    }

    /// The index of the first visitor whose number is at least `number`.
    fn first_from(&self, number: u32) -> usize {
        let index = |cell: usize| self.cells.get(cell).map_or(self.visitors.len(), |index| *index as usize);
        let cell = number as usize / CELL;
        let (start, end) = (index(cell), index(cell + 1));
        start + self.visitors[start..end].partition_point(|visitor| *visitor < number)
    }

    /// A copy with only these visitors.
    pub(crate) fn only(&self, visitors: &Range<u32>) -> Self {
        let indexes = self.indexes(visitors);
        let starts = &self.starts[indexes.start..=indexes.end];
        let rows: Vec<u32> = (starts[0]..starts[indexes.len()]).collect();
        let starts = starts.iter().map(|start| start - starts[0]).collect();
        Self::of(self.visitors[indexes].to_vec(), starts, self.times.of(&rows), self.names.of(&rows))
    }
}

impl HeapSize for TimelineColumn {
    fn heap_bytes(&self) -> usize {
        size_of_val(self.visitors.as_slice())
            + size_of_val(self.starts.as_slice())
            + size_of_val(self.cells.as_slice())
            + self.times.heap_bytes()
            + self.names.heap_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::encoding::text::{Codes, Interner};

    #[test]
    fn visitors_are_found_by_their_numbers() {
        let mut interner = Interner::default();
        let code = interner.code(Some("a"));
        let dictionary = Arc::new(interner.into_dictionary());
        for numbers in
            [vec![], vec![0], vec![CELL as u32 * 3], (900..4000).step_by(7).chain(9000..9003).collect()]
        {
            let rows = numbers.len();
            let names = TextColumn {
                codes: Codes::narrow(&vec![code; rows], 1),
                dictionary: Arc::clone(&dictionary),
            };
            let column =
                TimelineColumn::new(&Rows::Span(0..rows), &numbers, &Times::new(&vec![0; rows]), &names);
            for number in (0..12_000).step_by(5).chain([u32::MAX]) {
                let expected = numbers.iter().filter(|visitor| **visitor < number).count();
                assert_eq!(column.first_from(number), expected, "{number} of {rows}");
            }
        }
    }

    #[test]
    fn rows_are_grouped_by_visitor_and_keep_their_order() {
        let mut interner = Interner::default();
        let codes: Vec<u32> =
            ["a", "b", "a", "c", "b", "c"].map(|name| interner.code(Some(name))).into_iter().collect();
        let names =
            TextColumn { codes: Codes::narrow(&codes, 4), dictionary: interner.into_dictionary().into() };
        let (numbers, times) = ([7, 2, 7, 9, 2, 2], Times::new(&[10, 11, 12, 13, 14, 15]));
        let events_by_visitor = |column: &TimelineColumn| {
            let event = |row: u32| {
                (column.times.at(row as usize), column.names.value(row as usize).unwrap().to_owned())
            };
            let rows = column.starts.windows(2).map(|rows| (rows[0]..rows[1]).map(event).collect::<Vec<_>>());
            column.visitors.iter().copied().zip(rows).collect::<Vec<_>>()
        };
        let event = |at, name: &str| (at, name.to_owned());
        let [two, seven, nine] = [
            (2, vec![event(11, "b"), event(14, "b"), event(15, "c")]),
            (7, vec![event(10, "a"), event(12, "a")]),
            (9, vec![event(13, "c")]),
        ];
        let all = TimelineColumn::new(&Rows::Span(0..6), &numbers, &times, &names);
        assert_eq!(events_by_visitor(&all), [two.clone(), seven.clone(), nine.clone()]);
        assert_eq!(events_by_visitor(&all.only(&(3..10))), [seven.clone(), nine]);
        assert_eq!(events_by_visitor(&all.only(&(0..8))), [two, seven]);
        assert_eq!(events_by_visitor(&all.only(&(3..7))), []);
        let some = TimelineColumn::new(&Rows::List(vec![1, 2, 5]), &numbers, &times, &names);
        assert_eq!(
            events_by_visitor(&some),
            [(2, vec![event(11, "b"), event(15, "c")]), (7, vec![event(12, "a")])]
        );
        assert_eq!(events_by_visitor(&TimelineColumn::new(&Rows::Span(0..0), &numbers, &times, &names)), []);
    }
}
