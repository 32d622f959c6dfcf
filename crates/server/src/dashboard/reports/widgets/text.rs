//! Text from events, formatted for a table: on one line, with invisible characters written out, and
//! shortened if long, with the whole text in the tooltip.
//!
//! The templates (`html`) escape text, and write out invisible characters in all other text too. They also
//! isolate each text, so that it cannot change the direction of the text around it.

use millimetric_core::invisible::scan;

use crate::html::write_out;

/// The longest text in a table, in characters.
const MOST: usize = 90;

/// A text as a page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::dashboard::reports) struct Shown {
    /// The text on the page.
    pub(in crate::dashboard::reports) short: String,
    /// The whole text, if it was shortened.
    pub(in crate::dashboard::reports) whole: Option<String>,
    /// It is a label of the page, such as "unknown", not text from an event.
    pub(in crate::dashboard::reports) ours: bool,
}

impl Shown {
    /// Text from an event.
    pub(in crate::dashboard::reports) fn new(text: &str) -> Self {
        let whole = visible(text);
        let Some((cut, _)) = whole.char_indices().nth(MOST) else {
            return Self { short: whole, ..Self::default() };
        };
        Self { short: format!("{}…", &whole[..cut]), whole: Some(whole), ours: false }
    }

    /// A label of the page.
    pub(in crate::dashboard::reports) fn ours(words: &str) -> Self {
        Self { short: words.to_owned(), whole: None, ours: true }
    }

    /// Text from an event, or a label if it is absent or empty.
    pub(in crate::dashboard::reports) fn or(text: Option<&str>, nothing: &str) -> Self {
        text.filter(|text| !text.is_empty()).map_or_else(|| Self::ours(nothing), Self::new)
    }
}

/// Source and medium as pages show them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::dashboard::reports) struct SourceLabel {
    pub(in crate::dashboard::reports) source: Shown,
    /// `None` if the source says it all.
    pub(in crate::dashboard::reports) medium: Option<Shown>,
}

impl SourceLabel {
    /// `direct / direct` is "Direct". `None` for the source `internal`: a page view within the site came
    /// from no other source.
    pub(in crate::dashboard::reports) fn new(source: &str, medium: &str) -> Option<Self> {
        match (source, medium) {
            ("internal", _) => None,
            ("direct", "direct") => Some(Self { source: Shown::new("Direct"), medium: None }),
            _ => Some(Self { source: Shown::new(source), medium: Some(Shown::or(Some(medium), "unknown")) }),
        }
    }
}

/// Writes out invisible characters, including line breaks and tabs.
pub(in crate::dashboard::reports) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (character, hidden) in scan(text) {
        if hidden {
            // Into memory: it cannot fail.
            let _ = write_out(&mut shown, character);
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_marks_are_written_out() {
        for (text, shown) in [
            ("plain ü 漢字 عربى 👩‍💻", "plain ü 漢字 عربى 👩‍💻"),
            ("a\u{202e}cod.exe", "a⟨U+202E⟩cod.exe"),
            ("tab\tline\nnull\0", "tab␉line␊null␀"),
            ("\u{feff}\u{200b}x\u{9b}", "⟨U+FEFF⟩⟨U+200B⟩x⟨U+009B⟩"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn long_texts_are_cut_and_the_whole_is_kept() {
        assert_eq!(Shown::new(&"ü".repeat(90)).whole, None);
        let long = Shown::new(&"ü".repeat(91));
        assert_eq!(long.short, format!("{}…", "ü".repeat(90)));
        assert_eq!(long.whole, Some("ü".repeat(91)));
    }
}
