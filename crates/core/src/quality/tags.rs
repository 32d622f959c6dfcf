//! Spellings of campaign tags that were probably meant to be one.

use std::collections::BTreeMap;

use crate::classify;

/// Which tag a value is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// `utm_source`
    Source,
    /// `utm_medium`
    Medium,
    /// `utm_campaign`
    Campaign,
}

/// Other words for a medium, as [`plain`] writes them, each with the standard word.
const MEDIA: [(&str, &str); 14] = [
    ("affiliates", "affiliate"),
    ("emails", "email"),
    ("mail", "email"),
    ("mailing", "email"),
    ("newsletter", "email"),
    ("newsletters", "email"),
    ("paidsearch", "cpc"),
    ("ppc", "cpc"),
    ("pushnotification", "push"),
    ("referrals", "referral"),
    ("sem", "cpc"),
    ("socialmedia", "social"),
    ("socialnetwork", "social"),
    ("socialpaid", "paidsocial"),
];

/// A value that was probably meant to be another one, which more events have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagVariant {
    /// The value.
    pub value: String,
    /// Events with it.
    pub events: u64,
    /// The most frequent value that means the same.
    pub instead_of: String,
}

/// Finds values that differ only in case, blanks, `-` and `_`, or are other words for the same, such as `newsletter`
/// and `email`. By events, descending, ties by value.
pub fn tag_variants(tag: Tag, values: &[(String, u64)]) -> Vec<TagVariant> {
    let mut groups: BTreeMap<String, Vec<(&str, u64)>> = BTreeMap::new();
    for (value, events) in values {
        groups.entry(meaning(tag, value)).or_default().push((value, *events));
    }
    let mut variants = Vec::new();
    for mut group in groups.into_values() {
        group.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let mut group = group.into_iter();
        let Some((most_frequent, _)) = group.next() else { continue };
        variants.extend(group.map(|(value, events)| TagVariant {
            value: value.to_owned(),
            events,
            instead_of: most_frequent.to_owned(),
        }));
    }
    variants.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.value.cmp(&b.value)));
    variants
}

/// Values with the same meaning are variants of each other.
fn meaning(tag: Tag, value: &str) -> String {
    let plain = plain(value);
    match tag {
        Tag::Source => plain_source(value, plain),
        Tag::Medium => match MEDIA.binary_search_by(|(word, _)| (*word).cmp(&plain)) {
            Ok(index) => MEDIA[index].1.to_owned(),
            Err(_) => plain,
        },
        Tag::Campaign => plain,
    }
}

fn plain_source(value: &str, plain: String) -> String {
    let known = classify::source_of_tag(value);
    if known == value.trim().to_lowercase() { plain } else { known }
}

/// In lower case, without blanks, `-` and `_`; the value itself if nothing else is in it.
fn plain(value: &str) -> String {
    let kept = value.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_'));
    let plain: String = kept.flat_map(char::to_lowercase).collect();
    if plain.is_empty() { value.to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variants(tag: Tag, values: &[(&str, u64)]) -> Vec<(String, u64, String)> {
        let values: Vec<_> = values.iter().map(|(value, events)| ((*value).to_owned(), *events)).collect();
        let variants = tag_variants(tag, &values).into_iter();
        variants.map(|variant| (variant.value, variant.events, variant.instead_of)).collect()
    }

    #[test]
    fn spellings_of_one_value_are_found() {
        for (tag, values, expected) in [
            (
                Tag::Medium,
                &[("email", 9), ("E-Mail", 3), ("newsletter", 2)][..],
                &[("E-Mail", 3, "email"), ("newsletter", 2, "email")][..],
            ),
            (Tag::Medium, &[("cpc", 1), ("PPC", 5)], &[("cpc", 1, "PPC")]),
            (Tag::Medium, &[("email", 9), ("social", 3), ("organic", 2)], &[]),
            (
                Tag::Source,
                &[("facebook", 5), ("fb", 2), ("Facebook", 1)],
                &[("fb", 2, "facebook"), ("Facebook", 1, "facebook")],
            ),
            (Tag::Source, &[("google", 5), ("bing", 2)], &[]),
            (Tag::Source, &[("acme-news", 5), ("acme_news", 2)], &[("acme_news", 2, "acme-news")]),
            (
                Tag::Campaign,
                &[("Spring Sale", 5), ("spring_sale", 5), ("SpringSale", 1)],
                &[("spring_sale", 5, "Spring Sale"), ("SpringSale", 1, "Spring Sale")],
            ),
            (Tag::Campaign, &[("sale-1", 5), ("sale-2", 2), ("email", 1), ("newsletter", 1)], &[]),
            (Tag::Campaign, &[("-", 5), ("_", 2), ("", 1)], &[]),
        ] {
            let expected: Vec<_> = expected
                .iter()
                .map(|(value, events, of)| ((*value).to_owned(), *events, (*of).to_owned()))
                .collect();
            assert_eq!(variants(tag, values), expected, "{values:?}");
        }
    }

    #[test]
    fn words_for_media_are_sorted_and_lead_to_no_other() {
        assert!(MEDIA.is_sorted_by(|a, b| a.0 < b.0));
        assert!(
            MEDIA.iter().all(|(word, of)| plain(word) == *word && MEDIA.iter().all(|(word, _)| word != of))
        );
    }
}
