//! Whole time series: the groups that come first, each with all of its buckets.

use std::hash::{BuildHasher as _, Hash, Hasher as _};
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashMap, HashSet, HashTable};
use millimetric_core::query::Limit;

use crate::query::groups::group_dictionary::Finished;
use millimetric_events::StoreError;

/// The text of each dimension of a group.
pub(crate) type Texts = Vec<Option<String>>;

/// Groups that are counted separately, whatever their bucket. Hashes have a random key, so that nobody can craft
/// collisions.
#[derive(Debug)]
pub(crate) struct ChosenGroups {
    hasher: DefaultHashBuilder,
    groups: HashTable<Texts>,
}

impl ChosenGroups {
    fn of(groups: &[Texts]) -> Self {
        let mut chosen = Self { hasher: DefaultHashBuilder::default(), groups: HashTable::new() };
        let Self { hasher, groups: table } = &mut chosen;
        for group in groups {
            let hash = |group: &Texts| hash(hasher, group.iter().map(Option::as_deref));
            table.insert_unique(hash(group), group.clone(), hash);
        }
        chosen
    }

    /// Whether the group with these texts is one of them.
    pub(crate) fn has<'a>(&self, texts: impl Iterator<Item = Option<&'a str>> + Clone) -> bool {
        let is_it = |group: &Texts| {
            let mut texts = texts.clone();
            group.iter().all(|text| texts.next() == Some(text.as_deref()))
        };
        self.groups.find(hash(&self.hasher, texts.clone()), is_it).is_some()
    }
}

fn hash<'a>(hasher: &DefaultHashBuilder, texts: impl Iterator<Item = Option<&'a str>>) -> u64 {
    let mut hasher = hasher.build_hasher();
    texts.for_each(|text| text.hash(&mut hasher));
    hasher.finish()
}

/// Whether all of these groups can be returned as whole series.
pub(crate) fn fit(order: &[usize], groups: &Finished) -> bool {
    let mut series = HashSet::new();
    let mut is_one_more = |group: &usize| {
        series.insert(groups.series(*group));
        series.len() <= Limit::MOST_SERIES
    };
    order.len() <= Limit::MOST_ROWS && order.iter().all(&mut is_one_more)
}

/// Runs `count` for the first groups of `ranked`: for fewer of them while it returns that their buckets are too
/// many to count separately.
pub(crate) fn chosen<T>(
    ranked: &[Texts],
    mut count: impl FnMut(Arc<ChosenGroups>) -> Result<(T, bool), StoreError>,
) -> Result<T, StoreError> {
    let mut first = ranked.len();
    loop {
        let (counted, too_many) = count(Arc::new(ChosenGroups::of(&ranked[..first])))?;
        if !too_many || first <= 1 {
            return Ok(counted);
        }
        first /= 2;
    }
}

