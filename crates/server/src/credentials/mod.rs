//! Credentials: API keys, access tokens and passwords, compared with what is stored of them, and the server's own
//! secrets.
//!
//! Knows no request and no route; `auth` reads the credential from the request and decides what it
//! permits. No key and no password is kept, shown or logged here.

pub mod access_tokens;
pub mod key_cache;
pub mod passwords;

use self::access_tokens::AccessTokens;
use self::key_cache::KeyCache;
use self::passwords::Passwords;
use crate::secrets::Secrets;

/// What verifies credentials.
#[derive(Debug)]
pub struct Credentials {
    /// Verifies API keys.
    pub keys: KeyCache,
    /// Verifies personal access tokens.
    pub tokens: AccessTokens,
    /// The server's own secrets.
    pub secrets: Secrets,
    /// Hashes and compares passwords.
    pub passwords: Passwords,
}
