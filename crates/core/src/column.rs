//! The columns of the stored row (contract, "Stored row"): each is declared once, in the table below.
//!
//! The fields of [`Event`], filters, `group_by`, the API description, MCP schemas, the header of
//! exports and the columns of event stores all come from it. A new column goes to the end: event
//! stores write columns in this order, and read rows of older releases without the last ones.

mod derived;
mod info;
mod session;
mod value;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::derived::DerivedColumn;
use self::info::column;
pub use self::info::{Absent, ColumnInfo, FilterInfo, Shown};
pub use self::session::{SessionColumn, TakenFrom};
pub use self::value::ColumnValue;
use self::value::{check_country, check_hash, check_properties, check_url, check_word};
use crate::time::Timestamp;
use crate::values::{Browser, Confidence, Country, DeviceType, IpHash, Os};

/// A word of the classifier, or a text that a client sent.
type Text = std::borrow::Cow<'static, str>;

macro_rules! columns {
    ($($(#[doc = $doc:literal])+ $variant:ident $field:ident: $type:ty = $info:expr;)+) => {
        /// One event, ready to be stored; project and env are those of its scope.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub struct Event {
            /// When it happened.
            pub timestamp: Timestamp,
            /// When the server received it.
            pub received_at: Timestamp,
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        /// A text column of the stored row; the two times, `timestamp` and `received_at`, are numbers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Column {
            $($(#[doc = $doc])+ $variant,)+
        }

        const INFO: &[ColumnInfo] = &[$($info.named(stringify!($field), <$type as ColumnValue>::OPTIONAL),)+];

        impl Column {
            /// Every column, in the order of the stored row.
            pub const ALL: [Self; INFO.len()] = [$(Self::$variant),+];
        }

        impl Event {
            /// The text in a column; `None` if the event has no value there.
            #[inline]
            pub fn text(&self, column: Column) -> Option<&str> {
                match column { $(Column::$variant => self.$field.as_text(),)+ }
            }

            /// An event of these times, with the text that `text` returns for each column.
            pub fn from_texts<'a>(
                timestamp: Timestamp,
                received_at: Timestamp,
                text: impl Fn(Column) -> Option<&'a str>,
            ) -> Self {
                Self { timestamp, received_at, $($field: ColumnValue::from_text(text(Column::$variant)),)+ }
            }
        }
    };
}

columns! {
    /// 1–128 characters; `$` marks system events.
    EventName event_name: String = column("what happened; filter it with `event`; `$pageview` is a page view")
        .label("Event").filtered_as("event", "Only this event.").grouped().required();
    /// 1–128 characters; the same one in the same scope is stored once.
    EventId event_id: String = column("the event's own id; explain_attribution takes it").unique().required();
    /// The visitor, 1–128 characters.
    AnonymousId anonymous_id: String = column("the visitor; uniques count these")
        .label("Visitor").filtered("Only this visitor.").personal().required();
    /// The signed-in user, 1–256 characters.
    UserId user_id: Option<String> = column("the signed-in user, or null")
        .label("User").filtered("Only this user.").personal().at_most(256);
    /// 1–160 characters.
    SessionId session_id: String = column("the session")
        .label("Session").filtered("Only this session.").personal().unique().required().at_most(160);
    /// Where the visit came from: `google`, `direct`, a host.
    Source source: Text = column("where the visit came from: google, facebook, direct, a host")
        .label("Source").filtered("Only this source, such as google.").grouped().required().at_most(2048);
    /// How: `paid`, `organic`, `social`, `referral`, `direct`, …
    Medium medium: Text = column("how: paid, organic, social, email, referral, direct, ai_assistant")
        .label("Medium").filtered("Only this medium, such as paid, organic, social.").grouped().required().at_most(2048);
    /// `utm_campaign`, in its own case.
    Campaign campaign: Option<String> = column("utm_campaign, or null")
        .label("Campaign").filtered("Only this campaign.").grouped().at_most(2048);
    /// How confident the classifier is of the attribution.
    SourceConfidence source_confidence: Confidence = column("how confident the classifier is: high, medium, low")
        .label("Confidence").filtered("Only attributions of this confidence: `high`, `medium` or `low`.").grouped()
        .checked(check_word::<Confidence>);
    /// The rule of the classifier that matched.
    SourceRuleId source_rule_id: Text = column("the rule of the classifier that matched").grouped();
    /// The page before, as sent, without secrets.
    Referrer referrer: Option<String> = column("the page before, as sent").personal().at_most(2048).in_conditions();
    /// The page, as sent, without fragment, user info and secrets.
    Url url: Option<String> = column("the page, without secrets").personal().at_most(2048).in_conditions()
        .checked(check_url);
    /// As sent, or that of the URL.
    Path path: Option<String> = column("the page's path")
        .label("Page").filtered("Only this path.").grouped().at_most(2048);
    /// The country that the address is registered in.
    Country country: Country = column("ISO 3166-1 alpha-2, or empty")
        .label("Country").filtered("Only this country, ISO 3166-1 alpha-2.").grouped().checked(check_country);
    /// Kind of device.
    DeviceType device_type: DeviceType = column("desktop, mobile, tablet, or empty")
        .label("Device").filtered("Only this kind of device: `desktop`, `mobile` or `tablet`.").grouped()
        .checked(check_word::<DeviceType>);
    /// Browser family.
    Browser browser: Browser = column("browser family, or empty")
        .label("Browser").filtered("Only this browser family, such as chrome.").grouped().checked(check_word::<Browser>);
    /// Operating system family.
    Os os: Os = column("operating system family, or empty")
        .label("System").filtered("Only this operating system family, such as ios.").grouped().checked(check_word::<Os>);
    /// Keyed hash of the address, with a key that changes each UTC day.
    IpHash ip_hash: IpHash = column("keyed hash of the address, of one UTC day").exported_only().unique().checked(check_hash);
    /// A JSON object as compact text, at most 8192 bytes; `{}` if there are no properties.
    Properties properties: String = column("the event's own properties, a JSON object as text").or("{}").at_most(usize::MAX)
        .checked(check_properties);
}

impl Column {
    /// How many columns there are.
    pub const COUNT: usize = Self::ALL.len();

    /// What is declared of the column.
    pub const fn info(self) -> &'static ColumnInfo {
        &INFO[self as usize]
    }

    /// The column's name in the stored row.
    pub const fn as_str(self) -> &'static str {
        self.info().name
    }

    /// The columns that a query can filter by.
    pub fn filterable() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|column| column.info().filter.is_some())
    }

    /// The columns that the conditions of `filters` can be about: those that a query can filter or group by, and
    /// some more.
    pub fn in_conditions() -> impl Iterator<Item = Self> {
        let is_taken = |info: &ColumnInfo| info.filter.is_some() || info.group || info.conditions;
        Self::ALL.into_iter().filter(move |column| is_taken(column.info()))
    }

    /// The query parameter that filters by the column; its name if there is none.
    pub fn filter_parameter(self) -> &'static str {
        self.info().filter.map_or(self.as_str(), |filter| filter.parameter)
    }

    /// The columns that responses show; the others occur only in exports.
    pub fn shown() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|column| column.info().shown == Shown::Everywhere)
    }

    /// The columns that a query can group by.
    pub fn groupable() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|column| column.info().group)
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_the_same_after_a_way_through_its_texts() {
        let texts = |column: Column| match column {
            Column::Country => Some("DE"),
            Column::Browser => Some("firefox"),
            Column::IpHash => Some("000102030405060708090a0b0c0d0e0f"),
            Column::UserId | Column::Url => None,
            Column::Properties => Some("{}"),
            other => Some(other.as_str()),
        };
        let (at, received) = (Timestamp::MIN, Timestamp::MAX);
        let event = Event::from_texts(at, received, texts);
        let again = Event::from_texts(at, received, |column| event.text(column));
        assert_eq!(event, again);
        assert_eq!(event.text(Column::UserId), None);
        assert_eq!(event.text(Column::IpHash), Some("000102030405060708090a0b0c0d0e0f"));
        // A word of another release is not known.
        assert_eq!(event.text(Column::Os), Some(""));
    }

    #[test]
    fn every_filter_has_a_label_and_a_name_of_its_own() {
        let mut names: Vec<_> = Column::filterable()
            .filter_map(|column| column.info().filter)
            .map(|filter| filter.parameter)
            .collect();
        assert!(Column::filterable().all(|column| !column.info().label.is_empty()));
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
