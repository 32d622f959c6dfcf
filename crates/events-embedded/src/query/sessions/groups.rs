//! Groups and filters of sessions, by the columns of one of their rows.

use std::sync::Arc;

use hashbrown::HashMap;
use millimetric_core::query::Filter;
use millimetric_events::StoreError;

use crate::columns::group_column::GroupColumn;
use crate::encoding::text::TextColumn;
use crate::query::groups::group_dictionary::{Code, DIMENSIONS, GroupDictionary};
use crate::query::select::row_filter::RowFilter;
use crate::query::sessions::RowRef;
use crate::query::view::View;

/// Which rows pass filters, in every chunk of a view.
pub(crate) struct Passing(Option<Vec<RowFilter>>);

impl Passing {
    pub(crate) fn of(view: &View, filters: &[Filter]) -> Result<Self, StoreError> {
        if filters.is_empty() {
            return Ok(Self(None));
        }
        let chunks = view.sessions()?.chunks.iter();
        let codes = chunks.map(|of_chunk| RowFilter::of(view, &of_chunk.chunk, filters));
        Ok(Self(Some(codes.collect::<Result<_, _>>()?)))
    }

    pub(crate) fn passes(&self, row: RowRef) -> bool {
        self.0.as_ref().is_none_or(|codes| codes[row.chunk as usize].passes(row.row as usize))
    }
}

/// These columns in every chunk of a view.
pub(crate) fn columns(view: &View, by: &[GroupColumn]) -> Result<Vec<Vec<Arc<TextColumn>>>, StoreError> {
    let of_chunk = |chunk| by.iter().map(|column| view.column(chunk, column)).collect::<Result<_, _>>();
    view.sessions()?.chunks.iter().map(|chunk| of_chunk(&chunk.chunk)).collect()
}

/// Numbers the groups of rows of a view.
pub(crate) struct SessionGroups<'a> {
    dictionary: &'a GroupDictionary,
    columns: Vec<Vec<Arc<TextColumn>>>,
}

/// A bucket, and the code of each column.
type Key = (i64, [u32; DIMENSIONS]);

/// What one core has looked up in each chunk.
pub(crate) struct Known(Vec<KnownInChunk>);

struct KnownInChunk {
    codes: Vec<Vec<u32>>,
    groups: HashMap<Key, u32>,
    last: Option<(Key, u32)>,
}

impl<'a> SessionGroups<'a> {
    pub(crate) fn of(
        view: &View,
        by: &[GroupColumn],
        dictionary: &'a GroupDictionary,
    ) -> Result<Self, StoreError> {
        Ok(Self { dictionary, columns: columns(view, by)? })
    }

    pub(crate) fn start(&self) -> Known {
        let of_chunk = |columns: &Vec<Arc<TextColumn>>| KnownInChunk {
            codes: Code::unknown(columns),
            groups: HashMap::new(),
            last: None,
        };
        Known(self.columns.iter().map(of_chunk).collect())
    }

    /// The group number of a row in a bucket.
    pub(crate) fn group(&self, bucket: i64, row: RowRef, known: &mut Known) -> u32 {
        let columns = &self.columns[row.chunk as usize];
        let mut codes = [0; DIMENSIONS];
        for (code, column) in codes.iter_mut().zip(columns) {
            *code = column.codes.get(row.row as usize);
        }
        let key = (bucket, codes);
        let KnownInChunk { codes: known, groups, last } = &mut known.0[row.chunk as usize];
        match last {
            Some((last, group)) if *last == key => *group,
            _ => {
                let codes = &codes[..columns.len()];
                let look_up = || self.dictionary.with(|numbers| numbers.group(bucket, columns, codes, known));
                let group = *groups.entry(key).or_insert_with(look_up);
                *last = Some((key, group));
                group
            }
        }
    }
}
