//! The schema of Parquet files of events, and the encoding and compression of each column.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field as ArrowField, Schema, SchemaRef, TimeUnit};
use millimetric_core::column::Column;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::id_encoding::{self, EVENT_UUID};

/// When the event happened.
pub const TIMESTAMP: &str = "timestamp";
/// When the server received it.
pub const RECEIVED_AT: &str = "received_at";

/// Rows of a data page, which is what has to be decompressed to read one row.
const PAGE_ROWS: usize = 16_384;
const ZSTD_LEVEL: i32 = 3;
/// Files with at least this many rows come from merges, which are not urgent, and live long: they are
/// compressed at a higher level.
const LARGE_ROWS: usize = 500_000;
const ZSTD_LEVEL_OF_LARGE: i32 = 9;
/// Levels for ids, which are mostly random: at higher levels, short matches cost more than they save.
/// `cargo xtask bench query` reports the size of each column.
const ZSTD_LEVELS_OF_IDS: [(Column, i32); 3] =
    [(Column::EventId, 2), (Column::AnonymousId, 1), (Column::SessionId, 1)];
/// Most bytes of a dictionary. A column with a dictionary is read without hashing its texts.
const DICTIONARY_BYTES: usize = 16 << 20;

/// The columns of an export: those of the stored row.
pub fn schema() -> SchemaRef {
    Arc::new(Schema::new(columns(|_| false)))
}

/// The columns of a segment file: those of the stored row and `event_uuid`.
pub fn file_schema() -> SchemaRef {
    let mut columns = columns(|field| field == Column::EventId);
    columns.push(id_encoding::column());
    Arc::new(Schema::new(columns))
}

/// The columns of the stored row. Nullable are optional columns and those for which `empty` returns true.
fn columns(empty: impl Fn(Column) -> bool) -> Vec<ArrowField> {
    let time = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    let mut columns = vec![
        ArrowField::new("project_id", DataType::Utf8, false),
        ArrowField::new("env", DataType::Utf8, false),
        ArrowField::new(TIMESTAMP, time.clone(), false),
        ArrowField::new(RECEIVED_AT, time, false),
    ];
    let text = |field: Column| {
        ArrowField::new(field.as_str(), DataType::Utf8, field.info().is_optional() || empty(field))
    };
    columns.extend(Column::ALL.map(text));
    columns
}

/// The columns of a file, with texts as dictionaries except in columns of unique values, where a dictionary
/// would be a second copy.
pub fn with_dictionaries(file: &Schema) -> SchemaRef {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let repeats = |column: &ArrowField| {
        Column::ALL.iter().any(|field| field.as_str() == column.name() && !field.info().unique)
    };
    let columns = file.fields().iter().map(|column| match column.as_ref() {
        column if repeats(column) => column.clone().with_data_type(dictionary.clone()),
        column => column.clone(),
    });
    Arc::new(Schema::new(columns.collect::<Vec<_>>()))
}

/// Encoding and compression of a file with this many rows.
pub fn properties(rows: usize) -> WriterProperties {
    let zstd = |level| Compression::ZSTD(ZstdLevel::try_new(level).unwrap_or_default());
    let mut properties = WriterProperties::builder()
        .set_created_by("millimetric".to_owned())
        .set_compression(zstd(if rows < LARGE_ROWS { ZSTD_LEVEL } else { ZSTD_LEVEL_OF_LARGE }))
        .set_max_row_group_row_count(None)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES);
    for time in [TIMESTAMP, RECEIVED_AT] {
        properties = properties
            .set_column_statistics_enabled(ColumnPath::from(time), EnabledStatistics::Page)
            .set_column_dictionary_enabled(ColumnPath::from(time), false)
            .set_column_encoding(ColumnPath::from(time), Encoding::DELTA_BINARY_PACKED);
    }
    for field in Column::ALL.into_iter().filter(|field| field.info().unique) {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(field.as_str()), false);
    }
    for (id, level) in ZSTD_LEVELS_OF_IDS {
        properties = properties.set_column_compression(ColumnPath::from(id.as_str()), zstd(level));
    }
    // Ids often share prefixes; of UUIDs only the first bytes are not random.
    let event_id = ColumnPath::from(Column::EventId.as_str());
    let uuid = ColumnPath::from(EVENT_UUID);
    properties = properties
        .set_column_encoding(event_id, Encoding::DELTA_BYTE_ARRAY)
        .set_column_dictionary_enabled(uuid.clone(), false)
        .set_column_encoding(uuid.clone(), Encoding::BYTE_STREAM_SPLIT)
        .set_column_compression(uuid, zstd(ZSTD_LEVEL));
    // Most of these texts are unique: a large dictionary would be built and then abandoned.
    let few = ColumnPath::from(Column::Properties.as_str());
    properties.set_column_dictionary_page_size_limit(few, 1 << 20).build()
}
