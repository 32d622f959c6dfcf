//! Exactly once: which event ids a scope already holds.
//!
//! Identities are 128-bit keyed hashes. Hot events: an exact set. Sealed ones: what is known of a
//! segment's ids says "certainly not" without reading its file; what it lets through is looked up
//! in the file's own ids, so the answer is exact. Segments older than the window are not asked.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hashbrown::HashTable;
use xorf::{BinaryFuse32, Descriptor, DmaSerializable as _, Filter as _};

use crate::columns::Columns;
use crate::columns::cache::{Part, Weighed};
use crate::encoding::field::Field;
use crate::encoding::keyed_hash::{KeyedHash, Kind};
use crate::encoding::uuid_time::{Spans, made_at};
use crate::segment::Segment;
use millimetric_events::StoreError;

/// What tells one event from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) hash: u128,
    /// The moment in the id, where it tells one.
    pub(crate) made: Option<u64>,
}

impl Identity {
    pub(crate) fn of(hash: &KeyedHash, event_id: &str) -> Self {
        Self { hash: hash.of(Kind::Event, event_id), made: made_at(event_id) }
    }

    /// What filters know it by.
    fn key(&self) -> u64 {
        self.hash as u64
    }
}

/// A set of identities; they are keyed hashes already and are not hashed again.
#[derive(Debug, Default)]
pub(crate) struct IdSet(HashTable<u128>);

impl IdSet {
    pub(crate) fn contains(&self, id: u128) -> bool {
        self.0.find(id as u64, |known| *known == id).is_some()
    }

    /// Whether it is new.
    pub(crate) fn insert(&mut self, id: u128) -> bool {
        let entry = self.0.entry(id as u64, |known| *known == id, |known| *known as u64);
        let new = matches!(entry, hashbrown::hash_table::Entry::Vacant(_));
        entry.or_insert(id);
        new
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &u128> {
        self.0.iter()
    }
}

/// The identities of a scope's hot events: those that are being sealed, and those after them.
#[derive(Debug, Default)]
pub(crate) struct HotIds {
    active: IdSet,
    frozen: Vec<IdSet>,
}

impl HotIds {
    /// With room for so many.
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self { active: IdSet(HashTable::with_capacity(count)), frozen: Vec::new() }
    }

    pub(crate) fn contains(&self, id: u128) -> bool {
        self.active.contains(id) || self.frozen.iter().any(|set| set.contains(id))
    }

    pub(crate) fn extend<'a>(&mut self, ids: impl ExactSizeIterator<Item = &'a u128>) {
        self.active.0.reserve(ids.len(), |known| *known as u64);
        for id in ids {
            self.active.insert(*id);
        }
    }

    /// Sets the identities of the events that are about to be sealed apart.
    pub(crate) fn freeze(&mut self) {
        if !self.active.0.is_empty() {
            self.frozen.push(std::mem::take(&mut self.active));
        }
    }

    /// Forgets those that were set apart: their segments know them now.
    pub(crate) fn drop_frozen(&mut self) {
        self.frozen.clear();
    }
}

/// Tells for a segment which identities it certainly does not hold; wrong with a yes once in
/// four thousand million times, never with a no. About 36 bits for each event.
#[derive(Debug)]
pub(crate) struct IdFilter(BinaryFuse32);

impl IdFilter {
    /// Of identities with these keys.
    pub(crate) fn of(mut keys: Vec<u64>) -> Result<Self, StoreError> {
        keys.sort_unstable();
        keys.dedup();
        BinaryFuse32::try_from(&keys)
            .map(Self)
            .map_err(|error| StoreError::Internal(format!("a dedup filter could not be built: {error}")))
    }

    fn may_hold(&self, id: &Identity) -> bool {
        self.0.contains(&id.key())
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.fingerprints.len() * size_of::<u32>()
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; Descriptor::DMA_LEN];
        self.0.dma_copy_descriptor_to(&mut bytes);
        bytes.extend(self.0.fingerprints.iter().flat_map(|fingerprint| fingerprint.to_le_bytes()));
        bytes
    }

    /// `None` when the bytes are not those of a filter.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
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

impl Weighed for IdFilter {
    fn weight(&self) -> usize {
        self.bytes()
    }
}

/// What is known of a segment's ids without reading its file.
#[derive(Debug)]
pub(crate) struct KnownIds {
    /// When those were made that tell it. Their filter is made from the file when a moment within is
    /// asked for, which is the case for what arrives late or twice, and kept in the cache.
    pub(crate) made: Spans,
    /// The filter of all others, which stays in memory: nothing tells when they are asked for.
    pub(crate) others: Option<IdFilter>,
}

