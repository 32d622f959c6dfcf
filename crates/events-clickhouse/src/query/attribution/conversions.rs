//! The visitors with conversions: these, and the sessions that can be their touches.

use std::collections::BTreeMap;
use std::pin::pin;

use clickhouse::Row;
use futures_util::StreamExt as _;
use millimetric_core::attribution::{Conversion, Touch};
use millimetric_core::query::{Column, Conversions, Dimension, Filter, SessionColumn, currency};
use millimetric_core::session;
use millimetric_core::time::TimeRange;
use millimetric_events::StoreError;
use serde::Deserialize;

use crate::query::before;
use crate::query::count::groups::Texts;
use crate::query::scan::in_sessions::InSessions;
use crate::query::scan::needs::Needs;
use crate::query::scan::resolve::resolve;
use crate::query::scan::visitor::Visitor;
use crate::query::scan::visitors::Unit;
use crate::query::scan::{Reader, Scan, properties, pushdown};

/// A visitor with conversions.
pub(super) struct Converted {
    /// The number of the visitor, from 1.
    pub(super) number: u64,
    /// The sessions in order of their first event.
    pub(super) touches: Vec<Touch>,
    /// Of each session, the texts that are read.
    pub(super) texts: Vec<Texts>,
    /// In order of time, by currency.
    pub(super) conversions: BTreeMap<Option<&'static str>, Vec<Conversion>>,
}

/// Finds conversions.
pub(super) struct Converting {
    conversions: Conversions,
    range: TimeRange,
    /// What an event must pass to be a conversion.
    filters: Vec<Filter>,
    /// The source of sessions, and what else is read of them.
    by: Vec<SessionColumn>,
}

/// A session of a visitor, as SQL returns it: the time and id of its first event, its texts, and the conversions in it,
/// each with its time, id and properties.
type SessionRow = (i64, String, Vec<Option<String>>, Vec<(i64, String, String)>);

#[derive(Row, Deserialize)]
struct VisitorRow {
    sessions: Vec<SessionRow>,
}

impl Converting {
    /// The conversions of a range. `by` are the columns that are read of sessions.
    pub(super) async fn new(
        reader: &Reader<'_>,
        conversions: &Conversions,
        range: TimeRange,
        by: impl IntoIterator<Item = SessionColumn>,
    ) -> Result<Self, StoreError> {
        let mut conversions = conversions.clone();
        resolve(reader, range, &mut conversions.events, &mut conversions.filters).await?;
        let filters = conversions.events.and(&conversions.filters);
        let by = [SessionColumn::Source].into_iter().chain(by).collect();
        Ok(Self { conversions, range, filters, by })
    }

    /// Calls `each` with the visitors.
    pub(super) async fn each(
        &self,
        reader: &Reader<'_>,
        each: impl FnMut(&Converted) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if pushdown::decides(&self.filters) {
            self.by_sql(reader, each).await
        } else {
            self.by_scan(reader, each).await
        }
    }

    async fn by_sql(
        &self,
        reader: &Reader<'_>,
        mut each: impl FnMut(&Converted) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let by: Vec<Dimension> = self.by.iter().copied().map(Dimension::Session).collect();
        let Some(columns) = InSessions::of(&[], &by) else { return Ok(()) };
        let lookback = self.conversions.lookback.millis() + session::LOOKBACK;
        let mut conditions = reader.of_visitors(self.range, &self.filters, lookback);
        let passes = pushdown::all_of(&self.filters, &mut conditions);
        let from = conditions.bind("Int64", self.range.from().millis().to_string());
        let converts = format!("toUnixTimestamp64Milli(timestamp) >= {from} AND ({passes})");
        let properties = if self.conversions.value.is_some() { "properties" } else { "''" };
        let columns = columns.with_selected(&converts, properties);
        let texts: Vec<String> =
            self.by.iter().map(|column| format!("CAST({}, 'Nullable(String)')", column.as_str())).collect();
        let relation = columns.sessions(&mut conditions);
        let sessions = format!(
            "groupArray((begins, session[1].2, [{}], arrayMap(event -> (event.1, event.2, {}), \
             arrayFilter(event -> event.6 = 1, session)))) AS sessions",
            texts.join(", "),
            columns.selected_text("event"),
        );
        let rest = "GROUP BY anonymous_id HAVING arrayExists(session -> notEmpty(session.4), sessions)";
        let statement = conditions.select_from(&format!("({relation})"), &sessions, rest);
        let mut visitors = pin!(reader.client.stream::<VisitorRow>(&statement, reader.limits));
        let mut number = 0;
        while let Some(row) = visitors.next().await {
            number += 1;
            each(&self.of_row(number, row?.sessions))?;
        }
        Ok(())
    }

