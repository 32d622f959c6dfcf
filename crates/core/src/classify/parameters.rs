//! The parameters of a url that mean something to the classifier.
//!
//! Reads the query, then a query inside the fragment, where single-page applications keep theirs. Links
//! that were copied from HTML source have `&amp;` or `&#038;` for `&`, and links that were tagged twice
//! have a second `?`: both separate parameters like `&`. Of a repeated parameter the first with a value
//! wins. A value of nothing but white space and control characters is none. Unknown parameters are
//! passed over without being decoded.

use url::{Url, form_urlencoded};

/// The longest source or medium that is kept, in characters.
const MAX_NAME_CHARS: usize = 100;
/// The longest campaign that is kept, in characters.
const MAX_CAMPAIGN_CHARS: usize = 200;

/// The parameters that the rules read, lower-case and sorted.
const KNOWN: &[(&str, Known)] = &[
    ("_hsenc", Known::Click),
    ("_hsmi", Known::Click),
    ("_kx", Known::Click),
    ("awc", Known::Click),
    ("ck_subscriber_id", Known::Click),
    ("dclid", Known::Click),
    ("dicbo", Known::Click),
    ("epik", Known::Click),
    ("fbclid", Known::Click),
    ("gad_campaignid", Known::Click),
    ("gad_source", Known::Click),
    ("gbraid", Known::Click),
    ("gclid", Known::Click),
    ("gclsrc", Known::Click),
    ("irclickid", Known::Click),
    ("li_fat_id", Known::Click),
    ("mc_cid", Known::Click),
    ("mc_eid", Known::Click),
    ("mkt_tok", Known::Click),
    ("msclkid", Known::Click),
    ("oborigurl", Known::Click),
    ("qclid", Known::Click),
    ("rdt_cid", Known::Click),
    ("sccid", Known::Click),
    ("tblci", Known::Click),
    ("ttclid", Known::Click),
    ("twclid", Known::Click),
    ("utm_campaign", Known::Campaign),
    ("utm_medium", Known::Medium),
    ("utm_source", Known::Source),
    ("vero_id", Known::Click),
    ("wbraid", Known::Click),
    ("yclid", Known::Click),
];

/// `&` as HTML writes it by number, without the `&#` before.
const NUMBERS: &[&str] = &["038;", "38;", "x26;"];

/// The known parameters that have a value.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    /// Names from [`KNOWN`]: marks that advertising networks and mailing services put on their links.
    pub(super) click_ids: Vec<&'static str>,
    /// `utm_source`, lower-case.
    pub(super) source: Option<String>,
    /// `utm_medium`, lower-case.
    pub(super) medium: Option<String>,
    /// `utm_campaign`, in its own case.
    pub(super) campaign: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum Known {
    Click,
    Source,
    Medium,
    Campaign,
}

impl Parameters {
    /// Reads a url.
    pub(super) fn of_url(url: &Url) -> Self {
        let mut parameters = Self::default();
        for pair in pairs(url) {
            parameters.read(pair);
        }
        parameters
    }

    fn read(&mut self, pair: &str) {
        let raw_name = pair.split_once('=').map_or(pair, |(name, _)| name);
        if known(raw_name).is_none() && !raw_name.contains('%') {
            return;
        }
        let Some((name, value)) = form_urlencoded::parse(pair.as_bytes()).next() else { return };
        match known(without_entities(&name)) {
            Some((id, Known::Click)) if is_visible(&value) => self.click_ids.push(id),
            Some((_, Known::Source)) => keep_first(&mut self.source, || lower_case(&value)),
            Some((_, Known::Medium)) => keep_first(&mut self.medium, || lower_case(&value)),
            Some((_, Known::Campaign)) => keep_first(&mut self.campaign, || own_case(&value)),
            Some((_, Known::Click)) | None => {}
        }
    }
}

/// Every `name=value` of the url, still encoded: those of the query, then those of the query inside the
/// fragment.
pub(super) fn pairs(url: &Url) -> impl Iterator<Item = &str> {
    let query = url.query().unwrap_or_default();
    let fragment = url.fragment().map(before_inner_fragment).unwrap_or_default();
    // The URL parser takes the `#` of `&#038;` for the end of the query.
    let continued = if query.ends_with('&') { strip_number(fragment) } else { None };
    let inside = continued.or_else(|| fragment.split_once('?').map(|(_, inside)| inside));
    let texts = [Some(query), inside].into_iter().flatten();
    texts.flat_map(|text| text.split('&')).flat_map(|text| text.split('?')).map(without_entities)
}

