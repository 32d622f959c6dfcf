//! The npm packages as npm would pack them, made of files that are part of the program: the server's
//! users install the packages of its version from it, with and without a public registry.

use std::io;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

/// Time of every file of a package, as npm sets it: 26 October 1985. The same files are the same bytes.
const MODIFIED: u64 = 499_162_500;

/// The files of a package: the path within it, and the contents.
pub(super) type Files = &'static [(&'static str, &'static str)];

/// The files of a package in `sdk/`, of which `cargo xtask gen` writes those in `dist`. A test packs the
/// package with npm and compares.
macro_rules! package {
    ($folder:literal, $($file:literal)*) => {
        &[$(($file, include_str!(concat!("../../../../sdk/", $folder, "/", $file)))),*]
    };
}

/// The package for browsers.
pub(super) const TRACK: Files = package!("browser",
    "LICENSE" "README.md" "package.json"
    "a.d.ts" "a.js"
    "dist/index.d.mts" "dist/index.d.ts" "dist/index.js" "dist/index.mjs"
    "dist/track.d.mts" "dist/track.d.ts"
);

/// The package for Node.
pub(super) const NODE: Files = package!("node",
    "LICENSE" "README.md" "package.json"
    "dist/client.d.cts" "dist/client.d.ts"
    "dist/deliver.d.cts" "dist/deliver.d.ts"
    "dist/error.d.cts" "dist/error.d.ts"
    "dist/index.cjs" "dist/index.d.cts" "dist/index.d.ts" "dist/index.js"
    "dist/types.d.cts" "dist/types.d.ts"
    "dist/uuid.d.cts" "dist/uuid.d.ts"
);

/// A package as a tarball (`.tgz`).
pub(super) fn tarball(files: Files) -> io::Result<Vec<u8>> {
    let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    for (path, text) in files {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_mtime(MODIFIED);
        header.set_size(text.len() as u64);
        tar.append_data(&mut header, format!("package/{path}"), text.as_bytes())?;
    }
    tar.into_inner()?.finish()
}
