//! The event as it is stored and answered, and the closed sets of words inside it.
//!
//! Values here are finished: validated, scrubbed, classified, enriched. How they came to be is
//! `ingest`. The raw IP address and the raw user agent have no field, so they cannot be stored.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::ProjectId;
use crate::key::Env;
use crate::time::Timestamp;

/// Where events live: one project's live or test side. No query ever spans two by accident,
/// since every one is asked of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventScope {
    /// The project.
    pub project: ProjectId,
    /// Live traffic or a rehearsal.
    pub env: Env,
}

/// One event, ready to be stored (contract, "Stored row"; project and env are the scope's).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened.
    pub timestamp: Timestamp,
    /// When the server took it.
    pub received_at: Timestamp,
    /// 1–128 characters; `$` marks system events.
    pub event_name: String,
    /// 1–128 characters; the same one in the same scope is stored once.
    pub event_id: String,
    /// The visitor, 1–128 characters.
    pub anonymous_id: String,
    /// The signed-in user, 1–256 characters.
    pub user_id: Option<String>,
    /// 1–160 characters.
    pub session_id: String,
    /// Where the visit came from: `google`, `direct`, a host.
    pub source: Cow<'static, str>,
    /// How: `paid`, `organic`, `social`, `referral`, `direct`, …
    pub medium: Cow<'static, str>,
    /// `utm_campaign`, in its own case.
    pub campaign: Option<String>,
    /// How sure the classifier is.
    pub source_confidence: Confidence,
    /// Which rule of the classifier fired.
    pub source_rule_id: Cow<'static, str>,
    /// As sent, scrubbed.
    pub referrer: Option<String>,
    /// As sent, without fragment, user info and secrets.
    pub url: Option<String>,
    /// As sent, or the url's.
    pub path: Option<String>,
    /// Where the address is registered.
    pub country: Country,
    /// Kind of device.
    pub device_type: DeviceType,
    /// Browser family.
    pub browser: Browser,
    /// Operating system family.
    pub os: Os,
    /// Keyed hash of the address, with a key that changes each UTC day.
    pub ip_hash: IpHash,
    /// A JSON object as compact text, at most 8192 bytes; `{}` when there is none.
    pub properties: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            /// Not known: the empty word.
            #[default]
            Unknown,
            $(#[doc = concat!("`", $word, "`")] $variant),+
        }

        impl $name {
            /// Every value, the unknown one first.
            pub const ALL: &'static [Self] = &[Self::Unknown, $(Self::$variant),+];

            /// The word of the contract.
            pub const fn as_str(self) -> &'static str {
                match self { Self::Unknown => "", $(Self::$variant => $word),+ }
            }

            /// The value of a stored word; a word of another release is unknown.
            pub fn from_word(word: &str) -> Self {
                match word { $($word => Self::$variant,)+ _ => Self::Unknown }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(
    /// Kind of device.
    DeviceType { Desktop = "desktop", Mobile = "mobile", Tablet = "tablet" }
);
words!(
    /// Browser family.
    Browser {
        Chrome = "chrome", Firefox = "firefox", Safari = "safari", Edge = "edge", Opera = "opera",
        Samsung = "samsung", DuckDuckGo = "duckduckgo", Vivaldi = "vivaldi", Brave = "brave",
    }
);
words!(
    /// Operating system family.
    Os { Windows = "windows", MacOs = "macos", Android = "android", Ios = "ios", Linux = "linux", ChromeOs = "chromeos" }
);
words!(
    /// How sure the classifier is of an attribution.
    Confidence { High = "high", Medium = "medium", Low = "low" }
);

/// A country as ISO 3166-1 alpha-2, or the empty word when it is not known.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Country([u8; 2]);

impl Country {
    /// Not known.
    pub const UNKNOWN: Self = Self([0; 2]);

    /// Two upper-case letters, or `""`.
    pub fn as_str(&self) -> &str {
        if self.0 == [0; 2] { "" } else { std::str::from_utf8(&self.0).unwrap_or_default() }
    }
}

impl FromStr for Country {
    type Err = UnknownCountry;

    /// Two ASCII letters in either case, or nothing.
    fn from_str(text: &str) -> Result<Self, UnknownCountry> {
        match *text.as_bytes() {
            [] => Ok(Self::UNKNOWN),
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Ok(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => Err(UnknownCountry),
        }
    }
}

/// The text is no country code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a two-letter country code (ISO 3166-1)")]
pub struct UnknownCountry;

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Country({})", self.as_str())
    }
}

/// The first 16 bytes of HMAC-SHA256(salt ‖ UTC date, address); shown as 32 hexadecimal characters.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IpHash([u8; 16]);

impl IpHash {
    /// From the bytes of the hash.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for IpHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for IpHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IpHash({self})")
    }
}
