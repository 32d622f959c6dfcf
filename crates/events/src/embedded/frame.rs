//! The bytes of the hot log: a batch as one frame, a log row as frames one behind the other.
//!
//! A frame is a tag (how it is packed), the packed length, and the rows in postcard. Small
//! batches stay as they are, since packing a lone event costs more than it saves.

use millimetric_core::event::Event;

use super::row::{Row, ip_text};
use crate::StoreError;

/// The `format` column of the hot log: the layout below, with the fields of `Field::ALL`.
pub(super) const FORMAT: i64 = 1;

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
const PACK_FROM_BYTES: usize = 4096;
const HEADER: usize = 5;

/// Packs the events that `keep` says yes to (by their place in the batch) as one frame.
pub(super) fn encode(events: &[Event], keep: impl Fn(usize) -> bool) -> Result<Vec<u8>, StoreError> {
    let internal = |error: String| StoreError::Internal(format!("a batch cannot be packed: {error}"));
    let mut plain = Vec::with_capacity(HEADER + events.len() * 384);
    plain.resize(HEADER, PLAIN);
    for (_, event) in events.iter().enumerate().filter(|(place, _)| keep(*place)) {
        let ip = ip_text(&event.ip_hash);
        plain = postcard::to_extend(&Row::of(event, &ip), plain).map_err(|e| internal(e.to_string()))?;
    }
    let mut frame = plain;
    if frame.len() > PACK_FROM_BYTES {
        let packed = zstd::bulk::compress(&frame[HEADER..], 1).map_err(|e| internal(e.to_string()))?;
        frame.truncate(HEADER);
        frame[0] = ZSTD;
        frame.extend_from_slice(&packed);
    }
    let length = u32::try_from(frame.len() - HEADER).map_err(|e| internal(e.to_string()))?;
    frame[1..HEADER].copy_from_slice(&length.to_le_bytes());
    Ok(frame)
}

/// Calls `each` with every row of a log row, in order.
pub(super) fn decode(mut frames: &[u8], mut each: impl FnMut(Row<'_>)) -> Result<(), StoreError> {
    while let Some((header, rest)) = frames.split_first_chunk::<HEADER>() {
        let [tag, length @ ..] = *header;
        let length = u32::from_le_bytes(length) as usize;
        let (body, behind) = rest.split_at_checked(length).ok_or_else(|| broken("it is cut"))?;
        match tag {
            PLAIN => rows(body, &mut each)?,
            ZSTD => rows(&zstd::stream::decode_all(body).map_err(|e| broken(&e.to_string()))?, &mut each)?,
            other => return Err(broken(&format!("packing {other} is not known to this release"))),
        }
        frames = behind;
    }
    if frames.is_empty() { Ok(()) } else { Err(broken("it is cut")) }
}

fn rows(mut body: &[u8], each: &mut impl FnMut(Row<'_>)) -> Result<(), StoreError> {
    while !body.is_empty() {
        let (row, rest) = postcard::take_from_bytes(body).map_err(|e| broken(&e.to_string()))?;
        each(row);
        body = rest;
    }
    Ok(())
}

fn broken(why: &str) -> StoreError {
    StoreError::Corrupt(format!("events.db: a row of the hot log: {why}"))
}
