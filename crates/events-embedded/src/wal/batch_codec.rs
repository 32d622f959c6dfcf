//! The bytes of the hot log: a batch as one frame, a log row as frames one behind the other.
//!
//! A frame is a tag (how it is packed), the packed length, and the rows in the wire format of
//! postcard (postcard.jamesmunns.com): numbers as variable-length integers, each text as whether
//! there is one, its length and its bytes. It is read here by hand, since a start has to read a
//! million rows at once. Small batches stay as they are, since packing a lone event costs more than
//! it saves.

use millimetric_core::event::Event;

use crate::encoding::row::{PackedRow, Row, absent};
use millimetric_core::column::Column;
use millimetric_events::{LocalError, StoreError};

/// The `format` column of the log: format 1 has the first 19 columns, and each column that was added
/// since has raised it by one.
pub(crate) const FORMAT: i64 = (Column::COUNT - FIRST_COLUMNS) as i64 + 1;
/// Columns of format 1.
const FIRST_COLUMNS: usize = 19;

/// How many columns the rows of a format have; `None` for the format of a newer release.
pub(crate) fn columns_of(format: i64) -> Option<usize> {
    (1..=FORMAT).contains(&format).then(|| format as usize - 1 + FIRST_COLUMNS)
}

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
const PACK_FROM_BYTES: usize = 4096;
const HEADER: usize = 5;
/// More than any batch takes unpacked; how much a frame really takes stands in it.
const MAX_BYTES: usize = 1 << 30;

/// Packs the events that `keep` says yes to (by their place in the batch) as one frame.
pub(crate) fn encode(events: &[Event], keep: impl Fn(usize) -> bool) -> Result<Vec<u8>, StoreError> {
    let internal = |error: String| StoreError::Internal(format!("a batch cannot be packed: {error}"));
    let mut plain = Vec::with_capacity(HEADER + events.len() * 384);
    plain.resize(HEADER, PLAIN);
    for (_, event) in events.iter().enumerate().filter(|(index, _)| keep(*index)) {
        put_row(&mut plain, &Row::of(event));
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

fn put_row(out: &mut Vec<u8>, row: &Row<'_>) {
    for time in [row.timestamp, row.received_at] {
        // Zigzag: small numbers stay short, whatever their sign.
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

/// Seven bits a byte, the lowest first; the eighth says that more follow.
fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Calls `each` with every row of a log row, in order; the rows have the first `columns` columns.
pub(crate) fn decode(
    mut frames: &[u8],
    columns: usize,
    mut each: impl FnMut(PackedRow<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    while let Some((header, rest)) = frames.split_first_chunk::<HEADER>() {
        let [tag, length @ ..] = *header;
        let length = u32::from_le_bytes(length) as usize;
        let (body, behind) = rest.split_at_checked(length).ok_or_else(cut)?;
        match tag {
            PLAIN => rows(body, columns, &mut each)?,
            ZSTD => {
                let plain = zstd::bulk::decompress(body, MAX_BYTES).map_err(|e| broken(&e.to_string()))?;
                rows(&plain, columns, &mut each)?;
            }
            other => return Err(broken(&format!("packing {other} is not known to this release"))),
        }
        frames = behind;
    }
    if frames.is_empty() { Ok(()) } else { Err(cut()) }
}

fn rows(
    body: &[u8],
    columns: usize,
    each: &mut impl FnMut(PackedRow<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut body = Body(body);
    while !body.0.is_empty() {
        each(body.row(columns).ok_or_else(cut)?)?;
    }
    Ok(())
}

/// What is still to be read; `None` means that it ends too early.
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

fn cut() -> StoreError {
    broken("it is cut")
}

pub(crate) fn broken(why: &str) -> StoreError {
    StoreError::Local(LocalError::Corrupt(format!("events.db: a row of the hot log: {why}")))
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
        // The last column is a byte that says "no value"; the older release did not write it.
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
            // Times at the edge of what fits, which no event has.
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
