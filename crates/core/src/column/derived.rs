//! Columns that are read out of a stored URL: its host, and its `utm_*` parameters. They are computed, not
//! stored.

use super::Column;

/// A column that is read out of a stored URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DerivedColumn {
    /// `hostname`
    Hostname,
    /// `referrer_host`
    ReferrerHost,
    /// `utm_source`
    UtmSource,
    /// `utm_medium`
    UtmMedium,
    /// `utm_campaign`
    UtmCampaign,
    /// `utm_term`
    UtmTerm,
    /// `utm_content`
    UtmContent,
}

impl DerivedColumn {
    /// Every derived column.
    pub const ALL: [Self; 7] = [
        Self::Hostname,
        Self::ReferrerHost,
        Self::UtmSource,
        Self::UtmMedium,
        Self::UtmCampaign,
        Self::UtmTerm,
        Self::UtmContent,
    ];

    /// The name in the API; of a parameter, also its name in the URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hostname => "hostname",
            Self::ReferrerHost => "referrer_host",
            Self::UtmSource => "utm_source",
            Self::UtmMedium => "utm_medium",
            Self::UtmCampaign => "utm_campaign",
            Self::UtmTerm => "utm_term",
            Self::UtmContent => "utm_content",
        }
    }

    /// What it holds, for a client that asks which columns there are.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Hostname => "the host of the page's URL, lower-case, without www. and port, or null",
            Self::ReferrerHost => "the host of the page before, lower-case, without www. and port, or null",
            Self::UtmSource => "utm_source as it stands in the URL, or null",
            Self::UtmMedium => "utm_medium as it stands in the URL, or null",
            Self::UtmCampaign => "utm_campaign as it stands in the URL, or null",
            Self::UtmTerm => "utm_term as it stands in the URL, or null",
            Self::UtmContent => "utm_content as it stands in the URL, or null",
        }
    }

    /// Its name on a page.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Hostname => "Hostname",
            Self::ReferrerHost => "Referrer host",
            Self::UtmSource => "UTM source",
            Self::UtmMedium => "UTM medium",
            Self::UtmCampaign => "UTM campaign",
            Self::UtmTerm => "UTM term",
            Self::UtmContent => "UTM content",
        }
    }

    /// The stored column with the URL.
    pub const fn column(self) -> Column {
        match self {
            Self::ReferrerHost => Column::Referrer,
            _ => Column::Url,
        }
    }

    /// Whether its values are hosts.
    pub const fn holds_hosts(self) -> bool {
        matches!(self, Self::Hostname | Self::ReferrerHost)
    }
}
