//! The properties of an event: bounded, compact JSON text.
//!
//! Works on the text itself, so numbers of any size and keys in any order come out as they were
//! sent. It never checks the JSON grammar: its input was read by a JSON parser before.

/// The most bytes that properties may take as compact JSON.
pub const MAX_BYTES: usize = 8192;
/// The deepest nesting, counting the outer object as one.
pub const MAX_DEPTH: usize = 32;

/// Why properties are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PropertiesError {
    /// An array, a string, a number, …
    #[error("must be a JSON object")]
    NotAnObject,
    /// Longer than [`MAX_BYTES`] without white space.
    #[error("must be at most 8192 bytes as compact JSON")]
    TooLong,
    /// Deeper than [`MAX_DEPTH`].
    #[error("must be nested at most 32 levels deep")]
    TooDeep,
}

/// Takes the white space out of a valid JSON object and checks its bounds.
pub fn compact(json: &str) -> Result<String, PropertiesError> {
    let json = json.trim_ascii();
    if !json.starts_with('{') {
        return Err(PropertiesError::NotAnObject);
    }
    let mut out = Vec::with_capacity(json.len().min(MAX_BYTES));
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &byte in json.as_bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => continue,
                b'"' => in_string = true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        if depth > MAX_DEPTH {
            return Err(PropertiesError::TooDeep);
        }
        if out.len() == MAX_BYTES {
            return Err(PropertiesError::TooLong);
        }
        out.push(byte);
    }
    // Only ASCII bytes outside strings were left out, so this is still UTF-8.
    String::from_utf8(out).map_err(|_| PropertiesError::NotAnObject)
}

/// Adds a numeric member at the end of a compact object.
#[must_use]
pub fn with_number(object: &str, name: &str, value: i64) -> String {
    let body = object.strip_suffix('}').unwrap_or(object);
    let comma = if body.len() > 1 { "," } else { "" };
    format!("{body}{comma}\"{name}\":{value}}}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn white_space_goes_and_strings_stay() {
        let cases = [
            ("{}", "{}"),
            (" { } ", "{}"),
            (
                "{ \"a b\" : \" c\\\" d \" , \"n\" : [ 1 , 2.50 , 1e999 ] }",
                "{\"a b\":\" c\\\" d \",\"n\":[1,2.50,1e999]}",
            ),
            ("{\"a\":\"\\\\\" }", "{\"a\":\"\\\\\"}"),
            ("{\"ü\": \"✓ \"}", "{\"ü\":\"✓ \"}"),
        ];
        for (text, expected) in cases {
            assert_eq!(compact(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn bounds_are_kept() {
        assert_eq!(compact("[1]"), Err(PropertiesError::NotAnObject));
        assert_eq!(compact("null"), Err(PropertiesError::NotAnObject));
        let of = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
        assert_eq!(compact(&of(8192)).map(|text| text.len()), Ok(8192));
        assert_eq!(compact(&of(8193)), Err(PropertiesError::TooLong));
        let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        assert!(compact(&deep(32)).is_ok());
        assert_eq!(compact(&deep(33)), Err(PropertiesError::TooDeep));
    }

    #[test]
    fn a_number_is_added() {
        assert_eq!(with_number("{}", "$clock_skew_ms", 5), "{\"$clock_skew_ms\":5}");
        assert_eq!(with_number("{\"a\":1}", "b", -5), "{\"a\":1,\"b\":-5}");
    }

    proptest! {
        #[test]
        fn compact_text_means_the_same(key in "\\PC{0,10}", value in "\\PC{0,20}", number in any::<i64>()) {
            let value = serde_json::json!({ key: value, "n": [number, { "x": null }] });
            let compacted = compact(&serde_json::to_string_pretty(&value).unwrap()).unwrap();
            prop_assert_eq!(&compacted, &serde_json::to_string(&value).unwrap());
        }
    }
}
