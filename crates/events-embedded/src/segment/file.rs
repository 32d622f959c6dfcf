//! Writing a segment: one Parquet file that any reader understands, column after column, so
//! that no more than one column of it is in memory unpacked.
//!
//! The columns are those of the contract's stored row, with most event ids in one of their own
//! (`packed_ids.rs`). A file appears under its name whole and synced, or not at all. Which rows go
//! where is `seal.rs`.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeBinaryArray, StringArray, StringBuilder, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field as ArrowField, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowWriterOptions, compute_leaves};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::ColumnPath;

use crate::encoding::id_encoding;
use crate::encoding::id_encoding::{EVENT_UUID, EventId, UUID_BYTES};
use millimetric_core::column::Column;
use millimetric_events::StoreError;

pub(crate) const TIMESTAMP: &str = "timestamp";
pub(crate) const RECEIVED_AT: &str = "received_at";
/// What the name of a file that is still being written ends with.
pub(crate) const UNFINISHED: &str = "tmp";

/// Rows handed to the encoder at a time.
const SLICE_ROWS: usize = 65_536;
/// Rows of a page: what is unpacked to read one row.
const PAGE_ROWS: usize = 16_384;
const ZSTD_LEVEL: i32 = 3;
/// Files of so many rows come from merging, which has time, and stay: they are packed harder.
const LARGE_ROWS: usize = 500_000;
const ZSTD_LEVEL_OF_LARGE: i32 = 9;
/// For ids, which are noise between few things that repeat: looking harder finds matches that cost
/// more than what they stand for. `cargo xtask bench query` tells what each column takes.
const ZSTD_LEVELS_OF_IDS: [(Column, i32); 3] =
    [(Column::EventId, 2), (Column::AnonymousId, 1), (Column::SessionId, 1)];
/// Dictionaries up to this size are kept: a column with one is read without hashing its texts.
const DICTIONARY_BYTES: usize = 16 << 20;

/// What a file must be given, in the order of its columns.
pub(crate) trait Source {
    fn project_id(&self) -> &str;
    fn env(&self) -> &str;
    fn rows(&self) -> usize;
    fn timestamps(&self) -> Result<Vec<i64>, StoreError>;
    fn received(&self) -> Result<Vec<i64>, StoreError>;
    /// The event ids, in order.
    fn event_ids(&self) -> Result<impl ExactSizeIterator<Item = &EventId>, StoreError>;
    /// Calls `each` with another field's text of every row, in order.
    fn texts(&self, field: Column, each: &mut dyn FnMut(Option<&str>)) -> Result<(), StoreError>;
}

/// Writes the rows to `path` and returns the file's size in bytes.
pub(crate) fn write(path: &Path, source: &impl Source) -> Result<u64, StoreError> {
    let folder = path.parent().ok_or_else(|| StoreError::Internal("a segment needs a folder".to_owned()))?;
    let unfinished = path.with_extension(UNFINISHED);
    let written = write_file(&unfinished, source).and_then(|bytes| {
        std::fs::rename(&unfinished, path).map_err(|error| failed(path, &error))?;
        sync_folder(folder).map_err(|error| failed(folder, &error))?;
        Ok(bytes)
    });
    if written.is_err() {
        // Nothing names what is left of a failed file, under its last name where the folder could
        // not be synced: no erasure would ever find it. The next start would remove it too.
        let _ = std::fs::remove_file(&unfinished);
        let _ = std::fs::remove_file(path);
    }
    written
}

/// Makes the folder and those above it, down to `root`, and syncs each into the one above it.
pub(crate) fn make_folder(root: &Path, folder: &Path) -> Result<(), StoreError> {
    let missing: Vec<PathBuf> = folder
        .ancestors()
        .take_while(|above| above.starts_with(root) && !above.exists())
        .map(Path::to_path_buf)
        .collect();
    for new in missing.iter().rev() {
        match DirBuilder::new().mode(0o700).create(new) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(new, &error)),
            _ => {}
        }
        if let Some(above) = new.parent() {
            sync_folder(above).map_err(|error| failed(above, &error))?;
        }
    }
    Ok(())
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn write_file(path: &Path, source: &impl Source) -> Result<u64, StoreError> {
    let encoding = |error: ParquetError| encoding_failed(path, error);
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let file = file.map_err(|error| failed(path, &error))?;
    let handle = file.try_clone().map_err(|error| failed(path, &error))?;
    let options =
        ArrowWriterOptions::new().with_properties(properties(source.rows())).with_skip_arrow_metadata(true);
    let writer =
        ArrowWriter::try_new_with_options(BufWriter::new(file), file_schema(), options).map_err(encoding)?;
    let (mut file_writer, factory) = writer.into_serialized_writer().map_err(encoding)?;
    let columns = factory.create_column_writers(0).map_err(encoding)?;
    write_columns(path, &mut file_writer, columns, source)?;
    file_writer.close().map_err(encoding)?;
    handle.sync_all().map_err(|error| failed(path, &error))?;
    Ok(handle.metadata().map_err(|error| failed(path, &error))?.len())
}

