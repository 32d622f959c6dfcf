//! Exactly once: which event ids a scope already holds.
//!
//! Identities are 128-bit keyed hashes. Hot events: an exact set. Sealed ones: a filter per
//! segment that says "certainly not" without reading; what it lets through is looked up in the
//! segment's own ids, so the answer is exact. Segments older than the window are not asked.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hashbrown::HashTable;
use xorf::{BinaryFuse32, Descriptor, DmaSerializable as _, Filter as _};

use super::cache::Part;
use super::columns::Columns;
use super::field::Field;
use super::hash::Kind;
use super::segment::Segment;
use crate::StoreError;

/// A set of identities; they are keyed hashes already and are not hashed again.
#[derive(Debug, Default)]
pub(super) struct IdSet(HashTable<u128>);

impl IdSet {
    pub(super) fn contains(&self, id: u128) -> bool {
        self.0.find(id as u64, |known| *known == id).is_some()
    }

    /// Whether it is new.
    pub(super) fn insert(&mut self, id: u128) -> bool {
        let entry = self.0.entry(id as u64, |known| *known == id, |known| *known as u64);
        let new = matches!(entry, hashbrown::hash_table::Entry::Vacant(_));
        entry.or_insert(id);
        new
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &u128> {
        self.0.iter()
    }
}

/// The identities of a scope's hot events: those that are being sealed, and those after them.
#[derive(Debug, Default)]
pub(super) struct HotIds {
    active: IdSet,
    frozen: Vec<IdSet>,
}

impl HotIds {
    pub(super) fn contains(&self, id: u128) -> bool {
        self.active.contains(id) || self.frozen.iter().any(|set| set.contains(id))
    }

    pub(super) fn extend<'a>(&mut self, ids: impl ExactSizeIterator<Item = &'a u128>) {
        self.active.0.reserve(ids.len(), |known| *known as u64);
        for id in ids {
            self.active.insert(*id);
        }
    }

    /// Sets the identities of the events that are about to be sealed apart.
    pub(super) fn freeze(&mut self) {
        if !self.active.0.is_empty() {
            self.frozen.push(std::mem::take(&mut self.active));
        }
    }

    /// Forgets those that were set apart: their segments know them now.
    pub(super) fn drop_frozen(&mut self) {
        self.frozen.clear();
    }
}

/// Tells for a segment which identities it certainly does not hold; wrong with a yes once in
/// four thousand million times, never with a no. About 36 bits for each event.
#[derive(Debug)]
pub(super) struct IdFilter(BinaryFuse32);

impl IdFilter {
    pub(super) fn of(ids: &[u128]) -> Result<Self, StoreError> {
        let mut keys: Vec<u64> = ids.iter().map(|id| *id as u64).collect();
        keys.sort_unstable();
        keys.dedup();
        BinaryFuse32::try_from(&keys)
            .map(Self)
            .map_err(|error| StoreError::Internal(format!("a dedup filter could not be built: {error}")))
    }

    pub(super) fn may_hold(&self, id: u128) -> bool {
        self.0.contains(&(id as u64))
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.fingerprints.len() * size_of::<u32>()
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; Descriptor::DMA_LEN];
        self.0.dma_copy_descriptor_to(&mut bytes);
        bytes.extend(self.0.fingerprints.iter().flat_map(|fingerprint| fingerprint.to_le_bytes()));
        bytes
    }

    /// `None` when the bytes are not those of a filter.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (seed, rest) = bytes.split_first_chunk()?;
        let (numbers, rest) = rest.as_chunks::<4>();
        let mut numbers = numbers.iter().map(|number| u32::from_le_bytes(*number));
        let descriptor = Descriptor {
            seed: u64::from_le_bytes(*seed),
            segment_length: numbers.next()?,
            segment_length_mask: numbers.next()?,
            segment_count_length: numbers.next()?,
        };
        let fingerprints: Box<[u32]> = numbers.collect();
        let needed = descriptor.segment_count_length as usize + 2 * descriptor.segment_length as usize;
        let whole = rest.is_empty() && fingerprints.len() >= needed;
        whole.then_some(Self(BinaryFuse32 { descriptor, fingerprints }))
    }
}

/// The places of those identities that one of the segments holds.
pub(super) fn sealed_places(
    columns: &Columns,
    segments: &[Arc<Segment>],
    ids: &[u128],
) -> Result<Vec<usize>, StoreError> {
    let mut places = Vec::new();
    for segment in segments {
        let Some(filter) = segment.filter.read().clone() else { continue };
        for (place, id) in ids.iter().enumerate().filter(|(_, id)| filter.may_hold(**id)) {
            if holds(columns, segment, *id)? {
                places.push(place);
            }
        }
    }
    places.sort_unstable();
    places.dedup();
    Ok(places)
}

/// Whether any filter lets any of the identities through, so that a file may have to be read.
pub(super) fn any_suspect(segments: &[Arc<Segment>], ids: &[u128]) -> bool {
    segments.iter().any(|segment| {
        let filter = segment.filter.read().clone();
        filter.is_some_and(|filter| ids.iter().any(|id| filter.may_hold(*id)))
    })
}

/// Every identity of a segment, ascending.
pub(super) fn event_ids(columns: &Columns, segment: &Segment) -> Result<Arc<Vec<u128>>, StoreError> {
    columns.cache.get(segment.number(), Part::EventIds, || {
        let hash = |text: Option<&str>| columns.hash.of(Kind::Event, text.unwrap_or_default());
        let mut ids: Vec<u128> = segment.derive(&columns.cache, Field::EventId, hash)?;
        ids.sort_unstable();
        Ok(ids)
    })
}

fn holds(columns: &Columns, segment: &Segment, id: u128) -> Result<bool, StoreError> {
    match event_ids(columns, segment) {
        Ok(ids) => Ok(ids.binary_search(&id).is_ok()),
        // The filter is wrong once in four thousand million times; refusing every event of the
        // scope because one file is broken would be worse.
        Err(StoreError::Corrupt(why)) if !segment.replaced.load(Ordering::Acquire) => {
            tracing::warn!(why, "duplicates are judged without a segment that cannot be read");
            Ok(true)
        }
        Err(error) => Err(error),
    }
}
