//! Keys: their text, their checksum, what each kind may do, and how a secret is kept.
//!
//! The text is `{kind}_{env}_{prefix}_{secret}`. This file never draws the random bytes, never
//! looks a key up, and never shows a secret: [`KeyText`] prints as its prefix alone.

pub mod access_token;
pub mod invisible;

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Random bytes that a new key takes: 4 for the prefix, 32 (256 bits) for the secret.
pub const KEY_RANDOM_BYTES: usize = 36;
/// Characters of the random part of a secret: 256 bits as base64url.
const RANDOM_CHARS: usize = 43;
/// Characters of the checksum that ends a secret.
const CHECKSUM_CHARS: usize = 6;

/// What a key is for; the first word of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// Publishable: ingests from browsers on listed origins, reads nothing.
    Pk,
    /// Secret: ingests, reads and forgets, for servers.
    Sk,
    /// Read: for dashboards and agents.
    Rk,
    /// Account: reads every project of an account, over MCP only.
    Ak,
}

/// Whether a key's events are live or test events; no response ever mixes the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Env {
    /// Real traffic.
    Live,
    /// A rehearsal, kept apart.
    Test,
}

/// One thing that a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Send events.
    Ingest,
    /// Ask queries.
    Read,
    /// Erase a person.
    Forget,
}

macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $name {
            /// Every value, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word used on the wire, in the database and on the command line.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text { $($word => Ok(Self::$variant),)+ _ => Err(UnknownWord { expected: &[$($word),+] }) }
            }
        }
    };
}

/// The text is none of a closed set of words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {}", .expected.join(", "))]
pub struct UnknownWord {
    /// The words that would have been accepted.
    pub expected: &'static [&'static str],
}

words!(KeyKind { Pk = "pk", Sk = "sk", Rk = "rk", Ak = "ak" });
words!(Env { Live = "live", Test = "test" });
words!(Scope { Ingest = "ingest", Read = "read", Forget = "forget" });

impl KeyKind {
    /// What a key of this kind may do unless it was created with fewer scopes; it never gets more.
    pub const fn default_scopes(self) -> &'static [Scope] {
        match self {
            Self::Pk => &[Scope::Ingest],
            Self::Sk => &[Scope::Ingest, Scope::Read, Scope::Forget],
            Self::Rk | Self::Ak => &[Scope::Read],
        }
    }
}

/// The eight hexadecimal characters by which a key is looked up; safe to show and log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyPrefix([u8; 8]);

impl KeyPrefix {
    /// The characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for KeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<KeyPrefix> for String {
    fn from(prefix: KeyPrefix) -> Self {
        prefix.as_str().to_owned()
    }
}

impl TryFrom<String> for KeyPrefix {
    type Error = MalformedKey;

    fn try_from(text: String) -> Result<Self, MalformedKey> {
        text.parse()
    }
}

impl FromStr for KeyPrefix {
    type Err = MalformedKey;

    fn from_str(text: &str) -> Result<Self, MalformedKey> {
        let bytes: [u8; 8] = text.as_bytes().try_into().map_err(|_| MalformedKey)?;
        let lower_hex = bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        lower_hex.then_some(Self(bytes)).ok_or(MalformedKey)
    }
}

/// The text is not a key: a wrong shape, a wrong character, or a checksum that does not fit
/// what stands before it (a mistyped or cut key).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key: expected kind_env_prefix_secret with a matching checksum")]
pub struct MalformedKey;

/// A whole key as its holder has it. Shown once, when it is created; never stored or logged.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyText {
    kind: KeyKind,
    env: Env,
    prefix: KeyPrefix,
    text: String,
}

