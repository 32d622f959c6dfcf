//! Counts the top-level properties of the events of each name in one chunk.
//!
//! Property names come from untrusted senders, so their number is limited. If there are more, the most
//! frequent ones are counted exactly, and all others together. A name that is too long for a query is one of
//! the others.

use std::ops::ControlFlow;

use hashbrown::HashMap;
use millimetric_core::query::PropertyName;

use crate::columns::rows::Rows;
use crate::columns::{Chunk, Columns};
use crate::encoding::heap_size::HeapSize;
use crate::encoding::json_properties::Keys;
use crate::query::groups::frequent::Frequent;
use crate::resources::query_context::QueryContext;
use millimetric_core::column::Column;
use millimetric_events::StoreError;

/// Most pairs of event name and property that are counted separately in a chunk.
const MAX_NAMES: usize = 4096;
/// Most bytes of all names that are counted separately in a chunk.
const MAX_BYTES: usize = 256 * 1024;
/// Most combinations of event name and shape that are counted in an array.
const MAX_CELLS: usize = 65_536;
/// Number of calls between two checks of the query's limits.
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
    /// The number of events with each property.
    pub(crate) counts: HashMap<String, u64>,
    /// How often other properties occur.
    pub(crate) other: u64,
}

impl HeapSize for PropertyNames {
    fn heap_bytes(&self) -> usize {
        const EACH: usize = size_of::<(String, u64)>() + 16;
        self.bytes + (self.names + self.by_event.len()) * EACH
    }
}

impl PropertyNames {
    /// Counts the properties of these rows.
    pub(crate) fn count(
        columns: &Columns,
        chunk: &Chunk,
        rows: &Rows,
        context: &QueryContext,
    ) -> Result<Self, StoreError> {
        Self::count_keys(Keys::Names, columns, chunk, rows, context)
    }

    /// Counts these keys of the properties of these rows.
    pub(crate) fn count_keys(
        keys: Keys,
        columns: &Columns,
        chunk: &Chunk,
        rows: &Rows,
        context: &QueryContext,
    ) -> Result<Self, StoreError> {
        if let Some(counted) = Self::of_shapes(keys, columns, chunk, rows)? {
            return Ok(counted);
        }
        let source = Source { keys, columns, chunk, context };
        let selected = |row: usize| match rows {
            Rows::Span(rows) => rows.contains(&row),
            Rows::List(rows) => rows.binary_search(&(row as u32)).is_ok(),
        };
        if let Some(all) = Self::count_some(&source, &selected, None)? {
            return Ok(all);
        }
        let mut frequent = Frequent::new(Frequent::OF_CHUNK, context)?;
        let _ = source.each_key(&selected, |event, name, rows| {
            frequent.add(pair(&frequent, event, Some(name)), rows);
            frequent.add(pair(&frequent, event, None), rows);
            ControlFlow::Continue(())
        })?;
        frequent.choose(MAX_NAMES / 2);
        loop {
            let found = Self::count_some(&source, &selected, Some(&frequent))?;
            match found {
                Some(found) => return Ok(found),
                None if frequent.raise() => {}
                None => return Ok(Self::default()),
            }
        }
    }

    /// Counts all names by the shapes of the rows; `None` if there are too many shapes, event names or
    /// properties.
    fn of_shapes(
        keys: Keys,
        columns: &Columns,
        chunk: &Chunk,
        rows: &Rows,
    ) -> Result<Option<Self>, StoreError> {
        let (shapes, events) = (columns.shapes(chunk, keys)?, columns.text(chunk, Column::EventName)?);
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
                found.add(event, name, count, PropertyName::new(keys.name(name)).is_some());
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

    /// Counts all names, or the frequent ones separately; `None` if they exceed the limits.
    fn count_some(
        source: &Source<'_>,
        selected: &impl Fn(usize) -> bool,
        frequent: Option<&Frequent>,
    ) -> Result<Option<Self>, StoreError> {
        let mut found = Self::default();
        let end = source.each_key(selected, |event, name, rows| {
            let is_frequent = |name: Option<&str>| {
                frequent.is_none_or(|frequent| frequent.has(pair(frequent, event, name)))
            };
            if is_frequent(None) {
                let is_name = PropertyName::new(source.keys.name(name)).is_some();
                let apart = is_frequent(Some(name)) && is_name;
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

/// The hash of an event name and a property, or of an event name alone.
fn pair(frequent: &Frequent, event: &str, name: Option<&str>) -> u64 {
    frequent.hash(0, [Some(event), name].into_iter())
}

/// The rows whose properties are read.
struct Source<'a> {
    keys: Keys,
    columns: &'a Columns,
    chunk: &'a Chunk,
    context: &'a QueryContext,
}

impl Source<'_> {
    /// Calls `each` with every key of the rows that `selected` accepts, until it breaks.
    fn each_key(
        &self,
        selected: &impl Fn(usize) -> bool,
        mut each: impl FnMut(&str, &str, u32) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, StoreError> {
        let mut calls = 0_u32;
        self.columns.each_properties(self.chunk, selected, |event, properties, rows| {
            if calls.is_multiple_of(CHECKED_EVERY) {
                self.context.check()?;
            }
            calls = calls.wrapping_add(1);
            Ok(self.keys.of(properties).iter().try_for_each(|key| each(event, key, rows)))
        })
    }
}
