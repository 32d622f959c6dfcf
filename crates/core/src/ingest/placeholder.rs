//! Ids that identify nobody: what a program sends if a variable has no value, and names that many visitors
//! share.
//!
//! Such an id is stored like any other. It never links people (contract, section 3): otherwise whoever shares
//! it would be one person, and to forget one of them would be to forget all.

/// The ids, in lower case, without blanks, quotes and brackets around them. PostHog refuses most of these as
/// a distinct id, for the same reason.
const PLACEHOLDERS: [&str; 8] =
    ["undefined", "null", "nil", "nan", "none", "[object object]", "anonymous", "guest"];

/// Whether a visitor's or user's id is a placeholder: one of a list, in any case (`undefined`, `NULL`,
/// `[object Object]`); zeros alone (`0`, the UUID of zeros); or nothing but blanks, quotes and brackets.
pub fn is_placeholder_id(id: &str) -> bool {
    let around =
        |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '(' | ')' | '<' | '>' | '{' | '}');
    let bare = id.trim_matches(around);
    bare.chars().all(|c| matches!(c, '0' | '-'))
        || PLACEHOLDERS.iter().any(|known| known.eq_ignore_ascii_case(bare))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told_from_ids() {
        for id in [
            "undefined",
            "UNDEFINED",
            "null",
            "NULL",
            "nil",
            "NaN",
            "None",
            "none",
            "[object Object]",
            "[OBJECT OBJECT]",
            "anonymous",
            "Anonymous",
            "guest",
            "0",
            "0000",
            "00000000-0000-0000-0000-000000000000",
            "00000000000000000000000000000000",
            "{00000000-0000-0000-0000-000000000000}",
            " undefined",
            "null\n",
            "\u{a0}guest",
            "\"undefined\"",
            "'null'",
            "(null)",
            "<null>",
            "<nil>",
            "",
            " ",
            "\"\"",
            "{}",
            "-",
        ] {
            assert!(is_placeholder_id(id), "{id:?}");
        }
        for id in [
            "1",
            "00000000-0000-0000-0000-000000000001",
            "100",
            "0x0",
            "0.0",
            "undefined-1",
            "nullify",
            "nancy",
            "guest-4711",
            "guest@shop.example",
            "anonymous2",
            "[object Object]1",
            "anon_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5",
            "false",
            "nоne",
            "空",
        ] {
            assert!(!is_placeholder_id(id), "{id:?}");
        }
    }
}
