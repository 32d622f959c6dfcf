//! Which top-level properties the events of each name have, and how many events have them: of one chunk.
//!
//! Strangers choose the names, so only so many are kept of a chunk: all of them where they are few, else
//! the most frequent, each counted exactly, and how often the others occur. A name longer than a query
//! can ask for is one of the others.

use std::ops::ControlFlow;

use hashbrown::HashMap;
use millimetric_core::query::PropertyName;

use super::frequent::Frequent;
use super::properties::names_of;
use crate::StoreError;
use crate::embedded::cache::Weighed;
use crate::embedded::columns::{Chunk, Columns};
use crate::embedded::query_context::QueryContext;

/// Pairs of event name and property that are kept of one chunk.
const MOST_NAMES: usize = 4096;
/// Bytes of all kept names of one chunk.
const MOST_BYTES: usize = 256 * 1024;
/// Calls between two looks whether the query goes on.
const CHECKED_EVERY: u32 = 1024;

/// The properties of each event name of a chunk.
#[derive(Debug, Default)]
pub(in crate::embedded) struct PropertyNames {
    by_event: HashMap<String, Properties>,
    bytes: usize,
    names: usize,
}

/// The properties of one event name.
#[derive(Debug, Default)]
pub(super) struct Properties {
    /// Events that have each.
    pub(super) counts: HashMap<String, u64>,
    /// How often events have a property that is not among them.
    pub(super) other: u64,
}

impl Weighed for PropertyNames {
    fn weight(&self) -> usize {
        const EACH: usize = size_of::<(String, u64)>() + 16;
        self.bytes + (self.names + self.by_event.len()) * EACH
    }
}

impl PropertyNames {
    /// Counts those of the rows that `wanted` likes.
    pub(super) fn count(
        columns: &Columns,
        chunk: &Chunk,
        wanted: impl Fn(usize) -> bool,
        context: &QueryContext,
    ) -> Result<Self, StoreError> {
        if let Some(all) = Self::count_some(columns, chunk, &wanted, None, context)? {
            return Ok(all);
        }
        let mut frequent = Frequent::new(Frequent::OF_CHUNK, context)?;
        let _ = each_name(columns, chunk, &wanted, context, |event, name, rows| {
            frequent.add(pair(&frequent, event, Some(name)), rows);
            frequent.add(pair(&frequent, event, None), rows);
            ControlFlow::Continue(())
        })?;
        frequent.choose(MOST_NAMES / 2);
        loop {
            let found = Self::count_some(columns, chunk, &wanted, Some(&frequent), context)?;
            match found {
                Some(found) => return Ok(found),
                None if frequent.raise() => {}
                None => return Ok(Self::default()),
            }
        }
    }

    /// Counts all names, or those that are frequent alone; `None` where there is no room for them.
    fn count_some(
        columns: &Columns,
        chunk: &Chunk,
        wanted: &impl Fn(usize) -> bool,
        frequent: Option<&Frequent>,
        context: &QueryContext,
    ) -> Result<Option<Self>, StoreError> {
        let mut found = Self::default();
        let end = each_name(columns, chunk, wanted, context, |event, name, rows| {
            let is_frequent = |name: Option<&str>| {
                frequent.is_none_or(|frequent| frequent.has(pair(frequent, event, name)))
            };
            if is_frequent(None) {
                let apart = is_frequent(Some(name)) && PropertyName::new(name).is_some();
                found.add(event, name, rows, apart);
            }
            let is_full = found.names > MOST_NAMES || found.bytes > MOST_BYTES;
            if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
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
    pub(super) fn by_event(&self) -> impl Iterator<Item = (&str, &Properties)> {
        self.by_event.iter().map(|(event, properties)| (event.as_str(), properties))
    }
}

/// The hash of a property of an event name, or of all of its properties.
fn pair(frequent: &Frequent, event: &str, name: Option<&str>) -> u64 {
    frequent.hash(0, [Some(event), name].into_iter())
}

/// Calls `each` with every property of the rows that `wanted` likes, until it breaks off.
fn each_name(
    columns: &Columns,
    chunk: &Chunk,
    wanted: &impl Fn(usize) -> bool,
    context: &QueryContext,
    mut each: impl FnMut(&str, &str, u32) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, StoreError> {
    let mut calls = 0_u32;
    columns.each_properties(chunk, wanted, |event, properties, rows| {
        if calls.is_multiple_of(CHECKED_EVERY) {
            context.check()?;
        }
        calls = calls.wrapping_add(1);
        Ok(names_of(properties).iter().try_for_each(|name| each(event, name, rows)))
    })
}
