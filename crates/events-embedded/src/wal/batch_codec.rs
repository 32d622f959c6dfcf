//! The encoding of batches in the write-ahead log (the table `hot_log` of `events.db`).
//!
//! A batch is one frame; a log row is a sequence of frames. A frame is a tag (0: plain, 1: zstd), the
//! length of the body (`u32`, little-endian) and the body: rows in the wire format of postcard
//! (postcard.jamesmunns.com). Integers are LEB128 varints, signed ones in zigzag encoding; each text is a
//! presence byte, its length and its bytes. The decoder borrows its texts from the body, which keeps the
//! replay of a million rows at start short; `docs/decisions/0011` compares it with the crate. Bodies up to
//! 4 KiB are not compressed: compressing a single event costs more than it saves.

use millimetric_core::event::Event;

use crate::encoding::row::{PackedRow, Row, absent};
use millimetric_core::column::Column;
use millimetric_events::{LocalError, StoreError};

/// The `format` of new log rows. Format 1 has the first 19 columns; every column added since raises the
/// format by one.
pub(crate) const FORMAT: i64 = (Column::COUNT - FIRST_COLUMNS) as i64 + 1;
/// Number of columns in format 1.
const FIRST_COLUMNS: usize = 19;

/// Returns the number of columns of a format; `None` if a newer release wrote it.
pub(crate) fn columns_of(format: i64) -> Option<usize> {
    (1..=FORMAT).contains(&format).then(|| format as usize - 1 + FIRST_COLUMNS)
}

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
/// Frames larger than this are compressed.
const COMPRESS_FROM_BYTES: usize = 4096;
/// Bytes of a frame's tag and length.
const HEADER: usize = 5;
/// Limit for decompressing one frame; no batch comes near it.
const MAX_BYTES: usize = 1 << 30;

/// Encodes the events whose index in the batch satisfies `keep` as one frame.
pub(crate) fn encode(events: &[Event], keep: impl Fn(usize) -> bool) -> Result<Vec<u8>, StoreError> {
    let internal = |error: String| StoreError::Internal(format!("a batch cannot be encoded: {error}"));
    let mut plain = Vec::with_capacity(HEADER + events.len() * 384);
    plain.resize(HEADER, PLAIN);
    for (_, event) in events.iter().enumerate().filter(|(index, _)| keep(*index)) {
        put_row(&mut plain, &Row::of(event));
    }
    let mut frame = plain;
    if frame.len() > COMPRESS_FROM_BYTES {
        let packed = zstd::bulk::compress(&frame[HEADER..], 1).map_err(|e| internal(e.to_string()))?;
        frame.truncate(HEADER);
        frame[0] = ZSTD;
        frame.extend_from_slice(&packed);
    }
    let length = u32::try_from(frame.len() - HEADER).map_err(|e| internal(e.to_string()))?;
    frame[1..HEADER].copy_from_slice(&length.to_le_bytes());
    Ok(frame)
}

fn put_row(out: &mut Vec<u8>, row: &Row<'_>) {
    for time in [row.timestamp, row.received_at] {
        // Zigzag encoding keeps small negative numbers short.
        put_number(out, ((time << 1) ^ (time >> 63)) as u64);
    }
    for text in row.texts {
        out.push(u8::from(text.is_some()));
        if let Some(text) = text {
            put_number(out, text.len() as u64);
            out.extend_from_slice(text.as_bytes());
        }
    }
}

