//! Tables and properties of origins: what matches, what is refused, and that every entry is read
//! back as it was stored.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;

/// Texts that once were accepted and could not be read again, and their neighbours; one a line.
const CORPUS: &str = include_str!("../../data/cases/origins.txt");

fn matches(entry: &str, origin: &str) -> bool {
    let entry: AllowedOrigin = entry.parse().unwrap();
    Origin::parse(origin).is_some_and(|origin| entry.matches(&origin))
}

/// An entry is refused, or its text reads back to the same entry within the bound.
fn refused_or_stable(typed: &str) -> Result<(), String> {
    let Ok(entry) = typed.parse::<AllowedOrigin>() else { return Ok(()) };
    let text = entry.to_string();
    let again = text.parse::<AllowedOrigin>();
    let fits = text.len() <= AllowedOrigin::MAX_BYTES;
    let same_wildcard = entry.subdomains == typed.contains("://*.");
    if again.as_ref() == Ok(&entry) && fits && same_wildcard {
        return Ok(());
    }
    Err(format!("{typed:?} is stored as {text:?}, which reads as {again:?}"))
}

#[test]
fn origins_match_as_on_the_web() {
    let cases = [
        ("https://example.com", "https://example.com", true),
        ("https://example.com/", "https://example.com", true),
        ("HTTPS://Example.COM:443", "https://example.com", true),
        ("https://example.com", "https://example.com:443", true),
        ("https://bücher.example", "https://xn--bcher-kva.example", true),
        ("http://localhost:3000", "http://localhost:3000", true),
        ("http://[::1]:3000", "http://[::1]:3000", true),
        ("https://example.com", "http://example.com", false),
        ("https://example.com", "https://example.com:8443", false),
        ("https://example.com", "https://www.example.com", false),
        ("https://www.example.com", "https://example.com", false),
        ("https://*.example.com", "https://a.example.com", true),
        ("https://*.example.com", "https://a.b.example.com", true),
        ("https://*.example.com:8443", "https://a.example.com:8443", true),
        ("https://*.example.com", "https://example.com", false),
        ("https://*.example.com", "https://evilexample.com", false),
        ("https://*.example.com", "https://example.com.evil.io", false),
        ("https://*.example.com", "https://.example.com", false),
        ("https://*.example.com", "http://a.example.com", false),
        // The root's dot makes another host, for browsers too.
        ("https://example.com.", "https://example.com.", true),
        ("https://example.com.", "https://example.com", false),
        ("https://*.example.com.", "https://a.example.com.", true),
        ("https://*.example.com.", "https://a.example.com", false),
        // One address in other spellings.
        ("http://127.1", "http://127.0.0.1", true),
        ("http://0x7f.0.0.1:3000", "http://127.0.0.1:3000", true),
        ("http://2130706433", "http://127.0.0.1", true),
        ("http://１２７.0.0.1", "http://127.0.0.1", true),
        ("http://[0:0:0:0:0:0:0:1]", "http://[::1]", true),
        ("http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]", true),
        ("http://[::ffff:127.0.0.1]", "http://127.0.0.1", false),
        // What IDNA drops or maps to a plain letter is the plain host.
        ("https://exa\u{ad}mple.com", "https://example.com", true),
        ("https://exa\u{200b}mple.com", "https://example.com", true),
        ("https://ｅxample。com", "https://example.com", true),
        ("https://%65xample.com", "https://example.com", true),
    ];
    for (entry, origin, expected) in cases {
        assert_eq!(matches(entry, origin), expected, "{entry} against {origin}");
    }
}

#[test]
fn origins_of_apps_match_exactly() {
    let extension = "chrome-extension://abcdefghijklmnopabcdefghijklmnop";
    let cases = [
        ("capacitor://localhost", "capacitor://localhost", true),
        ("Capacitor://LOCALHOST/", "capacitor://localhost", true),
        ("ionic://localhost", "ionic://localhost", true),
        ("tauri://localhost", "tauri://localhost", true),
        ("app://obsidian.md", "app://obsidian.md", true),
        ("app://Obsidian.md", "app://obsidian.md", true),
        ("app://-", "app://-", true),
        (extension, extension, true),
        ("capacitor://localhost", "ionic://localhost", false),
        ("capacitor://localhost", "http://localhost", false),
        ("capacitor://localhost", "https://localhost", false),
        ("http://localhost", "capacitor://localhost", false),
        ("http://localhost", "http://localhost", true),
        ("capacitor://localhost", "capacitor://localhost:80", false),
        ("capacitor://localhost", "capacitor://localhost/", false),
        ("capacitor://localhost", "capacitor://a.localhost", false),
        ("app://obsidian.md", "app://www.obsidian.md", false),
        ("app://obsidian.md", "https://obsidian.md", false),
        (extension, "chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba", false),
    ];
    for (entry, origin, expected) in cases {
        assert_eq!(matches(entry, origin), expected, "{entry} against {origin}");
    }
    for entry in ["capacitor://localhost", "tauri://localhost", "app://localhost"] {
        let origin = Origin::parse(entry).unwrap();
        assert!(origin.is_app() && !origin.is_loopback(), "{entry} runs on anybody's device");
    }
    assert!(Origin::parse("http://localhost").unwrap().is_loopback());
}

