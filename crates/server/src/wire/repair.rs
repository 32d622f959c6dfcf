//! JSON as browsers really send it: lone surrogates and NULs in strings, made harmless before a
//! strict parser reads them.
//!
//! `"\ud800"` becomes U+FFFD and `"\u0000"` goes away (contract, section 3). Works on the text;
//! knows nothing of what it means.

use std::borrow::Cow;

/// Repairs the `\u` escapes of a JSON text; borrowed when there is nothing to repair.
pub fn escapes(json: &str) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    let mut out = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = memchr::memchr(b'\\', &bytes[at..]) {
        let start = at + found;
        at = (start + 2).min(bytes.len());
        let Some(unit) = escaped_unit(&bytes[start..]) else { continue };
        at = start + 6;
        let instead = match unit {
            0x0000 => "",
            0xD800..=0xDBFF if matches!(escaped_unit(&bytes[at..]), Some(0xDC00..=0xDFFF)) => {
                at += 6;
                continue;
            }
            0xD800..=0xDFFF => "\\ufffd",
            _ => continue,
        };
        if out.capacity() == 0 {
            // What is repaired is never longer: one allocation, whatever is in there.
            out.reserve_exact(json.len());
        }
        out.push_str(&json[copied..start]);
        out.push_str(instead);
        copied = at;
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    out.push_str(&json[copied..]);
    Cow::Owned(out)
}

/// The UTF-16 unit of a `\uXXXX` that these bytes begin with.
fn escaped_unit(bytes: &[u8]) -> Option<u16> {
    let hex = bytes.strip_prefix(b"\\u")?.get(..4)?;
    let digits = hex.iter().all(u8::is_ascii_hexdigit).then_some(hex)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lone_surrogates_and_nuls_are_made_harmless() {
        let cases = [
            (r#""plain""#, r#""plain""#),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\ud800""#, r#""\ufffd""#),
            (r#""\uDC00x""#, r#""\ufffdx""#),
            (r#""\ud800\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\ud800\u0041""#, r#""\ufffd\u0041""#),
            (r#""a\u0000b""#, r#""ab""#),
            (r#""\\u0000""#, r#""\\u0000""#),
            (r#""\\\u0000""#, r#""\\""#),
            (r#""\u00""#, r#""\u00""#),
            (r#""\u00"#, r#""\u00"#),
            ("\"\\", "\"\\"),
        ];
        for (json, expected) in cases {
            assert_eq!(escapes(json), expected, "{json}");
        }
    }

    proptest! {
        #[test]
        fn any_units_become_a_string_that_parses(units in proptest::collection::vec(any::<u16>(), 0..20)) {
            let json = units.iter().fold(String::new(), |json, unit| json + &format!("\\u{unit:04x}"));
            let read: String = serde_json::from_str(&escapes(&format!("\"{json}\""))).unwrap();
            let expected: String = String::from_utf16_lossy(&units).replace('\0', "");
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn no_text_panics(text in "[\\\\u0-9a-fDd\"é]{0,40}") {
            let _ = escapes(&text);
        }
    }
}
