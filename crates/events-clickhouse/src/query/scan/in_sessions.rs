//! Sessions in SQL, as [`session`] defines them: relations whose rows are visitors, sessions, or events with the
//! columns of their sessions.

use millimetric_core::classify::{PROJECT_RULE, Rule, is_explicit_tag, rules};
use millimetric_core::column::{Column, SessionColumn, TakenFrom};
use millimetric_core::query::{Dimension, Filter, PAGE_VIEW};
use millimetric_core::session;

use super::conditions::Conditions;
use crate::sql;

/// What is read of each event, as expressions over its columns.
pub(crate) struct EventParts {
    /// What its name means: 1 of a page view, 2 of an event of the site's own, else 0.
    pub(crate) kind: String,
    /// What its classification means: 1 of a referrer, 2 of a tag, else 0.
    pub(crate) origin: String,
    /// A condition.
    pub(crate) selected: String,
    /// Values.
    pub(crate) values: Vec<String>,
}

impl EventParts {
    /// These values, and what sessions are computed from.
    pub(crate) fn new(values: Vec<String>) -> Self {
        let kind = format!("multiIf(event_name = '{PAGE_VIEW}', 1, startsWith(event_name, '$'), 0, 2)");
        let zero = || "0".to_owned();
        Self { kind, origin: zero(), selected: zero(), values }
    }
}

/// The origin of an event ([`EventParts::origin`]).
fn origin(conditions: &mut Conditions) -> String {
    let tags = rules().iter().map(Rule::id).filter(|id| is_explicit_tag(id));
    let tags = conditions.bind("Array(String)", sql::strings(tags));
    format!(
        "multiIf(source = 'internal', 0, startsWith(source_rule_id, '{PROJECT_RULE}') \
         OR has({tags}, source_rule_id), 2, source = 'direct', 0, 1)"
    )
}

/// The relation of visitors whose events fulfil the conditions, which are taken out: their `anonymous_id`, and
/// `sessions` (`sessions.sql`).
pub(crate) fn visitors(parts: &EventParts, conditions: &mut Conditions) -> String {
    let values = parts.values.join(", ");
    include_str!("sessions.sql")
        .replace("$max_pause", &session::MAX_PAUSE.to_string())
        .replace("$window", &session::WINDOW.to_string())
        .replace("$kind", &parts.kind)
        .replace("$origin", &parts.origin)
        .replace("$selected", &parts.selected)
        .replace("$values", if parts.values.is_empty() { "0" } else { &values })
        .replace("$where", &conditions.take())
}

/// The name of a column in these relations; `None` if they do not have it.
pub(crate) fn name(dimension: &Dimension) -> Option<&'static str> {
    match dimension {
        Dimension::Column(column) => Some(column.as_str()),
        Dimension::Session(column) => Some(column.as_str()),
        Dimension::Derived(_) | Dimension::Property(_) | Dimension::Currency(_) => None,
    }
}

/// Columns of events and of their sessions.
#[derive(Debug, Clone, Default)]
pub(crate) struct InSessions {
    columns: Vec<Column>,
    of_sessions: Vec<SessionColumn>,
    /// A condition on events, and a value of those that fulfil it, which are expressions.
    selected: Option<(String, String)>,
}

