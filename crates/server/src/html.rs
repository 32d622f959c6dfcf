//! How every text gets into a page: escaped, and with its invisible characters written out, so that
//! no name of an event, a project or a person reads as something else than it is.
//!
//! Named in `askama.toml` for all templates; what a form field sends back to the server is exact
//! (`|escape("exact")`), and only escaped.

use std::fmt::{self, Write};

use askama::filters::{Escaper, Html};
use millimetric_core::invisible::scan;

/// Escapes for HTML and writes out what nobody would see. Line breaks and tabs stay: they are blanks
/// in a page.
#[derive(Debug, Clone, Copy, Default)]
pub struct Visible;

impl Escaper for Visible {
    fn write_escaped_str<W: Write>(&self, mut to: W, text: &str) -> fmt::Result {
        let (mut begin, mut at) = (0, 0);
        for (character, hidden) in scan(text) {
            let end = at + character.len_utf8();
            if hidden && !matches!(character, '\t' | '\n' | '\r') {
                Html.write_escaped_str(&mut to, &text[begin..at])?;
                write_out(&mut to, character)?;
                begin = end;
            }
            at = end;
        }
        Html.write_escaped_str(to, &text[begin..])
    }
}

/// Writes an invisible character so that it is seen: control characters as their pictures
/// (U+2400 and the following), others as their code points.
pub fn write_out(mut to: impl Write, invisible: char) -> fmt::Result {
    match invisible {
        '\0'..='\x1f' => to.write_char(char::from_u32(0x2400 + u32::from(invisible)).unwrap_or('\u{fffd}')),
        '\x7f' => to.write_char('\u{2421}'),
        other => write!(to, "⟨U+{:04X}⟩", u32::from(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_what_nobody_sees_is_written_out() {
        for (text, written) in [
            ("", ""),
            ("plain ü 漢字 عربى 👩\u{200d}💻", "plain ü 漢字 عربى 👩\u{200d}💻"),
            ("a<b>&\"'", "a&#60;b&#62;&#38;&#34;&#39;"),
            ("<\u{202e}cod.exe>", "&#60;⟨U+202E⟩cod.exe&#62;"),
            ("\u{e0041}\u{200b}", "⟨U+E0041⟩⟨U+200B⟩"),
            ("a\n\tb\r\n", "a\n\tb\r\n"),
            ("\0\x1b\x7f\u{9b}", "␀␛␡⟨U+009B⟩"),
            ("⟨U+202E⟩", "⟨U+202E⟩"),
        ] {
            let mut page = String::new();
            Visible.write_escaped_str(&mut page, text).unwrap();
            assert_eq!(page, written, "{text:?}");
            let mut again = String::new();
            Visible.write_escaped_char(&mut again, '\u{ad}').unwrap();
            assert_eq!(again, "⟨U+00AD⟩");
        }
    }
}
