//! Characters that nobody can see, by name: they come along when a key is copied from a web page,
//! a chat or a document, and make it another text.

use std::fmt;

/// A character that has no shape of its own on a screen, and its name in Unicode where it is a
/// common one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invisible(char);

/// The first character of a text that cannot be seen. Line ends and tabs count, the plain space
/// does not.
pub fn first(text: &str) -> Option<Invisible> {
    text.chars().find(|&c| is_invisible(c)).map(Invisible)
}

/// Controls, format characters, fillers, selectors and every space but the plain one.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// The names of those that are met in practice.
const NAMES: &[(char, &str)] = &[
    ('\t', "TAB"),
    ('\n', "LINE FEED"),
    ('\r', "CARRIAGE RETURN"),
    ('\u{A0}', "NO-BREAK SPACE"),
    ('\u{AD}', "SOFT HYPHEN"),
    ('\u{34F}', "COMBINING GRAPHEME JOINER"),
    ('\u{2003}', "EM SPACE"),
    ('\u{2007}', "FIGURE SPACE"),
    ('\u{2009}', "THIN SPACE"),
    ('\u{200A}', "HAIR SPACE"),
    ('\u{200B}', "ZERO WIDTH SPACE"),
    ('\u{200C}', "ZERO WIDTH NON-JOINER"),
    ('\u{200D}', "ZERO WIDTH JOINER"),
    ('\u{200E}', "LEFT-TO-RIGHT MARK"),
    ('\u{200F}', "RIGHT-TO-LEFT MARK"),
    ('\u{2028}', "LINE SEPARATOR"),
    ('\u{2029}', "PARAGRAPH SEPARATOR"),
    ('\u{202A}', "LEFT-TO-RIGHT EMBEDDING"),
    ('\u{202B}', "RIGHT-TO-LEFT EMBEDDING"),
    ('\u{202C}', "POP DIRECTIONAL FORMATTING"),
    ('\u{202D}', "LEFT-TO-RIGHT OVERRIDE"),
    ('\u{202E}', "RIGHT-TO-LEFT OVERRIDE"),
    ('\u{202F}', "NARROW NO-BREAK SPACE"),
    ('\u{2060}', "WORD JOINER"),
    ('\u{2066}', "LEFT-TO-RIGHT ISOLATE"),
    ('\u{2067}', "RIGHT-TO-LEFT ISOLATE"),
    ('\u{2068}', "FIRST STRONG ISOLATE"),
    ('\u{2069}', "POP DIRECTIONAL ISOLATE"),
    ('\u{3000}', "IDEOGRAPHIC SPACE"),
    ('\u{FE0F}', "VARIATION SELECTOR-16"),
    ('\u{FEFF}', "ZERO WIDTH NO-BREAK SPACE (byte order mark)"),
];

impl fmt::Display for Invisible {
    /// `U+200B ZERO WIDTH SPACE`; without a common name the number alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "U+{:04X}", u32::from(self.0))?;
        match NAMES.iter().find(|(c, _)| *c == self.0) {
            Some((_, name)) => write!(f, " {name}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_cannot_be_seen_is_named() {
        let named = |text: &str| first(text).map(|found| found.to_string());
        for (text, name) in [
            ("pk_live", None),
            ("a b-c_d é ü 漢", None),
            ("pk\u{200b}_live\u{a0}", Some("U+200B ZERO WIDTH SPACE")),
            ("pk_live\u{a0}", Some("U+00A0 NO-BREAK SPACE")),
            ("\u{feff}pk", Some("U+FEFF ZERO WIDTH NO-BREAK SPACE (byte order mark)")),
            ("pk\n", Some("U+000A LINE FEED")),
            ("pk\0", Some("U+0000")),
            ("pk\u{e0041}", Some("U+E0041")),
        ] {
            assert_eq!(named(text).as_deref(), name, "{text:?}");
        }
        for (c, name) in NAMES {
            assert!(is_invisible(*c), "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_name_never_holds_more_of_the_text(text in "\\PC{0,20}\\p{Cf}\\PC{0,20}") {
            if let Some(found) = first(&text) {
                prop_assert!(found.to_string().is_ascii() && found.to_string().starts_with("U+"));
            }
        }
    }
}
