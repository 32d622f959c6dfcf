//! Takes secrets and personal data out of addresses: the fragment, the user info, the values of
//! telling parameters, and path segments that are an e-mail address or a credential.
//!
//! The parameter itself stays (`?token=`), so that pages keep their shape; a path segment becomes
//! `*`. Everything else is kept byte for byte: nothing is decoded, encoded or put in order. Never
//! checks that an address is valid, and never makes one longer.

mod names;
#[cfg(test)]
mod tests;
mod values;

use std::borrow::Cow;
use std::ops::Range;

/// A page's address or a referrer without what must not be stored.
pub fn url(text: &str) -> Cow<'_, str> {
    on_one_line(text, |text| {
        let mut cuts = Cuts::new(text);
        let end = text.find('#').unwrap_or(text.len());
        let path_start = cuts.user_info(end);
        let path_end = text[path_start..end].find('?').map_or(end, |at| path_start + at);
        cuts.path(path_start..path_end);
        cuts.query(path_end..end);
        cuts.add(end..text.len(), "");
        cuts.made()
    })
}

/// A path without query and fragment, and without what must not be stored.
pub fn path(text: &str) -> Cow<'_, str> {
    on_one_line(text, |text| {
        let mut cuts = Cuts::new(text);
        let end = text.find(['?', '#']).unwrap_or(text.len());
        let start = cuts.user_info(end);
        cuts.path(start..end);
        cuts.add(end..text.len(), "");
        cuts.made()
    })
}

/// Tabs and line breaks mean nothing in an address (URL Standard, "basic URL parser"), but would
/// hide what they split.
fn on_one_line(text: &str, scrub: impl Fn(&str) -> Cow<'_, str>) -> Cow<'_, str> {
    let breaks = ['\t', '\n', '\r'];
    if text.contains(breaks) {
        return Cow::Owned(scrub(&text.replace(breaks, "")).into_owned());
    }
    scrub(text)
}

/// What to cut out of a text, from left to right, and what stands there instead.
struct Cuts<'t> {
    text: &'t str,
    cuts: Vec<(Range<usize>, &'static str)>,
}

impl<'t> Cuts<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, cuts: Vec::new() }
    }

    fn add(&mut self, range: Range<usize>, replacement: &'static str) {
        if !range.is_empty() {
            self.cuts.push((range, replacement));
        }
    }

    /// Cuts `user:password@` and returns the offset of the path.
    fn user_info(&mut self, end: usize) -> usize {
        let text = &self.text[..end];
        let Some(start) = values::host_start(text) else { return 0 };
        let end_of_host = |at: usize| text[at..].find(['/', '\\', '?']).map_or(end, |found| at + found);
        let mut host = start;
        while let Some(sign) = text[host..end_of_host(host)].rfind('@') {
            host += sign + 1;
            if host < end_of_host(host) {
                break;
            }
            // No host behind the sign: what follows the slashes would be taken for one.
            host = end - text[host..].trim_start_matches(['/', '\\']).len();
        }
        self.add(start..host, "");
        end_of_host(host)
    }

    fn path(&mut self, range: Range<usize>) {
        let text = self.text;
        for piece in pieces(text, range, &['/', '\\', ';']) {
            let part = &text[piece.clone()];
            match part.split_once('=') {
                Some((name, value)) if names::is_secret(&values::decoded(name)) => {
                    self.add(piece.end - value.len()..piece.end, "");
                }
                _ if values::is_secret(&values::decoded(part)) => self.add(piece, "*"),
                _ => {}
            }
        }
    }

    /// A query mark separates, too: it opens the query of an address that stands in a value.
    fn query(&mut self, range: Range<usize>) {
        let text = self.text;
        let separators = ['?', '&', ';'];
        let is_oauth = pieces(text, range.clone(), &separators).any(|piece| text[piece].starts_with("code="));
        for piece in pieces(text, range, &separators) {
            let part = &text[piece.clone()];
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = values::decoded(name);
            if names::always_stays(&name) {
                continue;
            }
            let value_range = piece.end - value.len()..piece.end;
            let value = values::decoded(value);
            if values::is_secret(&name) {
                self.add(piece, "");
            } else if names::is_secret(&name)
                || (is_oauth && name == "state")
                || (name == "key" && values::is_random(&value))
                || values::is_secret(&value)
                || values::hides_secret(&value)
            {
                self.add(value_range, "");
            }
        }
    }

    fn made(self) -> Cow<'t, str> {
        if self.cuts.is_empty() {
            return Cow::Borrowed(self.text);
        }
        let mut kept = String::with_capacity(self.text.len());
        let mut done = 0;
        for (range, replacement) in self.cuts {
            kept.push_str(&self.text[done..range.start]);
            kept.push_str(replacement);
            done = range.end;
        }
        kept.push_str(&self.text[done..]);
        Cow::Owned(kept)
    }
}

/// The ranges between separators (of one byte each).
fn pieces<'t>(
    text: &'t str,
    range: Range<usize>,
    separators: &'t [char],
) -> impl Iterator<Item = Range<usize>> + 't {
    let mut start = range.start;
    text[range].split(separators).map(move |piece| {
        let range = start..start + piece.len();
        start = range.end + 1;
        range
    })
}
