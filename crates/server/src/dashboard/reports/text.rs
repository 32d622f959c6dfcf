//! Texts of strangers, made harmless to look at: marks that nobody sees are written out, and what
//! is long is cut, with the whole beside it.
//!
//! Escaping is the templates' business; they also isolate each text, so that it cannot turn the
//! direction of its neighbours.

use std::fmt::Write as _;

/// The most characters of a text in a table.
const MOST: usize = 90;

/// A text as a page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Shown {
    /// What stands on the page.
    pub(super) short: String,
    /// The whole, when it was cut.
    pub(super) whole: Option<String>,
    /// It is no text of a stranger's but our word for "nothing".
    pub(super) ours: bool,
}

impl Shown {
    /// A stranger's text.
    pub(super) fn new(text: &str) -> Self {
        let whole = visible(text);
        let Some((cut, _)) = whole.char_indices().nth(MOST) else {
            return Self { short: whole, ..Self::default() };
        };
        Self { short: format!("{}…", &whole[..cut]), whole: Some(whole), ours: false }
    }

    /// Our own words.
    pub(super) fn ours(words: &str) -> Self {
        Self { short: words.to_owned(), whole: None, ours: true }
    }

    /// A text that may be missing.
    pub(super) fn or(text: Option<&str>, nothing: &str) -> Self {
        text.filter(|text| !text.is_empty()).map_or_else(|| Self::ours(nothing), Self::new)
    }
}

/// Writes out what has no shape of its own: control characters, marks of direction, and others
/// that take no room.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\0'..='\x1f' => {
                shown.push(char::from_u32(0x2400 + character as u32).unwrap_or('\u{fffd}'));
            }
            '\x7f' => shown.push('\u{2421}'),
            hidden if is_hidden(hidden) => {
                let _ = write!(shown, "⟨U+{:04X}⟩", hidden as u32);
            }
            plain => shown.push(plain),
        }
    }
    shown
}

const fn is_hidden(character: char) -> bool {
    matches!(
        character,
        '\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
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
