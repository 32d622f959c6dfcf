//! Searches data folders.

use std::path::{Path, PathBuf};

/// The files below a folder that contain these bytes.
pub(crate) fn files_with(dir: &Path, needle: &[u8]) -> Vec<String> {
    let holds = |path: &PathBuf| {
        std::fs::read(path).is_ok_and(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
    };
    files(dir).into_iter().filter(holds).map(|path| path.display().to_string()).collect()
}

/// Every file below a folder, sorted by path.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    found.sort();
    found
}
