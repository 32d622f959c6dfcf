//! Writes a segment as one Parquet file with one row group. It writes one column after the other, so that
//! at most one uncompressed column is in memory.
//!
//! The columns are those of the contract's stored row; event ids that are `evt_` and a UUID are in the
//! column `event_uuid` (`millimetric_events::parquet::id_encoding`). A file appears under its name complete
//! and synced, or not at all.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeBinaryArray, StringArray, StringBuilder, TimestampMillisecondArray};
use arrow::datatypes::Field as ArrowField;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowWriterOptions, compute_leaves};
use parquet::errors::ParquetError;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};

use millimetric_core::column::Column;
use millimetric_events::parquet::id_encoding::{EVENT_UUID, EventId, UUID_BYTES};
use millimetric_events::parquet::schema::{RECEIVED_AT, TIMESTAMP, file_schema, properties};
use millimetric_events::{LocalError, StoreError};

/// File name extension while a file is being written.
pub(crate) const UNFINISHED: &str = "tmp";

/// Rows passed to the encoder at a time.
const SLICE_ROWS: usize = 65_536;

/// The content of a file, column by column.
pub(crate) trait Source {
    fn project_id(&self) -> &str;
    fn env(&self) -> &str;
    fn rows(&self) -> usize;
    fn timestamps(&self) -> Result<Vec<i64>, StoreError>;
    fn received(&self) -> Result<Vec<i64>, StoreError>;
    /// The event id of every row, in order.
    fn event_ids(&self) -> Result<impl ExactSizeIterator<Item = &EventId>, StoreError>;
    /// Calls `each` with the text of every row in another column, in order.
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
        // The manifest does not list the file, so no erasure would find what is left of it. It may have
        // its final name already if syncing the folder failed.
        let _ = std::fs::remove_file(&unfinished);
        let _ = std::fs::remove_file(path);
    }
    written
}

/// Creates the folder and missing parents below `root`, and syncs the parent of each.
pub(crate) fn create_folder(root: &Path, folder: &Path) -> Result<(), StoreError> {
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
                Some(Column::EventId) => slices.text_ids(source.event_ids()?)?,
                text => slices.texts(source, text.unwrap_or(Column::Properties))?,
            },
        }
        slices.finish(&mut group)?;
    }
    group.close().map_err(|error| encoding_failed(path, error))?;
    Ok(())
}

/// Writes one column, a slice of rows at a time.
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

    /// Writes the event ids that are stored as text; null for the others.
    fn text_ids<'a>(
        &mut self,
        mut ids: impl ExactSizeIterator<Item = &'a EventId>,
    ) -> Result<(), StoreError> {
        while ids.len() > 0 {
            let slice = ids.by_ref().take(SLICE_ROWS).map(EventId::text);
            self.write(Arc::new(slice.collect::<StringArray>()))?;
        }
        Ok(())
    }

    /// Writes the UUIDs of the event ids that are stored as UUID; null for the others.
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

fn failed(path: &Path, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Local(LocalError::DiskFull),
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
