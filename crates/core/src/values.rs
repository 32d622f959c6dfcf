//! The types of the values in an event: closed sets of words, countries, hashes of addresses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A value of a closed set of words, with an empty one for "unknown".
pub trait Word: Copy + 'static {
    /// Every value.
    const ALL: &'static [Self];

    /// The word of the contract.
    fn word(self) -> &'static str;
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

        }

        impl Word for $name {
            const ALL: &'static [Self] = Self::ALL;

            fn word(self) -> &'static str {
                self.as_str()
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

/// The first 16 bytes of HMAC-SHA256(salt ‖ UTC date, address), as 32 lower-case hexadecimal characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IpHash([u8; 32]);

impl IpHash {
    /// From the bytes of the hash.
    pub fn new(bytes: [u8; 16]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        Self(text)
    }

    /// 32 hexadecimal characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Default for IpHash {
    fn default() -> Self {
        Self::new([0; 16])
    }
}

impl FromStr for IpHash {
    type Err = NoIpHash;

    /// 32 hexadecimal characters in either case.
    fn from_str(text: &str) -> Result<Self, NoIpHash> {
        let number = (text.len() == 32).then(|| u128::from_str_radix(text, 16).ok()).flatten();
        number.map(|number| Self::new(number.to_be_bytes())).ok_or(NoIpHash)
    }
}

/// The text is no hash of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 32 hexadecimal characters")]
pub struct NoIpHash;

impl fmt::Display for IpHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for IpHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IpHash({self})")
    }
}