/// Appends a LEB128 varint: seven bits per byte, lowest first; the top bit marks that more follow.
fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Decodes the frames of a log row and calls `each` with every event row, in order. The rows have the
/// first `columns` columns; the remaining ones get the value that [`absent`] returns.
///
/// # Errors
/// `Corrupt` if a frame is truncated or has an unknown tag; an error of `each` ends the decoding.
pub(crate) fn decode(
    mut frames: &[u8],
    columns: usize,
    mut each: impl FnMut(PackedRow<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    while let Some((header, rest)) = frames.split_first_chunk::<HEADER>() {
        let [tag, length @ ..] = *header;
        let length = u32::from_le_bytes(length) as usize;
        let (body, remaining) = rest.split_at_checked(length).ok_or_else(truncated)?;
        match tag {
            PLAIN => rows(body, columns, &mut each)?,
            ZSTD => {
                let plain = zstd::bulk::decompress(body, MAX_BYTES).map_err(|e| broken(&e.to_string()))?;
                rows(&plain, columns, &mut each)?;
            }
            other => {
                return Err(broken(&format!("the compression tag {other} is not known to this release")));
            }
        }
        frames = remaining;
    }
    if frames.is_empty() { Ok(()) } else { Err(truncated()) }
}

fn rows(
    body: &[u8],
    columns: usize,
    each: &mut impl FnMut(PackedRow<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut body = Body(body);
    while !body.0.is_empty() {
        each(body.row(columns).ok_or_else(truncated)?)?;
    }
    Ok(())
}

/// The bytes still to be decoded. Its methods return `None` if the bytes end too early.
struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    fn row(&mut self, columns: usize) -> Option<PackedRow<'a>> {
        let (timestamp, received_at) = (self.time()?, self.time()?);
        let mut texts = Column::ALL.map(|column| absent(column).map(str::as_bytes));
        for text in &mut texts[..columns] {
            *text = None;
            if self.byte()? != 0 {
                let length = usize::try_from(self.number()?).ok()?;
                let (bytes, rest) = self.0.split_at_checked(length)?;
                *text = Some(bytes);
                self.0 = rest;
            }
        }
        Some(PackedRow { timestamp, received_at, texts })
    }

    fn time(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }
}

fn truncated() -> StoreError {
    broken("it is truncated")
}

/// The error of a log row that cannot be decoded.
pub(crate) fn broken(why: &str) -> StoreError {
    StoreError::Local(LocalError::Corrupt(format!("events.db: a row of the write-ahead log: {why}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use millimetric_events::suite::sample::events;

    fn decoded(frame: &[u8]) -> Vec<(i64, i64, Vec<Option<String>>)> {
        let mut rows = Vec::new();
        decode(frame, Column::COUNT, |row| {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            rows.push((row.timestamp, row.received_at, row.texts.map(|it| it.map(text)).to_vec()));
            Ok(())
        })
        .unwrap();
        rows
    }

    #[test]
    fn a_row_of_an_older_release_has_no_value_in_later_columns() {
        let events = [millimetric_events::suite::sample::event("a")];
        let mut body = Vec::new();
        let mut row = Row::of(&events[0]);
        row.texts[Column::Properties as usize] = None;
        put_row(&mut body, &row);
        // The last column has no value, which is one byte; the older release did not write it.
        body.pop();
        let older = Body(&body).row(Column::COUNT - 1).unwrap();
        assert_eq!(older.texts[Column::Properties as usize], Some(&b"{}"[..]));
        assert_eq!(older.texts[0], Some(events[0].event_name.as_bytes()));
        assert_eq!(
            (columns_of(1), columns_of(FORMAT), columns_of(FORMAT + 1)),
            (Some(19), Some(Column::COUNT), None)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

        #[test]
        fn a_frame_gives_back_the_rows_that_went_in(events in events(60), times in any::<[i64; 2]>()) {
            let mut frames = encode(&events, |_| true).unwrap();
            frames.extend(encode(&events, |index| index % 2 == 0).unwrap());
            let row = |event: &Event| {
                let row = Row::of(event);
                (row.timestamp, row.received_at, row.texts.map(|text| text.map(str::to_owned)).to_vec())
            };
            let expected: Vec<_> = events.iter().chain(events.iter().step_by(2)).map(row).collect();
            prop_assert_eq!(decoded(&frames), expected);
            // Times at the limits of i64, which no event has.
            let mut body = Vec::new();
            put_row(&mut body, &Row { timestamp: times[0], received_at: times[1], texts: [None; Column::COUNT] });
            let row = Body(&body).row(Column::COUNT).unwrap();
            prop_assert_eq!([row.timestamp, row.received_at], times);
        }

        #[test]
        fn a_frame_that_is_cut_or_changed_is_an_error_or_other_rows(
            events in events(20), cut in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let mut frame = encode(&events, |_| true).unwrap();
            let index = cut.index(frame.len());
            prop_assert!(index == 0 || decode(&frame[..index], Column::COUNT, |_| Ok(())).is_err());
            frame[index] = byte;
            let _ = decode(&frame, Column::COUNT, |_| Ok(()));
        }
    }
}