impl KnownIds {
    /// What is known of these, and the filter of those that tell when they were made.
    pub(crate) fn of(ids: impl Iterator<Item = Identity>) -> Result<(Self, IdFilter), StoreError> {
        let (mut moments, mut made, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for id in ids {
            match id.made {
                Some(moment) => {
                    moments.push(moment);
                    made.push(id.key());
                }
                None => others.push(id.key()),
            }
        }
        let others = (!others.is_empty()).then(|| IdFilter::of(others)).transpose()?;
        Ok((Self { made: Spans::of(moments), others }, IdFilter::of(made)?))
    }

    /// The places of the identities that the segment may hold. `filter` gives the filter of the ids
    /// that tell when they were made; without one all of a covered moment are suspects.
    pub(crate) fn suspects(
        &self,
        ids: &[Identity],
        filter: impl FnOnce() -> Result<Option<Arc<IdFilter>>, StoreError>,
    ) -> Result<Vec<usize>, StoreError> {
        let moments = || ids.iter().filter_map(|id| id.made);
        let met =
            moments().min().zip(moments().max()).is_some_and(|(first, last)| self.made.meet(first, last));
        let made = |id: &Identity| met && id.made.is_some_and(|moment| self.made.cover(moment));
        let filter = if met && ids.iter().any(made) { filter()? } else { None };
        let may_hold = |id: &Identity| match id.made {
            None => self.others.as_ref().is_some_and(|others| others.may_hold(id)),
            Some(_) => made(id) && filter.as_ref().is_none_or(|filter| filter.may_hold(id)),
        };
        Ok((0..ids.len()).filter(|place| may_hold(&ids[*place])).collect())
    }
}

/// The places of those identities that one of the segments holds.
pub(crate) fn sealed_places(
    columns: &Columns,
    segments: &[Arc<Segment>],
    ids: &[Identity],
) -> Result<Vec<usize>, StoreError> {
    let mut places = Vec::new();
    for segment in segments {
        let Some(known) = segment.known_ids.read().clone() else { continue };
        match held(columns, segment, &known, ids) {
            Ok(held) => places.extend(held),
            // Nobody can tell. An event more, once the file is back, is better than one that was
            // acknowledged and thrown away, and than refusing what has nothing to do with it.
            Err(StoreError::Corrupt(why)) if !segment.replaced.load(Ordering::Acquire) => {
                tracing::warn!(why, "duplicates are judged without a segment that cannot be read");
            }
            Err(error) => return Err(error),
        }
    }
    places.sort_unstable();
    places.dedup();
    Ok(places)
}

/// The places of those identities that the segment holds.
pub(crate) fn held(
    columns: &Columns,
    segment: &Segment,
    known: &KnownIds,
    ids: &[Identity],
) -> Result<Vec<usize>, StoreError> {
    let mut suspects = known.suspects(ids, || made_filter(columns, segment).map(Some))?;
    if !suspects.is_empty() {
        let stored = event_ids(columns, segment)?;
        suspects.retain(|place| stored.binary_search(&ids[*place].hash).is_ok());
    }
    Ok(suspects)
}

/// Whether one of the segments may hold any of the identities, as far as memory alone can tell.
pub(crate) fn any_suspect(columns: &Columns, segments: &[Arc<Segment>], ids: &[Identity]) -> bool {
    segments.iter().any(|segment| {
        let known = segment.known_ids.read().clone();
        let cached = || Ok(columns.cache.peek(segment.number(), Part::MadeIds));
        known.is_some_and(|known| known.suspects(ids, cached).is_ok_and(|suspects| !suspects.is_empty()))
    })
}

fn made_filter(columns: &Columns, segment: &Segment) -> Result<Arc<IdFilter>, StoreError> {
    columns.cache.get(segment.number(), Part::MadeIds, || {
        let key = |text: Option<&str>| {
            let id = Identity::of(&columns.hash, text.unwrap_or_default());
            id.made.map(|_| id.key())
        };
        let keys = segment.derive(&columns.cache, Field::EventId, key)?;
        IdFilter::of(keys.into_iter().flatten().collect())
    })
}

/// Every identity of a segment, ascending.
pub(crate) fn event_ids(columns: &Columns, segment: &Segment) -> Result<Arc<Vec<u128>>, StoreError> {
    columns.cache.get(segment.number(), Part::EventIds, || {
        let hash = |text: Option<&str>| columns.hash.of(Kind::Event, text.unwrap_or_default());
        let mut ids: Vec<u128> = segment.derive(&columns.cache, Field::EventId, hash)?;
        ids.sort_unstable();
        Ok(ids)
    })
}
