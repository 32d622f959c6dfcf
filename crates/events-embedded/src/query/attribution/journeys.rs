//! The conversions of a query, and the sessions of the visitors who convert.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashSet;
use millimetric_core::attribution::{Conversion, Touch};
use millimetric_core::column::SessionColumn;
use millimetric_core::query::{Conversions, currency};
use millimetric_events::StoreError;

use crate::columns::group_column::GroupColumn;
use crate::encoding::text::TextColumn;
use crate::query::run;
use crate::query::run::Span;
use crate::query::select::select;
use crate::query::sessions;
use crate::query::sessions::order::sort_by_event;
use crate::query::sessions::{RowRef, SessionKey};
use crate::query::view::View;
use crate::resources::query_context::{QueryContext, Reservation};

/// The source of a direct session.
const DIRECT: &str = "direct";
/// Conversions of a unit of work.
const UNIT: usize = 4096;

/// A session of a visitor who converts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FoundTouch {
    visitor: u64,
    at: i64,
    key: SessionKey,
    /// The row of its first event.
    pub(crate) first: RowRef,
    direct: bool,
}

/// A conversion.
#[derive(Debug, Clone, Copy)]
struct FoundConversion {
    visitor: u64,
    at: i64,
    row: RowRef,
    session: SessionKey,
    value: f64,
    currency: Option<&'static str>,
}

/// The conversions of a query and the sessions of their visitors, each by visitor and time.
pub(crate) struct Journeys {
    conversions: Vec<FoundConversion>,
    touches: Vec<FoundTouch>,
    _memory: Reservation,
}

/// One visitor's conversions and sessions.
pub(crate) struct Journey<'a> {
    pub(crate) visitor: u64,
    pub(crate) touches: &'a [FoundTouch],
    conversions: &'a [FoundConversion],
}

impl Journeys {
    pub(crate) fn of(view: &View, query: &Conversions, context: &QueryContext) -> Result<Self, StoreError> {
        let mut memory = context.memory();
        let mut conversions = conversions(view, query, context)?;
        memory.grow_to(2 * size_of_val(conversions.as_slice()))?;
        let chunks = &view.sessions()?.chunks;
        sort_by_event(view, chunks, &mut conversions, |found| (found.visitor, found.at, found.row))?;
        if query.once {
            conversions.dedup_by_key(|found| found.visitor);
        }
        let visitors: HashSet<u64> = conversions.iter().map(|found| found.visitor).collect();
        let mut touches = touches(view, &visitors, query.lookback.millis(), context)?;
        memory.grow_to(2 * (size_of_val(conversions.as_slice()) + size_of_val(touches.as_slice())))?;
        sort_by_event(view, chunks, &mut touches, |touch| (touch.visitor, touch.at, touch.first))?;
        Ok(Self { conversions, touches, _memory: memory })
    }

    /// Number and value of the conversions, by currency.
    pub(crate) fn totals(&self) -> BTreeMap<Option<&'static str>, (u64, f64)> {
        let mut totals: BTreeMap<_, (u64, f64)> = BTreeMap::new();
        for found in &self.conversions {
            let total = totals.entry(found.currency).or_default();
            total.0 += 1;
            total.1 += found.value;
        }
        totals
    }

    /// Calls `each` with every visitor, on as many cores as are worth it and idle. Returns what each core
    /// collected.
    pub(crate) fn each<A: Send>(
        &self,
        context: &QueryContext,
        start: impl Fn() -> A + Sync,
        each: impl Fn(&mut A, Journey<'_>) -> Result<(), StoreError> + Sync,
    ) -> Result<Vec<A>, StoreError> {
        let rows = 8 * self.conversions.len() + self.touches.len();
        run::each_of(&self.units(), rows, context, start, |collected, unit| {
            let found = &self.conversions[unit.clone()];
            for conversions in found.chunk_by(|a, b| a.visitor == b.visitor) {
                let visitor = conversions[0].visitor;
                let first = self.touches.partition_point(|touch| touch.visitor < visitor);
                let touches = &self.touches[first..];
                let end = touches.partition_point(|touch| touch.visitor == visitor);
                context.check()?;
                each(collected, Journey { visitor, touches: &touches[..end], conversions })?;
            }
            Ok(())
        })
    }

    /// The conversions in units of work, each with all conversions of its visitors.
    fn units(&self) -> Vec<Range<usize>> {
        let mut units = Vec::new();
        let mut start = 0;
        while start < self.conversions.len() {
            let end = (start + UNIT).min(self.conversions.len());
            let last = self.conversions[end - 1].visitor;
            let more = self.conversions[end..].partition_point(|found| found.visitor == last);
            units.push(start..end + more);
            start = end + more;
        }
        units
    }
}

impl Journey<'_> {
    /// Upper limit of the memory that the models need for this visitor, in bytes.
    pub(crate) fn models_bytes(&self) -> usize {
        // A credit, four sums and four indexes for a touch; two windows and the conversion for a conversion.
        (self.touches.len() + self.conversions.len()) * 256
    }

    /// The touches as the models see them.
    pub(crate) fn models_touches(&self) -> Vec<Touch> {
        self.touches.iter().map(|touch| Touch { at: touch.at, direct: touch.direct }).collect()
    }

    /// The conversions of each currency.
    pub(crate) fn by_currency(&self) -> BTreeMap<Option<&'static str>, Vec<Conversion>> {
        let mut keys: Vec<(SessionKey, usize)> =
            self.touches.iter().map(|touch| touch.key).zip(0..).collect();
        keys.sort_unstable();
        let mut by_currency: BTreeMap<_, Vec<Conversion>> = BTreeMap::new();
        for found in self.conversions {
            // The session of a conversion is among the visitor's.
            let Ok(index) = keys.binary_search_by_key(&found.session, |(key, _)| *key) else { continue };
            let conversion = Conversion { at: found.at, session: keys[index].1, value: found.value };
            by_currency.entry(found.currency).or_default().push(conversion);
        }
        by_currency
    }
}