impl KeyText {
    /// Makes a key from random bytes of the operating system's generator.
    pub fn create(kind: KeyKind, env: Env, random: &[u8; KEY_RANDOM_BYTES]) -> Self {
        let (prefix_bytes, secret_bytes) = random.split_at(4);
        let prefix = hex::encode(prefix_bytes);
        let body = format!("{kind}_{env}_{prefix}_{}", URL_SAFE_NO_PAD.encode(secret_bytes));
        let text = format!("{body}{}", checksum(&body));
        let prefix = prefix.parse().unwrap_or(KeyPrefix([b'0'; 8]));
        Self { kind, env, prefix, text }
    }

    /// Reads a key as a client sent it. Nothing is looked up.
    pub fn parse(text: &str) -> Result<Self, MalformedKey> {
        let mut parts = text.splitn(4, '_');
        let mut next = || parts.next().ok_or(MalformedKey);
        let kind = next()?.parse().map_err(|_| MalformedKey)?;
        let env = next()?.parse().map_err(|_| MalformedKey)?;
        let prefix = next()?.parse()?;
        let secret = next()?;
        let url_safe = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if secret.len() != RANDOM_CHARS + CHECKSUM_CHARS || !secret.bytes().all(url_safe) {
            return Err(MalformedKey);
        }
        let (body, sum) = text.split_at(text.len() - CHECKSUM_CHARS);
        if checksum(body) != sum {
            return Err(MalformedKey);
        }
        Ok(Self { kind, env, prefix, text: text.to_owned() })
    }

    /// The kind that the text claims; the stored one decides.
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The environment that the text claims; the stored one decides.
    pub const fn env(&self) -> Env {
        self.env
    }

    /// The look-up key.
    pub const fn prefix(&self) -> KeyPrefix {
        self.prefix
    }

    /// The whole text, to be shown to its owner once.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// `sha256(secret || pepper)`: what is stored instead of the secret. The checksum that ends the
    /// secret is left out: it hides nothing, and it changes with kind and environment, which are
    /// compared separately so that the error can say what is wrong with the key.
    pub fn hash(&self, pepper: &Pepper) -> SecretHash {
        hash_of_secret(&self.text, pepper)
    }

    /// `sha256` of a key as it was sent: the name under which a verified key may be remembered in
    /// memory without keeping the secret itself.
    pub fn fingerprint_of(sent: &str) -> [u8; 32] {
        Sha256::digest(sent).into()
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{}_…", self.kind, self.env, self.prefix)
    }
}

/// The server's own secret that is hashed together with each key's, so that a stolen database
/// alone verifies nothing.
#[derive(Clone)]
pub struct Pepper(Vec<u8>);

/// The pepper is too short to be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pepper needs at least 16 bytes")]
pub struct ShortPepper;

impl Pepper {
    /// At least 16 bytes; 32 random ones are made where nobody chooses.
    pub fn new(bytes: Vec<u8>) -> Result<Self, ShortPepper> {
        if bytes.len() < 16 { Err(ShortPepper) } else { Ok(Self(bytes)) }
    }

    /// A short name of this pepper (8 hexadecimal characters) that reveals nothing about it: stored
    /// beside the keys so that a changed pepper is noticed at start.
    pub fn fingerprint(&self) -> String {
        let digest =
            Sha256::new().chain_update(b"millimetric pepper fingerprint").chain_update(&self.0).finalize();
        hex::encode(&digest[..4])
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(…)")
    }
}

/// `sha256(secret || pepper)`. Compared in constant time only.
#[derive(Clone, Copy)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// A hash as it was stored.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether the two are the same, in a time that does not depend on where they differ.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// `sha256(secret || pepper)` of a text that ends with a secret and its checksum.
fn hash_of_secret(text: &str, pepper: &Pepper) -> SecretHash {
    let body = &text[..text.len() - CHECKSUM_CHARS];
    let secret = &body[body.len() - RANDOM_CHARS..];
    SecretHash(Sha256::new().chain_update(secret).chain_update(&pepper.0).finalize().into())
}

