//! Requests with an `Idempotency-Key`: the response of the first one is repeated for 24 hours, also after a
//! restart, and requests that race make one change.
//!
//! The response is encrypted, since it can contain the secret of a key, and stored in the transaction of the
//! change: docs/decisions/0015.

use millimetric_control::{Control, StoredResponse};
use millimetric_core::ids::AccessTokenId;
use millimetric_core::time::{DAY_MILLIS, Timestamp};
use sha2::{Digest as _, Sha256};

use super::error::{OpsError, OpsResult};
use crate::secrets::Secrets;

/// How long a response is repeated, in milliseconds.
const REPEATED_MILLIS: i64 = DAY_MILLIS;

/// A request that may be sent again.
#[derive(Clone)]
pub struct Repeatable {
    /// The token and the key: what the client knows and the database does not.
    known_to_client: Vec<u8>,
    id: [u8; 32],
    request: [u8; 32],
}

impl Repeatable {
    /// The request of a token with this `Idempotency-Key`; `parts` are everything that it asks.
    pub fn new(token: AccessTokenId, key: &str, parts: &[&str]) -> Self {
        let known_to_client = format!("response\0{token}\0{key}").into_bytes();
        let mut request = Sha256::new();
        for part in parts {
            request.update((part.len() as u64).to_be_bytes());
            request.update(part);
        }
        Self {
            id: Sha256::digest(&known_to_client).into(),
            request: request.finalize().into(),
            known_to_client,
        }
    }

    /// The response that was given to this request before, if there is one.
    ///
    /// # Errors
    /// [`OpsError::IdempotencyKeyReused`] if it was another request, or if its response cannot be decrypted
    /// because the pepper was changed.
    pub async fn earlier(
        &self,
        control: &Control,
        secrets: &Secrets,
        now: Timestamp,
    ) -> OpsResult<Option<Vec<u8>>> {
        let Some(stored) = control.stored_response(self.id, now).await? else { return Ok(None) };
        if stored.request != self.request {
            return Err(OpsError::IdempotencyKeyReused);
        }
        let response = secrets.unseal(&self.known_to_client, &stored.sealed);
        response.map(Some).ok_or(OpsError::IdempotencyKeyReused)
    }

    /// A response as it is stored.
    pub fn seal(
        &self,
        secrets: &Secrets,
        response: &[u8],
        now: Timestamp,
    ) -> Result<StoredResponse, getrandom::Error> {
        Ok(StoredResponse {
            id: self.id,
            request: self.request,
            sealed: secrets.seal(&self.known_to_client, response)?,
            expires_at: now.plus_millis(REPEATED_MILLIS),
        })
    }
}

impl std::fmt::Debug for Repeatable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Repeatable(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn requests_differ_in_token_key_and_every_part() {
        let [one, two] = [1, 2].map(|number| AccessTokenId::new(Uuid::from_u128(number)));
        let first = Repeatable::new(one, "a", &["POST", "/x", "{}"]);
        let same = Repeatable::new(one, "a", &["POST", "/x", "{}"]);
        assert_eq!((first.id, first.request), (same.id, same.request));
        assert_ne!(Repeatable::new(two, "a", &[]).id, first.id);
        assert_ne!(Repeatable::new(one, "b", &[]).id, first.id);
        for parts in [["POST", "/x", "{ }"], ["POST", "/y", "{}"], ["POST/", "x", "{}"], ["POST", "/x{", "}"]]
        {
            assert_ne!(Repeatable::new(one, "a", &parts).request, first.request, "{parts:?}");
        }
        assert_eq!(format!("{first:?}"), "Repeatable(…)");
    }
}
