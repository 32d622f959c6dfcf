//! Classifies the rows of a chunk again, and counts what changes.
//!
//! The classifier runs once for each distinct combination of URL, referrer and stored rule. A what-if counts
//! only; a re-classification also writes the new columns.

use std::sync::Arc;

use hashbrown::{HashMap, hash_map::Entry};
use millimetric_core::classify::{Attribution, ProjectRules, classify_stored};
use millimetric_core::column::Column;
use millimetric_core::ingest::page_path;
use millimetric_core::query::{ChangeSample, ClassifiedAs, RuleChange, RuleChangeCounter};
use millimetric_events::StoreError;

use crate::columns::rows::Rows;
use crate::columns::{Chunk, Columns};
use crate::encoding::column_set::ColumnSet;
use crate::encoding::row::instant;
use crate::encoding::text::TextColumn;
use crate::encoding::times::Times;

/// The columns that are read.
const READ: [Column; 8] = [
    Column::Url,
    Column::Referrer,
    Column::SourceRuleId,
    Column::Source,
    Column::Medium,
    Column::Campaign,
    Column::SourceConfidence,
    Column::Path,
];
/// The columns of [`ClassifiedAs`], in its order.
const OLD: [Column; 4] = [Column::Source, Column::Medium, Column::SourceRuleId, Column::SourceConfidence];
/// Marks a row that keeps its attribution because a rule needs what its URL lost.
const KEPT: u32 = u32::MAX;
/// Marks a row whose attribution is the same.
const SAME: u32 = u32::MAX - 1;
/// Rows between two calls of `check`.
const CHECKED_EVERY: usize = 1024;

/// Bytes of an entry for a distinct combination of texts, with the spare room of the table.
const KNOWN_BYTES: usize = 2 * size_of::<([u32; 3], u32)>();

/// What the rules say of some rows of a chunk.
pub(crate) struct Reclassified {
    stored: HashMap<Column, Arc<TextColumn>>,
    attributions: Vec<Attribution>,
    /// For each row an index into `attributions`, [`KEPT`] or [`SAME`].
    results: Vec<u32>,
    /// For each code of the column `path` the normalised path, if that is another one.
    paths: Vec<Option<String>>,
    /// The rows that were classified.
    rows: Rows,
}

impl Reclassified {
    /// The columns that are read.
    pub(crate) fn columns() -> ColumnSet {
        READ.into_iter().collect()
    }

    /// Classifies the rows. `check` gets the bytes that this takes besides the decoded columns, and returns an
    /// error if the work must end. The attributions can take as much as the column `url`, which their
    /// campaigns come from.
    pub(crate) fn of(
        columns: &Columns,
        chunk: &Chunk,
        rows: Rows,
        rules: &ProjectRules,
        check: &mut dyn FnMut(usize) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        let stored = READ.into_iter().map(|column| Ok((column, columns.text_once(chunk, column)?)));
        let stored: HashMap<_, _> = stored.collect::<Result<_, StoreError>>()?;
        let normalised = |path: &str| {
            let normalised = page_path::normalised(path);
            (normalised != path).then(|| normalised.into_owned())
        };
        let paths = std::iter::once(None).chain(stored[&Column::Path].dictionary.texts().map(normalised));
        let mut found = Self {
            attributions: Vec::new(),
            results: vec![SAME; chunk.rows()],
            paths: paths.collect(),
            rows,
            stored,
        };
        found.classify(rules, check)?;
        Ok(found)
    }