/// CRC-32 of the text before it, in base 62, most significant digit first: six digits always
/// suffice (62^6 > 2^32). The scheme is the one GitHub chose for its tokens, for the same uses.
fn checksum(body: &str) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut rest = crc32fast::hash(body.as_bytes()) as usize;
    let mut out = [b'0'; CHECKSUM_CHARS];
    for digit in out.iter_mut().rev() {
        *digit = DIGITS[rest % 62];
        rest /= 62;
    }
    out.iter().map(|&b| char::from(b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(kind: KeyKind, env: Env) -> KeyText {
        KeyText::create(kind, env, &std::array::from_fn(|i| i as u8 * 7))
    }

    #[test]
    fn a_key_has_the_text_of_the_contract() {
        let text = key(KeyKind::Pk, Env::Live);
        assert_eq!(text.reveal(), "pk_live_00070e15_HCMqMTg_Rk1UW2JpcHd-hYyTmqGor7a9xMvS2eDn7vU2EmVPt");
        assert_eq!(text.prefix().as_str(), "00070e15");
        assert_eq!(format!("{text:?}"), "pk_live_00070e15_…");
    }

    #[test]
    fn what_is_not_a_key_is_malformed() {
        let good = key(KeyKind::Sk, Env::Test).reveal().to_owned();
        assert!(KeyText::parse(&good).is_ok());
        let cases = [
            String::new(),
            "sk".into(),
            good.replace("sk_", "xk_"),
            good.replace("_test_", "_prod_"),
            good.to_uppercase(),
            good[..good.len() - 1].to_owned(),
            format!("{good}a"),
            format!(" {good}"),
            good.replace("_test_", "_live_"),
        ];
        for text in cases {
            assert_eq!(KeyText::parse(&text), Err(MalformedKey), "{text}");
        }
    }

    #[test]
    fn the_hash_depends_on_secret_and_pepper() {
        let pepper = Pepper::new(vec![1; 32]).unwrap();
        let other = Pepper::new(vec![2; 32]).unwrap();
        let (a, b) = (key(KeyKind::Sk, Env::Live), KeyText::create(KeyKind::Sk, Env::Live, &[9; 36]));
        assert!(a.hash(&pepper).matches(&a.hash(&pepper)));
        assert!(!a.hash(&pepper).matches(&a.hash(&other)));
        assert!(!a.hash(&pepper).matches(&b.hash(&pepper)));
        let same_secret = KeyText::create(KeyKind::Rk, Env::Test, &std::array::from_fn(|i| i as u8 * 7));
        assert!(
            a.hash(&pepper).matches(&same_secret.hash(&pepper)),
            "kind and environment are compared on their own"
        );
        assert_eq!(Pepper::new(vec![0; 15]).unwrap_err(), ShortPepper);
    }

    proptest! {
        #[test]
        fn every_created_key_reads_back(random in proptest::array::uniform32(any::<u8>()), head in any::<[u8; 4]>(), kind in 0..4usize, test in any::<bool>()) {
            let mut bytes = [0; KEY_RANDOM_BYTES];
            bytes[..4].copy_from_slice(&head);
            bytes[4..].copy_from_slice(&random);
            let created = KeyText::create(KeyKind::ALL[kind], if test { Env::Test } else { Env::Live }, &bytes);
            prop_assert_eq!(KeyText::parse(created.reveal()), Ok(created));
        }

        #[test]
        fn one_mistyped_character_is_noticed(at in 0..66usize, typed in proptest::char::range('!', '~')) {
            let good = key(KeyKind::Rk, Env::Live).reveal().to_owned();
            let mut bad: Vec<char> = good.chars().collect();
            let place = at.min(bad.len() - 1);
            prop_assume!(bad[place] != typed);
            bad[place] = typed;
            prop_assert_eq!(KeyText::parse(&bad.into_iter().collect::<String>()), Err(MalformedKey));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            let _ = KeyText::parse(&text);
        }
    }
}
