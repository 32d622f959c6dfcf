//! `backup.json`: the table of contents of a backup, by which restoring checks every file.
//!
//! Never holds a secret; the files that it lists do.

use serde::{Deserialize, Serialize};

use crate::ops::backup::{Contents, FileEntry};

#[derive(Serialize, Deserialize)]
struct ContentsJson {
    format: u32,
    made_at: String,
    version: String,
    segments: u64,
    events: u64,
    files: Vec<FileJson>,
}

#[derive(Serialize, Deserialize)]
struct FileJson {
    path: String,
    bytes: u64,
    sha256: String,
}

/// The text of the file.
pub fn to_json(contents: &Contents) -> serde_json::Result<Vec<u8>> {
    let Contents { format, made_at, version, segments, events, files } = contents.clone();
    let file = |FileEntry { path, bytes, sha256 }| FileJson { path, bytes, sha256 };
    let files = files.into_iter().map(file).collect();
    serde_json::to_vec_pretty(&ContentsJson { format, made_at, version, segments, events, files })
}

/// The contents that the text lists.
pub fn from_json(text: &[u8]) -> serde_json::Result<Contents> {
    let ContentsJson { format, made_at, version, segments, events, files } = serde_json::from_slice(text)?;
    let file = |FileJson { path, bytes, sha256 }| FileEntry { path, bytes, sha256 };
    Ok(Contents { format, made_at, version, segments, events, files: files.into_iter().map(file).collect() })
}
