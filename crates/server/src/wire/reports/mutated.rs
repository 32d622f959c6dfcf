//! Query strings, bodies and cursors as no client means them: those of the corpus, changed at random. Reading
//! them ends in a query or in a refusal with a code of the contract, whose length does not grow
//! beyond what was sent.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::error::{ApiResult, ErrorCode};
use crate::ops::goals::AskedGoals;
use crate::wire::params::SentParams;
use crate::wire::responses::{read_cursor, write_cursor};

const QUERIES: &str = include_str!("../../../data/corpus/queries.txt");
const BODIES: &str = include_str!("../../../data/corpus/read_bodies.txt");
const CURSORS: &str = include_str!("../../../data/corpus/cursors.txt");
/// Longest query string that is tried, in characters; the server takes no longer address.
const MAX_QUERY: usize = 64 * 1024;
/// Pieces that parsers trip over.
const PIECES: &[&str] = &[
    "&",
    "=",
    "%",
    "%2",
    "%00",
    "%ff",
    "%E2%80%AE",
    "%2C",
    ",",
    "+",
    "-",
    ".",
    "\0",
    "é",
    "\u{202e}",
    "from=",
    "to=",
    "&limit=",
    "&group_by=properties.",
    "&cursor=",
    "&goal=",
    "&metric=conversions",
    "&steps=",
    "&window=",
    "&timezone=",
    "&source=",
    "&source=x&source=y",
    "&filters=",
    "[[\"is\",\"country\",[\"DE\"]]]",
    "[[\"matches\",\"path\",[\"(a|b)+$\"],{\"case_sensitive\":false}]]",
    "[\"not\",",
    "[\"or\",[",
    "\"properties.a\"",
    "\"hostname\"",
    "]]",
    "{\"event\":\"a\",\"filters\":",
    "{\"page\":\"/a*\"",
    "{\"goal\":\"a\"",
    "page:/*",
    "goal:",
    "&group_at=",
    "&new=",
    "9999-12-31",
    "-262143-01-01",
    "2026-02-30",
    "T24:00:00Z",
    "18446744073709551616",
    "-1",
    "1e3",
    "NaN",
    "Europe/Berlin",
    "366d",
    "99999999999999999999w",
    "properties.a,properties.a",
    "os,os,os,os,os,os",
];

/// What each route says of parameters.
fn read_by_all(sent: &SentParams) -> Vec<(&'static str, ApiResult<()>)> {
    struct Read<'a>(&'a SentParams, Vec<(&'static str, ApiResult<()>)>);
    impl Read<'_> {
        fn read<P: Parameters>(&mut self, path: &'static str) {
            let known = ["sale", "signup"].map(|slug| slug.parse().unwrap());
            let goals = AskedGoals { found: Vec::new(), known: known.to_vec() };
            // The goals are looked up before the parameters are read.
            let _ = self.0.goals::<P>();
            self.1.push((path, self.0.clone().read::<P>(goals).map(drop)));
        }
    }
    impl ReportVisitor for Read<'_> {
        fn visit<R: Report>(&mut self) {
            self.read::<R>(R::PATH);
        }
    }
    let mut read = Read(sent, Vec::new());
    for_each_report(&mut read);
    read.read::<ExportParams>("/v1/export");
    read.read::<UsageParams>("/v1/usage");
    read.read::<SchemaParams>("/v1/schema");
    read.read::<ExplainParams>("/v1/explain");
    read.1
}

fn in_query_string(text: &str) -> SentParams {
    SentParams::QueryString(Some(text.to_owned()))
}

fn check(query: &str) -> Result<(), TestCaseError> {
    check_sent(&in_query_string(query), query.len())
}

/// Checks a body, which may be none.
fn check_body(text: &str) -> Result<(), TestCaseError> {
    match SentParams::from_body(text) {
        Ok(sent) => check_sent(&sent, text.len()),
        Err(error) => {
            prop_assert_eq!(error.code, ErrorCode::InvalidPayload);
            prop_assert!(serde_json::Value::Object(error.details).to_string().len() <= 4096 + 6 * text.len());
            Ok(())
        }
    }
}

