//! Backups: copies a snapshot of `events.db` and the segments that it lists.
//!
//! In a running store all memtables are flushed first. Then the writer waits only while a second
//! connection begins a read transaction, from which the rows are copied. Segments are immutable, so they
//! are hard-linked if the file system allows it. A store that no process has open is copied as it is, in
//! its format: it is neither opened nor migrated.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::wal::snapshot::connect;
use rusqlite::Connection;

use crate::maintenance::Maintenance;
use crate::maintenance::flush::flush_all;
use crate::maintenance::inspect::format;
use crate::resources::directory_lock::DirectoryLock;
use crate::resources::options::OpenError;
use crate::segment::Segment;
use crate::segment::file::create_folder;
use crate::wal::commands::{Command, Outcome};
use crate::wal::manifest::{FORMAT, Manifest, database_error};
use millimetric_events::{LocalError, Snapshot, StoreError};

const ATTACH: &str = "attach ? as copy";
const COPY: &str = "
insert or replace into copy.meta select * from main.meta;
insert into copy.hot_log select * from main.hot_log as log
    where seq > coalesce((select seq from main.sealed where project = log.project and env = log.env), 0);
insert into copy.sealed select * from main.sealed;
insert into copy.segment select * from main.segment;
insert into copy.erasure select * from main.erasure;
insert into copy.floor select * from main.floor;
commit";
/// Flushed rows of the write-ahead log are not counted: they are deleted a few at a time.
const COUNT: &str = "select (select count(*) from segment) as segments,
    (select coalesce(sum(rows), 0) from segment) + (select coalesce(sum(rows), 0) from hot_log as log
        where seq > coalesce((select seq from sealed where project = log.project and env = log.env), 0))
    as events";
const VACUUM_INTO: &str = "vacuum into ?";
const PATHS: &str = "select path from segment order by path";

/// Copies the store in `directory`, which no process has open, into the existing empty `folder`, and
/// syncs the copy. It blocks the thread.
///
/// # Errors
/// [`OpenError::InUse`] if a process has the store open; that process must make the copy.
pub fn copy_at_rest(directory: &Path, folder: &Path) -> Result<Snapshot, OpenError> {
    let _guard = DirectoryLock::take(directory)?;
    let file = directory.join("events.db");
    if !file.is_file() {
        return empty(folder);
    }
    copy_files(&file, folder).map_err(|error| OpenError::database(&file, &error))
}

/// Writes an empty store: the copy of a data directory in which no store was opened yet.
fn empty(folder: &Path) -> Result<Snapshot, OpenError> {
    let mut key = [0; 16];
    let unwritable = |cause| OpenError::Unwritable { directory: folder.to_path_buf(), cause };
    getrandom::fill(&mut key).map_err(|error| unwritable(io::Error::other(error)))?;
    Manifest::open(folder, key)?.0.close();
    sync_folders(folder).map_err(unwritable)?;
    Ok(Snapshot { segments: 0, events: 0 })
}

fn copy_files(file: &Path, folder: &Path) -> Result<Snapshot, StoreError> {
    let connection = connect(file)?;
    let found = format(&connection)?;
    if found > FORMAT {
        let text = format!("it has format {found}; this release reads format {FORMAT}: use a newer release");
        return Err(StoreError::Internal(text));
    }
    let copy = folder.join("events.db");
    let text = copy.to_string_lossy().into_owned();
    connection.execute(VACUUM_INTO, [text]).map_err(database_error)?;
    close(connection)?;
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).map_err(|error| failed(&copy, &error))?;
    let connection = connect(&copy)?;
    let paths = paths(&connection).map_err(database_error)?;
    let counted = count(&connection)?;
    close(connection)?;
    File::open(&copy).and_then(|file| file.sync_all()).map_err(|error| failed(&copy, &error))?;
    let source = file.with_file_name("segments");
    let segments: Vec<PathBuf> = paths.iter().map(|path| source.join(path)).collect();
    link_segments(&source, &segments, folder, || false)?;
    sync_folders(folder).map_err(|error| failed(folder, &error))?;
    Ok(counted)
}

