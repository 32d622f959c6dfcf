//! Bodies that are made while they are sent. A failure half-way breaks the connection: no client
//! can take a part for the whole.

use futures_util::{Stream, StreamExt as _, stream};

use crate::ops::export::Export;

/// The pieces of an export, of which the first may have been taken already.
pub fn pieces(
    first: Option<Vec<u8>>,
    export: Export,
) -> impl Stream<Item = Result<Vec<u8>, std::io::Error>> + Send {
    let rest = stream::unfold(export, async |mut export| {
        let piece = export.next().await?.map_err(|error| {
            tracing::error!(%error, "an export broke off");
            std::io::Error::other(error.to_string())
        });
        Some((piece, export))
    });
    stream::iter(first.map(Ok)).chain(rest)
}
