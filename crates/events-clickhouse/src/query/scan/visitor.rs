//! Events of one visitor, with their sessions, and what filters and groups read of them.

use std::borrow::Cow;
use std::hash::RandomState;

use millimetric_core::classify;
use millimetric_core::column::{Column, SessionColumn, TakenFrom};
use millimetric_core::query::{Dimension, Filter, PropertyName, currency};
use millimetric_core::session::{self, EventKind, Origin, Session, SessionEvent, Sessionizer};
use millimetric_core::time::TimeRange;

use super::properties::{self, NoNumber};
use super::row::StoredRow;

/// Events of one visitor. Events are referred to by their index, and so are sessions.
pub(crate) struct Visitor {
    /// The number of the visitor, from 1, in the order in which they are read.
    pub(crate) number: u64,
    /// The events; with sessions, all that are read of the visitor, in order of time, then `event_id`.
    pub(crate) events: Vec<StoredRow>,
    /// The sessions in order of their first event; none if the query does not need them.
    pub(crate) sessions: Vec<Session<usize>>,
    /// The session of each event.
    session_of: Vec<u32>,
}

impl Visitor {
    /// Events whose sessions are not needed.
    pub(super) fn of_events(number: u64, events: Vec<StoredRow>) -> Self {
        Self { number, events, sessions: Vec::new(), session_of: Vec::new() }
    }

    /// All events of a visitor, with their sessions.
    pub(super) fn with_sessions(number: u64, events: Vec<StoredRow>) -> Self {
        let mut sessionizer: Sessionizer<(), &str, RandomState> = Sessionizer::default();
        let mut sessions: Vec<Session<usize>> = Vec::new();
        let mut session_of = Vec::with_capacity(events.len());
        let path = |event: usize| events[event].text(Column::Path);
        for (event, row) in events.iter().enumerate() {
            let text = |column| row.required(column);
            let id = text(Column::SessionId);
            let is_derived = session::is_derived_id(id, text(Column::AnonymousId), row.timestamp());
            let session = sessionizer.session((), row.at, (!is_derived).then_some(id));
            let kind = EventKind::of(text(Column::EventName));
            let origin = Origin::of(text(Column::Source), text(Column::SourceRuleId));
            let event = SessionEvent { event, at: row.at, kind, origin };
            match sessions.get_mut(session as usize) {
                Some(session) => session.add(event, |a, b| path(a).cmp(&path(b))),
                None => sessions.push(Session::new(event)),
            }
            session_of.push(session);
        }
        drop(sessionizer);
        Self { number, events, sessions, session_of }
    }

    /// The events of the range.
    pub(crate) fn events_in(&self, range: TimeRange) -> impl Iterator<Item = usize> + use<'_> {
        let (from, to) = (range.from().millis(), range.to().millis());
        (0..self.events.len()).filter(move |event| (from..to).contains(&self.events[*event].at))
    }

    /// The session of an event.
    pub(crate) fn session_of(&self, event: usize) -> usize {
        self.session_of[event] as usize
    }

    /// The value of a column in a session.
    pub(crate) fn session_text(&self, session: usize, column: SessionColumn) -> Option<&str> {
        let session = &self.sessions[session];
        let event = match column.taken_from() {
            TakenFrom::Source(otherwise) => match (session.source, otherwise) {
                (Some(event), _) => event,
                (None, Some(text)) => return Some(text),
                (None, None) => session.first,
            },
            TakenFrom::Entry => session.views?.entry,
            TakenFrom::Exit => session.views?.exit,
        };
        self.events[event].text(column.column())
    }

    /// The text by which an event is filtered and grouped.
    pub(crate) fn text(&self, event: usize, column: &Dimension) -> Option<Cow<'_, str>> {
        let row = &self.events[event];
        match column {
            Dimension::Column(column) => row.text(*column).map(Cow::Borrowed),
            Dimension::Derived(column) => {
                classify::derived(*column, row.text(column.column())?).map(Cow::Owned)
            }
            Dimension::Session(column) => {
                self.session_text(self.session_of(event), *column).map(Cow::Borrowed)
            }
            Dimension::Property(name) => properties::text_of(row.required(Column::Properties), name.as_str()),
            Dimension::Currency(otherwise) => self.currency(event, *otherwise).map(Cow::Borrowed),
        }
    }

    /// The text by which an event is grouped, for each of these columns.
    pub(crate) fn texts<'a>(
        &'a self,
        event: usize,
        by: impl IntoIterator<Item = &'a Dimension>,
    ) -> Vec<Option<Cow<'a, str>>> {
        by.into_iter().map(|column| self.text(event, column)).collect()
    }

    /// The currency of an event; `otherwise` if it names none that is known.
    pub(crate) fn currency(&self, event: usize, otherwise: Option<&'static str>) -> Option<&'static str> {
        let properties = self.events[event].required(Column::Properties);
        let sent = properties::text_of(properties, currency::PROPERTY);
        sent.and_then(|text| currency::code(&text)).or(otherwise)
    }

    /// A property that is a number.
    pub(crate) fn number(&self, event: usize, property: &PropertyName) -> Result<f64, NoNumber> {
        properties::number_of(self.events[event].required(Column::Properties), property.as_str())
    }

    /// Whether an event passes all of these filters.
    pub(crate) fn passes(&self, event: usize, filters: &[Filter]) -> bool {
        filters.iter().all(|filter| self.holds(event, filter))
    }

    fn holds(&self, event: usize, filter: &Filter) -> bool {
        match filter {
            Filter::Condition(condition) => match &condition.column {
                Dimension::Property(name) if condition.test.is_of_numbers() => {
                    let number = self.number(event, name).ok();
                    number.is_some_and(|number| condition.test.passes_number(number)) != condition.negated
                }
                column => condition.holds(self.text(event, column).as_deref()),
            },
            Filter::And(filters) => filters.iter().all(|filter| self.holds(event, filter)),
            Filter::Or(filters) => filters.iter().any(|filter| self.holds(event, filter)),
            Filter::Not(filter) => !self.holds(event, filter),
        }
    }
}