    fn of_row(&self, number: u64, mut sessions: Vec<SessionRow>) -> Converted {
        sessions.sort_unstable_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        let (mut touches, mut texts, mut found) = (Vec::new(), Vec::new(), Vec::new());
        for (session, (at, _, of_session, conversions)) in sessions.into_iter().enumerate() {
            touches.push(touch(at, &of_session));
            texts.push(of_session);
            found.extend(conversions.into_iter().map(|(at, id, properties)| (at, id, session, properties)));
        }
        found.sort_unstable();
        let found = found.iter().map(|(at, _, session, properties)| (*at, *session, properties.as_str()));
        Converted { number, touches, texts, conversions: self.by_currency(found) }
    }

    async fn by_scan(
        &self,
        reader: &Reader<'_>,
        mut each: impl FnMut(&Converted) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let by: Vec<Dimension> = self.by.iter().copied().map(Dimension::Session).collect();
        let value = self.conversions.value.iter().map(|_| Column::Properties);
        let needs = Needs::of(value).with_sessions().with_filters(&self.filters).with_dimensions(&by);
        let range = before(self.range, self.conversions.lookback.millis());
        let scan = Scan { needs, range, filters: &self.filters, unit: Unit::Sessions };
        let mut visitors = reader.visitors(&scan);
        while let Some(visitor) = visitors.next().await? {
            each(&self.of_visitor(&visitor))?;
        }
        Ok(())
    }

    fn of_visitor(&self, visitor: &Visitor) -> Converted {
        let text = |session, column| visitor.session_text(session, column).map(str::to_owned);
        let texts = |session| self.by.iter().map(|column| text(session, *column)).collect();
        let texts: Vec<Texts> = (0..visitor.sessions.len()).map(texts).collect();
        let touches = visitor.sessions.iter().zip(&texts);
        let touches = touches.map(|(session, texts)| touch(session.first_at, texts)).collect();
        let converts = |event: &usize| visitor.passes(*event, &self.filters);
        let found = visitor.events_in(self.range).filter(converts).map(|event| {
            let row = &visitor.events[event];
            (row.at, visitor.session_of(event), row.required(Column::Properties))
        });
        Converted { number: visitor.number, touches, texts, conversions: self.by_currency(found) }
    }

    /// The conversions, each with its time, session and properties.
    fn by_currency<'b>(
        &self,
        conversions: impl Iterator<Item = (i64, usize, &'b str)>,
    ) -> BTreeMap<Option<&'static str>, Vec<Conversion>> {
        let most = if self.conversions.once { 1 } else { usize::MAX };
        let mut found: BTreeMap<Option<&'static str>, Vec<Conversion>> = BTreeMap::new();
        for (at, session, properties) in conversions.take(most) {
            let (value, currency) = match &self.conversions.value {
                Some(of) => {
                    let value = properties::number_of(properties, of.property.as_str()).unwrap_or_default();
                    let sent = properties::text_of(properties, currency::PROPERTY);
                    (value, sent.and_then(|text| currency::code(&text)).or(of.currency))
                }
                None => (0.0, None),
            };
            found.entry(currency).or_default().push(Conversion { at, session, value });
        }
        found
    }
}

/// A session as a touch. The first of its texts is its source.
fn touch(at: i64, texts: &[Option<String>]) -> Touch {
    let source = texts.first().and_then(Option::as_deref);
    Touch { at, direct: source == Some("direct") }
}
