//! Which top-level properties the events of each name have, and how many events have them: of one chunk.
//!
//! Strangers choose the names, so only so many are kept of a chunk: all of them where they are few, else
//! the most frequent, each counted exactly, and how often the others occur. A name longer than a query
//! can ask for is one of the others.

use std::ops::ControlFlow;

use hashbrown::HashMap;
use millimetric_core::query::PropertyName;

use crate::columns::rows::Rows;
use crate::columns::{Chunk, Columns};
use crate::encoding::heap_size::HeapSize;
use crate::encoding::json_properties::names_of;
use crate::query::groups::frequent::Frequent;
use crate::resources::query_context::QueryContext;
use millimetric_core::column::Column;
use millimetric_events::StoreError;

/// Pairs of event name and property that are kept of one chunk.
const MAX_NAMES: usize = 4096;
/// Bytes of all kept names of one chunk.
const MAX_BYTES: usize = 256 * 1024;
/// Pairs of event name and shape that are counted at once.
const MAX_CELLS: usize = 65_536;
/// Calls between two looks whether the query goes on.
const CHECKED_EVERY: u32 = 1024;

/// The properties of each event name of a chunk.
#[derive(Debug, Default)]
pub(crate) struct PropertyNames {
    by_event: HashMap<String, Properties>,
    bytes: usize,
    names: usize,
}

/// The properties of one event name.
#[derive(Debug, Default)]
pub(crate) struct Properties {
    /// Events that have each.
    pub(crate) counts: HashMap<String, u64>,
    /// How often events have a property that is not among them.
    pub(crate) other: u64,
}

impl HeapSize for PropertyNames {
    fn heap_bytes(&self) -> usize {
        const EACH: usize = size_of::<(String, u64)>() + 16;
        self.bytes + (self.names + self.by_event.len()) * EACH
    }
}

impl PropertyNames {
    /// Counts those of some rows.
    pub(crate) fn count(
        columns: &Columns,
        chunk: &Chunk,
        rows: &Rows,
        context: &QueryContext,
    ) -> Result<Self, StoreError> {
        if let Some(counted) = Self::of_shapes(columns, chunk, rows)? {
            return Ok(counted);
        }
        let selected = |row: usize| match rows {
            Rows::Span(rows) => rows.contains(&row),
            Rows::List(rows) => rows.binary_search(&(row as u32)).is_ok(),
        };
        if let Some(all) = Self::count_some(columns, chunk, &selected, None, context)? {
            return Ok(all);
        }
        let mut frequent = Frequent::new(Frequent::OF_CHUNK, context)?;
        let _ = each_name(columns, chunk, &selected, context, |event, name, rows| {
            frequent.add(pair(&frequent, event, Some(name)), rows);
            frequent.add(pair(&frequent, event, None), rows);
            ControlFlow::Continue(())
        })?;
        frequent.choose(MAX_NAMES / 2);
        loop {
            let found = Self::count_some(columns, chunk, &selected, Some(&frequent), context)?;
            match found {
                Some(found) => return Ok(found),
                None if frequent.raise() => {}
                None => return Ok(Self::default()),
            }
        }
    }

    /// Counts all names by the shapes of the rows; `None` where shapes, event names or properties are too
    /// many.
    fn of_shapes(columns: &Columns, chunk: &Chunk, rows: &Rows) -> Result<Option<Self>, StoreError> {
        let (shapes, events) = (columns.shapes(chunk)?, columns.text(chunk, Column::EventName)?);
        let Some(few) = shapes.few() else { return Ok(None) };
        let cells = events.dictionary.len() * few.names.len();
        if cells > MAX_CELLS {
            return Ok(None);
        }
        let mut counts = vec![0_u32; cells];
        rows.each(|row| {
            counts[events.codes.get(row) as usize * few.names.len() + few.codes.get(row) as usize] += 1;
        });
        let mut found = Self::default();
        for (cell, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            let event = events.dictionary.get((cell / few.names.len()) as u32).unwrap_or_default();
            for name in &few.names[cell % few.names.len()] {
                found.add(event, name, count, PropertyName::new(name).is_some());
            }
            if found.is_full() {
                return Ok(None);
            }
        }
        Ok(Some(found))
    }

    fn is_full(&self) -> bool {
        self.names > MAX_NAMES || self.bytes > MAX_BYTES
    }

    /// Counts all names, or those that are frequent alone; `None` where there is no room for them.
    fn count_some(
        columns: &Columns,
        chunk: &Chunk,
        selected: &impl Fn(usize) -> bool,
        frequent: Option<&Frequent>,
        context: &QueryContext,
    ) -> Result<Option<Self>, StoreError> {
        let mut found = Self::default();
        let end = each_name(columns, chunk, selected, context, |event, name, rows| {
            let is_frequent = |name: Option<&str>| {
                frequent.is_none_or(|frequent| frequent.has(pair(frequent, event, name)))
            };
            if is_frequent(None) {
                let apart = is_frequent(Some(name)) && PropertyName::new(name).is_some();
                found.add(event, name, rows, apart);
            }
            if found.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(Some(found).filter(|_| end.is_continue()))
    }

    fn add(&mut self, event: &str, name: &str, rows: u32, apart: bool) {
        let of_event = self.by_event.entry_ref(event).or_insert_with(|| {
            self.bytes += event.len();
            self.names += 1;
            Properties::default()
        });
        if !apart {
            of_event.other += u64::from(rows);
        } else if let Some(count) = of_event.counts.get_mut(name) {
            *count += u64::from(rows);
        } else {
            self.bytes += name.len();
            self.names += 1;
            of_event.counts.insert(name.to_owned(), u64::from(rows));
        }
    }

    /// The properties of each event name.
    pub(crate) fn by_event(&self) -> impl Iterator<Item = (&str, &Properties)> {
        self.by_event.iter().map(|(event, properties)| (event.as_str(), properties))
    }
}

/// The hash of a property of an event name, or of all of its properties.
fn pair(frequent: &Frequent, event: &str, name: Option<&str>) -> u64 {
    frequent.hash(0, [Some(event), name].into_iter())
}

/// Calls `each` with every property of the rows that `selected` accepts, until it breaks off.
fn each_name(
    columns: &Columns,
    chunk: &Chunk,
    selected: &impl Fn(usize) -> bool,
    context: &QueryContext,
    mut each: impl FnMut(&str, &str, u32) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, StoreError> {
    let mut calls = 0_u32;
    columns.each_properties(chunk, selected, |event, properties, rows| {
        if calls.is_multiple_of(CHECKED_EVERY) {
            context.check()?;
        }
        calls = calls.wrapping_add(1);
        Ok(names_of(properties).iter().try_for_each(|name| each(event, name, rows)))
    })
}
