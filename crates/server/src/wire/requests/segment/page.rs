//! `page` and `screen`: what of their properties becomes a field of the event. The rest stays in the
//! properties, with the name and the category of the page.

use serde_json::value::RawValue;

use super::properties::{self, Member, put_first, string};
use super::text::{Text, filled};

/// The longest url, path and referrer, in characters.
const MAX_ADDRESS: usize = 2048;

/// The fields of a page.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) url: Option<String>,
    pub(super) path: Option<String>,
    pub(super) referrer: Option<String>,
    pub(super) properties: Option<String>,
}

/// Reads the properties of a page; `context_url` is its url if they have none. A url, path or referrer that
/// the event cannot have, such as `file:///a`, stays a property: it is written by the library, and must
/// not cost the event.
pub(super) fn page_of(
    raw: Option<&RawValue>,
    context_url: Option<&str>,
    name: Option<Text<'_>>,
    category: Option<Text<'_>>,
) -> Page {
    let mut members = match raw.map(properties::members) {
        // What is no object is refused like other properties.
        Some(None) => return Page { properties: raw.map(|raw| raw.get().to_owned()), ..Page::default() },
        Some(Some(members)) => members,
        None => Vec::new(),
    };
    let url = take(&mut members, "url", |url| is_web_address(url) && fits(url));
    let path = take(&mut members, "path", |path| !path.is_empty() && fits(path));
    let referrer = take(&mut members, "referrer", fits);
    // The browser library repeats the query of the url, which may have secrets that are removed from the url.
    let query = url.as_deref().or(context_url).map(query_of);
    take(&mut members, "search", |search| Some(search) == query);
    put_first(&mut members, "category", filled(category));
    put_first(&mut members, "name", filled(name));
    Page { url, path, referrer, properties: Some(properties::write(&members)) }
}

/// Takes a string out that is as wanted; of repeated members the last.
fn take(members: &mut Vec<Member<'_>>, name: &str, wanted: impl Fn(&str) -> bool) -> Option<String> {
    let at = members.iter().rposition(|(known, _)| known == name)?;
    let found = string(&members[at].1).filter(|text| wanted(text))?.into_owned();
    members.remove(at);
    Some(found)
}

/// The query of a url with its question mark, as `location.search` has it.
fn query_of(url: &str) -> &str {
    let page = url.split_once('#').map_or(url, |(page, _)| page);
    match page.find('?') {
        Some(at) if at + 1 < page.len() => &page[at..],
        _ => "",
    }
}

/// Whether a text begins like a url of the web.
pub(super) fn is_web_address(text: &str) -> bool {
    let begins = |start: &str| text.get(..start.len()).is_some_and(|own| own.eq_ignore_ascii_case(start));
    begins("http://") || begins("https://")
}

/// Whether a text is short enough for a url, path or referrer.
pub(super) fn fits(text: &str) -> bool {
    text.len() <= MAX_ADDRESS || text.chars().count() <= MAX_ADDRESS
}