fn check_sent(sent: &SentParams, bytes: usize) -> Result<(), TestCaseError> {
    for (route, read) in read_by_all(sent) {
        let Err(error) = read else { continue };
        let code = error.code;
        prop_assert!(
            matches!(code, ErrorCode::InvalidParams | ErrorCode::InvalidGroupBy),
            "{} {:?}",
            route,
            code
        );
        let length = serde_json::Value::Object(error.details).to_string().len();
        // A name that is unknown is repeated, at worst escaped.
        prop_assert!(length <= 4096 + 6 * bytes, "{}: {} bytes for {}", route, length, bytes);
    }
    Ok(())
}

#[derive(Debug, Clone)]
enum Change {
    Insert(Index, &'static str, usize),
    Remove(Index, usize),
    /// The rest once more.
    Double(Index),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (any::<Index>(), select(PIECES), 1..4_usize).prop_map(|(at, piece, times)| Change::Insert(at, piece, times)),
        1 => (any::<Index>(), select(PIECES), 100..2000_usize).prop_map(|(at, piece, times)| Change::Insert(at, piece, times)),
        3 => (any::<Index>(), 1..12_usize).prop_map(|(at, count)| Change::Remove(at, count)),
        1 => any::<Index>().prop_map(Change::Double),
    ]
}

fn apply(change: Change, text: &str) -> String {
    let characters: Vec<char> = text.chars().take(MAX_QUERY).collect();
    let halves = |at: Index| characters.split_at(at.index(characters.len() + 1));
    let text = |part: &[char]| part.iter().collect::<String>();
    match change {
        Change::Insert(at, piece, times) => {
            let (before, after) = halves(at);
            text(before) + &piece.repeat(times) + &text(after)
        }
        Change::Remove(at, count) => {
            let (before, after) = halves(at);
            text(before) + &text(&after[count.min(after.len())..])
        }
        Change::Double(at) => text(&characters) + &text(halves(at).1),
    }
}

fn check_cursor(text: &str) -> Result<(), TestCaseError> {
    if let Some(cursor) = read_cursor(text) {
        prop_assert!(cursor.event_id.len() <= text.len());
        let written = write_cursor(&cursor);
        prop_assert_eq!(read_cursor(&written), Some(cursor));
    }
    Ok(())
}

#[test]
fn the_corpus_is_read_as_it_is() {
    for query in QUERIES.lines() {
        check(query).unwrap();
    }
    for cursor in CURSORS.lines() {
        check_cursor(cursor).unwrap();
    }
    for body in BODIES.lines() {
        check_body(body).unwrap();
    }
    let read = BODIES.lines().filter_map(|body| SentParams::from_body(body).ok());
    assert!(read.filter(|sent| read_by_all(sent).iter().any(|(_, read)| read.is_ok())).count() >= 8);
    assert!(
        read_by_all(&in_query_string(QUERIES.lines().next().unwrap()))
            .iter()
            .filter(|(_, read)| read.is_ok())
            .count()
            >= 8
    );
    assert!(CURSORS.lines().filter(|cursor| read_cursor(cursor).is_some()).count() >= 3);
}

proptest! {
    #[test]
    fn no_query_string_breaks_the_reading_or_makes_it_grow(
        seed in select(QUERIES.lines().collect::<Vec<_>>()), changes in vec(change(), 0..6),
    ) {
        check(&changes.into_iter().fold(seed.to_owned(), |text, change| apply(change, &text)))?;
    }

    #[test]
    fn no_body_breaks_the_reading_or_makes_it_grow(
        seed in select(BODIES.lines().collect::<Vec<_>>()), changes in vec(change(), 0..6),
    ) {
        check_body(&changes.into_iter().fold(seed.to_owned(), |text, change| apply(change, &text)))?;
    }

    #[test]
    fn no_text_at_all_breaks_the_reading(text in "\\PC{0,300}|[\u{0}-\u{10ffff}]{0,100}") {
        check(&text)?;
        check_body(&text)?;
        check_cursor(&text)?;
    }

    #[test]
    fn no_cursor_breaks_the_reading(
        seed in select(CURSORS.lines().collect::<Vec<_>>()), changes in vec(change(), 0..4),
    ) {
        check_cursor(&changes.into_iter().fold(seed.to_owned(), |text, change| apply(change, &text)))?;
    }
}