/// Copies the open store into the existing empty `folder`, and syncs the copy.
pub(crate) fn snapshot(work: &Maintenance, folder: &Path) -> Result<Snapshot, StoreError> {
    // Then all events acknowledged before are in Parquet files, which other programs can read.
    flush_all(work)?;
    let (counted, segments) = {
        // A read transaction keeps SQLite's write-ahead log from being truncated, which erasing requires.
        let _guard = work.wal_in_use.lock();
        copy_database(work, folder)?
    };
    let files: Vec<PathBuf> = segments.iter().map(|segment| segment.path.clone()).collect();
    link_segments(&work.state.segments_folder(), &files, folder, || work.signal.is_closing())?;
    sync_folders(folder).map_err(|error| failed(folder, &error))?;
    Ok(counted)
}

/// Links or copies the segments of `source` into the copy.
///
/// # Errors
/// `Closing` once `stops` returns true; `Corrupt`, with the path, if a segment is missing.
fn link_segments(
    source: &Path,
    segments: &[PathBuf],
    folder: &Path,
    stops: impl Fn() -> bool,
) -> Result<(), StoreError> {
    let target = folder.join("segments");
    create_folder(folder, &target)?;
    for segment in segments {
        if stops() {
            return Err(StoreError::Closing);
        }
        let relative = segment.strip_prefix(source).unwrap_or(segment);
        let copy = target.join(relative);
        create_folder(folder, copy.parent().unwrap_or(&target))?;
        link_or_copy(segment, &copy)?;
    }
    Ok(())
}

fn paths(connection: &Connection) -> Result<Vec<String>, rusqlite::Error> {
    connection.prepare(PATHS)?.query_map([], |row| row.get(0))?.collect()
}

fn count(connection: &Connection) -> Result<Snapshot, StoreError> {
    let counted = connection.query_row(COUNT, [], |row| {
        let (segments, events): (i64, i64) = (row.get("segments")?, row.get("events")?);
        Ok(Snapshot { segments: segments as u64, events: events as u64 })
    });
    counted.map_err(database_error)
}

fn close(connection: Connection) -> Result<(), StoreError> {
    connection.close().map_err(|(_, error)| database_error(error))
}

fn copy_database(work: &Maintenance, folder: &Path) -> Result<(Snapshot, Vec<Arc<Segment>>), StoreError> {
    let copy = folder.join("events.db");
    let created = Manifest::open(folder, [0; 16]);
    created.map_err(|error| StoreError::Internal(error.to_string()))?.0.close();
    let connection = connect(&work.state.directory.join("events.db"))?;
    let text = copy.to_string_lossy().into_owned();
    connection.execute(ATTACH, [text]).map_err(database_error)?;
    let begun = work.queue.execute(Command::BeginSnapshot(connection))?;
    let Outcome::SnapshotBegun(connection, segments) = begun else { return Err(StoreError::Closing) };
    connection.execute_batch(COPY).map_err(database_error)?;
    close(connection)?;
    let connection = connect(&copy)?;
    let counted = count(&connection)?;
    close(connection)?;
    File::open(&copy).and_then(|file| file.sync_all()).map_err(|error| failed(&copy, &error))?;
    Ok((counted, segments))
}

/// Hard-links the file, or copies and syncs it if it cannot be linked.
fn link_or_copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(StoreError::Local(LocalError::Corrupt(format!("{}: {error}", from.display()))));
        }
        // No support for links, another file system, too many links: a copy works in all these cases.
        Err(_) => copy_file(from, to),
        Ok(()) => Ok(()),
    }
    .map_err(|error| failed(to, &error))
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut copy = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut File::open(from)?, &mut copy)?;
    copy.sync_all()
}

/// Syncs the folder and those below it, so that the names of their files are durable.
fn sync_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    File::open(folder)?.sync_all()
}

fn failed(path: &Path, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Local(LocalError::DiskFull),
        _ => StoreError::Internal(format!("{} cannot be written: {error}", path.display())),
    }
}
