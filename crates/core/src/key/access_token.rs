//! Personal access tokens: the credential with which a person's scripts manage projects and keys.
//!
//! The text is `mmt_{prefix}_{secret}`, with the prefix, secret and checksum of a key. Draws no random
//! bytes, looks nothing up, and never shows a secret: [`AccessTokenText`] prints as its prefix alone.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::{
    CHECKSUM_CHARS, KEY_RANDOM_BYTES, KeyPrefix, MalformedKey, Pepper, RANDOM_CHARS, SecretHash, UnknownWord,
    checksum, hash_of_secret,
};

/// What the text of every token begins with.
pub const ACCESS_TOKEN_START: &str = "mmt_";

/// What a token may do; the role of its owner can allow less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessTokenScope {
    /// Read settings.
    Read,
    /// Read and change them.
    Write,
}

impl AccessTokenScope {
    /// Every scope.
    pub const ALL: &'static [Self] = &[Self::Read, Self::Write];

    /// The word used on the wire, in the database and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

impl fmt::Display for AccessTokenScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for AccessTokenScope {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.iter().find(|scope| scope.as_str() == text);
        found.copied().ok_or(UnknownWord { expected: &["read", "write"] })
    }
}

/// A whole token as its owner has it. Shown once, when it is created; never stored or logged.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessTokenText {
    prefix: KeyPrefix,
    text: String,
}

impl AccessTokenText {
    /// The longest that a token works, in days.
    pub const MAX_DAYS: i64 = 366;
    /// The most tokens of a person that work at the same time.
    pub const MAX_PER_PERSON: usize = 50;

    /// Makes a token from random bytes of the operating system's generator.
    pub fn create(random: &[u8; KEY_RANDOM_BYTES]) -> Self {
        let (prefix, secret) = random.split_at(4);
        let prefix = hex::encode(prefix);
        let body = format!("{ACCESS_TOKEN_START}{prefix}_{}", URL_SAFE_NO_PAD.encode(secret));
        let text = format!("{body}{}", checksum(&body));
        Self { prefix: prefix.parse().unwrap_or(KeyPrefix([b'0'; 8])), text }
    }

    /// Reads a token as a client sent it; a mistyped one is recognised by its checksum. Nothing is looked up.
    pub fn parse(text: &str) -> Result<Self, MalformedKey> {
        let rest = text.strip_prefix(ACCESS_TOKEN_START).ok_or(MalformedKey)?;
        let (prefix, secret) = rest.split_once('_').ok_or(MalformedKey)?;
        let prefix = prefix.parse()?;
        let url_safe = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if secret.len() != RANDOM_CHARS + CHECKSUM_CHARS || !secret.bytes().all(url_safe) {
            return Err(MalformedKey);
        }
        let (body, sum) = text.split_at(text.len() - CHECKSUM_CHARS);
        if checksum(body) != sum {
            return Err(MalformedKey);
        }
        Ok(Self { prefix, text: text.to_owned() })
    }

    /// By what it is looked up; safe to show and log.
    pub const fn prefix(&self) -> KeyPrefix {
        self.prefix
    }

    /// The whole text, to be shown to its owner once.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// `sha256(secret || pepper)`: what is stored instead of the secret, as of a key.
    pub fn hash(&self, pepper: &Pepper) -> SecretHash {
        hash_of_secret(&self.text, pepper)
    }
}

impl fmt::Debug for AccessTokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ACCESS_TOKEN_START}{}_…", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::super::KeyText;
    use super::*;
    use proptest::prelude::*;

    fn token() -> AccessTokenText {
        AccessTokenText::create(&std::array::from_fn(|i| i as u8 * 7))
    }

    #[test]
    fn a_token_has_the_text_of_the_contract_and_prints_as_its_prefix() {
        let token = token();
        assert!(token.reveal().starts_with("mmt_00070e15_HCMqMTg_Rk1UW2JpcHd-hYyTmqGor7a9xMvS2eDn7vU"));
        assert_eq!(token.reveal().len(), "mmt_00070e15_".len() + 43 + 6);
        assert_eq!(format!("{token:?}"), "mmt_00070e15_…");
        assert_eq!(AccessTokenText::parse(token.reveal()), Ok(token));
    }

    #[test]
    fn a_mistyped_token_and_a_key_are_no_tokens() {
        let good = token().reveal().to_owned();
        let key = KeyText::create(super::super::KeyKind::Sk, super::super::Env::Live, &[1; KEY_RANDOM_BYTES]);
        for text in [
            "",
            "mmt_",
            &good[1..],
            &good[..good.len() - 1],
            &format!("{good}a"),
            &good.to_uppercase(),
            &good.replace("mmt_0", "mmt_1"),
            key.reveal(),
        ] {
            assert_eq!(AccessTokenText::parse(text), Err(MalformedKey), "{text}");
        }
        assert!(KeyText::parse(&good).is_err());
    }

    #[test]
    fn the_hash_depends_on_secret_and_pepper() {
        let [one, two] = [1, 2].map(|byte| Pepper::new(vec![byte; 32]).unwrap());
        assert!(token().hash(&one).matches(&token().hash(&one)));
        assert!(!token().hash(&one).matches(&token().hash(&two)));
        assert!(!token().hash(&one).matches(&AccessTokenText::create(&[9; KEY_RANDOM_BYTES]).hash(&one)));
    }

    proptest! {
        #[test]
        fn one_mistyped_character_is_noticed(at in 0..62_usize, typed in proptest::char::range('!', '~')) {
            let good = token().reveal().to_owned();
            let mut bad: Vec<char> = good.chars().collect();
            prop_assume!(bad[at] != typed);
            bad[at] = typed;
            prop_assert_eq!(AccessTokenText::parse(&bad.into_iter().collect::<String>()), Err(MalformedKey));
        }

        #[test]
        fn no_text_panics(text in "(mmt_)?\\PC{0,80}") {
            let _ = AccessTokenText::parse(&text);
        }
    }
}
