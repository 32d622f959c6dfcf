//! A chunk of rows, hot or sealed, as columns: what the kernels read.
//!
//! Sealed columns are decoded on demand and cached; hot ones are there. Nothing here changes
//! an event.

pub(crate) mod cache;
pub(crate) mod dedup;
pub(crate) mod hyperloglog;
pub(crate) mod property_shapes;
pub(crate) mod sessions;
pub(crate) mod timeline;
pub(crate) mod visitor_table;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use millimetric_core::query::PAGE_VIEW;

use crate::columns::cache::{ColumnCache, Part};
use crate::columns::hyperloglog::Sketch;
use crate::columns::property_shapes::{Shapes, ShapesBuilder};
use crate::columns::sessions::{Numbered, SessionColumn};
use crate::columns::timeline::JourneyColumn;
use crate::columns::visitor_table::VisitorTable;
use crate::encoding::field::Field;
use crate::encoding::frame_of_reference::NearNumbers;
use crate::encoding::id_encoding::EventId;
use crate::encoding::json_properties;
use crate::encoding::keyed_hash::{KeyedHash, Kind};
use crate::encoding::text::{Codes, Interner, TextColumn};
use crate::encoding::times::Times;
use crate::memtable::Block;
use crate::query::groups::summary::{Kept, SummaryKey};
use crate::query::property_names::PropertyNames;
use crate::query::select::Rows;
use crate::query::sessions::bounds::PageViews;
use crate::resources::query_context::QueryContext;
use crate::segment::Segment;
use millimetric_events::StoreError;

/// Rows that are read together.
#[derive(Debug, Clone)]
pub(crate) enum Chunk {
    Hot(Arc<Block>),
    Sealed(Arc<Segment>),
}

impl Chunk {
    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Hot(block) => block.rows(),
            Self::Sealed(segment) => segment.rows,
        }
    }

    pub(crate) fn earliest(&self) -> i64 {
        match self {
            Self::Hot(block) => block.earliest,
            Self::Sealed(segment) => segment.earliest,
        }
    }

    pub(crate) fn latest(&self) -> i64 {
        match self {
            Self::Hot(block) => block.latest,
            Self::Sealed(segment) => segment.latest,
        }
    }

    /// Whether the rows stand in order of (timestamp, `event_id`).
    pub(crate) fn sorted(&self) -> bool {
        matches!(self, Self::Sealed(_))
    }

    /// Whether what is read of it once is there for the next time.
    pub(crate) fn is_cached(&self) -> bool {
        self.number().is_some()
    }

    /// Its number for the cache; none for what is read only once.
    fn number(&self) -> Option<u64> {
        match self {
            Self::Hot(block) => block.number,
            Self::Sealed(segment) => Some(segment.number()),
        }
    }
}

/// Reads columns of chunks, through the cache.
pub(crate) struct Columns {
    pub(crate) cache: ColumnCache,
    pub(crate) hash: KeyedHash,
}

impl Columns {
    pub(crate) fn times(&self, chunk: &Chunk) -> Result<Arc<Times>, StoreError> {
        match chunk {
            Chunk::Hot(block) => Ok(Arc::clone(&block.timestamps)),
            Chunk::Sealed(segment) => segment.cached_times(&self.cache),
        }
    }

    pub(crate) fn text(&self, chunk: &Chunk, field: Field) -> Result<Arc<TextColumn>, StoreError> {
        match chunk {
            Chunk::Hot(block) => block
                .text(field)
                .cloned()
                .ok_or_else(|| StoreError::Internal(format!("{} was not copied", field.name()))),
            Chunk::Sealed(segment) => {
                self.cache.get(segment.number(), Part::Text(field), || segment.text(&self.cache, field))
            }
        }
    }

    /// The column without keeping it: for work in the background, which reads everything once.
    pub(crate) fn text_once(&self, chunk: &Chunk, field: Field) -> Result<Arc<TextColumn>, StoreError> {
        match chunk {
            Chunk::Hot(_) => self.text(chunk, field),
            Chunk::Sealed(segment) => segment.text(&self.cache, field).map(Arc::new),
        }
    }

    /// The event id of each row.
    pub(crate) fn event_ids(&self, chunk: &Chunk) -> Result<Vec<EventId>, StoreError> {
        // No row of this column lacks a value.
        self.computed(chunk, Field::EventId, |text| EventId::new(text.unwrap_or_default()))
    }

    /// A visitor number for each row.
    pub(crate) fn visitors(&self, chunk: &Chunk, table: &VisitorTable) -> Result<Arc<Vec<u32>>, StoreError> {
        self.derived(chunk, Part::Visitors(table.generation), || {
            self.computed(chunk, Field::AnonymousId, |text| {
                // No row of this column lacks a value.
                text.map_or(0, |text| table.number(self.hash.of(Kind::Visitor, text) as u64))
            })
        })
    }

