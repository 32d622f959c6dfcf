//! Which rows a response has that may be a time series.

use std::collections::{HashMap, HashSet};

use millimetric_core::query::Limit;

use super::groups::Texts;

/// Keeps what the limit allows, of rows in the order of the response. `texts` returns the group of a row, `ranked`
/// are the groups in the order in which they come without buckets. Returns whether rows were left out.
pub(crate) fn cut<R>(
    rows: &mut Vec<R>,
    limit: Limit,
    texts: impl Fn(&R) -> &Texts,
    ranked: impl FnOnce() -> Vec<Texts>,
) -> bool {
    let before = rows.len();
    if let Limit::Series = limit {
        let ranked = ranked();
        let mut counts: HashMap<&Texts, usize> = HashMap::new();
        for row in rows.iter() {
            *counts.entry(texts(row)).or_default() += 1;
        }
        let (mut kept, mut left): (HashSet<&Texts>, usize) = (HashSet::new(), Limit::MOST_ROWS);
        for group in ranked.iter().take(Limit::MOST_SERIES) {
            let count = counts.get(group).copied().unwrap_or_default();
            // Of the first one, some is better than nothing.
            if count > left && !kept.is_empty() {
                break;
            }
            left = left.saturating_sub(count);
            kept.insert(group);
        }
        let keeps: Vec<bool> = rows.iter().map(|row| kept.contains(texts(row))).collect();
        let mut keeps = keeps.into_iter();
        rows.retain(|_| keeps.next().unwrap_or_default());
    }
    rows.truncate(limit.rows());
    rows.len() < before
}

#[cfg(test)]
mod tests {
    use millimetric_core::query::RowLimit;

    use super::*;

    fn texts(text: &str) -> Texts {
        vec![Some(text.to_owned())]
    }

    /// The rows that are left of each series of `(text, rows)`, and whether rows were left out.
    fn kept(series: &[(&str, usize)], limit: Limit, ranked: &[&str]) -> (Vec<(String, usize)>, bool) {
        let mut rows: Vec<Texts> =
            series.iter().flat_map(|(text, rows)| std::iter::repeat_n(texts(text), *rows)).collect();
        let is_cut = cut(&mut rows, limit, |row| row, || ranked.iter().map(|text| texts(text)).collect());
        let count = |text: &str| rows.iter().filter(|row| **row == texts(text)).count();
        let counts = series.iter().map(|(text, _)| ((*text).to_owned(), count(text)));
        (counts.filter(|(_, count)| *count > 0).collect(), is_cut)
    }

    #[test]
    fn series_are_kept_whole_in_the_order_of_their_rank() {
        let series = [("a", 4000), ("b", 3000), ("c", 4000), ("d", 10)];
        let is = |text: &str, rows| (text.to_owned(), rows);
        let all = kept(&series, Limit::Series, &["c", "b", "a", "d"]);
        assert_eq!(all, (vec![is("b", 3000), is("c", 4000)], true));
        let one = kept(&[("a", 10_001), ("b", 5)], Limit::Series, &["a", "b"]);
        assert_eq!(one, (vec![is("a", 10_000)], true));
        assert_eq!(kept(&[("a", 5)], Limit::Series, &["a"]), (vec![is("a", 5)], false));
        let first = kept(&series, Limit::Rows(RowLimit::ONE), &[]);
        assert_eq!(first, (vec![is("a", 1)], true));
    }
}
