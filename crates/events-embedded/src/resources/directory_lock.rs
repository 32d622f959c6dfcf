//! The lock file, by which one process owns a data directory. The operating system releases the lock when
//! the process ends, however it ends; the pid in the file is only for the error message.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::resources::options::OpenError;

/// The lock of a data directory, held while a store is open or its files are copied. Dropping it releases the
/// lock.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Creates the directory if it is missing, and locks it.
    ///
    /// # Errors
    /// [`OpenError::InUse`] if another process holds the lock, [`OpenError::Unwritable`] if the lock file
    /// cannot be written.
    pub fn take(directory: &Path) -> Result<Self, OpenError> {
        let unwritable = |cause| OpenError::Unwritable { directory: directory.to_path_buf(), cause };
        std::fs::create_dir_all(directory).map_err(unwritable)?;
        let path = directory.join("events.lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                let owner = file.read_to_string(&mut owner).ok().and_then(|_| owner.trim().parse().ok());
                return Err(OpenError::InUse { directory: directory.to_path_buf(), owner });
            }
            Err(TryLockError::Error(cause)) => return Err(unwritable(cause)),
        }
        file.set_len(0).map_err(unwritable)?;
        file.rewind().map_err(unwritable)?;
        writeln!(file, "{}", std::process::id()).map_err(unwritable)?;
        Ok(Self { _file: file })
    }
}
