//! The parameters of a url that mean something to the classifier.
//!
//! Reads the query, then a query inside the fragment, where single-page applications keep theirs. Of
//! a repeated parameter the first with a value wins. A value of nothing but white space and control
//! characters is none. Unknown parameters are passed over without being decoded.

use url::{Url, form_urlencoded};

/// The longest source or medium that is kept, in characters.
const MAX_NAME_CHARS: usize = 100;
/// The longest campaign that is kept, in characters.
const MAX_CAMPAIGN_CHARS: usize = 200;

/// The marks that advertising networks put on the links they send people through.
const CLICK_IDS: [&str; 13] = [
    "dclid",
    "fbclid",
    "gbraid",
    "gclid",
    "li_fat_id",
    "msclkid",
    "qclid",
    "rdt_cid",
    "sccid",
    "ttclid",
    "twclid",
    "wbraid",
    "yclid",
];

/// The known parameters that have a value.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    /// Names from [`CLICK_IDS`].
    pub(super) click_ids: Vec<&'static str>,
    /// `utm_source`, lower-case.
    pub(super) source: Option<String>,
    /// `utm_medium`, lower-case.
    pub(super) medium: Option<String>,
    /// `utm_campaign`, in its own case.
    pub(super) campaign: Option<String>,
}

#[derive(Clone, Copy)]
enum Known {
    Click(&'static str),
    Source,
    Medium,
    Campaign,
}

impl Parameters {
    /// Reads a url.
    pub(super) fn of_url(url: &Url) -> Self {
        let inside_fragment = url.fragment().and_then(|fragment| fragment.split('#').next()?.split_once('?'));
        let queries = [url.query(), inside_fragment.map(|(_, query)| query)];
        let mut parameters = Self::default();
        for pair in queries.into_iter().flatten().flat_map(|query| query.split('&')) {
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
        match known(&name) {
            Some(Known::Click(id)) if is_visible(&value) => self.click_ids.push(id),
            Some(Known::Source) => keep_first(&mut self.source, || lower_case(&value)),
            Some(Known::Medium) => keep_first(&mut self.medium, || lower_case(&value)),
            Some(Known::Campaign) => keep_first(&mut self.campaign, || own_case(&value)),
            Some(Known::Click(_)) | None => {}
        }
    }
}

/// What a parameter of this name, in any case, is to the classifier.
fn known(name: &str) -> Option<Known> {
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    match name.len() {
        10 if is("utm_source") => Some(Known::Source),
        10 if is("utm_medium") => Some(Known::Medium),
        12 if is("utm_campaign") => Some(Known::Campaign),
        5..=9 => CLICK_IDS.into_iter().find(|id| is(id)).map(Known::Click),
        _ => None,
    }
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

fn lower_case(value: &str) -> Option<String> {
    cleaned(value.chars().flat_map(char::to_lowercase), MAX_NAME_CHARS)
}

fn own_case(value: &str) -> Option<String> {
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
