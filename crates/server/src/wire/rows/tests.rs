//! What goes out comes back as it was; what comes from elsewhere is bounded and named by its line.

use std::io::Cursor;

use millimetric_core::ids::ProjectId;
use millimetric_core::key::Env;
use millimetric_core::time::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use uuid::Uuid;

use millimetric_core::record::{MAX_ROW_BYTES, Record};

use super::*;

/// Texts with everything that separates, quotes or escapes in any of the formats.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\""),
        Just(","),
        Just("\r"),
        Just("\n"),
        Just("\\"),
        Just("\t"),
        Just(" "),
        Just("\u{feff}"),
        Just("\u{202e}"),
        Just("\u{2028}"),
        Just("="),
        Just("ü"),
        Just("\u{1f600}"),
        Just("null"),
        Just("'"),
    ];
    proptest::collection::vec(piece, 1..12).prop_map(|pieces| pieces.concat())
}

fn event() -> impl Strategy<Value = Event> {
    let optional = || proptest::option::of(text());
    (text(), text(), optional(), optional(), 0..8100_usize, any::<i32>()).prop_map(
        |(name, id, user, campaign, long, seconds)| {
            let mut record = Record::default();
            let properties = serde_json::json!({ "a": "\"".repeat(long / 2), "b": name }).to_string();
            let properties = if properties.len() > 8192 { "{}".to_owned() } else { properties };
            let time = Timestamp::from_millis(i64::from(seconds) * 999).unwrap_or(Timestamp::MIN);
            let texts = [
                ("timestamp", Some(time.to_string())),
                ("received_at", Some(time.to_string())),
                ("event_name", Some(name)),
                ("event_id", Some(id.clone())),
                ("anonymous_id", Some(id.clone())),
                ("session_id", Some(id)),
                ("user_id", user),
                ("campaign", campaign),
                ("source", Some("direct".to_owned())),
                ("medium", Some("direct".to_owned())),
                ("properties", Some(properties)),
            ];
            for (name, text) in texts.into_iter().filter_map(|(name, text)| Some((name, text?))) {
                record.set(COLUMNS.iter().position(|column| *column == name).unwrap(), text);
            }
            record.into_event(Timestamp::MAX).unwrap()
        },
    )
}