    fn classify(
        &mut self,
        rules: &ProjectRules,
        check: &mut dyn FnMut(usize) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let read_from =
            [Column::Url, Column::Referrer, Column::SourceRuleId].map(|column| &self.stored[&column]);
        let mut known: HashMap<[u32; 3], u32> = HashMap::new();
        let mut numbers: HashMap<Attribution, u32> = HashMap::new();
        let mut bytes = 0;
        let rows = &self.rows;
        for index in 0..rows.len() {
            if index.is_multiple_of(CHECKED_EVERY) {
                check(bytes + size_of_val(&*self.results) + known.len() * KNOWN_BYTES)?;
            }
            let row = rows.at(index);
            let result = match known.entry(read_from.map(|column| column.codes.get(row))) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => {
                    let [url, referrer, rule_id] = read_from.map(|column| column.value(row));
                    let now = classify_stored(url, referrer, rule_id.unwrap_or_default(), rules);
                    *new.insert(now.map_or(KEPT, |now| {
                        let next = numbers.len() as u32;
                        *numbers.entry(now).or_insert_with_key(|now| {
                            bytes += heap_bytes(now);
                            next
                        })
                    }))
                }
            };
            self.results[row] = result;
        }
        let mut attributions: Vec<_> = numbers.into_iter().collect();
        attributions.sort_unstable_by_key(|(_, number)| *number);
        self.attributions = attributions.into_iter().map(|(attribution, _)| attribution).collect();
        for index in 0..self.rows.len() {
            let row = self.rows.at(index);
            if self.changed(row).is_some_and(|now| self.is_stored(row, now)) {
                self.results[row] = SAME;
            }
        }
        Ok(())
    }

    /// Whether the row has exactly this attribution.
    fn is_stored(&self, row: usize, now: &Attribution) -> bool {
        let stored = |column| self.stored[&column].value(row);
        stored(Column::Source) == Some(&now.source)
            && stored(Column::Medium) == Some(&now.medium)
            && stored(Column::Campaign) == now.campaign.as_deref()
            && stored(Column::SourceConfidence) == Some(now.confidence.as_str())
            && stored(Column::SourceRuleId) == Some(&now.rule_id)
    }

    /// The new attribution of a row, if it has one.
    fn changed(&self, row: usize) -> Option<&Attribution> {
        self.attributions.get(self.results[row] as usize)
    }

    /// The new path of a row, if it has one.
    fn new_path(&self, row: usize) -> Option<&str> {
        self.paths[self.stored[&Column::Path].codes.get(row) as usize].as_deref()
    }

    /// The text of a row in a column after the re-classification.
    pub(crate) fn new_text(&self, column: Column, row: usize) -> NewText<'_> {
        if column == Column::Path {
            let is_selected = match &self.rows {
                Rows::Span(rows) => rows.contains(&row),
                Rows::List(rows) => rows.binary_search(&(row as u32)).is_ok(),
            };
            return self
                .new_path(row)
                .filter(|_| is_selected)
                .map_or(NewText::Same, |path| NewText::Text(Some(path)));
        }
        let Some(now) = self.changed(row) else { return NewText::Same };
        match column {
            Column::Source => NewText::Text(Some(&now.source)),
            Column::Medium => NewText::Text(Some(&now.medium)),
            Column::Campaign => NewText::Text(now.campaign.as_deref()),
            Column::SourceConfidence => NewText::Text(Some(now.confidence.as_str())),
            Column::SourceRuleId => NewText::Text(Some(&now.rule_id)),
            _ => NewText::Same,
        }
    }

    /// Adds the rows to the counts, each change with its first rows if there are
    /// `samples`. Returns whether any row changes.
    pub(crate) fn count(
        &self,
        samples: Option<&Samples<'_>>,
        counter: &mut RuleChangeCounter,
    ) -> Result<bool, StoreError> {
        let old = OLD.map(|column| &self.stored[&column]);
        let (mut kept, mut paths) = (0, 0);
        let mut changes: HashMap<([u32; 4], u32), (u64, Vec<u32>)> = HashMap::new();
        self.rows.each(|row| {
            paths += u64::from(self.new_path(row).is_some());
            match self.results[row] {
                KEPT => kept += 1,
                SAME => {}
                now => {
                    let change = (old.map(|column| column.codes.get(row)), now);
                    let (events, first) = changes.entry(change).or_default();
                    *events += 1;
                    if let Some(samples) = samples {
                        samples.keep(first, row as u32);
                    }
                }
            }
        });
        counter.add_events(self.rows.len() as u64, kept, paths);
        let changes_any = paths > 0 || !changes.is_empty();
        for ((codes, now), (events, mut first)) in changes {
            let mut texts = old.iter().zip(codes).map(|(column, code)| column.dictionary.get(code));
            let mut text = || texts.next().flatten().unwrap_or_default().to_owned();
            let old = ClassifiedAs { source: text(), medium: text(), rule_id: text(), confidence: text() };
            first.sort_unstable();
            let first = samples.map_or(Ok(Vec::new()), |samples| self.samples(samples, &first))?;
            counter.add(old, ClassifiedAs::from(&self.attributions[now as usize]), events, first);
        }
        Ok(changes_any)
    }

    /// The samples of these rows, which ascend.
    fn samples(&self, samples: &Samples<'_>, rows: &[u32]) -> Result<Vec<ChangeSample>, StoreError> {
        let ids = samples.event_ids(rows)?;
        let sample = |(row, event_id): (&u32, String)| {
            let text = |column| self.stored[&column].value(*row as usize).map(str::to_owned);
            let timestamp = instant(samples.times.at(*row as usize));
            ChangeSample { timestamp, event_id, url: text(Column::Url), referrer: text(Column::Referrer) }
        };
        Ok(rows.iter().zip(ids).map(sample).collect())
    }
}

