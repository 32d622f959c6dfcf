//! Checks each decompressed page of an untrusted Parquet file before it is decoded: decoders allocate memory
//! for as many values as a page claims to have, and 8 bytes can claim 2^60.
//!
//! It reads the value counts of the encodings (Encodings.md of parquet-format), but no values.

use std::fs::File;
use std::sync::Arc;

use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::{Encoding, Type};
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;

/// One row group of a file, whose pages are checked.
pub(crate) struct Group {
    pub(crate) file: Arc<File>,
    pub(crate) metadata: Arc<ParquetMetaData>,
    pub(crate) number: usize,
}

impl Group {
    fn meta(&self) -> &RowGroupMetaData {
        self.metadata.row_group(self.number)
    }
}

impl RowGroups for Group {
    fn num_rows(&self) -> usize {
        self.meta().num_rows() as usize
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        let meta = self.meta().column(column);
        let pages = SerializedPageReader::new(Arc::clone(&self.file), meta, self.num_rows(), None)?;
        let is_text = meta.column_type() == Type::BYTE_ARRAY;
        let has_levels = meta.column_descr().max_def_level() > 0;
        Ok(Box::new(Once(Some(Guarded { pages, is_text, has_levels }))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.meta()))
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

/// The only chunk of a column in a row group.
struct Once(Option<Guarded>);

impl Iterator for Once {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(Ok(Box::new(self.0.take()?)))
    }
}

impl PageIterator for Once {}

struct Guarded {
    pages: SerializedPageReader<File>,
    is_text: bool,
    /// Whether pages begin with definition levels.
    has_levels: bool,
}

impl Guarded {
    fn check(&self, page: &Page) -> Result<()> {
        let (values, levels) = match page {
            Page::DictionaryPage { buf, num_values, .. } => {
                // Each text is preceded by its length, in 4 bytes.
                let most = if self.is_text { buf.len() / 4 } else { buf.len() };
                return at_most(u64::from(*num_values), most as u64);
            }
            Page::DataPage { buf, .. } => (buf, self.levels(buf)?),
            Page::DataPageV2 { buf, rep_levels_byte_len, def_levels_byte_len, .. } => {
                (buf, u64::from(*rep_levels_byte_len) + u64::from(*def_levels_byte_len))
            }
        };
        let encoded = usize::try_from(levels).ok().and_then(|levels| values.get(levels..));
        let encoded = encoded.ok_or_else(|| broken("its levels are longer than a page"))?;
        let claimed = u64::from(page.num_values());
        match page.encoding() {
            Encoding::DELTA_BYTE_ARRAY if self.is_text => {
                let suffixes = Deltas { bytes: encoded }.skip(claimed)?;
                Deltas { bytes: suffixes }.skip(claimed).map(drop)
            }
            Encoding::DELTA_LENGTH_BYTE_ARRAY if self.is_text => {
                Deltas { bytes: encoded }.skip(claimed).map(drop)
            }
            Encoding::DELTA_BINARY_PACKED => Deltas { bytes: encoded }.skip(claimed).map(drop),
            _ => Ok(()),
        }
    }

    /// The size in bytes of the levels of a version 1 page, which begins with their length.
    fn levels(&self, page: &[u8]) -> Result<u64> {
        if !self.has_levels {
            return Ok(0);
        }
        let length = page.first_chunk().ok_or_else(|| broken("a page is too short"))?;
        Ok(u64::from(u32::from_le_bytes(*length)) + 4)
    }
}

impl Iterator for Guarded {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Guarded {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        page.as_ref().map_or(Ok(()), |page| self.check(page))?;
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }
}

/// Integers in `DELTA_BINARY_PACKED`: a header, then blocks of bit-packed differences.
struct Deltas<'a> {
    bytes: &'a [u8],
}

impl<'a> Deltas<'a> {
    /// Skips the integers, of which there may be at most `most`, and returns the bytes after them.
    fn skip(mut self, most: u64) -> Result<&'a [u8]> {
        let (block, miniblocks, count) = (self.varint()?, self.varint()?, self.varint()?);
        let _first = self.varint()?;
        at_most(count, most)?;
        let values = block.checked_div(miniblocks).filter(|values| *values > 0 && values % 32 == 0);
        let values = values.ok_or_else(|| broken("a block of a page is of no size"))?;
        let mut left = count.saturating_sub(1);
        while left > 0 {
            let _least = self.varint()?;
            let widths = self.take(miniblocks)?;
            for width in widths {
                if left == 0 {
                    break;
                }
                if *width > 64 {
                    return Err(broken("a number of a page is too wide"));
                }
                self.take(u64::from(*width).saturating_mul(values) / 8)?;
                left = left.saturating_sub(values);
            }
        }
        Ok(self.bytes)
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8]> {
        let count = usize::try_from(count).ok();
        let (taken, rest) = count
            .and_then(|count| self.bytes.split_at_checked(count))
            .ok_or_else(|| broken("a page ends too early"))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for index in 0..10 {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(broken("a number of a page has no end"))
    }
}

fn at_most(claimed: u64, most: u64) -> Result<()> {
    if claimed <= most {
        return Ok(());
    }
    Err(ParquetError::General(format!("a page claims {claimed} values and has room for {most}")))
}

fn broken(why: &str) -> ParquetError {
    ParquetError::General(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skip(bytes: &[u8], most: u64) -> Result<&[u8]> {
        Deltas { bytes }.skip(most)
    }

    #[test]
    fn integers_are_passed_over_to_their_end() {
        // Five numbers: the first in the header, four differences of 1 bit in one block of 128.
        let mut bytes = vec![0x80, 1, 4, 5, 14, 0, 1, 0, 0, 0, 0b1010, 0, 0, 0];
        bytes.extend(b"rest");
        assert_eq!(skip(&bytes, 5).unwrap(), b"rest");
        assert_eq!(skip(&[0x80, 1, 4, 1, 14, b'x'], 1).unwrap(), b"x", "one number has no block");
        assert_eq!(skip(&[0x80, 1, 4, 0, 0], 0).unwrap(), b"", "none has none either");
    }

    #[test]
    fn a_page_claims_no_more_than_its_header_says_and_its_bytes_hold() {
        let claims = [0x80, 1, 4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 0];
        let error = skip(&claims, 5).unwrap_err().to_string();
        assert!(error.contains("claims 1152921504606846975 values and has room for 5"), "{error}");
        for bytes in [
            &[][..],
            &[0x80, 1, 0, 5, 0],
            &[0x80, 1, 4, 5, 0],
            &[0, 4, 5, 0],
            &[7, 4, 5, 0],
            &[0x80, 1, 4, 5, 0, 0, 99, 0, 0, 0],
            &[0x80, 1, 4, 5, 0, 0, 8, 0, 0, 0, 1],
            &[0xff; 40],
        ] {
            assert!(skip(bytes, 5).is_err(), "{bytes:?}");
        }
    }
}