#[test]
fn a_header_that_is_not_one_origin_is_none() {
    for header in [
        "",
        "null",
        "https://a.com, https://b.com",
        "https://a.com https://b.com",
        "https://a.com/",
        "https://a.com/path",
        "https://user@a.com",
        "https://a.com?x",
        "ftp://a.com",
        "chrome-extension://abcdef",
        "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc",
        "capacitor://localhost, capacitor://localhost",
        "file://",
        "//a.com",
        "a.com",
        "https://",
        "https:\\\\a.com",
    ] {
        assert_eq!(Origin::parse(header), None, "{header}");
    }
}

#[test]
fn an_entry_that_lets_strangers_in_or_means_nothing_is_refused() {
    type Kind = fn(String) -> OriginError;
    let cases: [(&str, Kind); 34] = [
        ("", OriginError::NotAnOrigin),
        ("example.com", OriginError::NotAnOrigin),
        ("null", OriginError::NotAnOrigin),
        ("ftp://example.com", OriginError::NotAnOrigin),
        ("moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc", OriginError::NotAnOrigin),
        ("https://", OriginError::NotAnOrigin),
        ("https://exa mple.com", OriginError::NotAnOrigin),
        ("https://exa%20mple.com", OriginError::NotAnOrigin),
        ("https://exa%2fmple.com", OriginError::NotAnOrigin),
        ("https://exa%40mple.com", OriginError::NotAnOrigin),
        ("https://exa%3ample.com", OriginError::NotAnOrigin),
        ("https://exa%23mple.com", OriginError::NotAnOrigin),
        ("https://exa%00mple.com", OriginError::NotAnOrigin),
        ("https://exa／mple.com", OriginError::NotAnOrigin),
        ("https://exa＠mple.com", OriginError::NotAnOrigin),
        ("https://example.com:99999", OriginError::NotAnOrigin),
        ("https://example.com/path", OriginError::MoreThanAnOrigin),
        ("https://example.com?x=1", OriginError::MoreThanAnOrigin),
        ("https://me@example.com", OriginError::MoreThanAnOrigin),
        ("capacitor://localhost/index.html", OriginError::MoreThanAnOrigin),
        ("*", OriginError::TooWide),
        ("https://*", OriginError::TooWide),
        ("https://*.com", OriginError::TooWide),
        ("https://*.com.", OriginError::TooWide),
        ("https://*.c%6fm", OriginError::TooWide),
        ("https://*..com", OriginError::TooWide),
        ("https://*.co.uk", OriginError::TooWide),
        ("https://*.github.io", OriginError::TooWide),
        ("https://*.127.0.0.1", OriginError::TooWide),
        ("https://a.*.example.com", OriginError::TooWide),
        ("app://*.example.com", OriginError::TooWide),
        ("capacitor://*", OriginError::TooWide),
        ("capacitor://localhost:80", OriginError::NotAnApp),
        ("chrome-extension://abcdef", OriginError::NotAnApp),
    ];
    for (entry, kind) in cases {
        assert_eq!(entry.parse::<AllowedOrigin>(), Err(kind(entry.to_owned())), "{entry}");
    }
}

