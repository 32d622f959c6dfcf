//! Which characters of a text nobody sees: they take no room, look like a blank, or turn the
//! direction of the text around them. A text can hide in them, and names that differ can look the same.
//!
//! Says which characters those are; whether one is left out or written out is decided where a text
//! is shown.

use icu_properties::CodePointSetData;
use icu_properties::props::{DefaultIgnorableCodePoint, Emoji};

/// Whether a character is invisible: a control character, a code point that Unicode ignores by
/// default (`Default_Ignorable_Code_Point`, which holds the bidi controls, zero-width characters,
/// fillers, variation selectors and tags), a line or paragraph separator, an interlinear
/// annotation mark, or a symbol that looks like a blank.
///
/// Spaces are visible, and so is what a font may lack.
pub fn is_invisible(c: char) -> bool {
    match c {
        ' '..='~' => false,
        // Separators; Braille pattern blank; interlinear annotation; musical symbol null notehead.
        '\u{2028}' | '\u{2029}' | '\u{2800}' | '\u{fff9}'..='\u{fffb}' | '\u{1d159}' => true,
        _ => c.is_control() || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c),
    }
}

/// The characters of a text, each with whether it is invisible without need.
///
/// Needed are, and only where they have an effect: the joiners U+200C and U+200D behind a letter
/// of a script that is written with them (Persian, Hindi, Malayalam, …), before one, and between
/// two emoji; and one presentation selector (U+FE0E, U+FE0F) behind an emoji.
pub fn scan(text: &str) -> impl Iterator<Item = (char, bool)> + '_ {
    let mut rest = text.chars().peekable();
    let mut before = Before::default();
    std::iter::from_fn(move || {
        let c = rest.next()?;
        let hidden = is_invisible(c) && !before.needs(c, rest.peek().copied());
        before.see(c, hidden);
        Some((c, hidden))
    })
}

/// Whether a text has a character that is invisible without need.
pub fn has_hidden(text: &str) -> bool {
    // Most texts are plain, and need no look at their neighbours.
    !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && scan(text).any(|(_, hidden)| hidden)
}

/// What stands before a character.
#[derive(Default)]
struct Before {
    /// The last visible character.
    visible: Option<char>,
    /// A joiner stands between that and here.
    joined: bool,
    /// A presentation selector stands between that and here.
    selected: bool,
}

impl Before {
    /// Whether an invisible character has an effect here.
    fn needs(&self, c: char, next: Option<char>) -> bool {
        let Some(visible) = self.visible.filter(|_| !self.joined) else { return false };
        let next = next.filter(|next| !is_invisible(*next));
        match c {
            '\u{200c}' | '\u{200d}' => {
                is_of_joining_script(visible)
                    || next.is_some_and(is_of_joining_script)
                    || (c == '\u{200d}' && is_emoji(visible) && next.is_some_and(is_emoji))
            }
            '\u{fe0e}' | '\u{fe0f}' if self.selected => false,
            // A digit becomes a key (U+20E3) by it.
            '\u{fe0e}' | '\u{fe0f}' if visible.is_ascii() => next == Some('\u{20e3}'),
            '\u{fe0e}' | '\u{fe0f}' => is_emoji(visible),
            _ => false,
        }
    }

    fn see(&mut self, c: char, hidden: bool) {
        match c {
            _ if hidden => {}
            '\u{200c}' | '\u{200d}' => self.joined = true,
            '\u{fe0e}' | '\u{fe0f}' => self.selected = true,
            _ => *self = Self { visible: Some(c), joined: false, selected: false },
        }
    }
}

fn is_emoji(c: char) -> bool {
    !c.is_ascii() && CodePointSetData::new::<Emoji>().contains(c)
}

