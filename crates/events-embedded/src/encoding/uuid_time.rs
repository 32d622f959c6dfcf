//! The time in an event id, and the time spans that cover the ids of a segment.
//!
//! A UUID of version 7 begins with its creation time (RFC 9562, section 5.7). The accuracy of the clock does
//! not matter: a repeated event has the same id and so the same time, so a segment whose spans do not
//! cover the time does not contain the event.

/// Most spans of a segment, of 16 bytes each.
const MAX_SPANS: usize = 64;

/// Returns the time in the id, in milliseconds since 1970, if it is a UUID of version 7, with or without the
/// prefix `evt_`.
pub(crate) fn uuid_time(id: &str) -> Option<u64> {
    let uuid = uuid::Uuid::try_parse(id.strip_prefix("evt_").unwrap_or(id)).ok()?;
    (uuid.get_version_num() == 7).then(|| (uuid.as_u128() >> 80) as u64)
}

/// Disjoint, ascending spans of milliseconds since 1970; both ends are inclusive.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TimeSpans(Vec<(u64, u64)>);

impl TimeSpans {
    /// Returns at most [`MAX_SPANS`] spans that cover these times. They leave out the widest gaps, so that a
    /// few wrong clocks do not widen a span.
    pub(crate) fn of(mut times: Vec<u64>) -> Self {
        times.sort_unstable();
        times.dedup();
        // The exclusive end index of each span, and the gap that follows it.
        let mut ends: Vec<usize> = (1..times.len()).collect();
        let gap = |end: usize| times[end] - times[end - 1];
        if ends.len() >= MAX_SPANS {
            ends.select_nth_unstable_by_key(MAX_SPANS - 2, |end| std::cmp::Reverse(gap(*end)));
            ends.truncate(MAX_SPANS - 1);
            ends.sort_unstable();
        }
        ends.push(times.len());
        let mut start = 0;
        let spans = ends.into_iter().filter(|end| *end > 0).map(|end| {
            let span = (times[start], times[end - 1]);
            start = end;
            span
        });
        Self(spans.collect())
    }

    /// One span that covers all times.
    pub(crate) fn all() -> Self {
        Self(vec![(0, u64::MAX)])
    }

    /// Whether a span contains the time.
    pub(crate) fn cover(&self, time: u64) -> bool {
        let next = self.0.partition_point(|(_, last)| *last < time);
        self.0.get(next).is_some_and(|(first, _)| *first <= time)
    }

    /// Whether a span overlaps `first` to `last`, both inclusive.
    pub(crate) fn meet(&self, first: u64, last: u64) -> bool {
        let next = self.0.partition_point(|(_, end)| *end < first);
        self.0.get(next).is_some_and(|(start, _)| *start <= last)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(first, last)| [first.to_le_bytes(), last.to_le_bytes()]).flatten().collect()
    }

    /// Decodes what [`Self::to_bytes`] returned; `None` if the bytes are not valid spans.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let number =
            |bytes: &[u8; 16], at: usize| bytes[at..].first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
        let (spans, rest) = bytes.as_chunks::<16>();
        let spans: Vec<_> = spans.iter().map(|span| (number(span, 0), number(span, 8))).collect();
        let in_order = spans.iter().all(|(first, last)| first <= last)
            && spans.windows(2).all(|pair| pair[0].1 < pair[1].0);
        (rest.is_empty() && in_order).then_some(Self(spans))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_uuid_of_version_7_has_a_time() {
        let cases = [
            ("evt_017f22e2-79b0-7cc3-98c4-dc0c0c07398f", Some(1_645_557_742_000)),
            ("017f22e2-79b0-7cc3-98c4-dc0c0c07398f", Some(1_645_557_742_000)),
            ("017F22E279B07CC398C4DC0C0C07398F", Some(1_645_557_742_000)),
            ("evt_017f22e2-79b0-4cc3-98c4-dc0c0c07398f", None),
            ("evt_1", None),
            ("evt_", None),
            ("", None),
        ];
        for (id, time) in cases {
            assert_eq!(uuid_time(id), time, "{id}");
        }
    }

    #[test]
    fn wrong_clocks_do_not_widen_a_span() {
        let hour = |n: u64| 1_700_000_000_000 + n * 3_600_000;
        let times: Vec<u64> = (0..1000).map(|n| hour(0) + n).chain((1..=60).map(|n| hour(24 * n))).collect();
        let spans = TimeSpans::of(times);
        assert!(spans.0.len() <= MAX_SPANS);
        assert!(spans.cover(hour(0)) && spans.cover(hour(24)) && !spans.cover(hour(12)) && !spans.cover(0));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

        #[test]
        fn every_time_is_covered_by_a_few_spans(
            times in proptest::collection::vec(prop_oneof![0_u64..500, any::<u64>()], 0..300),
            others in proptest::collection::vec(any::<u64>(), 20),
        ) {
            let spans = TimeSpans::of(times.clone());
            prop_assert!(spans.0.len() <= MAX_SPANS);
            prop_assert!(spans.0.iter().all(|(first, last)| first <= last));
            prop_assert!(spans.0.windows(2).all(|pair| pair[0].1 < pair[1].0));
            prop_assert!(times.iter().all(|time| spans.cover(*time) && spans.meet(*time, *time)));
            for pair in others.windows(2) {
                let (first, last) = (pair[0].min(pair[1]), pair[0].max(pair[1]));
                let overlaps = spans.0.iter().any(|span| span.0 <= last && first <= span.1);
                prop_assert_eq!(spans.meet(first, last), overlaps);
            }
            prop_assert_eq!(TimeSpans::from_bytes(&spans.to_bytes()), Some(spans));
        }
    }
}