/// The fragment up to a `#` that is not part of an entity.
fn before_inner_fragment(fragment: &str) -> &str {
    let is_entity = |at: usize| fragment[..at].ends_with('&') && strip_entity(&fragment[at..]).is_some();
    let end = fragment.match_indices('#').map(|(at, _)| at).find(|at| !is_entity(*at));
    &fragment[..end.unwrap_or(fragment.len())]
}

fn without_entities(mut text: &str) -> &str {
    while let Some(rest) = strip_entity(text) {
        text = rest;
    }
    text
}

/// What follows the rest of an entity whose `&` separated the text from the one before.
fn strip_entity(text: &str) -> Option<&str> {
    strip_start(text, "amp;").or_else(|| strip_number(text.strip_prefix('#')?))
}

fn strip_number(text: &str) -> Option<&str> {
    NUMBERS.iter().find_map(|number| strip_start(text, number))
}

fn strip_start<'a>(text: &'a str, lower: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(lower.len())?;
    start.eq_ignore_ascii_case(lower).then_some(rest)
}

/// The parameter of this name, in any case. Length and first character rule nearly all others out.
fn known(name: &str) -> Option<(&'static str, Known)> {
    let first = name.as_bytes().first()?.to_ascii_lowercase();
    let is = |known: &str| {
        known.len() == name.len() && known.as_bytes()[0] == first && name.eq_ignore_ascii_case(known)
    };
    KNOWN.iter().find(|(known, _)| is(known)).copied()
}

fn keep_first(slot: &mut Option<String>, value: impl FnOnce() -> Option<String>) {
    if slot.is_none() {
        *slot = value();
    }
}

/// Whether anything can be seen of the value.
fn is_visible(value: &str) -> bool {
    value.chars().any(|c| !c.is_control() && !c.is_whitespace())
}

/// The value as a source or medium is kept: lower-case and short.
pub(super) fn lower_case(value: &str) -> Option<String> {
    cleaned(value.chars().flat_map(char::to_lowercase), MAX_NAME_CHARS)
}

/// The value as a campaign is kept.
pub(super) fn own_case(value: &str) -> Option<String> {
    cleaned(value.chars(), MAX_CAMPAIGN_CHARS)
}

/// The value without control characters and outer white space, cut to a length; `None` when nothing
/// is left.
fn cleaned(value: impl Iterator<Item = char>, max_chars: usize) -> Option<String> {
    let printable = value.filter(|c| !c.is_control()).skip_while(|c| c.is_whitespace());
    let mut text: String = printable.take(max_chars).collect();
    text.truncate(text.trim_end().len());
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_names_are_lower_case_sorted_and_found_in_any_case() {
        assert!(KNOWN.is_sorted_by(|(left, _), (right, _)| left < right));
        for (name, _) in KNOWN {
            assert_eq!(*name, name.to_ascii_lowercase());
            assert_eq!(known(&name.to_ascii_uppercase()).map(|(found, _)| found), Some(*name));
        }
        for other in ["", "gclid ", "xgclid", "utm_sourc", "utm_sources", "ck_subscriber_id2", "ÿ", "ｇclid"]
        {
            assert!(known(other).is_none(), "{other}");
        }
    }

    #[test]
    fn html_separators_and_a_second_question_mark_part_parameters() {
        let table: &[(&str, &[&str])] = &[
            ("?a=1&amp;b=2", &["a=1", "b=2"]),
            ("?a=1&AMP;b=2&amp;amp;c=3", &["a=1", "b=2", "c=3"]),
            ("?a=1&#038;b=2", &["a=1", "", "b=2"]),
            ("?a=1&#038;b=2&#038;c=3", &["a=1", "", "b=2", "c=3"]),
            ("?a=1&#38;b=2&amp;c=3#top", &["a=1", "", "b=2", "c=3"]),
            ("?a=1&#x26;b=2&d=4#more?c=3", &["a=1", "", "b=2", "d=4"]),
            ("?a=1?b=2", &["a=1", "b=2"]),
            ("??a=1", &["", "a=1"]),
            ("?a=1#/path?b=2?c=3&amp;d=4", &["a=1", "b=2", "c=3", "d=4"]),
            ("#/path?a=1&#038;b=2#end", &["", "a=1", "b=2"]),
            ("?a=1&#038b=2", &["a=1", ""]),
            ("?a=1#038;b=2", &["a=1"]),
            ("?amp;a=1&samp;b=2", &["a=1", "samp;b=2"]),
            ("#&amp;?a=1&#", &["", "a=1", ""]),
            ("?é&#é", &["%C3%A9", ""]),
        ];
        for (end, expected) in table {
            let url = Url::parse(&format!("https://shop.example/{end}")).unwrap();
            assert_eq!(pairs(&url).collect::<Vec<_>>(), *expected, "{end}");
        }
    }
}
