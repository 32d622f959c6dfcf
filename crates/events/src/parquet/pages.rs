//! Checks the limits of an untrusted Parquet file before a row group is decompressed: how much memory its
//! pages take, and that no page contains a value longer than a stored value may be.
//!
//! It reads only the page headers (`PageHeader` of parquet.thrift, in Thrift's compact protocol): a few
//! kilobytes may decompress to a value of 300 MB, and only the header has the size.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};

use millimetric_core::record::MAX_VALUE_BYTES;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};

use super::reading::BadRow;

/// Most bytes of one decompressed page. Most writers make pages of 1 MiB, some of up to a row group.
const MAX_PAGE: u64 = 64 << 20;
/// Most bytes of the largest pages of all columns together, which are in memory at the same time.
const MAX_HELD: u64 = 512 << 20;
/// Most bytes of a page in `DELTA_BYTE_ARRAY`, whose values share prefixes and may decode to far more.
const MAX_SHARED_PAGE: u64 = 4 << 20;
/// Most bytes that the values of such pages may decode to in one read.
const SHARED_BUDGET: u64 = 256 << 20;
/// Most rows of one read.
const READ_ROWS: u64 = 256;
/// Most bytes of a page header, statistics included.
const MAX_HEADER: u64 = 1 << 20;
/// Most levels of nested structs in a header.
const MAX_DEPTH: u32 = 8;

/// The content of a page header.
#[derive(Debug, Default, PartialEq, Eq)]
struct Page {
    /// Size of the header in bytes.
    header: u64,
    unpacked: u64,
    packed: u64,
    /// Number of values in a data page, or of distinct values in a dictionary page.
    values: u64,
    is_dictionary: bool,
    /// Whether the encoding is `DELTA_BYTE_ARRAY`: each value shares a prefix with the one before.
    is_delta_encoded: bool,
}

/// The memory that the pages of a column take, in bytes.
#[derive(Debug, Default)]
struct Taken {
    data: u64,
    dictionary: u64,
    shared: u64,
}

/// Checks the pages of a row group, whose first row has the number `first_row`, and returns how many of its
/// rows may be read at a time.
pub(crate) fn check(file: &File, group: &RowGroupMetaData, first_row: u64) -> Result<usize, BadRow> {
    let bad = |row, why: String| BadRow::new(row, why);
    let (mut held, mut shared) = (0, 0);
    for column in group.columns() {
        let taken = check_column(file, column, first_row)?;
        held += taken.data + taken.dictionary;
        shared += taken.shared;
    }
    if held > MAX_HELD {
        let why = format!(
            "the pages of its row group take {held} bytes at once; {MAX_HELD} is the most: write the file \
             with smaller pages or row groups"
        );
        return Err(bad(first_row, why));
    }
    Ok((SHARED_BUDGET / shared.max(1)).clamp(1, READ_ROWS) as usize)
}

fn check_column(file: &File, column: &ColumnChunkMetaData, first_row: u64) -> Result<Taken, BadRow> {
    let name = column.column_path().string();
    let bad = |row, why: String| BadRow::new(row, format!("the column `{name}`: {why}"));
    let damaged = |row| move |error: io::Error| BadRow::new(row, format!("the column is damaged: {error}"));
    let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
    let (Ok(start), Ok(length)) = (u64::try_from(start), u64::try_from(column.compressed_size())) else {
        return Err(bad(first_row, "it lies outside of the file".to_owned()));
    };
    let size = file.metadata().map_err(damaged(first_row))?.len();
    let end = start.checked_add(length).filter(|end| *end <= size);
    let end = end.ok_or_else(|| bad(first_row, "it lies outside of the file".to_owned()))?;
    let mut source = BufReader::new(file);
    let (mut taken, mut at, mut row) = (Taken::default(), start, first_row);
    while at < end {
        source.seek(SeekFrom::Start(at)).map_err(damaged(row))?;
        let page = Header { source: (&mut source).take(MAX_HEADER) }.page().map_err(damaged(row))?;
        check_page(&page).map_err(|why| bad(row, why))?;
        match (page.is_dictionary, page.is_delta_encoded) {
            (true, _) => taken.dictionary = taken.dictionary.max(page.unpacked),
            (false, shares) => {
                taken.data = taken.data.max(page.unpacked);
                taken.shared = taken.shared.max(if shares { page.unpacked } else { 0 });
                row += page.values;
            }
        }
        at += page.header + page.packed;
    }
    Ok(taken)
}

fn check_page(page: &Page) -> Result<(), String> {
    let Page { unpacked, values, .. } = *page;
    let most = if page.is_delta_encoded { MAX_SHARED_PAGE } else { MAX_PAGE };
    let longest = MAX_VALUE_BYTES as u64;
    // Besides its values, a page has a few bytes for each of them, and its levels.
    if unpacked > (values + 1) * (longest + 16) {
        return Err(format!(
            "{values} values take {unpacked} bytes, so that one is longer than {longest} bytes, the most that \
             a stored value has"
        ));
    }
    if unpacked > most {
        return Err(format!(
            "a page of {unpacked} bytes; {most} is the most: write the file with smaller pages or row groups"
        ));
    }
    Ok(())
}

/// Reads one page header.
struct Header<R> {
    source: io::Take<R>,
}

/// Types of the compact protocol that are stored as a varint: i16, i32 and i64.
const INTEGERS: std::ops::RangeInclusive<u8> = 4..=6;
const STRUCT: u8 = 12;

