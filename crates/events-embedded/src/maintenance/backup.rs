//! A copy of the store while it works: `events.db` as of one moment, and the segments that it
//! names.
//!
//! The writer waits only while a second connection begins to read: from then on that connection
//! sees the database as it was, whatever is written. Segments never change, so they are linked
//! where the disk allows it. Changes nothing in the store. A store that nobody has open is copied
//! as it is, in whatever format: neither opened nor migrated.

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
use crate::segment::file::make_folder;
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
/// Rows of the hot log that are in segments already are left out: they are purged a few at a time.
const COUNT: &str = "select (select count(*) from segment) as segments,
    (select coalesce(sum(rows), 0) from segment) + (select coalesce(sum(rows), 0) from hot_log as log
        where seq > coalesce((select seq from sealed where project = log.project and env = log.env), 0))
    as events";
const WHOLE: &str = "vacuum into ?";
const PATHS: &str = "select path from segment order by path";

/// Writes a copy of the store in `directory`, which nobody has open, into `folder`, which is there
/// and empty, and syncs it. It blocks.
///
/// # Errors
/// [`OpenError::InUse`] if another process has the store open: that process makes the copy.
pub fn copy_at_rest(directory: &Path, folder: &Path) -> Result<Snapshot, OpenError> {
    let _alone = DirectoryLock::take(directory)?;
    let file = directory.join("events.db");
    if !file.is_file() {
        return empty(folder);
    }
    copy_files(&file, folder).map_err(|error| OpenError::database(&file, &error))
}

/// The copy of a store that no server has begun yet.
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
    connection.execute(WHOLE, [text]).map_err(database_error)?;
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

/// Writes the copy into `folder`, which is there and empty, and syncs it.
pub(crate) fn snapshot(work: &Maintenance, folder: &Path) -> Result<Snapshot, StoreError> {
    // What was acknowledged before is in Parquet files then, which any program reads.
    flush_all(work)?;
    let (counted, segments) = {
        // While it is read, the write-ahead log cannot be emptied, which erasing must do.
        let _alone = work.wal_in_use.lock();
        copy_database(work, folder)?
    };
    let files: Vec<PathBuf> = segments.iter().map(|segment| segment.path.clone()).collect();
    link_segments(&work.state.segments_folder(), &files, folder, || work.signal.is_closing())?;
    sync_folders(folder).map_err(|error| failed(folder, &error))?;
    Ok(counted)
}

/// Puts the segments of `source` into the copy, until `stops` says so.
fn link_segments(
    source: &Path,
    segments: &[PathBuf],
    folder: &Path,
    stops: impl Fn() -> bool,
) -> Result<(), StoreError> {
    let target = folder.join("segments");
    make_folder(folder, &target)?;
    for segment in segments {
        if stops() {
            return Err(StoreError::Closing);
        }
        let below = segment.strip_prefix(source).unwrap_or(segment);
        let copy = target.join(below);
        make_folder(folder, copy.parent().unwrap_or(&target))?;
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
    let made = Manifest::open(folder, [0; 16]);
    made.map_err(|error| StoreError::Internal(error.to_string()))?.0.close();
    let connection = connect(&work.state.directory.join("events.db"))?;
    let text = copy.to_string_lossy().into_owned();
    connection.execute(ATTACH, [text]).map_err(database_error)?;
    let begun = work.log.execute(Command::BeginSnapshot(connection))?;
    let Outcome::SnapshotBegun(connection, segments) = begun else { return Err(StoreError::Closing) };
    connection.execute_batch(COPY).map_err(database_error)?;
    close(connection)?;
    let connection = connect(&copy)?;
    let counted = count(&connection)?;
    close(connection)?;
    File::open(&copy).and_then(|file| file.sync_all()).map_err(|error| failed(&copy, &error))?;
    Ok((counted, segments))
}

/// A second name for the file, or a synced copy of it where the disk is another.
fn link_or_copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(StoreError::Local(LocalError::Corrupt(format!("{}: {error}", from.display()))));
        }
        // Disks without links, links across disks, too many links: all of them can copy.
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

/// Makes the names of all files below the folder durable.
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