/// The rows of the range that are conversions.
fn conversions(
    view: &View,
    query: &Conversions,
    context: &QueryContext,
) -> Result<Vec<FoundConversion>, StoreError> {
    let sessions = view.sessions()?;
    let selected = query.events.and(&query.filters);
    let start = || (Vec::new(), context.memory());
    let of_cores = run::each_span(view, context, start, |(found, memory), span: &Span<'_>| {
        let Some(selection) = select(view, span, &selected)? else { return Ok(()) };
        let chunk = sessions.index(span.chunk)?;
        let worth = Worth::of(view, span, query)?;
        selection.rows.each(|row| {
            let Some((session, visitor)) = sessions.session(chunk, row as u32) else { return };
            let (value, currency) = worth.row(row);
            let at = selection.times.at(row);
            let row = RowRef { chunk: chunk as u32, row: row as u32 };
            found.push(FoundConversion { visitor, at, row, session, value, currency });
        });
        memory.grow_to(2 * size_of_val(found.as_slice()))
    })?;
    Ok(of_cores.into_iter().flat_map(|(found, _)| found).collect())
}

/// What the rows of a chunk are worth.
struct Worth {
    /// The number of each row, NaN if it has none, and its currency; `None` if no value is asked for.
    amounts: Option<(Arc<Vec<f64>>, Arc<TextColumn>)>,
    /// The currency of each text in the column of currencies, by its code.
    currencies: Vec<Option<&'static str>>,
}

impl Worth {
    fn of(view: &View, span: &Span<'_>, query: &Conversions) -> Result<Self, StoreError> {
        let Some(value) = &query.value else { return Ok(Self { amounts: None, currencies: Vec::new() }) };
        let usual = value.currency;
        let numbers = view.columns.numbers(span.chunk, &Arc::from(value.property.as_str()))?;
        let texts = view.columns.property(span.chunk, &Arc::from(currency::PROPERTY))?;
        let of_text = |text: &str| currency::code(text).or(usual);
        let currencies = std::iter::once(usual).chain(texts.dictionary.texts().map(of_text)).collect();
        Ok(Self { amounts: Some((numbers, texts)), currencies })
    }

    /// Value and currency of a row.
    fn row(&self, row: usize) -> (f64, Option<&'static str>) {
        let Some((numbers, texts)) = &self.amounts else { return (0.0, None) };
        let value = numbers[row];
        let currency = self.currencies[texts.codes.get(row) as usize];
        (if value.is_finite() { value } else { 0.0 }, currency)
    }
}

/// The sessions of these visitors that can be touches.
fn touches(
    view: &View,
    visitors: &HashSet<u64>,
    lookback: i64,
    context: &QueryContext,
) -> Result<Vec<FoundTouch>, StoreError> {
    let direct = DirectRows::of(view)?;
    let filter = VisitorFilter::of(visitors);
    let from = view.from - lookback;
    let start = || (Vec::new(), context.memory());
    let of_cores = sessions::each(view, context, start, |(found, memory), session| {
        // A session that started earlier can still go on when a conversion happens in it.
        let matters =
            (session.first_at >= from || session.last_at >= view.from) && session.first_at < view.to;
        if matters && filter.may_have(session.visitor) && visitors.contains(&session.visitor) {
            found.push(FoundTouch {
                visitor: session.visitor,
                at: session.first_at,
                key: session.key,
                first: session.first,
                direct: direct.has(session.first),
            });
            memory.grow_to(2 * size_of_val(found.as_slice()))?;
        }
        Ok(())
    })?;
    Ok(of_cores.into_iter().flat_map(|(found, _)| found).collect())
}

/// The rows whose session is direct.
pub(crate) struct DirectRows(Vec<(Arc<TextColumn>, Option<u32>)>);

impl DirectRows {
    pub(crate) fn of(view: &View) -> Result<Self, StoreError> {
        let column = |chunk| -> Result<_, StoreError> {
            let column = view.column(chunk, &GroupColumn::Session(SessionColumn::Source))?;
            let direct = column.dictionary.find(DIRECT);
            Ok((column, direct))
        };
        let chunks = view.sessions()?.chunks.iter();
        Ok(Self(chunks.map(|chunk| column(&chunk.chunk)).collect::<Result<_, _>>()?))
    }

    pub(crate) fn has(&self, row: RowRef) -> bool {
        let (column, direct) = &self.0[row.chunk as usize];
        *direct == Some(column.codes.get(row.row as usize))
    }
}

/// A bitmap that most visitors outside a set have no bit in, so that few are looked up.
struct VisitorFilter(Vec<u64>);

impl VisitorFilter {
    fn of(visitors: &HashSet<u64>) -> Self {
        let mut filter = Self(vec![0; (visitors.len() * 16 / 64).next_power_of_two()]);
        for visitor in visitors {
            let (word, bit) = filter.bit(*visitor);
            filter.0[word] |= bit;
        }
        filter
    }

    fn may_have(&self, visitor: u64) -> bool {
        let (word, bit) = self.bit(visitor);
        self.0[word] & bit != 0
    }

    fn bit(&self, visitor: u64) -> (usize, u64) {
        ((visitor >> 6) as usize & (self.0.len() - 1), 1 << (visitor % 64))
    }
}