impl<R: Read> Header<R> {
    fn page(mut self) -> io::Result<Page> {
        let mut page = Page::default();
        let (mut compressed, mut uncompressed, mut values) = (0, 0, 0);
        self.fields(0, &mut |path, value| match path {
            [1] => page.is_dictionary = value == 2,
            [2] => uncompressed = value,
            [3] => compressed = value,
            [5 | 7 | 8, 1] => values = value,
            // The encoding in data pages of version 1 and version 2.
            [5, 2] | [8, 4] => page.is_delta_encoded = value == 7,
            _ => {}
        })?;
        page.header = MAX_HEADER - self.source.limit();
        let counts = [uncompressed, compressed, values].map(u64::try_from);
        let [Ok(unpacked), Ok(packed), Ok(values)] = counts else { return Err(broken()) };
        Ok(Page { unpacked, packed, values, ..page })
    }

    /// Reads a struct to its end, and calls `each` with its integers and those of direct substructs, each
    /// with the path of field ids.
    fn fields(&mut self, depth: u32, each: &mut dyn FnMut(&[i16], i64)) -> io::Result<()> {
        let mut id = 0_i16;
        loop {
            let head = self.byte()?;
            let kind = head & 0x0f;
            if kind == 0 {
                return Ok(());
            }
            id = match head >> 4 {
                0 => self.integer()? as i16,
                step => id.checked_add(i16::from(step)).ok_or_else(broken)?,
            };
            if INTEGERS.contains(&kind) {
                let value = self.integer()?;
                each(&[id], value);
            } else if kind == STRUCT {
                let depth = deeper(depth)?;
                self.fields(depth, &mut |path, value| {
                    if let [field] = *path {
                        each(&[id, field], value);
                    }
                })?;
            } else {
                self.skip(kind, depth)?;
            }
        }
    }

    fn skip(&mut self, kind: u8, depth: u32) -> io::Result<()> {
        match kind {
            // The type of a boolean field contains its value.
            1 | 2 => Ok(()),
            3 => self.bytes(1),
            4..=6 => self.integer().map(drop),
            7 => self.bytes(8),
            8 => {
                let length = self.varint()?;
                self.bytes(length)
            }
            9 | 10 => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                self.elements(count, head & 0x0f, depth)
            }
            11 => {
                let count = self.varint()?;
                let kinds = if count == 0 { 0 } else { self.byte()? };
                let depth = deeper(depth)?;
                (0..count).try_for_each(|_| {
                    self.elements(1, kinds >> 4, depth)?;
                    self.elements(1, kinds & 0x0f, depth)
                })
            }
            STRUCT => self.fields(deeper(depth)?, &mut |_, _| {}),
            _ => Err(broken()),
        }
    }

    /// Skips elements of a list, in which booleans take a byte.
    fn elements(&mut self, count: u64, kind: u8, depth: u32) -> io::Result<()> {
        let depth = deeper(depth)?;
        (0..count).try_for_each(|_| match kind {
            1 | 2 => self.bytes(1),
            kind => self.skip(kind, depth),
        })
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.source.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    fn bytes(&mut self, count: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.source.by_ref().take(count), &mut io::sink())?;
        if skipped == count { Ok(()) } else { Err(broken()) }
    }

    fn varint(&mut self) -> io::Result<u64> {
        let mut value = 0;
        for index in 0..10 {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(broken())
    }

    /// An integer in zigzag encoding.
    fn integer(&mut self) -> io::Result<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }
}

fn deeper(depth: u32) -> io::Result<u32> {
    if depth < MAX_DEPTH { Ok(depth + 1) } else { Err(broken()) }
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no header of a page")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(bytes: &[u8]) -> io::Result<Page> {
        Header { source: bytes.take(MAX_HEADER) }.page()
    }

    #[test]
    fn a_header_has_sizes_values_and_encoding() {
        // A data page of 300 bytes in 40, checksum, 7 values in DELTA_BYTE_ARRAY, statistics with a text.
        let bytes = [
            0x15, 0, 0x15, 0xd8, 4, 0x15, 80, 0x15, 2, 0x1c, 0x15, 14, 0x15, 14, 0x15, 6, 0x15, 6, 0x1c,
            0x18, 2, b'a', b'b', 0, 0, 0,
        ];
        let found = page(&bytes).unwrap();
        let header = bytes.len() as u64;
        let expected = Page {
            header,
            unpacked: 300,
            packed: 40,
            values: 7,
            is_dictionary: false,
            is_delta_encoded: true,
        };
        assert_eq!(found, expected);
        // A dictionary of 3 values, with a list and a map of unknown fields.
        let bytes = [
            0x15, 4, 0x15, 20, 0x15, 20, 0x4c, 0x15, 6, 0x15, 0, 0x11, 0, 0x19, 0x23, 1, 2, 0x1b, 1, 0x55, 2,
            4, 0,
        ];
        let found = page(&bytes).unwrap();
        assert_eq!((found.is_dictionary, found.values, found.unpacked), (true, 3, 10));
    }

    #[test]
    fn no_bytes_make_a_header_panic_or_read_for_long() {
        let mut bytes = vec![0x1c; 40];
        assert!(page(&bytes).is_err(), "structs within structs");
        bytes.fill(0xff);
        assert!(page(&bytes).is_err(), "a number without an end");
        assert!(page(&[0x18, 0xff, 0xff, 0xff, 0xff, 0x7f, 0]).is_err(), "a text longer than the file");
        assert!(page(&[0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x7f]).is_err(), "a list longer than the file");
        assert!(page(&[0x15, 0, 0x15, 1, 0x15, 1, 0]).is_err(), "negative sizes");
        assert!(page(&[]).is_err());
    }
}
