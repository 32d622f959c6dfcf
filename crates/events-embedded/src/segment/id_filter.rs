//! Filters that exclude event ids from a segment without reading its file: a binary fuse filter (Graf and
//! Lemire, 2022), and the time spans of ids that are UUIDs of version 7.

use std::sync::Arc;

use millimetric_events::StoreError;
use xorf::{BinaryFuse32, Descriptor, DmaSerializable as _, Filter as _};

use crate::encoding::event_key::EventKey;
use crate::encoding::heap_size::HeapSize;
use crate::encoding::uuid_time::TimeSpans;

/// A binary fuse filter with 32-bit fingerprints: no false negatives, false positives with a probability of
/// 2^-32. About 36 bits for each id.
#[derive(Debug)]
pub(crate) struct IdFilter(BinaryFuse32);

impl IdFilter {
    /// Builds a filter that contains these keys ([`EventKey::filter_key`]).
    pub(crate) fn of(mut keys: Vec<u64>) -> Result<Self, StoreError> {
        keys.sort_unstable();
        keys.dedup();
        BinaryFuse32::try_from(&keys).map(Self).map_err(|error| {
            StoreError::Internal(format!("a deduplication filter could not be built: {error}"))
        })
    }

    fn may_hold(&self, id: &EventKey) -> bool {
        self.0.contains(&id.filter_key())
    }

    /// Memory of the fingerprints in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.0.fingerprints.len() * size_of::<u32>()
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; Descriptor::DMA_LEN];
        self.0.dma_copy_descriptor_to(&mut bytes);
        bytes.extend(self.0.fingerprints.iter().flat_map(|fingerprint| fingerprint.to_le_bytes()));
        bytes
    }

    /// Decodes what [`Self::to_bytes`] returned; `None` if the bytes are not a filter.
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

impl HeapSize for IdFilter {
    fn heap_bytes(&self) -> usize {
        self.bytes()
    }
}

/// What is known of the event ids of a segment without reading its file.
#[derive(Debug)]
pub(crate) struct KnownIds {
    /// The spans that cover the times of the ids that are UUIDs of version 7. Their filter is in the column
    /// cache; it is built from the file when an id with a covered time is checked, which happens only for
    /// late or repeated events.
    pub(crate) uuid_times: TimeSpans,
    /// The filter of all other ids, which stays in memory because any new id has to be checked against it.
    pub(crate) untimed: Option<IdFilter>,
}

impl KnownIds {
    /// Returns what is known of these ids, and the filter of those that are UUIDs of version 7.
    pub(crate) fn of(ids: impl Iterator<Item = EventKey>) -> Result<(Self, IdFilter), StoreError> {
        let (mut times, mut timed, mut untimed) = (Vec::new(), Vec::new(), Vec::new());
        for id in ids {
            match id.time {
                Some(time) => {
                    times.push(time);
                    timed.push(id.filter_key());
                }
                None => untimed.push(id.filter_key()),
            }
        }
        let untimed = (!untimed.is_empty()).then(|| IdFilter::of(untimed)).transpose()?;
        Ok((Self { uuid_times: TimeSpans::of(times), untimed }, IdFilter::of(timed)?))
    }

    /// Returns the indexes of the ids that the segment may contain. `filter` returns the filter of the ids
    /// that are UUIDs of version 7; if it returns `None`, all ids with a covered time are suspects.
    pub(crate) fn suspects(
        &self,
        ids: &[EventKey],
        filter: impl FnOnce() -> Result<Option<Arc<IdFilter>>, StoreError>,
    ) -> Result<Vec<usize>, StoreError> {
        let times = || ids.iter().filter_map(|id| id.time);
        let overlaps =
            times().min().zip(times().max()).is_some_and(|(first, last)| self.uuid_times.meet(first, last));
        let may_be_timed =
            |id: &EventKey| overlaps && id.time.is_some_and(|time| self.uuid_times.cover(time));
        let filter = if overlaps && ids.iter().any(may_be_timed) { filter()? } else { None };
        let may_hold = |id: &EventKey| match id.time {
            None => self.untimed.as_ref().is_some_and(|untimed| untimed.may_hold(id)),
            Some(_) => may_be_timed(id) && filter.as_ref().is_none_or(|filter| filter.may_hold(id)),
        };
        Ok((0..ids.len()).filter(|index| may_hold(&ids[*index])).collect())
    }
}
