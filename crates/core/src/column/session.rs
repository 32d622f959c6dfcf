//! The columns of the session that an event belongs to (contract, 4.1). They are computed, not stored: each
//! is the value of a column in one of the session's events.

use super::Column;

/// A column of the session that an event belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SessionColumn {
    /// `session_source`
    Source,
    /// `session_medium`
    Medium,
    /// `session_campaign`
    Campaign,
    /// `session_confidence`
    Confidence,
    /// `session_rule_id`
    RuleId,
    /// `entry_path`
    EntryPath,
    /// `exit_path`
    ExitPath,
}

/// The event of a session that a session column takes its value from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenFrom {
    /// The event whose classification is that of the session. If there is none, the value is this text; `None`:
    /// that of the first event.
    Source(Option<&'static str>),
    /// The first page view; no value if there is none.
    Entry,
    /// The last page view; no value if there is none.
    Exit,
}

impl SessionColumn {
    /// Every session column.
    pub const ALL: [Self; 7] = [
        Self::Source,
        Self::Medium,
        Self::Campaign,
        Self::Confidence,
        Self::RuleId,
        Self::EntryPath,
        Self::ExitPath,
    ];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "session_source",
            Self::Medium => "session_medium",
            Self::Campaign => "session_campaign",
            Self::Confidence => "session_confidence",
            Self::RuleId => "session_rule_id",
            Self::EntryPath => "entry_path",
            Self::ExitPath => "exit_path",
        }
    }

    /// What it holds, for a client that asks which columns there are.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Source => {
                "where the event's session came from: google, facebook, direct, a host; never internal"
            }
            Self::Medium => {
                "how the session came: paid, organic, social, email, referral, direct, ai_assistant"
            }
            Self::Campaign => "the campaign of the session, or null",
            Self::Confidence => "how confident the classifier is of the session's source: high, medium, low",
            Self::RuleId => "the rule of the classifier that the session is credited by",
            Self::EntryPath => "the path of the session's first page view",
            Self::ExitPath => "the path of the session's last page view",
        }
    }

    /// Its name on a page.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Source => "Session source",
            Self::Medium => "Session medium",
            Self::Campaign => "Session campaign",
            Self::Confidence => "Session confidence",
            Self::RuleId => "Session rule",
            Self::EntryPath => "Entry page",
            Self::ExitPath => "Exit page",
        }
    }

    /// What a filter by it does, in the API description.
    pub const fn filter_description(self) -> &'static str {
        match self {
            Self::Source => "Only sessions from this source.",
            Self::Medium => "Only sessions with this medium.",
            Self::Campaign => "Only sessions with this campaign.",
            Self::Confidence => "Only sessions attributed with this confidence: `high`, `medium` or `low`.",
            Self::RuleId => "Only sessions credited by this rule.",
            Self::EntryPath => "Only sessions that begin at this path.",
            Self::ExitPath => "Only sessions that end at this path.",
        }
    }

    /// The column of events that it takes its value from.
    pub const fn column(self) -> Column {
        match self {
            Self::Source => Column::Source,
            Self::Medium => Column::Medium,
            Self::Campaign => Column::Campaign,
            Self::Confidence => Column::SourceConfidence,
            Self::RuleId => Column::SourceRuleId,
            Self::EntryPath | Self::ExitPath => Column::Path,
        }
    }

    /// The event that it takes its value from.
    pub const fn taken_from(self) -> TakenFrom {
        match self {
            // The values of the rule `direct`.
            Self::Source | Self::Medium | Self::RuleId => TakenFrom::Source(Some("direct")),
            Self::Confidence => TakenFrom::Source(Some("high")),
            Self::Campaign => TakenFrom::Source(None),
            Self::EntryPath => TakenFrom::Entry,
            Self::ExitPath => TakenFrom::Exit,
        }
    }
}
