//! Files that exist only for a while: one that gets its name when it is complete, and one that never
//! has a name.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::secrets::random_bytes;

/// A file for its owner alone, under a random name; removed when it is dropped before
/// [`NewFile::rename`].
#[derive(Debug)]
pub(super) struct NewFile {
    path: PathBuf,
    file: File,
}

impl NewFile {
    /// A new, empty file in a folder.
    pub(super) fn create_in(folder: &Path) -> io::Result<Self> {
        let random = random_bytes::<8>().map_err(io::Error::other)?;
        let path = folder.join(format!(".unfinished-{}", hex::encode(random)));
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { path, file })
    }

    /// The file, open for reading and writing.
    pub(super) const fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Makes what was written durable, and gives the file its name; one of this name is replaced.
    pub(super) fn rename(self, to: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, to)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // Renamed, it is not there any more.
        let _ = fs::remove_file(&self.path);
    }
}

/// A file without a name, which is gone when it is closed.
pub(super) fn unnamed_in(folder: &Path) -> io::Result<File> {
    NewFile::create_in(folder)?.file.try_clone()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_gets_its_name_or_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let left = || fs::read_dir(folder.path()).unwrap().count();
        let mut new = NewFile::create_in(folder.path()).unwrap();
        new.file().write_all(b"whole").unwrap();
        drop(new);
        assert_eq!(left(), 0);
        let mut new = NewFile::create_in(folder.path()).unwrap();
        new.file().write_all(b"whole").unwrap();
        let target = folder.path().join("target");
        new.rename(&target).unwrap();
        assert_eq!((left(), fs::read(target).unwrap()), (1, b"whole".to_vec()));
        unnamed_in(folder.path()).unwrap().write_all(b"gone").unwrap();
        assert_eq!(left(), 1);
    }
}
