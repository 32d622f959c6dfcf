//! Reads an ISO 8601 date and time with an offset from UTC: the forms that programs write.
//!
//! `2026-05-16T19:00:00.123+02:00` and every shorter form that is still exact: without a fraction, without
//! seconds, with the offset `Z`, `+02` or `+0200`. As in RFC 3339, `T` and `Z` may be lower-case, a blank may
//! stand for the `T`, and the second may be 60; as in ISO 8601, a comma may begin the fraction.

use chrono::{NaiveDate, NaiveTime};

use super::{HOUR_MILLIS, MINUTE_MILLIS, SECOND_MILLIS};

/// The instant, in milliseconds since 1970-01-01T00:00:00Z; parts below a millisecond are cut. `None` if the
/// text has another form or a number is out of range.
pub(super) fn millis(text: &str) -> Option<i64> {
    let mut rest = Rest(text.as_bytes());
    let year = rest.number(4)?;
    rest.one_of(b"-")?;
    let month = rest.number(2)?;
    rest.one_of(b"-")?;
    let day = rest.number(2)?;
    rest.one_of(b"Tt ")?;
    let date = NaiveDate::from_ymd_opt(year.try_into().ok()?, month, day)?;
    let midnight = date.and_time(NaiveTime::MIN).and_utc().timestamp_millis();
    let time = time_of_day(&mut rest)?;
    let offset = offset(&mut rest)?;
    rest.0.is_empty().then_some(midnight + time - offset)
}

/// `19:00`, `19:00:00` or `19:00:00.5`, in milliseconds.
fn time_of_day(rest: &mut Rest<'_>) -> Option<i64> {
    let hour = rest.number_to(23)?;
    rest.one_of(b":")?;
    let minute = rest.number_to(59)?;
    let mut millis = i64::from(hour) * HOUR_MILLIS + i64::from(minute) * MINUTE_MILLIS;
    if rest.one_of(b":").is_some() {
        // 60 is a leap second, which UTC in milliseconds does not have: the next second.
        millis += i64::from(rest.number_to(60)?) * SECOND_MILLIS;
        if rest.one_of(b".,").is_some() {
            millis += rest.fraction()?;
        }
    }
    Some(millis)
}

