//! What the rows of a chunk mean for sessions.

use std::cmp::Ordering;
use std::sync::Arc;

use millimetric_core::classify::is_explicit_tag;
use millimetric_core::column::Column;
use millimetric_core::session::{EventKind, Origin, SessionEvent};
use millimetric_events::StoreError;

use crate::columns::{Chunk, Columns};
use crate::encoding::text::{Dictionary, TextColumn};
use crate::encoding::times::Times;

/// The rows of a chunk as events of sessions.
pub(crate) struct SessionEvents {
    pub(crate) times: Arc<Times>,
    names: Arc<TextColumn>,
    sources: Arc<TextColumn>,
    rules: Arc<TextColumn>,
    paths: Arc<TextColumn>,
    /// The kind of each event name, by its code.
    kinds: Vec<EventKind>,
    /// The origin of each source, by its code: with another rule, and with one that reads explicit tags.
    origins: Vec<[Origin; 2]>,
    /// Whether each rule reads explicit tags, by its code.
    tagged: Vec<bool>,
}

impl SessionEvents {
    /// The columns that they are read from.
    pub(crate) const COLUMNS: [Column; 7] = [
        Column::EventName,
        Column::EventId,
        Column::AnonymousId,
        Column::SessionId,
        Column::Source,
        Column::SourceRuleId,
        Column::Path,
    ];

    pub(crate) fn of(columns: &Columns, chunk: &Chunk) -> Result<Self, StoreError> {
        let [names, sources, rules, paths] =
            [Column::EventName, Column::Source, Column::SourceRuleId, Column::Path]
                .map(|column| columns.text(chunk, column));
        let (names, sources, rules, paths) = (names?, sources?, rules?, paths?);
        let origins = |source: &str| [false, true].map(|tagged| Origin::of_source(source, tagged));
        Ok(Self {
            times: columns.times(chunk)?,
            kinds: by_code(&names.dictionary, EventKind::of),
            origins: by_code(&sources.dictionary, origins),
            tagged: by_code(&rules.dictionary, is_explicit_tag),
            names,
            sources,
            rules,
            paths,
        })
    }

    /// The event of a row, referred to as `event`.
    pub(crate) fn event<R>(&self, row: usize, event: R) -> SessionEvent<R> {
        let [name, source, rule] =
            [&self.names, &self.sources, &self.rules].map(|column| column.codes.get(row));
        SessionEvent {
            event,
            at: self.times.at(row),
            kind: self.kinds[name as usize],
            origin: self.origins[source as usize][usize::from(self.tagged[rule as usize])],
        }
    }

    /// The path of a row.
    pub(crate) fn path(&self, row: usize) -> Option<&str> {
        self.paths.value(row)
    }

    /// Compares the paths of two rows.
    pub(crate) fn compare_paths(&self, row: u32, other: u32) -> Ordering {
        let [code, of_other] = [row, other].map(|row| self.paths.codes.get(row as usize));
        if code == of_other {
            Ordering::Equal
        } else {
            self.path(row as usize).cmp(&self.path(other as usize))
        }
    }
}

/// Returns `value` of each text, by its code; of the empty text for "no value".
fn by_code<T>(dictionary: &Dictionary, value: impl Fn(&str) -> T) -> Vec<T> {
    std::iter::once("").chain(dictionary.texts()).map(value).collect()
}
