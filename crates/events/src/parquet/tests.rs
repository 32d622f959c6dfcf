//! Tests of untrusted Parquet files: other types with the same meaning, invalid times, values that are too
//! long, and damaged or malicious files. Memory is bounded and nothing panics.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, Date32Array, Int64Array, LargeStringArray, ListBuilder, RecordBatch, StringArray,
    StringBuilder, TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
    TimestampSecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use millimetric_core::record::{COLUMNS, MAX_VALUE_BYTES, Record};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{BadFile, BadRow, ParquetWriter, read_parquet};
use crate::suite::sample::{at, event, scope};

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

fn written(columns: Vec<(&str, ArrayRef)>, properties: WriterPropertiesBuilder) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties.build())).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// Writes a file of these columns and reads it.
fn read(columns: Vec<(&str, ArrayRef)>) -> Vec<Result<Record, BadRow>> {
    read_parquet(file_of(&written(columns, WriterProperties::builder()))).unwrap().collect()
}

fn array(array: impl arrow::array::Array + 'static) -> ArrayRef {
    Arc::new(array)
}

fn record(column: &str, text: &str) -> Record {
    let mut record = Record::default();
    record.set(COLUMNS.iter().position(|name| *name == column).unwrap(), text.to_owned());
    record
}

/// Reads a file of three times and returns the second row; the other two must be valid.
fn time(column: ArrayRef) -> Result<Record, BadRow> {
    let rows = read(vec![("timestamp", column)]);
    assert_eq!(rows.len(), 3, "one row says nothing of another");
    assert!(rows[0].is_ok() && rows[2].is_ok());
    rows[1].clone()
}

#[test]
fn a_time_outside_of_the_years_is_refused_with_its_row() {
    let far = -(1_i64 << 62);
    for column in [
        array(TimestampMillisecondArray::from(vec![0, far, 0])),
        array(TimestampMillisecondArray::from(vec![0, far, 0]).with_timezone("UTC")),
        array(TimestampSecondArray::from(vec![0, i64::MAX, 0])),
        array(TimestampSecondArray::from(vec![0, -62_135_596_801, 0])),
        array(TimestampMicrosecondArray::from(vec![0, far, 0]).with_timezone("UTC")),
        array(Int64Array::from(vec![0, i64::MIN, 0])),
        array(Date32Array::from(vec![0, i32::MIN, 0])),
    ] {
        let shown = format!("{:?}", column.data_type());
        let bad = time(column).unwrap_err();
        assert_eq!(bad.row, 2, "{shown}");
        assert!(bad.why.contains("`timestamp` must lie between the years 0001 and 9999"), "{shown}: {bad}");
    }
}

#[test]
fn times_are_taken_in_every_unit_and_as_texts() {
    let noon = "2026-05-16T12:00:00.123Z";
    let millis = at(noon).millis();
    for column in [
        array(TimestampMillisecondArray::from(vec![0, millis, 0])),
        array(TimestampMillisecondArray::from(vec![0, millis, 0]).with_timezone("UTC")),
        array(TimestampMillisecondArray::from(vec![0, millis, 0]).with_timezone("Europe/Berlin")),
        array(TimestampMicrosecondArray::from(vec![0, millis * 1000 + 999, 0]).with_timezone("UTC")),
        array(TimestampNanosecondArray::from(vec![0, millis * 1_000_000 + 999, 0])),
        array(Int64Array::from(vec![0, millis, 0])),
    ] {
        let shown = format!("{:?}", column.data_type());
        assert_eq!(time(column), Ok(record("timestamp", noon)), "{shown}");
    }
    let seconds = TimestampSecondArray::from(vec![0, millis.div_euclid(1000), 0]);
    assert_eq!(time(array(seconds)), Ok(record("timestamp", "2026-05-16T12:00:00.000Z")));
    let before = TimestampMicrosecondArray::from(vec![0, -1, 0]);
    assert_eq!(time(array(before)), Ok(record("timestamp", "1969-12-31T23:59:59.999Z")));
    // A time as text is parsed, and refused, as in NDJSON.
    for text in ["2026-05-16T14:00:00.123+02:00", "2026-05-16 12:00", "yesterday"] {
        for column in [
            array(StringArray::from(vec!["2026-05-16T12:00:00Z", text, "2026-05-16T12:00:00Z"])),
            array(LargeStringArray::from(vec!["2026-05-16T12:00:00Z", text, "2026-05-16T12:00:00Z"])),
        ] {
            assert_eq!(time(column), Ok(record("timestamp", text)));
        }
    }
    let row = record("timestamp", "yesterday").into_event(at("2027-01-01")).unwrap_err();
    assert!(
        row.iter().any(|error| error.field == "timestamp" && error.message.contains("ISO 8601")),
        "{row:?}"
    );
}

