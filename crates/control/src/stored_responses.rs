//! Responses that are repeated when a request with an `Idempotency-Key` is sent again.
//!
//! A response is stored in the transaction of the change that it reports, so that neither exists without the
//! other: requests that race make one change, and a crash at any moment leaves both or none. What is stored was
//! encrypted by the caller.

use millimetric_core::time::Timestamp;
use sqlx::query;

use crate::{Change, Control, ControlError, row};

/// A response as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResponse {
    /// A hash of who asked and of the key that they sent.
    pub id: [u8; 32],
    /// A hash of what they asked.
    pub request: [u8; 32],
    /// The encrypted response.
    pub sealed: Vec<u8>,
    /// The first instant at which it is not repeated any more.
    pub expires_at: Timestamp,
}

const FIND: &str =
    "select request, sealed, expires_at from stored_responses where id = $1 and expires_at > $2";
const DROP_EXPIRED: &str = "delete from stored_responses where expires_at <= $1";
const INSERT: &str = "insert into stored_responses (id, request, sealed, expires_at) values ($1, $2, $3, $4)
    on conflict (id) do nothing";

impl Control {
    /// The response that is stored under this id, unless it has expired.
    pub async fn stored_response(
        &self,
        id: [u8; 32],
        now: Timestamp,
    ) -> Result<Option<StoredResponse>, ControlError> {
        let found = query(FIND).bind(id.to_vec()).bind(now.millis()).fetch_optional(&self.pool).await?;
        let Some(found) = found else { return Ok(None) };
        let request = row::value::<&[u8]>(&found, "request")?;
        let request = request.try_into().map_err(|_| row::damaged("request"))?;
        let sealed = row::value::<Vec<u8>>(&found, "sealed")?;
        Ok(Some(StoredResponse { id, request, sealed, expires_at: row::time(&found, "expires_at")? }))
    }

    /// Deletes the responses that have expired.
    pub async fn drop_expired_responses(&self, now: Timestamp) -> Result<(), ControlError> {
        query(DROP_EXPIRED).bind(now.millis()).execute(&self.pool).await?;
        Ok(())
    }
}

/// Stores the response of a change; [`ControlError::AlreadyAnswered`] if there is one under its id.
pub(crate) async fn store(
    change: &mut Change,
    response: Option<&StoredResponse>,
    now: Timestamp,
) -> Result<(), ControlError> {
    let Some(response) = response else { return Ok(()) };
    query(DROP_EXPIRED).bind(now.millis()).execute(&mut **change).await?;
    let done = query(INSERT)
        .bind(response.id.to_vec())
        .bind(response.request.to_vec())
        .bind(response.sealed.clone())
        .bind(response.expires_at.millis())
        .execute(&mut **change)
        .await?;
    if done.rows_affected() == 0 { Err(ControlError::AlreadyAnswered) } else { Ok(()) }
}
