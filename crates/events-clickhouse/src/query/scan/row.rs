//! A stored row as it is read for a query: only the columns that the query needs have values.

use clickhouse::Row;
use millimetric_core::column::Column;
use millimetric_core::event::Event;
use millimetric_core::time::Timestamp;
use serde::Deserialize;

/// A set of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ColumnSet(u32);

impl ColumnSet {
    /// All columns.
    pub(crate) const ALL: Self = Self((1 << Column::COUNT) - 1);

    /// Adds a column.
    pub(crate) fn add(&mut self, column: Column) {
        self.0 |= 1 << column as u32;
    }

    fn has(self, column: Column) -> bool {
        self.0 >> column as u32 & 1 == 1
    }

    /// The results of a statement that are read as [`StoredRow`].
    pub(crate) fn results(self) -> String {
        let received_at =
            if self == Self::ALL { "toUnixTimestamp64Milli(received_at)" } else { "toInt64(0)" };
        let times = format!("toUnixTimestamp64Milli(timestamp) AS at, {received_at} AS received");
        let text = |column: Column| {
            let name = column.as_str();
            let value = if self.has(column) { name } else { "NULL" };
            format!("CAST({value}, 'Nullable(String)') AS {name}")
        };
        [times].into_iter().chain(Column::ALL.map(text)).collect::<Vec<_>>().join(", ")
    }
}

macro_rules! stored_row {
    ($($column:ident $field:ident,)+) => {
        /// A row; a column that the query does not need has no value.
        #[derive(Row, Deserialize)]
        pub(crate) struct StoredRow {
            /// The time of the event, in milliseconds since 1970.
            pub(crate) at: i64,
            received: i64,
            $($field: Option<String>,)+
        }

        impl StoredRow {
            /// The text in a column.
            pub(crate) fn text(&self, column: Column) -> Option<&str> {
                match column { $(Column::$column => self.$field.as_deref(),)+ }
            }
        }
    };
}

stored_row! {
    EventName event_name,
    EventId event_id,
    AnonymousId anonymous_id,
    UserId user_id,
    SessionId session_id,
    Source source,
    Medium medium,
    Campaign campaign,
    SourceConfidence source_confidence,
    SourceRuleId source_rule_id,
    Referrer referrer,
    Url url,
    Path path,
    Country country,
    DeviceType device_type,
    Browser browser,
    Os os,
    IpHash ip_hash,
    Properties properties,
}

impl StoredRow {
    /// The text in a column in which every event has one.
    pub(crate) fn required(&self, column: Column) -> &str {
        self.text(column).unwrap_or_default()
    }

    /// The time of the event.
    pub(crate) fn timestamp(&self) -> Timestamp {
        instant(self.at)
    }

    /// The event, of a row with [all columns](ColumnSet::ALL).
    pub(crate) fn to_event(&self) -> Event {
        Event::from_texts(instant(self.at), instant(self.received), |column| self.text(column))
    }

    /// Memory in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let texts = Column::ALL.into_iter().filter_map(|column| self.text(column));
        size_of::<Self>() + texts.map(str::len).sum::<usize>()
    }
}

/// The time of these milliseconds, within the years of [`Timestamp`].
pub(crate) fn instant(millis: i64) -> Timestamp {
    Timestamp::MIN.plus_millis(millis.saturating_sub(Timestamp::MIN.millis()))
}
