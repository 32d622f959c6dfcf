//! `backup.json`: what a backup holds, so that restoring can tell whether all of it is there.
//!
//! Never holds a secret; the files that it lists do.

use serde::{Deserialize, Serialize};

/// The table of contents of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// [`Contents::FORMAT`] of the release that made it.
    pub format: u32,
    /// When it was begun, as RFC 3339.
    pub made_at: String,
    /// The release that made it.
    pub version: String,
    /// Parquet files.
    pub segments: u64,
    /// Events.
    pub events: u64,
    /// Every other file of the backup.
    pub files: Vec<FileEntry>,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Below the backup's folder, with `/` between its parts.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Of what is in it, in hexadecimal.
    pub sha256: String,
}

impl Contents {
    /// The layout that this release writes, and the newest that it reads.
    pub const FORMAT: u32 = 1;
    /// The file's name.
    pub const FILE: &str = "backup.json";
}
