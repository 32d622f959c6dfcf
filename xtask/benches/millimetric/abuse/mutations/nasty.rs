//! Texts and JSON values that programs stumble over.

use crate::random::Random;

/// Texts for query strings, headers, paths and names.
const TEXTS: &[&str] = &[
    "",
    " ",
    "\0",
    "a\0b",
    "null",
    "undefined",
    "NaN",
    "Infinity",
    "-1",
    "0",
    "1",
    "1001",
    "1e400",
    "-9223372036854775809",
    "18446744073709551616",
    "340282366920938463463374607431768211456",
    "2026-02-30",
    "2026-12-31T23:59:60Z",
    "+275760-09-13T00:00:00Z",
    "-292277022657-01-27T08:29:52Z",
    "9999-12-31",
    "0000-00-00",
    "Europe/Atlantis",
    "%00",
    "%ff%fe",
    "%",
    "%zz",
    "../../../../etc/passwd",
    "//evil.example",
    "/%01",
    "/\r\nx-injected: 1",
    "'; drop table events; --",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "=1+1",
    "\u{202e}txt.exe",
    "\u{200b}",
    "\u{feff}key",
    "\u{fffd}",
    "👩‍👩‍👧‍👦",
    "e\u{301}\u{301}\u{301}\u{301}",
    "ß",
    "İ",
    "(a+)+$",
    "[",
    "*",
    "$pageview",
    "$identify",
    "properties.",
    "properties.title",
    "properties.a.b",
    "event_name,source,medium,country,path",
    "path,path",
    "a,,b",
    ",",
    "$pageview,$pageview,$pageview,$pageview,$pageview,$pageview,$pageview,$pageview,$pageview",
    "sum",
    "uniques",
    "hour",
    "month",
    "366d",
    "0d",
    "99999999999d",
    "parquet",
    "csv",
    "evt_00000000-0000-7000-8000-000000000000",
    "https://shop.example/?utm_source=%f0%9f%92%a5&utm_medium=cpc",
    "https://*.com",
    "https://%252a.com",
    "https://＊.com",
    "tauri://localhost",
    "http://[::1]:99999/",
    "https://b\u{fc}%2acher.example",
    "javascript:alert(1)",
];

/// JSON values as they are written, some of which no JSON value may be.
const VALUES: &[&str] = &[
    "null",
    "true",
    "0",
    "-0",
    "-1",
    "1.5",
    "1e400",
    "-1e400",
    "1e-400",
    "01",
    "18446744073709551616",
    "99999999999999999999999999999999999999999999999999",
    "{}",
    "[]",
    "[[]]",
    "\"\"",
    r#""\u0000""#,
    r#""\ud800""#,
    r#""\udc00\ud800""#,
    r#""\ud83d\ude00""#,
    r#""\x""#,
    r#""\u12""#,
    "\"unfinished",
    "nul",
    "NaN",
    "undefined",
    "{\"a\":1,\"a\":2}",
    "{\"a\"}",
    "{\"\":\"\"}",
    "[1,2,",
    "/*comment*/1",
    "'single'",
    "\"2026-02-30T00:00:00Z\"",
    "\"9999-12-31T23:59:59.999999999Z\"",
    "\"-292277022657-01-27T08:29:52Z\"",
    "\"1970-01-01T00:00:00+24:00\"",
];

/// A text; now and then a long one, which no limit of a field admits.
pub(super) fn text(random: &mut Random) -> String {
    match random.below(24) {
        0 => "a".repeat(random.of(&[127, 128, 129, 256, 257, 2048, 2049, 5000])),
        1 => "é".repeat(random.of(&[64, 128, 129, 1025])),
        2 => format!("{}", random.below(u64::MAX)),
        _ => random.of(TEXTS).to_owned(),
    }
}

/// A JSON value as it is written.
pub(super) fn value(random: &mut Random) -> String {
    match random.below(12) {
        0 => nested(random),
        1 => format!("\"{}\"", "x".repeat(random.of(&[128, 129, 257, 2049, 8193, 70_000]))),
        2 => format!("[{}1]", "1,".repeat(random.of(&[10, 1000, 1001, 20_000]))),
        3 => members(random.of(&[10, 500, 5000])),
        4 => serde_json::Value::String(text(random)).to_string(),
        _ => random.of(VALUES).to_owned(),
    }
}

/// Lists or objects in each other, closed or not.
fn nested(random: &mut Random) -> String {
    let depth = random.of(&[31, 32, 33, 127, 128, 129, 1000, 20_000]);
    let (open, close) = random.of(&[("[", "]"), ("{\"a\":", "}")]);
    let closed = if random.once_in(3) { 0 } else { depth };
    format!("{}1{}", open.repeat(depth), close.repeat(closed))
}

/// An object of so many members.
fn members(count: usize) -> String {
    let members: Vec<_> = (0..count).map(|member| format!("\"m{member}\":{member}")).collect();
    format!("{{{}}}", members.join(","))
}