#[test]
fn texts_are_taken_in_other_types() {
    let words = StringArray::from(vec![Some("a"), None, Some("ü✓")]);
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    for column in [
        array(words.clone()),
        cast(&words, &DataType::LargeUtf8).unwrap(),
        cast(&words, &DataType::Utf8View).unwrap(),
        cast(&words, &dictionary).unwrap(),
        array(BinaryArray::from(vec![Some("a".as_bytes()), None, Some("ü✓".as_bytes())])),
    ] {
        let shown = format!("{:?}", column.data_type());
        let rows = read(vec![("user_id", column)]);
        let expected = [record("user_id", "a"), Record::default(), record("user_id", "ü✓")];
        assert_eq!(rows, expected.map(Ok), "{shown}");
    }
    assert_eq!(read(vec![("user_id", array(Int64Array::from(vec![7])))]), [Ok(record("user_id", "7"))]);
    let no_text = BinaryArray::from(vec![&b"a"[..], b"\xff"]);
    let bad = read(vec![("user_id", array(no_text))]).pop().unwrap().unwrap_err();
    assert_eq!((bad.row, bad.why.as_str()), (2, "`user_id` is no text in UTF-8"));
}

#[test]
fn a_file_with_other_columns_is_refused_as_a_whole() {
    let mut lists = ListBuilder::new(StringBuilder::new());
    lists.values().append_value("a");
    lists.append(true);
    for (columns, words) in [
        (vec![("event_name", array(lists.finish()))], "the column `event_name"),
        (vec![("colour", array(StringArray::from(vec!["red"])))], "the column `colour` is not known"),
    ] {
        let refused = read_parquet(file_of(&written(columns, WriterProperties::builder()))).err();
        let Some(BadFile(why)) = refused else { panic!("{refused:?}") };
        assert!(why.contains(words), "{why}");
    }
}

/// The encodings in which a writer may store long values.
fn ways() -> Vec<(&'static str, WriterPropertiesBuilder)> {
    let packed = || {
        let zstd = Compression::ZSTD(ZstdLevel::try_new(1).unwrap());
        WriterProperties::builder().set_compression(zstd)
    };
    vec![
        ("dictionary", packed()),
        ("plain", packed().set_dictionary_enabled(false)),
        (
            "delta length",
            packed().set_dictionary_enabled(false).set_encoding(Encoding::DELTA_LENGTH_BYTE_ARRAY),
        ),
        ("delta", packed().set_dictionary_enabled(false).set_encoding(Encoding::DELTA_BYTE_ARRAY)),
        ("not packed", WriterProperties::builder().set_dictionary_enabled(false)),
        ("large pages", packed().set_dictionary_enabled(false).set_data_page_size_limit(1 << 30)),
        ("large dictionary", packed().set_dictionary_page_size_limit(1 << 30)),
    ]
}

/// The first error of a file of three rows, the second of which has a value of this length.
fn first_error(length: usize, properties: WriterPropertiesBuilder) -> Option<BadRow> {
    let long = "x".repeat(length);
    let names = StringArray::from(vec!["a", &long, "b"]);
    let file = file_of(&written(vec![("event_name", array(names))], properties));
    read_parquet(file).unwrap().find_map(Result::err)
}

#[test]
fn a_value_that_is_too_long_is_refused_however_it_is_written() {
    for (way, properties) in ways() {
        assert_eq!(first_error(MAX_VALUE_BYTES, properties.clone()), None, "{way}");
        for length in [MAX_VALUE_BYTES + 1, 1 << 20, 90 << 20] {
            let bad = first_error(length, properties.clone()).unwrap_or_else(|| panic!("{way}: {length}"));
            assert!(bad.row <= 2 && bad.why.contains("event_name"), "{way}: {length}: {bad}");
            let is_named = bad.why.contains("65536") || bad.why.contains("a page of");
            assert!(is_named, "{way}: {length}: {bad}");
        }
        let near = first_error(MAX_VALUE_BYTES + 1, properties).unwrap();
        assert_eq!(
            (near.row, near.why.as_str()),
            (2, "`event_name` has 65537 bytes; a stored value has at most 65536"),
            "{way}"
        );
    }
}

