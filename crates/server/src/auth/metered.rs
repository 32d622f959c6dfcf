//! Proof of authority to send events together with the rate-limit token that the request took. A
//! route has no other way to get the right to send.

use std::marker::PhantomData;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::error::{AuthError, AuthResult};
use super::{Authorized, Ingest, check};
use crate::client_info::ClientInfo;
use crate::limits::rates::RateNote;
use crate::limits::{Limited, Traffic};
use crate::state::App;

/// The bucket that a route draws from.
pub trait Draws: Send + Sync + 'static {
    /// The bucket.
    const FROM: Limited;
}

/// Draws from the bucket of `/v1/track`.
#[derive(Debug)]
pub struct Track;
/// Draws from the bucket of `/v1/batch`.
#[derive(Debug)]
pub struct Batch;

impl Draws for Track {
    const FROM: Limited = Limited::Track;
}

impl Draws for Batch {
    const FROM: Limited = Limited::Batch;
}

/// A request that may send events and has taken a token from `D`'s bucket.
#[derive(Debug)]
pub struct Metered<D> {
    /// The right.
    pub by: Authorized<Ingest>,
    bucket: PhantomData<D>,
}

impl<D: Draws> FromRequestParts<Arc<App>> for Metered<D> {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, AuthError> {
        Self::with_token(check(parts, app).await?, parts, app)
    }
}

impl<D: Draws> Metered<D> {
    /// The right together with the token that it takes.
    pub(super) fn with_token(by: Authorized<Ingest>, parts: &Parts, app: &App) -> AuthResult<Self> {
        let note = parts.extensions.get::<RateNote>().cloned().unwrap_or_default();
        take_token(app, D::FROM, by.traffic(), ClientInfo::address(parts, app), &note)?;
        Ok(Self { by, bucket: PhantomData })
    }
}

/// Takes a token and sets what the response reports; an error if there is none.
pub(super) fn take_token(
    app: &App,
    what: Limited,
    by: Traffic,
    from: Option<IpAddr>,
    note: &RateNote,
) -> AuthResult<()> {
    let address = from.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    match app.limits.rates.take(what, by, address) {
        Ok(None) => Ok(()),
        Ok(Some(state)) => {
            note.set(state);
            Ok(())
        }
        Err(state) => {
            note.set(state);
            let retry_after_s = state.next.as_millis().div_ceil(1000) as u64;
            Err(AuthError::RateLimited { retry_after_s })
        }
    }
}