fn write_columns(
    path: &Path,
    file: &mut SerializedFileWriter<BufWriter<File>>,
    columns: Vec<ArrowColumnWriter>,
    source: &impl Source,
) -> Result<(), StoreError> {
    let mut group = file.next_row_group().map_err(|error| encoding_failed(path, error))?;
    let schema = file_schema();
    for (column, field) in columns.into_iter().zip(schema.fields()) {
        let mut slices = Slices { path, column, field };
        match field.name().as_str() {
            "project_id" => slices.constant(source.project_id(), source.rows())?,
            "env" => slices.constant(source.env(), source.rows())?,
            TIMESTAMP => slices.times(&source.timestamps()?)?,
            RECEIVED_AT => slices.times(&source.received()?)?,
            EVENT_UUID => slices.uuids(source.event_ids()?)?,
            name => match Column::ALL.into_iter().find(|text| text.as_str() == name) {
                Some(Column::EventId) => slices.other_ids(source.event_ids()?)?,
                text => slices.texts(source, text.unwrap_or(Column::Properties))?,
            },
        }
        slices.finish(&mut group)?;
    }
    group.close().map_err(|error| encoding_failed(path, error))?;
    Ok(())
}

/// One column on its way into a file, a slice of rows at a time.
struct Slices<'a> {
    path: &'a Path,
    column: ArrowColumnWriter,
    field: &'a ArrowField,
}

impl Slices<'_> {
    fn constant(&mut self, text: &str, mut rows: usize) -> Result<(), StoreError> {
        while rows > 0 {
            let slice = rows.min(SLICE_ROWS);
            self.write(Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, slice))))?;
            rows -= slice;
        }
        Ok(())
    }

    fn times(&mut self, times: &[i64]) -> Result<(), StoreError> {
        for slice in times.chunks(SLICE_ROWS) {
            self.write(Arc::new(TimestampMillisecondArray::from(slice.to_vec()).with_timezone("UTC")))?;
        }
        Ok(())
    }

    fn texts(&mut self, source: &impl Source, field: Column) -> Result<(), StoreError> {
        let mut builder = StringBuilder::new();
        let (mut rows, mut result) = (0, Ok(()));
        source.texts(field, &mut |text| {
            builder.append_option(text);
            rows += 1;
            if rows == SLICE_ROWS && result.is_ok() {
                rows = 0;
                result = self.write(Arc::new(builder.finish()));
            }
        })?;
        result?;
        if rows > 0 { self.write(Arc::new(builder.finish())) } else { Ok(()) }
    }

    /// The event ids that are not packed.
    fn other_ids<'a>(
        &mut self,
        mut ids: impl ExactSizeIterator<Item = &'a EventId>,
    ) -> Result<(), StoreError> {
        while ids.len() > 0 {
            let slice = ids.by_ref().take(SLICE_ROWS).map(EventId::text);
            self.write(Arc::new(slice.collect::<StringArray>()))?;
        }
        Ok(())
    }

    /// The UUIDs of those that are.
    fn uuids<'a>(&mut self, mut ids: impl ExactSizeIterator<Item = &'a EventId>) -> Result<(), StoreError> {
        while ids.len() > 0 {
            let slice = ids.by_ref().take(SLICE_ROWS).map(EventId::uuid);
            let slice = FixedSizeBinaryArray::try_from_sparse_iter_with_size(slice, UUID_BYTES)
                .map_err(|error| encoding_failed(self.path, error.into()))?;
            self.write(Arc::new(slice))?;
        }
        Ok(())
    }

    fn write(&mut self, array: ArrayRef) -> Result<(), StoreError> {
        let leaves = compute_leaves(self.field, &array).map_err(|error| encoding_failed(self.path, error))?;
        for leaf in &leaves {
            self.column.write(leaf).map_err(|error| encoding_failed(self.path, error))?;
        }
        Ok(())
    }

    fn finish(self, group: &mut SerializedRowGroupWriter<'_, BufWriter<File>>) -> Result<(), StoreError> {
        let chunk = self.column.close().map_err(|error| encoding_failed(self.path, error))?;
        chunk.append_to_row_group(group).map_err(|error| encoding_failed(self.path, error))
    }
}

/// The columns of an export: those of the stored row.
pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(columns(|_| false)))
}

/// The columns of a segment's file.
fn file_schema() -> SchemaRef {
    let mut columns = columns(|field| field == Column::EventId);
    columns.push(id_encoding::column());
    Arc::new(Schema::new(columns))
}

/// The columns; besides those that are optional anyway, these may be empty.
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

/// A file's columns with texts as dictionaries, except where a dictionary is a second copy.
pub(crate) fn with_dictionaries(file: &Schema) -> SchemaRef {
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

/// How a file of so many rows is packed.
pub(crate) fn properties(rows: usize) -> WriterProperties {
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
    // Ids often begin alike; of UUIDs only the first bytes are no noise.
    let event_id = ColumnPath::from(Column::EventId.as_str());
    let uuid = ColumnPath::from(EVENT_UUID);
    properties = properties
        .set_column_encoding(event_id, Encoding::DELTA_BYTE_ARRAY)
        .set_column_dictionary_enabled(uuid.clone(), false)
        .set_column_encoding(uuid.clone(), Encoding::BYTE_STREAM_SPLIT)
        .set_column_compression(uuid, zstd(ZSTD_LEVEL));
    // Texts that mostly occur once: a large dictionary would be built only to be given up.
    let few = ColumnPath::from(Column::Properties.as_str());
    properties.set_column_dictionary_page_size_limit(few, 1 << 20).build()
}

fn failed(path: &Path, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::StorageFull,
        _ => StoreError::Internal(format!("{} cannot be written: {error}", path.display())),
    }
}

fn encoding_failed(path: &Path, error: ParquetError) -> StoreError {
    let parquet = |error: &dyn std::fmt::Display| {
        StoreError::Internal(format!("{} cannot be written: {error}", path.display()))
    };
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(error) => failed(path, &error),
            Err(cause) => parquet(&cause),
        },
        other => parquet(&other),
    }
}