/// Bytes of an attribution in a table and in a list.
fn heap_bytes(attribution: &Attribution) -> usize {
    let campaign = attribution.campaign.as_ref().map_or(0, String::len);
    let texts = [&attribution.source, &attribution.medium, &attribution.rule_id];
    texts.iter().map(|text| text.len()).sum::<usize>() + campaign + 3 * size_of::<Attribution>()
}

/// Finds the first rows of each change, in order of time and event id.
pub(crate) struct Samples<'a> {
    columns: &'a Columns,
    chunk: &'a Chunk,
    times: Arc<Times>,
    /// The event ids of a memtable, whose rows are in no order.
    ids: Option<Arc<TextColumn>>,
}

impl<'a> Samples<'a> {
    pub(crate) fn of(columns: &'a Columns, chunk: &'a Chunk) -> Result<Self, StoreError> {
        let ids = if chunk.sorted() { None } else { Some(columns.text(chunk, Column::EventId)?) };
        Ok(Self { columns, chunk, times: columns.times(chunk)?, ids })
    }

    /// Adds a row to the first ones if it is one of them. Rows come in ascending order.
    fn keep(&self, first: &mut Vec<u32>, row: u32) {
        let order = |row: &u32| {
            let row = *row as usize;
            (self.times.at(row), self.ids.as_ref().and_then(|ids| ids.value(row)))
        };
        if first.len() < RuleChange::MAX_SAMPLES {
            first.push(row);
        } else if self.ids.is_some()
            && let Some(last) = first.iter_mut().max_by_key(|row| order(row))
            && order(&row) < order(last)
        {
            *last = row;
        }
    }

    fn event_ids(&self, rows: &[u32]) -> Result<Vec<String>, StoreError> {
        match (self.chunk, &self.ids) {
            (Chunk::Segment(segment), _) => self.columns.some_texts(segment, Column::EventId, rows),
            (_, ids) => {
                let id = |row: &u32| ids.as_ref().and_then(|ids| ids.value(*row as usize));
                Ok(rows.iter().map(|row| id(row).unwrap_or_default().to_owned()).collect())
            }
        }
    }
}

/// The text of a row in a column after a re-classification.
pub(crate) enum NewText<'a> {
    /// The stored one.
    Same,
    /// Another one.
    Text(Option<&'a str>),
}