/// `Z`, `+02:00`, `+0200` or `+02`, in milliseconds east of UTC.
fn offset(rest: &mut Rest<'_>) -> Option<i64> {
    let sign = match rest.one_of(b"Zz+-") {
        Some(b'Z' | b'z') => return Some(0),
        Some(b'+') => 1,
        Some(_) => -1,
        // U+2212, the minus sign that ISO 8601 prefers.
        None => {
            rest.0 = rest.0.strip_prefix("\u{2212}".as_bytes())?;
            -1
        }
    };
    let hours = rest.number_to(23)?;
    let colon = rest.one_of(b":").is_some();
    let minutes = if colon || !rest.0.is_empty() { rest.number_to(59)? } else { 0 };
    Some(sign * (i64::from(hours) * HOUR_MILLIS + i64::from(minutes) * MINUTE_MILLIS))
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    /// One of these bytes.
    fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        bytes.contains(first).then(|| self.0 = rest)?;
        Some(*first)
    }

    /// A number of exactly so many digits.
    fn number(&mut self, digits: usize) -> Option<u32> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        let number = number
            .iter()
            .try_fold(0, |number, byte| char::from(*byte).to_digit(10).map(|digit| number * 10 + digit))?;
        self.0 = rest;
        Some(number)
    }

    /// A number of two digits, from 0 to this.
    fn number_to(&mut self, most: u32) -> Option<u32> {
        self.number(2).filter(|number| *number <= most)
    }

    /// One digit or more of a fraction of a second, in milliseconds.
    fn fraction(&mut self) -> Option<i64> {
        let length = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(length);
        self.0 = rest;
        let milli = |index| digits.get(index).map_or(0, |byte| i64::from(byte - b'0'));
        (length > 0).then(|| milli(0) * 100 + milli(1) * 10 + milli(2))
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> Option<String> {
        let at = DateTime::from_timestamp_millis(millis(text)?).unwrap();
        Some(at.format("%FT%T%.3fZ").to_string())
    }

    #[test]
    fn a_time_is_read_as_programs_write_it() {
        for (text, read) in [
            ("2026-05-16T19:00:00Z", "2026-05-16T19:00:00.000Z"),
            ("2026-05-16t19:00:00z", "2026-05-16T19:00:00.000Z"),
            ("2026-05-16 19:00:00Z", "2026-05-16T19:00:00.000Z"),
            ("2026-05-16T19:00Z", "2026-05-16T19:00:00.000Z"),
            ("2026-05-16T19:00+02", "2026-05-16T17:00:00.000Z"),
            ("2026-05-16T19:00:00+02:00", "2026-05-16T17:00:00.000Z"),
            ("2026-05-16T19:00:00+0200", "2026-05-16T17:00:00.000Z"),
            ("2026-05-16T19:00:00+02", "2026-05-16T17:00:00.000Z"),
            ("2026-05-16 19:00:00.5+02", "2026-05-16T17:00:00.500Z"),
            ("2026-05-16T19:00:00-0330", "2026-05-16T22:30:00.000Z"),
            ("2026-05-16T19:00:00\u{2212}03:30", "2026-05-16T22:30:00.000Z"),
            ("2026-05-16T19:00:00+05:30", "2026-05-16T13:30:00.000Z"),
            ("2026-05-16T19:00:00+14", "2026-05-16T05:00:00.000Z"),
            ("2026-05-16T19:00:00-12:00", "2026-05-17T07:00:00.000Z"),
            ("2026-05-16T19:00:00+00:00", "2026-05-16T19:00:00.000Z"),
            ("2026-05-16T19:00:00-00", "2026-05-16T19:00:00.000Z"),
            ("2026-05-16T19:00:00.1Z", "2026-05-16T19:00:00.100Z"),
            ("2026-05-16T19:00:00,123456789Z", "2026-05-16T19:00:00.123Z"),
            ("2026-05-16T19:00:00.9999999999999999999999Z", "2026-05-16T19:00:00.999Z"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
            ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(read), "{text}");
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "2026-05-16",
            "2026-05-16T19",
            "2026-05-16T19Z",
            "2026-05-16T19:00",
            "2026-05-16T19:00:00",
            "2026-05-16T19:00:00.Z",
            "2026-05-16T19:00.5Z",
            "2026-05-16T19:00:00+2",
            "2026-05-16T19:00:00+200",
            "2026-05-16T19:00:00+02:",
            "2026-05-16T19:00:00+02:0",
            "2026-05-16T19:00:00+02:000",
            "2026-05-16T19:00:00+02:00:00",
            "2026-05-16T19:00:00+24",
            "2026-05-16T19:00:00+02:60",
            "2026-05-16T19:00:00+99:99",
            "2026-05-16T19:00:00 +02:00",
            "2026-05-16T19:00:00UTC",
            "2026-05-16T19:00:00Z ",
            " 2026-05-16T19:00:00Z",
            "2026-05-16T24:00:00Z",
            "2026-05-16T19:60:00Z",
            "2026-05-16T19:00:61Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-5-16T19:00:00Z",
            "26-05-16T19:00:00Z",
            "+2026-05-16T19:00:00Z",
            "20260516T190000Z",
            "2026-05-16T١٩:00:00Z",
            "1778958000",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_rfc_3339_means_is_read(
            date in "20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|2[0-8])",
            time in "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?",
            offset in "Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9]",
        ) {
            let text = format!("{date}T{time}{offset}");
            let expected = DateTime::parse_from_rfc3339(&text).unwrap().timestamp_millis();
            prop_assert_eq!(millis(&text), Some(expected));
            prop_assert_eq!(millis(&text.replace('.', ",")), Some(expected));
            let (head, minutes) = text.split_at(text.len() - 3);
            prop_assert_eq!(millis(&format!("{head}{}", minutes.trim_start_matches(':'))), Some(expected));
        }

        #[test]
        fn nothing_panics(text in "[0-9TZ:.,+ \u{2212}é-]{0,40}") {
            let _ = millis(&text);
        }
    }
}
