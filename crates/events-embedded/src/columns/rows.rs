//! A selection of rows of one chunk, and filters on it.

use std::borrow::Cow;
use std::ops::Range;

use crate::columns::row_bits::RowBits;
use crate::encoding::text::widen;

/// Rows of one chunk, ascending.
#[derive(Debug, Clone)]
pub(crate) enum Rows {
    Span(Range<usize>),
    List(Vec<u32>),
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Span(rows) => rows.len(),
            Self::List(rows) => rows.len(),
        }
    }

    /// The row at an index of the selection.
    pub(crate) fn at(&self, index: usize) -> usize {
        match self {
            Self::Span(rows) => rows.start + index,
            Self::List(rows) => rows[index] as usize,
        }
    }

    /// Calls `each` with every row.
    #[inline]
    pub(crate) fn each(&self, mut each: impl FnMut(usize)) {
        match self {
            Self::Span(rows) => rows.clone().for_each(each),
            Self::List(rows) => rows.iter().for_each(|row| each(*row as usize)),
        }
    }

    /// The values of a column in these rows.
    pub(crate) fn values<'a, V: Copy>(&self, column: &'a [V]) -> Cow<'a, [V]> {
        match self {
            Self::Span(rows) => Cow::Borrowed(&column[rows.clone()]),
            Self::List(rows) => Cow::Owned(rows.iter().map(|row| column[*row as usize]).collect()),
        }
    }

    /// Keeps the rows whose code is `code`.
    pub(crate) fn holding<C: Copy + Into<u32> + TryFrom<u32> + PartialEq>(
        self,
        codes: &[C],
        code: u32,
    ) -> Self {
        match (self, C::try_from(code)) {
            (Self::Span(rows), Ok(code)) => {
                let mut found = Vec::with_capacity(rows.len());
                let (blocks, rest) = codes[rows.clone()].as_chunks();
                for (start, block) in (rows.start..).step_by(LANES).zip(blocks) {
                    let mut left = equal(block, code);
                    while left != 0 {
                        found.push(start as u32 + left.trailing_zeros());
                        left &= left - 1;
                    }
                }
                let rest = rows.end - rest.len()..rows.end;
                found.extend(rest.filter(|row| codes[*row] == code).map(|row| row as u32));
                Self::List(found)
            }
            (rows, _) => rows.retain(|row| widen(codes[row]) == code),
        }
    }

    /// Keeps the rows that are in a bitmap.
    pub(crate) fn within(self, bits: &RowBits) -> Self {
        match self {
            Self::Span(rows) => Self::List(bits.rows_in(rows)),
            list @ Self::List(_) => list.retain(|row| bits.has(row)),
        }
    }

    /// Keeps the rows for which `keep` returns true.
    pub(crate) fn retain(self, mut keep: impl FnMut(usize) -> bool) -> Self {
        match self {
            Self::Span(rows) => {
                let mut rows_left = vec![0; rows.len()];
                let mut count = 0;
                for row in rows {
                    rows_left[count] = row as u32;
                    count += usize::from(keep(row));
                }
                rows_left.truncate(count);
                Self::List(rows_left)
            }
            Self::List(mut rows) => {
                rows.retain(|row| keep(*row as usize));
                Self::List(rows)
            }
        }
    }
}

/// Rows that are compared at a time.
const LANES: usize = 64;

/// Returns a bit for each code, lowest bit first: whether it equals `target`. Written so that the compiler
/// vectorizes it.
fn equal<C: Copy + PartialEq>(codes: &[C; LANES], target: C) -> u64 {
    // Multiplying eight bytes of 0 or 1 by this moves the bit of byte i to bit 56 + i.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut bytes = [0; LANES];
    bytes.iter_mut().zip(codes).for_each(|(byte, code)| *byte = u8::from(*code == target));
    let eights = bytes.as_chunks::<8>().0.iter();
    let bits = eights.map(|eight| u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56);
    bits.rev().fold(0, |all, eight| all << 8 | eight)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

        #[test]
        fn the_rows_that_hold_a_code_are_found(
            codes in proptest::collection::vec(prop_oneof![0_u8..3, any::<u8>()], 0..400),
            ends in (0..400_usize, 0..400_usize),
            code in prop_oneof![0_u32..3, 0_u32..300],
        ) {
            let [start, end] = [ends.0.min(ends.1), ends.0.max(ends.1)].map(|end| end.min(codes.len()));
            let expected: Vec<usize> = (start..end).filter(|row| u32::from(codes[*row]) == code).collect();
            let wide: Vec<u32> = codes.iter().map(|code| u32::from(*code)).collect();
            let list = || Rows::List((start as u32..end as u32).collect());
            let found = [
                Rows::Span(start..end).holding(&codes, code),
                Rows::Span(start..end).holding(&wide, code),
                list().holding(&codes, code),
            ];
            for found in found {
                let mut rows = Vec::new();
                found.each(|row| rows.push(row));
                prop_assert_eq!(&rows, &expected);
            }
        }
    }
}
