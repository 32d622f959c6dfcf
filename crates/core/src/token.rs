//! Tokens: the random texts that open something by being known, such as the link of an invitation
//! or the cookie of a session.
//!
//! Only the hash of one is ever stored. This file draws no random bytes and never shows a token:
//! it prints as `Token(…)`.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Random bytes that a new token takes: 256 bits.
pub const TOKEN_BYTES: usize = 32;
/// Characters of a token: its bytes as base64url.
const TOKEN_CHARS: usize = 43;

/// A token as its holder has it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// The text is no token: it was cut or mistyped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token: 43 characters of base64url were expected")]
pub struct MalformedToken;

impl Token {
    /// Makes a token from random bytes of the operating system's generator.
    pub fn create(random: &[u8; TOKEN_BYTES]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(random))
    }

    /// The whole text, to be handed to its holder once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored of it. A plain hash is enough: nobody guesses 256 random bits.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.0)
    }
}

impl FromStr for Token {
    type Err = MalformedToken;

    fn from_str(text: &str) -> Result<Self, MalformedToken> {
        let url_safe = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let good = text.len() == TOKEN_CHARS && text.bytes().all(url_safe);
        good.then(|| Self(text.to_owned())).ok_or(MalformedToken)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// `sha256(token)`, under which a token is looked up.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of a text that opens something, such as a recovery code.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// The bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_does_not_print() {
        let token = Token::create(&[0xfb; TOKEN_BYTES]);
        let read: Token = token.reveal().parse().unwrap();
        assert_eq!(read.hash(), token.hash());
        assert_eq!(format!("{token:?} {:?}", token.hash()), "Token(…) TokenHash(…)");
    }

    #[test]
    fn what_is_cut_or_mistyped_is_no_token() {
        let good = Token::create(&[7; TOKEN_BYTES]);
        for text in
            ["", &good.reveal()[1..], &format!("{}a", good.reveal()), &"é".repeat(21), &"/".repeat(43)]
        {
            assert_eq!(text.parse::<Token>(), Err(MalformedToken), "{text}");
        }
        assert_ne!(Token::create(&[8; TOKEN_BYTES]).hash(), good.hash());
    }
}
