//! What is collected of each group, and distinct visitors.

use std::borrow::Cow;

use hashbrown::hash_map::EntryRef;
use hashbrown::{Equivalent, HashMap};
use millimetric_events::{QueryLimit, StoreError};

/// The text of each column that a group is one of.
pub(crate) type Texts = Vec<Option<String>>;

/// A group. In order of buckets, then texts, none first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Group {
    /// The first instant of its bucket, in milliseconds since 1970, or another number of the bucket.
    pub(crate) bucket: Option<i64>,
    pub(crate) texts: Texts,
}

/// A group that is looked up.
#[derive(Hash)]
struct GroupRef<'a, 'b> {
    bucket: Option<i64>,
    texts: &'a [Option<Cow<'b, str>>],
}

impl Equivalent<Group> for GroupRef<'_, '_> {
    fn equivalent(&self, group: &Group) -> bool {
        let is_same = |(a, b): (&Option<Cow<'_, str>>, &Option<String>)| a.as_deref() == b.as_deref();
        self.bucket == group.bucket
            && self.texts.len() == group.texts.len()
            && self.texts.iter().zip(&group.texts).all(is_same)
    }
}

impl GroupRef<'_, '_> {
    fn to_owned(&self) -> Group {
        let text = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
        Group { bucket: self.bucket, texts: self.texts.iter().map(text).collect() }
    }
}

/// What is collected of each group.
pub(crate) struct Groups<T> {
    by_group: HashMap<Group, T>,
    bytes: usize,
    max_bytes: usize,
}

impl<T> Groups<T> {
    /// No groups yet, and at most so many bytes of them.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { by_group: HashMap::new(), bytes: 0, max_bytes }
    }

    /// What is collected of a group; `new` if it is the first time.
    pub(crate) fn of(
        &mut self,
        bucket: Option<i64>,
        texts: &[Option<Cow<'_, str>>],
        new: impl FnOnce() -> T,
    ) -> Result<&mut T, StoreError> {
        let group = GroupRef { bucket, texts };
        match self.by_group.entry_ref(&group) {
            EntryRef::Occupied(entry) => Ok(entry.into_mut()),
            EntryRef::Vacant(entry) => {
                let text =
                    |text: &Option<Cow<'_, str>>| size_of::<String>() + text.as_ref().map_or(0, |t| t.len());
                // The table has room for up to twice as many.
                self.bytes += 2 * size_of::<(Group, T)>() + texts.iter().map(text).sum::<usize>();
                check(self.bytes, self.max_bytes)?;
                Ok(entry.insert_with_key(group.to_owned(), new()))
            }
        }
    }

    /// Counts memory that a group takes besides.
    pub(crate) fn reserve(&mut self, bytes: usize) -> Result<(), StoreError> {
        self.bytes += bytes;
        check(self.bytes, self.max_bytes)
    }

    /// The groups, in order.
    pub(crate) fn sorted(self) -> Vec<(Group, T)> {
        let mut groups: Vec<(Group, T)> = self.by_group.into_iter().collect();
        groups.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        groups
    }
}

fn check(bytes: usize, max_bytes: usize) -> Result<(), StoreError> {
    if bytes <= max_bytes { Ok(()) } else { Err(StoreError::QueryTooLarge(QueryLimit::Memory)) }
}

/// Counts distinct visitors, who come one after the other.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Distinct {
    /// How many there are.
    pub(crate) count: u64,
    last: u64,
}

impl Distinct {
    /// So many visitors, to whom none is added.
    pub(crate) const fn counted(count: u64) -> Self {
        Self { count, last: 0 }
    }

    /// Adds the visitor of this number, from 1.
    pub(crate) fn add(&mut self, visitor: u64) {
        self.count += u64::from(self.last != visitor);
        self.last = visitor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_found_by_their_texts_and_limited() {
        let mut groups = Groups::new(2000);
        let texts = |text: &'static str| [Some(Cow::Borrowed(text)), None];
        for (bucket, text) in [(Some(2), "a"), (Some(1), "b"), (Some(2), "a"), (None, "a")] {
            *groups.of(bucket, &texts(text), || 0).unwrap() += 1;
        }
        let none: Option<String> = None;
        let group = |bucket, text: &str| Group { bucket, texts: vec![Some(text.to_owned()), none.clone()] };
        assert!(groups.reserve(2000).is_err());
        let expected = [(group(None, "a"), 1), (group(Some(1), "b"), 1), (group(Some(2), "a"), 2)];
        assert_eq!(groups.sorted(), expected);
    }

    #[test]
    fn a_visitor_counts_once() {
        let mut visitors = Distinct::default();
        for visitor in [1, 1, 2, 5, 5] {
            visitors.add(visitor);
        }
        assert_eq!(visitors.count, 3);
    }
}