#[test]
fn every_text_comes_back_as_it_was() {
    let scope = EventScope { project: ProjectId::new(Uuid::from_u128(1)), env: Env::Live };
    let config = Config { cases: 64, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let checked = runner.run(&proptest::collection::vec(event(), 0..6), |events| {
        for format in [RowFormat::Ndjson, RowFormat::Csv] {
            let mut writer = RowWriter::new(format, scope).unwrap();
            let mut bytes = Vec::new();
            for events in events.chunks(2) {
                bytes.extend(writer.write(events).unwrap());
            }
            bytes.extend(writer.finish().unwrap());
            let read: Vec<Event> = text_records(format, Cursor::new(bytes))
                .unwrap()
                .map(|row| row.unwrap().record.into_event(Timestamp::MAX).unwrap())
                .collect();
            prop_assert_eq!(&read, &events);
        }
        Ok(())
    });
    checked.unwrap();
}

fn read(format: RowFormat, bytes: impl Into<Vec<u8>>) -> Vec<Result<Row, String>> {
    match text_records(format, Cursor::new(bytes.into())) {
        Ok(rows) => rows.collect(),
        Err(error) => vec![Err(error)],
    }
}

fn places(format: RowFormat, text: &str) -> Vec<Place> {
    read(format, text).into_iter().map(|row| row.unwrap().place).collect()
}

/// A source without an end, which counts what is taken of it.
struct Endless {
    begin: Cursor<Vec<u8>>,
    taken: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl std::io::Read for Endless {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let length = match self.begin.read(bytes)? {
            0 => {
                bytes.fill(b'x');
                bytes.len()
            }
            length => length,
        };
        self.taken.fetch_add(length, std::sync::atomic::Ordering::Relaxed);
        Ok(length)
    }
}

#[test]
fn of_a_row_that_is_too_long_no_more_is_read_than_a_row_may_have() {
    let header = "event_name,properties\n";
    for (format, begin, line) in [
        (RowFormat::Ndjson, "\n{}\n{\"properties\":\"", "line 3"),
        (RowFormat::Ndjson, "", "line 1"),
        (RowFormat::Csv, "event_name,properties\na,b\n\"c\nd\",\"", "line 3"),
        (RowFormat::Csv, "event_name,properties\r\na,b\r\nc,", "line 3"),
        (RowFormat::Csv, "event_name,", "line 1"),
    ] {
        let taken = std::sync::Arc::default();
        let begin = Cursor::new(begin.as_bytes().to_vec());
        let source = Endless { begin, taken: std::sync::Arc::clone(&taken) };
        let error = match text_records(format, source) {
            Ok(rows) => rows.map(|row| row.map(drop)).find_map(Result::err).unwrap(),
            Err(error) => error,
        };
        assert_eq!(error, format!("{line}: is longer than 1048576 bytes, the limit of a row"));
        let taken = taken.load(std::sync::atomic::Ordering::Relaxed);
        assert!(taken < MAX_ROW_BYTES + (64 << 10), "{format:?}: {taken} bytes were read");
    }
    // Records of almost that length are no sum.
    let long = "x".repeat(MAX_ROW_BYTES - 100);
    assert_eq!(places(RowFormat::Csv, &format!("{header}a,{long}\nb,{long}\n")).len(), 2);
}

#[test]
fn a_row_is_named_by_the_line_that_it_begins_on() {
    let line = Place::Line;
    assert_eq!(places(RowFormat::Ndjson, "\n  \n{}\r\n\n{}"), [line(3), line(5)]);
    for end in ["\n", "\r\n"] {
        let text = ["event_name", "a", "\"b", "c\"", "d", ""].join(end);
        assert_eq!(places(RowFormat::Csv, &text), [line(2), line(3), line(5)], "{end:?}");
        let text = ["event_name,os", "a,ios", "b", ""].join(end);
        let error = read(RowFormat::Csv, text).pop().unwrap().unwrap_err();
        assert_eq!(error, "line 3: has 1 fields; the header has 2", "{end:?}");
    }
}

#[test]
fn an_error_is_the_last_row() {
    let rows = read(RowFormat::Ndjson, "{}\n[]\n{}\n");
    assert!(rows.len() == 2 && rows[1].is_err(), "{rows:?}");
    let rows = read(RowFormat::Csv, "event_name\na\nb,c\nd\n");
    assert!(rows.len() == 2 && rows[1].is_err(), "{rows:?}");
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_row() {
    for (format, text) in
        [(RowFormat::Ndjson, "{\"event_name\":\"a\"}\n"), (RowFormat::Csv, "event_name\na\n")]
    {
        let plain = read(format, text);
        assert_eq!(read(format, format!("\u{feff}{text}")), plain, "{format:?}");
        assert!(plain[0].is_ok());
    }
    assert_eq!(read(RowFormat::Ndjson, "\u{feff}"), []);
    // In a value it is a character like any other, and bytes that only begin like it are none.
    let row = read(RowFormat::Csv, "event_name\n\u{feff}a\n").pop().unwrap().unwrap().record;
    assert!(format!("{row:?}").contains("\\u{feff}a"), "{row:?}");
    assert!(read(RowFormat::Ndjson, b"\xef\xbb{}".to_vec())[0].is_err());
}

#[test]
fn an_unknown_column_is_named() {
    let error = text_records(RowFormat::Csv, Cursor::new("env,colour\nlive,red\n")).err();
    assert_eq!(error.as_deref(), Some("unknown column `colour`"));
}

/// Reads all that can be read, and makes events of it.
fn drain(format: RowFormat, bytes: Vec<u8>) -> usize {
    let rows = read(format, bytes).into_iter();
    rows.map(|row| drop(row.map(|row| row.record.into_event(Timestamp::MAX)))).count()
}

#[test]
fn no_damaged_text_panics() {
    let line = r#"{"timestamp":"2026-05-16T19:00:00Z","event_name":"a","event_id":"1","anonymous_id":"v","session_id":"s","source":"x","medium":"y","url":"https://a.example/","ip_hash":"abababababababababababababababab","properties":{"a":[1,{"b":null}]}}"#;
    let ndjson = format!("{line}\n{line}\r\n");
    let csv = "timestamp,event_name,event_id,properties\n2026-05-16T19:00:00Z,a,1,\"{\"\"a\"\":1}\"\n\"b\nc\",,,\r\n";
    let files = [(RowFormat::Ndjson, ndjson.into_bytes()), (RowFormat::Csv, csv.as_bytes().to_vec())];
    let place = any::<prop::sample::Index>;
    let change = (place(), proptest::collection::vec(any::<u8>(), 0..6), 0..20_usize);
    let changes = proptest::collection::vec(change, 0..5);
    let config = Config { cases: 2048, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let checked = runner.run(&(any::<bool>(), changes), |(is_csv, changes)| {
        let (format, mut bytes) = files[usize::from(is_csv)].clone();
        for (place, piece, cut) in changes {
            let at = place.index(bytes.len() + 1);
            let end = bytes.len().min(at + cut);
            bytes.splice(at..end, piece);
        }
        drain(format, bytes);
        Ok(())
    });
    checked.unwrap();
}

#[test]
fn saved_texts_stay_harmless() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/rows");
    let mut replayed = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let format: RowFormat = path.extension().unwrap().to_str().unwrap().parse().unwrap();
        drain(format, std::fs::read(&path).unwrap());
        replayed += 1;
    }
    assert!(replayed >= 20, "{replayed}");
}
