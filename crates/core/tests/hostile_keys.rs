//! Texts that come where a key is expected: random, mutated, and saved ones. None panics, and what is
//! read as a key is that text and no other.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use millimetric_core::key::{Env, KEY_RANDOM_BYTES, KeyKind, KeyText};
use proptest::prelude::*;

/// One text a line: each is no key.
const NO_KEYS: &str = include_str!("../data/cases/no_keys.txt");

fn key() -> String {
    KeyText::create(KeyKind::Pk, Env::Live, &std::array::from_fn::<_, KEY_RANDOM_BYTES, _>(|i| i as u8))
        .reveal()
        .to_owned()
}

fn is_itself(text: &str) -> bool {
    KeyText::parse(text).map_or(true, |read| read.reveal() == text)
}

#[test]
fn what_is_no_key_is_read_as_none() {
    let lines: Vec<&str> = NO_KEYS.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(lines.len() > 20);
    for line in lines {
        assert!(KeyText::parse(line).is_err(), "{line:?}");
        let _ = KeyText::fingerprint_of(line);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2048) })]

    #[test]
    fn a_changed_key_is_no_key(at in any::<prop::sample::Index>(), piece in "\\PC{0,3}", cut in 0..4_usize) {
        let good = key();
        let mut characters: Vec<char> = good.chars().collect();
        let place = at.index(characters.len());
        let end = characters.len().min(place + cut);
        characters.splice(place..end, piece.chars());
        let changed: String = characters.into_iter().collect();
        prop_assert!(is_itself(&changed));
        prop_assert!(changed == good || KeyText::parse(&changed).is_err(), "{}", changed);
    }

    #[test]
    fn any_text_is_itself_or_no_key(text in any::<String>()) {
        prop_assert!(is_itself(&text));
        let _ = KeyText::fingerprint_of(&text);
    }
}
