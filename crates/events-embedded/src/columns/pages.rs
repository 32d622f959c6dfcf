//! Reads single rows of a segment by page. Pages are cached, because a query for a few rows is often followed
//! by one for their neighbours.

use std::sync::Arc;

use arrow::array::{Array as _, StringArray};
use millimetric_events::StoreError;

use super::Columns;
use super::cache::CachedPart;
use crate::encoding::row::Row;
use crate::segment::Segment;
use crate::segment::reader::PAGE_ROWS;
use millimetric_core::column::Column;

impl Columns {
    /// The texts of a column in these rows, which must be ascending; empty without a value.
    pub(crate) fn some_texts(
        &self,
        segment: &Segment,
        field: Column,
        rows: &[u32],
    ) -> Result<Vec<String>, StoreError> {
        let mut texts = Vec::with_capacity(rows.len());
        for of_page in rows.chunk_by(|a, b| a / PAGE_ROWS == b / PAGE_ROWS) {
            let page = self.page(segment, field, of_page[0] / PAGE_ROWS)?;
            let text = |row: &u32| text_at(&page, *row).unwrap_or_default().to_owned();
            texts.extend(of_page.iter().map(text));
        }
        Ok(texts)
    }

    /// Calls `each` with these rows, which must be ascending.
    pub(crate) fn some_rows(
        &self,
        segment: &Segment,
        rows: &[u32],
        mut each: impl FnMut(Row<'_>),
    ) -> Result<(), StoreError> {
        let timestamps = self.segment_times(segment)?;
        let received =
            self.cache.get(segment.chunk_id(), CachedPart::Received, || self.reader(segment)?.received())?;
        for of_page in rows.chunk_by(|a, b| a / PAGE_ROWS == b / PAGE_ROWS) {
            let mut pages = Vec::with_capacity(Column::COUNT);
            for field in Column::ALL {
                pages.push(self.page(segment, field, of_page[0] / PAGE_ROWS)?);
            }
            for row in of_page {
                let (timestamp, received_at) = (timestamps.at(*row as usize), received[*row as usize]);
                let texts = Column::ALL.map(|field| text_at(&pages[field as usize], *row));
                each(Row { timestamp, received_at, texts });
            }
        }
        Ok(())
    }

    fn page(&self, segment: &Segment, field: Column, page: u32) -> Result<Arc<StringArray>, StoreError> {
        self.cache.get(segment.chunk_id(), CachedPart::Page(field, page), || {
            self.reader(segment)?.page(field, page)
        })
    }
}

/// The text of a row in its page.
fn text_at(page: &StringArray, row: u32) -> Option<&str> {
    let index = (row % PAGE_ROWS) as usize;
    page.is_valid(index).then(|| page.value(index))
}