/// The blocks of Unicode from Hebrew to Myanmar and from Ethiopic to Greek extended, and the later ones
/// of such scripts: in Latin, Greek, Cyrillic, Hangul and Han a joiner has no effect.
const fn is_of_joining_script(c: char) -> bool {
    matches!(c,
        '\u{590}'..='\u{109f}' | '\u{1200}'..='\u{1cff}' | '\u{a800}'..='\u{abff}' | '\u{fb1d}'..='\u{fdff}'
        | '\u{fe70}'..='\u{fefc}' | '\u{10a00}'..='\u{11fff}' | '\u{1e900}'..='\u{1e95f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Without what is hidden.
    fn seen(text: &str) -> String {
        scan(text).filter(|(_, hidden)| !hidden).map(|(c, _)| c).collect()
    }

    #[test]
    fn each_kind_of_invisible_character_is_known() {
        let cases: &[(&str, &[char])] = &[
            ("control", &['\0', '\t', '\n', '\r', '\x1b', '\x7f', '\u{80}', '\u{85}', '\u{9b}']),
            ("bidi", &['\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}']),
            (
                "zero width",
                &['\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{34f}', '\u{ad}'],
            ),
            ("filler", &['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}', '\u{17b4}', '\u{17b5}', '\u{2800}']),
            (
                "selector",
                &['\u{180b}', '\u{180d}', '\u{180f}', '\u{fe00}', '\u{fe0f}', '\u{e0100}', '\u{e01ef}'],
            ),
            ("separator", &['\u{180e}', '\u{2028}', '\u{2029}']),
            ("deprecated format", &['\u{206a}', '\u{206f}']),
            ("annotation", &['\u{fff0}', '\u{fff8}', '\u{fff9}', '\u{fffb}']),
            ("shorthand and music", &['\u{1bca0}', '\u{1bca3}', '\u{1d159}', '\u{1d173}', '\u{1d17a}']),
            ("tag", &['\u{e0000}', '\u{e0001}', '\u{e0020}', '\u{e007f}', '\u{e0fff}']),
        ];
        for (kind, characters) in cases {
            for c in *characters {
                assert!(is_invisible(*c), "{kind} {c:?}");
                assert_eq!(seen(&format!("x{c}y")), "xy", "{kind} {c:?}");
            }
        }
        for c in
            ['a', ' ', '~', '\u{a0}', 'é', '\u{301}', '\u{3000}', 'ع', '漢', '👩', '\u{fffd}', '\u{e000}']
        {
            assert!(!is_invisible(c), "{c:?}");
        }
    }

    #[test]
    fn what_writing_needs_is_kept() {
        for text in [
            "می\u{200c}خواهم",
            "PDF\u{200c}ها",
            "क\u{94d}\u{200d}ष",
            "ශ\u{dca}\u{200d}රී",
            "അവന\u{d4d}\u{200d}",
            "👩\u{200d}👩\u{200d}👧",
            "👩🏽\u{200d}💻",
            "❤\u{fe0f}\u{200d}🔥",
            "1\u{fe0f}\u{20e3}",
            "©\u{fe0f}",
            "漢字 عربى עברית ไทย Größe",
        ] {
            assert_eq!(seen(text), text);
            assert!(!has_hidden(text), "{text}");
        }
    }

    #[test]
    fn joiners_and_selectors_without_an_effect_are_hidden() {
        for (text, shown) in [
            ("a\u{200d}b", "ab"),
            ("\u{200d}می", "می"),
            ("می\u{200c}\u{200c}\u{200d}خ", "می\u{200c}خ"),
            ("👩\u{200d}", "👩"),
            ("👩\u{200d}x", "👩x"),
            ("👩\u{200c}👧", "👩👧"),
            ("❤\u{fe0f}\u{fe0f}\u{fe0e}", "❤\u{fe0f}"),
            ("❤\u{fe0f}\u{fe01}\u{e0100}", "❤\u{fe0f}"),
            ("1\u{fe0f}2", "12"),
            ("x\u{fe0f}", "x"),
            ("漢\u{200d}字", "漢字"),
            ("🏴\u{e0067}\u{e007f}", "🏴"),
        ] {
            assert_eq!(seen(text), shown, "{text:?}");
            assert!(has_hidden(text), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_left_hides_nothing_and_what_is_visible_stays(text in "[\u{0}-\u{10ffff}]{0,30}") {
            let left = seen(&text);
            prop_assert!(!has_hidden(&left), "{:?}", left);
            let visible = |text: &str| text.chars().filter(|c| !is_invisible(*c)).collect::<String>();
            prop_assert_eq!(visible(&left), visible(&text));
        }
    }
}
