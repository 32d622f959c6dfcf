//! Bodies that are made while they are sent. A failure half-way breaks the connection: no client
//! can take a part for the whole.

use futures_util::{Stream, StreamExt as _, stream};

use crate::error::ApiError;
use crate::ops::export::Export;

/// The pieces of an export, of which the first may have been taken already.
pub fn pieces(
    first: Option<Vec<u8>>,
    export: Export,
) -> impl Stream<Item = Result<Vec<u8>, std::io::Error>> + Send {
    let rest = stream::unfold(export, async |mut export| {
        let piece = export.next().await?.map_err(|error| {
            let broken = std::io::Error::other(error.to_string());
            let error = ApiError::from(error);
            let (code, cause) = (error.code.as_str(), error.cause.unwrap_or_default());
            if error.code.is_failure() {
                tracing::error!(code, cause, "an export broke off");
            } else {
                tracing::debug!(code, cause, "an export was given up");
            }
            broken
        });
        Some((piece, export))
    });
    stream::iter(first.map(Ok)).chain(rest)
}