    /// The rows by visitor.
    pub(crate) fn journeys(
        &self,
        chunk: &Chunk,
        table: &VisitorTable,
    ) -> Result<Arc<JourneyColumn>, StoreError> {
        self.derived(chunk, Part::Journeys(table.generation), || {
            self.journeys_of(chunk, &Rows::Span(0..chunk.rows()), table)
        })
    }

    /// Some rows by visitor.
    pub(crate) fn journeys_of(
        &self,
        chunk: &Chunk,
        rows: &Rows,
        table: &VisitorTable,
    ) -> Result<JourneyColumn, StoreError> {
        let (numbers, times) = (self.visitors(chunk, table)?, self.times(chunk)?);
        let names = self.text(chunk, Field::EventName)?;
        Ok(JourneyColumn::new(rows, &numbers, &times, &names))
    }

    /// A hash of each row's visitor, where they are too many to be numbered.
    pub(crate) fn visitor_hashes(&self, chunk: &Chunk) -> Result<Arc<Vec<u64>>, StoreError> {
        self.derived(chunk, Part::VisitorHashes, || self.hashes(chunk, Field::AnonymousId, Kind::Visitor))
    }

    /// The sessions of the chunk.
    pub(crate) fn sessions(&self, chunk: &Chunk) -> Result<Arc<SessionColumn>, StoreError> {
        self.derived(chunk, Part::Sessions, || {
            let numbered = self.numbered(chunk)?;
            let views = PageViews {
                rows: &Rows::Span(0..chunk.rows()),
                times: &*self.times(chunk)?,
                sorted: chunk.sorted(),
                numbers: &numbered.numbers,
                sessions: 0..numbered.sessions(),
                paths: &*self.text(chunk, Field::Path)?,
            };
            let (ends, alike) = views.ends(|_| true, &QueryContext::default())?;
            Ok(numbered.column(&ends, alike))
        })
    }

    /// The number of each row's session.
    pub(crate) fn session_numbers(&self, chunk: &Chunk) -> Result<Arc<NearNumbers>, StoreError> {
        self.derived(chunk, Part::SessionNumbers, || Ok(self.numbered(chunk)?.numbers))
    }

    fn numbered(&self, chunk: &Chunk) -> Result<Numbered, StoreError> {
        let events = self.text(chunk, Field::EventName)?;
        let Some(page_view) = events.dictionary.find(PAGE_VIEW) else {
            return Ok(Numbered::new((0..chunk.rows()).map(|_| None)));
        };
        let visitors = self.hashes(chunk, Field::AnonymousId, Kind::Visitor)?;
        let sessions = self.hashes(chunk, Field::SessionId, Kind::Session)?;
        Ok(Numbered::new(
            (0..chunk.rows())
                .map(|row| (events.codes.get(row) == page_view).then(|| visitors[row] ^ sessions[row])),
        ))
    }

    /// A hash of each row's text; no row of the column lacks one.
    fn hashes(&self, chunk: &Chunk, field: Field, kind: Kind) -> Result<Vec<u64>, StoreError> {
        self.computed(chunk, field, |text| text.map_or(0, |text| self.hash.of(kind, text) as u64))
    }

    /// What an estimate of the visitors needs of each row.
    pub(crate) fn visitor_tokens(&self, chunk: &Chunk) -> Result<Arc<Vec<u32>>, StoreError> {
        self.derived(chunk, Part::VisitorTokens, || {
            self.computed(chunk, Field::AnonymousId, |text| {
                text.map_or(0, |text| hyperloglog::token(self.hash.of(Kind::Visitor, text) as u64))
            })
        })
    }

    /// What an estimate of all visitors of the chunk needs.
    pub(crate) fn visitor_sketch(&self, chunk: &Chunk) -> Result<Arc<Sketch>, StoreError> {
        self.derived(chunk, Part::VisitorSketch, || {
            let visitors = self.text_once(chunk, Field::AnonymousId)?;
            let mut sketch = Sketch::default();
            for text in visitors.dictionary.texts() {
                sketch.add(hyperloglog::token(self.hash.of(Kind::Visitor, text) as u64));
            }
            Ok(sketch)
        })
    }

    /// The text of a top-level property of each row.
    pub(crate) fn property(&self, chunk: &Chunk, name: &Arc<str>) -> Result<Arc<TextColumn>, StoreError> {
        self.derived(chunk, Part::Property(Arc::clone(name)), || {
            let mut interner = Interner::default();
            let codes = self.computed(chunk, Field::Properties, |text| {
                interner.code(json_properties::text_of(text.unwrap_or_default(), name).as_deref())
            })?;
            Ok(column(&codes, interner))
        })
    }

