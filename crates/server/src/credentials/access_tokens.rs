//! Verification of personal access tokens against the control database, with the same checks as for keys.
//!
//! Only the fingerprints of tokens that were valid are kept, so that failures of others at the same address do
//! not keep their owners out. Whether a token is valid, and whose it is, is read anew for each request: a
//! revocation counts at once.

use std::net::IpAddr;

use millimetric_control::{AccessToken, Actor, Control, ControlError, User};
use millimetric_core::ids::AccessTokenId;
use millimetric_core::key::access_token::AccessTokenText;
use millimetric_core::key::{KeyText, SecretHash};
use millimetric_core::time::{MINUTE_MILLIS, Timestamp};
use parking_lot::Mutex;
use quick_cache::sync::Cache;

use crate::limits::key_failures::KeyFailures;
use crate::secrets::Secrets;

/// The most fingerprints that are kept.
const MAX_KNOWN: usize = 4096;
/// Shortest time between two writes of a token's last use, in milliseconds.
const USE_WRITTEN_EVERY_MILLIS: i64 = MINUTE_MILLIS;

/// Verifies tokens.
pub struct AccessTokens {
    /// Fingerprints of tokens that were valid, with the last use that was noted, in milliseconds.
    known: Cache<[u8; 32], i64>,
    uses: Mutex<Vec<(AccessTokenId, Timestamp)>>,
    failures: KeyFailures,
}

/// Why a token was not verified.
#[derive(Debug, thiserror::Error)]
pub enum AccessTokenError {
    /// The text is not a token, or the token is unknown, was revoked, or has expired: one error for all.
    #[error("the access token is not valid")]
    Invalid,
    /// Too many tokens from this address were not valid.
    #[error("too many access tokens from this address were not valid")]
    TooManyFailures {
        /// When the next one is looked up, in seconds.
        retry_after_s: u64,
    },
    /// The control database failed.
    #[error(transparent)]
    Control(#[from] ControlError),
}

impl Default for AccessTokens {
    fn default() -> Self {
        Self { known: Cache::new(MAX_KNOWN), uses: Mutex::default(), failures: KeyFailures::default() }
    }
}

impl AccessTokens {
    /// The token behind a text, and its owner. A mistyped text is recognised without a look-up. Failures are
    /// rate-limited per client address; a token that was valid before is always looked up.
    pub async fn verify(
        &self,
        control: &Control,
        secrets: &Secrets,
        text: &str,
        from: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(AccessToken, User), AccessTokenError> {
        let sent = AccessTokenText::parse(text).map_err(|_| AccessTokenError::Invalid)?;
        let fingerprint = KeyText::fingerprint_of(text);
        let noted = self.known.get(&fingerprint);
        if noted.is_none() {
            self.failures.take(from).map_err(|wait| AccessTokenError::TooManyFailures {
                retry_after_s: wait.as_millis().div_ceil(1000) as u64,
            })?;
        }
        let proved = prove(control, secrets, &sent, now).await;
        if matches!(proved, Err(AccessTokenError::Invalid)) {
            self.known.remove(&fingerprint);
        } else if noted.is_none() {
            self.failures.put_back(from);
        }
        let (token, user) = proved?;
        let last = noted.or(token.last_used_at.map(Timestamp::millis));
        let due = last.is_none_or(|last| now.millis() - last >= USE_WRITTEN_EVERY_MILLIS);
        if due {
            self.uses.lock().push((token.id, now));
        }
        let used = if due { now.millis() } else { last.unwrap_or_default() };
        self.known.insert(fingerprint, used);
        Ok((token, user))
    }

    /// Marks a token that stood in a URL as exposed, when it is a real one. Counts as a failed verification of
    /// the address.
    pub async fn flag_if_real(
        &self,
        control: &Control,
        secrets: &Secrets,
        text: &str,
        from: Option<IpAddr>,
        now: Timestamp,
    ) {
        let Ok(sent) = AccessTokenText::parse(text) else { return };
        if self.failures.take(from).is_err() || prove(control, secrets, &sent, now).await.is_err() {
            return;
        }
        match control.flag_token_exposed(sent.prefix(), &Actor::Server, now).await {
            Ok(_) => {
                tracing::warn!(prefix = %sent.prefix(), "an access token stood in a URL and is flagged as exposed");
            }
            Err(error) => tracing::error!(%error, "an exposed access token could not be flagged"),
        }
    }

    /// The uses noted since the last call, to be written in the background.
    pub fn take_uses(&self) -> Vec<(AccessTokenId, Timestamp)> {
        std::mem::take(&mut *self.uses.lock())
    }

    /// Removes rate-limit buckets of addresses that have been quiet.
    pub fn forget_quiet(&self) {
        self.failures.forget_full();
    }
}

async fn prove(
    control: &Control,
    secrets: &Secrets,
    sent: &AccessTokenText,
    now: Timestamp,
) -> Result<(AccessToken, User), AccessTokenError> {
    let found = control.access_token_by_prefix(&sent.prefix()).await?;
    // An unknown prefix costs the same hashes and comparisons as a wrong secret.
    let stored = found.as_ref().map_or(SecretHash::from_bytes([0; 32]), |found| found.hash);
    let peppers = std::iter::once(&secrets.pepper).chain(&secrets.pepper_previous);
    let right = peppers.fold(false, |right, pepper| stored.matches(&sent.hash(pepper)) | right);
    let found = found.filter(|_| right).ok_or(AccessTokenError::Invalid)?;
    let (token, user) = found.record?;
    if token.is_live(now) { Ok((token, user)) } else { Err(AccessTokenError::Invalid) }
}

impl std::fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessTokens").field("known", &self.known.len()).finish_non_exhaustive()
    }
}