/// A value that a dictionary holds once and 2000 rows repeat: 130 MB, if each row were given its own
/// copy before the first one is looked at.
#[test]
fn a_long_value_that_many_rows_repeat_is_refused_at_the_first() {
    let long = "x".repeat(MAX_VALUE_BYTES + 1);
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let keys = arrow::array::Int32Array::from(vec![0; 2_000]);
    let values = Arc::new(StringArray::from(vec![long.as_str()]));
    let names = arrow::array::DictionaryArray::new(keys, values);
    assert_eq!(*arrow::array::Array::data_type(&names), dictionary);
    let file = file_of(&written(vec![("event_name", array(names))], WriterProperties::builder()));
    let bad = read_parquet(file).unwrap().next().unwrap().unwrap_err();
    assert_eq!(bad.row, 1);
}

#[test]
fn rows_of_many_groups_are_numbered_through() {
    let names: Vec<String> = (0..1000).map(|number| format!("name-{number}")).collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    let long = "x".repeat(MAX_VALUE_BYTES + 1);
    names[777] = &long;
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(100));
    let file = file_of(&written(vec![("event_name", array(StringArray::from(names)))], properties));
    let rows: Vec<_> = read_parquet(file).unwrap().collect();
    assert_eq!(rows.iter().position(Result::is_err), Some(777));
    assert_eq!(rows[777].as_ref().unwrap_err().row, 778);
    assert_eq!(rows[100], Ok(record("event_name", "name-100")));
}

/// Small files of our own writer and of others.
fn valid_files() -> Vec<Vec<u8>> {
    let mut ours = Vec::new();
    let mut writer = ParquetWriter::new(&mut ours, scope(1)).unwrap();
    writer.write(&[event("evt_019ca6b1-ddb8-751e-b808-47475a6c8eed"), event("b")]).unwrap();
    writer.close().unwrap();
    let names = || array(StringArray::from(vec!["a", "a", "b", "a longer name", "a longer one"]));
    let times = array(TimestampMillisecondArray::from(vec![0, 1, 2, 3, 4]));
    let numbers = array(Int64Array::from(vec![1, 2, 3, 4, 5]));
    let all = vec![("event_name", names()), ("timestamp", times), ("user_id", numbers)];
    let foreign = ways().into_iter().map(|(_, way)| written(vec![("event_name", names())], way));
    [ours, written(all, WriterProperties::builder())].into_iter().chain(foreign).collect()
}

/// Reads all rows and returns their number.
fn drain(bytes: &[u8]) -> usize {
    read_parquet(file_of(bytes)).map_or(0, Iterator::count)
}

#[test]
fn no_damaged_file_panics() {
    let files = valid_files();
    assert!(files.iter().all(|file| drain(file) > 0));
    let change =
        (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>(), 0..6_u8, 0..40_usize);
    let changes = proptest::collection::vec(change, 1..4);
    let config = Config { cases: 1500, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let checked = runner.run(&(any::<prop::sample::Index>(), changes), |(file, changes)| {
        let mut bytes = file.get(&files).clone();
        for (place, other, byte, kind, length) in changes {
            mutate(&mut bytes, place, other, byte, kind, length);
        }
        drain(&bytes);
        Ok(())
    });
    checked.unwrap();
}

fn mutate(
    bytes: &mut Vec<u8>,
    place: prop::sample::Index,
    other: prop::sample::Index,
    byte: u8,
    kind: u8,
    length: usize,
) {
    if bytes.is_empty() {
        return;
    }
    let (at, from) = (place.index(bytes.len()), other.index(bytes.len()));
    let end = bytes.len().min(at + length);
    match kind {
        0 => bytes[at] = byte,
        1 => bytes[at] ^= 1 << (byte % 8),
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let piece = bytes[from..bytes.len().min(from + length)].to_vec();
            bytes.splice(at..at, piece);
        }
        _ => bytes[at..end].fill(byte),
    }
}

/// Files that once panicked, or took more memory than they may; each must be an error or rows.
#[test]
fn what_was_found_before_stays_harmless() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/data/corpus/parquet");
    let mut replayed = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        drain(&std::fs::read(&path).unwrap());
        replayed += 1;
    }
    assert!(replayed > 0);
}

#[test]
fn what_is_not_a_parquet_file_is_refused() {
    for bytes in [
        &b""[..],
        b"PAR1",
        b"event_name\na\n",
        &[0; 64],
        b"\xff\xff\xff\x7fPAR1",
        b"PAR1\xff\xff\xff\xffPAR1",
    ] {
        let refused = read_parquet(file_of(bytes)).err();
        assert!(matches!(refused, Some(BadFile(_))), "{bytes:?}: {refused:?}");
    }
}