    /// The number in a top-level property of each row; NaN where there is none.
    pub(crate) fn numbers(&self, chunk: &Chunk, name: &Arc<str>) -> Result<Arc<Vec<f64>>, StoreError> {
        self.derived(chunk, Part::Numbers(Arc::clone(name)), || {
            self.computed(chunk, Field::Properties, |text| {
                json_properties::number_of(text.unwrap_or_default(), name).unwrap_or(f64::NAN)
            })
        })
    }

    /// The property names of the whole chunk, counted by the first who wants them.
    pub(crate) fn property_names(
        &self,
        chunk: &Chunk,
        count: impl FnOnce() -> Result<PropertyNames, StoreError>,
    ) -> Result<Arc<PropertyNames>, StoreError> {
        self.derived(chunk, Part::PropertyNames, count)
    }

    /// Which top-level properties each row has.
    pub(crate) fn shapes(&self, chunk: &Chunk) -> Result<Arc<Shapes>, StoreError> {
        self.derived(chunk, Part::Shapes, || {
            let mut builder = ShapesBuilder::default();
            let codes =
                self.computed(chunk, Field::Properties, |text| builder.code(text.unwrap_or_default()))?;
            Ok(builder.shapes(&codes))
        })
    }

    /// Calls `each` with the event name and the properties of all rows that `wanted` likes, and with how
    /// many rows have them, until it breaks off; the same pair may come several times. Never more than a
    /// few thousand rows are decoded at once.
    pub(crate) fn each_properties(
        &self,
        chunk: &Chunk,
        wanted: impl Fn(usize) -> bool,
        mut each: impl FnMut(&str, &str, u32) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<ControlFlow<()>, StoreError> {
        match chunk {
            Chunk::Sealed(segment) => {
                segment.each_pair(&self.cache, [Field::EventName, Field::Properties], wanted, each)
            }
            Chunk::Hot(_) => {
                let [names, properties] =
                    [self.text(chunk, Field::EventName)?, self.text(chunk, Field::Properties)?];
                let mut pairs: HashMap<(u32, u32), u32> = HashMap::new();
                for row in (0..chunk.rows()).filter(|row| wanted(*row)) {
                    *pairs.entry((names.codes.get(row), properties.codes.get(row))).or_default() += 1;
                }
                for ((name, text), rows) in pairs {
                    let [name, text] = [names.dictionary.get(name), properties.dictionary.get(text)];
                    if each(name.unwrap_or_default(), text.unwrap_or_default(), rows)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Ok(ControlFlow::Continue(()))
            }
        }
    }

    /// Whether a chunk has a summary, or nobody has tried to count one.
    pub(crate) fn may_have_summary(&self, chunk: &Chunk, key: &SummaryKey) -> bool {
        let part = Part::Summary(key.clone());
        let known = chunk.number().and_then(|number| self.cache.peek::<Kept>(number, part));
        known.is_none_or(|kept| kept.is_there())
    }

    /// The groups of a whole chunk, counted by the first who wants them.
    pub(crate) fn summary(
        &self,
        chunk: &Chunk,
        key: &SummaryKey,
        count: impl FnOnce() -> Result<Kept, StoreError>,
    ) -> Result<Arc<Kept>, StoreError> {
        self.derived(chunk, Part::Summary(key.clone()), count)
    }

    /// Something computed from a text column, row by row, without keeping the column.
    fn computed<T: Clone>(
        &self,
        chunk: &Chunk,
        field: Field,
        mut compute: impl FnMut(Option<&str>) -> T,
    ) -> Result<Vec<T>, StoreError> {
        match chunk {
            Chunk::Sealed(segment) => segment.derive(&self.cache, field, compute),
            Chunk::Hot(_) => {
                let column = self.text(chunk, field)?;
                let entries: Vec<T> = std::iter::once(compute(None))
                    .chain(column.dictionary.texts().map(|text| compute(Some(text))))
                    .collect();
                Ok((0..chunk.rows()).map(|row| entries[column.codes.get(row) as usize].clone()).collect())
            }
        }
    }

    fn derived<T: crate::columns::cache::Weighed>(
        &self,
        chunk: &Chunk,
        part: Part,
        load: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<Arc<T>, StoreError> {
        match chunk.number() {
            Some(number) => self.cache.get(number, part, load),
            None => load().map(Arc::new),
        }
    }

    /// The codes of a dictionary by the hash of their text.
    pub(crate) fn codes_by_hash(&self, column: &TextColumn, kind: Kind) -> HashMap<u128, u32> {
        column.dictionary.texts().zip(1..).map(|(text, code)| (self.hash.of(kind, text), code)).collect()
    }
}

fn column(codes: &[u32], interner: Interner) -> TextColumn {
    let dictionary = interner.into_dictionary();
    TextColumn { codes: Codes::narrow(codes, dictionary.len()), dictionary: Arc::new(dictionary) }
}