#[test]
fn an_entry_that_becomes_another_one_is_refused_and_told_what_it_becomes() {
    for (typed, normalised) in [
        ("https://%2a.com", "https://*.com"),
        ("https://＊.com", "https://*.com"),
        ("https://%2a.example.com", "https://*.example.com"),
        ("https://＊.example.com", "https://*.example.com"),
        ("https://%EF%BC%8A.example.com", "https://*.example.com"),
        ("https://a%2a.example.com", "https://a*.example.com"),
        ("https://*.%2a.example.com", "https://*.*.example.com"),
        ("https://a%2cb.com", "https://a,b.com"),
        ("https://a，b.com", "https://a,b.com"),
    ] {
        let refused = typed.parse::<AllowedOrigin>();
        let (typed, normalised) = (typed.to_owned(), normalised.to_owned());
        assert_eq!(refused, Err(OriginError::NotStable { typed, normalised }));
    }
    // IDNA knows no host that mixes letters beyond ASCII with `*`, or it becomes one.
    assert!("https://bü%2acher.example".parse::<AllowedOrigin>().is_err());
}

#[test]
fn a_long_entry_is_refused_with_the_limit() {
    let host = |length: usize| format!("https://{}.com", "a".repeat(length));
    let longest = AllowedOrigin::MAX_BYTES - host(0).len();
    assert!(host(longest).parse::<AllowedOrigin>().is_ok());
    let refused = host(longest + 1).parse::<AllowedOrigin>().unwrap_err().to_string();
    assert!(refused.contains("at most 300 bytes"), "{refused}");
    assert!(refused.len() < 200, "the text itself is shortened: {refused}");
    // One character that normalises to more bytes than it has.
    let grows = format!("https://{}.com", "㎯".repeat(90));
    assert!(grows.len() <= AllowedOrigin::MAX_BYTES);
    assert!(grows.parse::<AllowedOrigin>().is_err());
}

#[test]
fn an_entry_is_shown_in_its_canonical_form() {
    for (entry, shown) in [
        ("HTTPS://*.Example.com:443/", "https://*.example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("App://Obsidian.md", "app://obsidian.md"),
    ] {
        assert_eq!(entry.parse::<AllowedOrigin>().unwrap().to_string(), shown);
    }
}

#[test]
fn what_was_found_before_stays_refused_or_stable() {
    let lines: Vec<&str> = CORPUS.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(lines.len() > 40);
    for line in lines {
        refused_or_stable(line).unwrap();
    }
}

#[test]
fn every_entry_that_is_accepted_reads_back_to_itself() {
    let piece = prop_oneof![
        4 => Just("a".to_owned()), 2 => Just("example".to_owned()), 2 => Just(".com".to_owned()),
        2 => Just(".".to_owned()), 2 => Just("*".to_owned()), 1 => Just("*.".to_owned()),
        1 => Just("xn--".to_owned()), 1 => Just("localhost".to_owned()), 1 => Just("127.1".to_owned()),
        1 => Just("[::1]".to_owned()), 1 => Just(":443".to_owned()), 1 => Just(":8080".to_owned()),
        1 => Just("0x7f".to_owned()), 1 => Just("/".to_owned()), 1 => Just("@".to_owned()),
        6 => any::<u8>().prop_map(|byte| format!("%{byte:02x}")),
        6 => any::<char>().prop_map(String::from),
        // Full-width forms of all of ASCII.
        6 => (0xff01_u32..=0xff5e).prop_map(|c| char::from_u32(c).unwrap().to_string()),
        8 => proptest::sample::select(vec!["%2a", "＊", "%2c", "，", "%2e", "。", "\u{ad}", "\u{200b}", "\u{200d}", "\u{2060}", "\u{feff}", "ß", "㎯", "℀", "⒈"])
            .prop_map(str::to_owned),
        1 => proptest::string::string_regex("[a-p]{32}").unwrap(),
        1 => (1_usize..300).prop_map(|length| "b".repeat(length)),
    ];
    let scheme = proptest::sample::select(vec![
        "https://",
        "http://",
        "HTTPS://",
        "https://*.",
        "capacitor://",
        "tauri://",
        "app://",
        "ionic://",
        "chrome-extension://",
        "ftp://",
        "",
    ]);
    let typed = (scheme, proptest::collection::vec(piece, 0..5))
        .prop_map(|(s, pieces)| s.to_owned() + &pieces.concat());
    let config = Config { cases: 4096, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let accepted = std::cell::Cell::new(0);
    let checked = runner.run(&typed, |typed| {
        accepted.set(accepted.get() + usize::from(typed.parse::<AllowedOrigin>().is_ok()));
        refused_or_stable(&typed).map_err(TestCaseError::fail)
    });
    checked.unwrap();
    assert!(accepted.get() > 200, "only {} of 4096 were accepted: the property says little", accepted.get());
}
