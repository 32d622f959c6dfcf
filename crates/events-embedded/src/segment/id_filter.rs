//! Which event ids a segment certainly does not hold, without reading its file.

use std::sync::Arc;

use millimetric_events::StoreError;
use xorf::{BinaryFuse32, Descriptor, DmaSerializable as _, Filter as _};

use crate::encoding::event_key::EventKey;
use crate::encoding::heap_size::HeapSize;
use crate::encoding::uuid_time::TimeSpans;

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

    fn may_hold(&self, id: &EventKey) -> bool {
        self.0.contains(&id.filter_key())
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

impl HeapSize for IdFilter {
    fn heap_bytes(&self) -> usize {
        self.bytes()
    }
}

/// What is known of a segment's ids without reading its file.
#[derive(Debug)]
pub(crate) struct KnownIds {
    /// When those were made that tell it. Their filter is made from the file when a time within is
    /// asked for, which is the case for what arrives late or twice, and kept in the cache.
    pub(crate) uuid_times: TimeSpans,
    /// The filter of all untimed, which stays in memory: nothing tells when they are asked for.
    pub(crate) untimed: Option<IdFilter>,
}

impl KnownIds {
    /// What is known of these, and the filter of those that tell when they were made.
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

    /// The places of the identities that the segment may hold. `filter` gives the filter of the ids
    /// that tell when they were made; without one all of a covered time are suspects.
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
