//! The text columns of the stored row: their names, their order, and which may be empty.
//!
//! The two time columns are not here: they are numbers everywhere. Nothing here holds data.

use millimetric_core::query::Column;

/// A text column of the stored row (contract, "Stored row").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Field {
    EventName,
    EventId,
    AnonymousId,
    UserId,
    SessionId,
    Source,
    Medium,
    Campaign,
    SourceConfidence,
    SourceRuleId,
    Referrer,
    Url,
    Path,
    Country,
    DeviceType,
    Browser,
    Os,
    IpHash,
    Properties,
}

impl Field {
    pub(crate) const COUNT: usize = 19;

    /// Every field in the order of the stored row, which is also that of the hot log: never reorder.
    pub(crate) const ALL: [Self; Self::COUNT] = [
        Self::EventName,
        Self::EventId,
        Self::AnonymousId,
        Self::UserId,
        Self::SessionId,
        Self::Source,
        Self::Medium,
        Self::Campaign,
        Self::SourceConfidence,
        Self::SourceRuleId,
        Self::Referrer,
        Self::Url,
        Self::Path,
        Self::Country,
        Self::DeviceType,
        Self::Browser,
        Self::Os,
        Self::IpHash,
        Self::Properties,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::EventName => "event_name",
            Self::EventId => "event_id",
            Self::AnonymousId => "anonymous_id",
            Self::UserId => "user_id",
            Self::SessionId => "session_id",
            Self::Source => "source",
            Self::Medium => "medium",
            Self::Campaign => "campaign",
            Self::SourceConfidence => "source_confidence",
            Self::SourceRuleId => "source_rule_id",
            Self::Referrer => "referrer",
            Self::Url => "url",
            Self::Path => "path",
            Self::Country => "country",
            Self::DeviceType => "device_type",
            Self::Browser => "browser",
            Self::Os => "os",
            Self::IpHash => "ip_hash",
            Self::Properties => "properties",
        }
    }

    /// Whether a row may have no value here (`?` in the contract).
    pub(crate) const fn optional(self) -> bool {
        matches!(self, Self::UserId | Self::Campaign | Self::Referrer | Self::Url | Self::Path)
    }

    /// Whether so many rows have a value of their own that a file keeps no dictionary: reading one
    /// row would mean to unpack all of it.
    pub(crate) const fn unique(self) -> bool {
        matches!(self, Self::EventId | Self::SessionId | Self::IpHash)
    }
}

impl From<Column> for Field {
    fn from(column: Column) -> Self {
        match column {
            Column::EventName => Self::EventName,
            Column::AnonymousId => Self::AnonymousId,
            Column::UserId => Self::UserId,
            Column::SessionId => Self::SessionId,
            Column::Source => Self::Source,
            Column::Medium => Self::Medium,
            Column::Campaign => Self::Campaign,
            Column::SourceConfidence => Self::SourceConfidence,
            Column::SourceRuleId => Self::SourceRuleId,
            Column::Path => Self::Path,
            Column::Country => Self::Country,
            Column::DeviceType => Self::DeviceType,
            Column::Browser => Self::Browser,
            Column::Os => Self::Os,
        }
    }
}

/// A set of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FieldSet(u32);

impl FieldSet {
    pub(crate) const ALL: Self = Self((1 << Field::COUNT) - 1);

    #[must_use]
    pub(crate) const fn with(self, field: Field) -> Self {
        Self(self.0 | 1 << field as u8)
    }

    #[must_use]
    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn contains(self, field: Field) -> bool {
        self.0 & (1 << field as u8) != 0
    }
}

impl FromIterator<Field> for FieldSet {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        fields.into_iter().fold(Self::default(), Self::with)
    }
}