impl InSessions {
    /// What these filters and groups are about; `None` if that is more than stored columns and columns of sessions.
    pub(crate) fn of<'a>(filters: &'a [Filter], by: impl IntoIterator<Item = &'a Dimension>) -> Option<Self> {
        let mut dimensions: Vec<&Dimension> = by.into_iter().collect();
        for filter in filters {
            filter.each_condition(&mut |condition| dimensions.push(&condition.column));
        }
        dimensions.into_iter().try_fold(Self::default(), Self::with)
    }

    fn with(mut self, dimension: &Dimension) -> Option<Self> {
        match dimension {
            Dimension::Column(column) => Some(self.with_column(*column)),
            Dimension::Session(column) => {
                if !self.of_sessions.contains(column) {
                    self.of_sessions.push(*column);
                }
                Some(self.with_column(column.column()))
            }
            Dimension::Derived(_) | Dimension::Property(_) | Dimension::Currency(_) => None,
        }
    }

    /// Also this column of events.
    pub(crate) fn with_column(mut self, column: Column) -> Self {
        if !self.columns.contains(&column) {
            self.columns.push(column);
        }
        self
    }

    /// Also which events fulfil a condition, and this text of them.
    pub(crate) fn with_selected(mut self, condition: &str, text: &str) -> Self {
        self.selected = Some((condition.to_owned(), text.to_owned()));
        self
    }

    /// The text of an event that fulfils the condition.
    pub(crate) fn selected_text(&self, event: &str) -> String {
        format!("{event}.7.{}", self.columns.len() + 1)
    }

    /// Whether it has columns of sessions.
    pub(crate) fn needs_sessions(&self) -> bool {
        !self.of_sessions.is_empty()
    }

    /// The value of a column in an event, which is an expression.
    pub(crate) fn value(&self, event: &str, column: Column) -> String {
        let position = self.columns.iter().position(|known| *known == column).unwrap_or_default();
        format!("{event}.7.{}", position + 1)
    }

    /// The relation of sessions: `anonymous_id`, the `session`, when it `begins`, its `duration`, its page `views`,
    /// of which the first is its entry and the last its exit, their number `view_count`, whether it is a `bounce`, and
    /// its columns.
    pub(crate) fn sessions(&self, conditions: &mut Conditions) -> String {
        let mut parts =
            EventParts::new(self.columns.iter().map(|column| column.as_str().to_owned()).collect());
        if !self.of_sessions.is_empty() {
            parts.origin = origin(conditions);
        }
        if let Some((condition, text)) = &self.selected {
            parts.selected.clone_from(condition);
            parts.values.push(format!("if({condition}, {text}, '')"));
        }
        let visitors = visitors(&parts, conditions);
        let columns: Vec<String> =
            self.of_sessions.iter().map(|column| self.session_column(*column)).collect();
        format!(
            "SELECT *{columns} FROM (SELECT anonymous_id, session, session[1].1 AS begins, \
             session[-1].1 - session[1].1 AS duration, {views} AS views, \
             arrayCount(event -> event.3 = 1, session) AS view_count, \
             view_count = 1 AND NOT arrayExists(event -> event.3 = 2, session) AS bounce, \
             if(session[1].4 > 0, 1, arrayFirstIndex(event -> event.4 = 2, session)) AS credited \
             FROM (SELECT anonymous_id, arrayJoin(sessions) AS session FROM ({visitors})))",
            columns = columns.concat(),
            views = self.views(),
        )
    }

    /// The page views of a session. Of those at the same time, the entry has the lowest path and the exit the highest.
    fn views(&self) -> String {
        let views = "arrayFilter(event -> event.3 = 1, session)";
        if !self.columns.contains(&Column::Path) {
            return views.to_owned();
        }
        let path = self.value("event", Column::Path);
        format!("arraySort(event -> (event.1, isNotNull({path}), ifNull({path}, ''), event.2), {views})")
    }

    fn session_column(&self, column: SessionColumn) -> String {
        let value = |event: &str| self.value(event, column.column());
        let text = match column.taken_from() {
            TakenFrom::Source(Some(text)) => {
                format!("if(credited = 0, '{text}', {})", value("session[credited]"))
            }
            TakenFrom::Source(None) => value("session[greatest(credited, 1)]"),
            TakenFrom::Entry => value("views[1]"),
            TakenFrom::Exit => value("views[-1]"),
        };
        format!(", {text} AS {}", column.as_str())
    }

    /// The relation of sessions with page views, with the columns of their entry.
    pub(crate) fn entries(self, conditions: &mut Conditions) -> String {
        // The entry depends on it, if anything is read of the entry.
        let all = if self.columns.is_empty() { self } else { self.with_column(Column::Path) };
        format!(
            "SELECT *{} FROM ({}) WHERE view_count > 0",
            all.columns_of("views[1]"),
            all.sessions(conditions)
        )
    }

    /// The relation of events: their columns, and those of their sessions.
    pub(crate) fn events(&self, conditions: &mut Conditions) -> String {
        let of_sessions: Vec<String> =
            self.of_sessions.iter().map(|column| format!(", {}", column.as_str())).collect();
        format!(
            "SELECT anonymous_id, fromUnixTimestamp64Milli(event.1, 'UTC') AS timestamp{}{} \
             FROM ({}) ARRAY JOIN session AS event",
            of_sessions.concat(),
            self.columns_of("event"),
            self.sessions(conditions)
        )
    }

    fn columns_of(&self, event: &str) -> String {
        let column = |column: &Column| format!(", {} AS {}", self.value(event, *column), column.as_str());
        self.columns.iter().map(column).collect::<Vec<_>>().concat()
    }
}