/// Keeps as many whole series as fit, in the order of `ranked`.
pub(crate) fn keep(order: &mut Vec<usize>, groups: &Finished, ranked: &[Texts]) {
    let dimensions = ranked.first().map_or(0, Vec::len);
    let mut rows: HashMap<_, usize> = HashMap::new();
    let mut by_texts: HashMap<Vec<Option<&str>>, _> = HashMap::new();
    for group in order.iter() {
        let series = groups.series(*group);
        let count = rows.entry(series).or_default();
        if *count == 0 {
            by_texts.insert(groups.texts(*group, dimensions).collect(), series);
        }
        *count += 1;
    }
    let mut kept = HashSet::new();
    let mut left = Limit::MOST_ROWS;
    for texts in ranked.iter().take(Limit::MOST_SERIES) {
        let texts: Vec<Option<&str>> = texts.iter().map(Option::as_deref).collect();
        let Some(series) = by_texts.get(&texts) else { continue };
        match left.checked_sub(rows[series]) {
            Some(rest) => left = rest,
            // Of the first one, some is better than nothing.
            None if kept.is_empty() => left = 0,
            None => break,
        }
        kept.insert(*series);
    }
    order.retain(|group| kept.contains(&groups.series(*group)));
    order.truncate(Limit::MOST_ROWS);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::text::{Codes, Interner, TextColumn};
    use crate::query::groups::group_dictionary::{Code, GroupDictionary};

    fn texts(name: &str) -> Texts {
        vec![Some(name.to_owned())]
    }

    /// Groups by one text: `(text, number of buckets)`.
    fn groups(series: &[(&str, i64)]) -> Finished {
        let mut interner = Interner::default();
        let codes: Vec<u32> = series.iter().map(|(text, _)| interner.code(Some(text))).collect();
        let dictionary = Arc::new(interner.into_dictionary());
        let column = Arc::new(TextColumn { codes: Codes::narrow(&codes, dictionary.len()), dictionary });
        let dictionary = GroupDictionary::new(100_000, None);
        dictionary.with(|numbers| {
            let mut known = Code::unknown(std::slice::from_ref(&column));
            for ((_, buckets), code) in series.iter().zip(codes) {
                for bucket in 0..*buckets {
                    numbers.group(bucket, std::slice::from_ref(&column), &[code], &mut known);
                }
            }
        });
        dictionary.finish()
    }

    fn kept(series: &[(&str, i64)], ranked: &[&str]) -> Vec<(String, usize)> {
        let groups = groups(series);
        let mut order: Vec<usize> = groups.apart().collect();
        assert!(!fit(&order, &groups));
        keep(&mut order, &groups, &ranked.iter().map(|name| texts(name)).collect::<Vec<_>>());
        let mut rows: Vec<(String, usize)> = Vec::new();
        for group in order {
            let text = groups.text(group, 0).unwrap();
            match rows.iter_mut().find(|(known, _)| known == text) {
                Some((_, rows)) => *rows += 1,
                None => rows.push((text.to_owned(), 1)),
            }
        }
        rows
    }

    #[test]
    fn series_are_kept_whole_in_the_order_of_their_rank() {
        let series = [("a", 4000), ("b", 3000), ("c", 4000), ("d", 10)];
        assert_eq!(kept(&series, &["c", "b", "a", "d"]), [("b".to_owned(), 3000), ("c".to_owned(), 4000)]);
        assert_eq!(kept(&[("a", 10_001), ("b", 5)], &["a", "b"]), [("a".to_owned(), 10_000)]);
        assert_eq!(kept(&[("a", 10_001), ("b", 5)], &["b", "a"]), [("b".to_owned(), 5)]);
        let names: Vec<String> = (0..101).map(|number| format!("n{number}")).collect();
        let many: Vec<(&str, i64)> = names.iter().map(|name| (name.as_str(), 2)).collect();
        let ranked: Vec<&str> = names.iter().map(String::as_str).rev().collect();
        let rows = kept(&many, &ranked);
        assert_eq!((rows.len(), &rows[0]), (100, &("n1".to_owned(), 2)));
        let few = groups(&[("a", 5000), ("b", 5000)]);
        assert!(fit(&few.apart().collect::<Vec<_>>(), &few));
    }

    #[test]
    fn only_chosen_groups_are_known_by_their_texts() {
        let groups = [vec![Some("a".to_owned()), None], vec![None, Some("a".to_owned())]];
        let chosen = ChosenGroups::of(&groups);
        assert!(chosen.has([Some("a"), None].into_iter()) && chosen.has([None, Some("a")].into_iter()));
        assert!(!chosen.has([None, None].into_iter()) && !chosen.has([Some("a"), Some("a")].into_iter()));
    }

    #[test]
    fn fewer_groups_are_chosen_while_there_are_too_many() {
        let ranked: Vec<Texts> = ["a", "b", "c", "d", "e"].map(texts).into();
        let mut tried = Vec::new();
        let counted = chosen(&ranked, |groups| {
            tried.push(groups.groups.len());
            Ok((groups.groups.len(), groups.groups.len() > 1))
        });
        assert_eq!((counted.ok(), tried), (Some(1), vec![5, 2, 1]));
    }
}
