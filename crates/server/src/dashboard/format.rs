//! Times, numbers and error messages as pages show them. Times are in UTC: the server does not know the
//! reader's time zone.

use millimetric_core::time::Timestamp;

/// `Nov 25, 2026, 22:47 UTC`
pub(super) fn date_time(at: Timestamp) -> String {
    at.to_utc().format("%b %-d, %Y, %H:%M UTC").to_string()
}

/// `just now`, `5 minutes ago`, `3 days ago`.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    const UNITS: [(i64, &str); 4] = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let seconds = (now.millis() - at.millis()) / 1000;
    match UNITS.iter().find(|(length, _)| seconds >= *length) {
        Some((length, unit)) if seconds >= 10 => {
            let count = seconds / length;
            format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
        }
        _ => "just now".to_owned(),
    }
}

/// `1,234,567`
pub(super) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    String::from_utf8_lossy(&groups.join(&b',')).into_owned()
}

/// A share between 0 and 1 as percent with one digit: `4.2%`.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// An error message as a sentence: with a capital letter and a full stop.
pub(super) fn sentence(error: impl std::fmt::Display) -> String {
    let text = error.to_string();
    let mut rest = text.chars();
    let first: String = rest.next().into_iter().flat_map(char::to_uppercase).collect();
    let stop = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{stop}", rest.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_numbers_and_errors_are_formatted_for_people() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000).unwrap();
        assert_eq!(date_time(at(1_795_646_832)), "Nov 25, 2026, 22:47 UTC");
        for (value, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(grouped(value), text);
        }
        for (share, text) in [(0.0, "0.0%"), (0.0424, "4.2%"), (0.57, "57.0%"), (1.0, "100.0%")] {
            assert_eq!(percent(share), text);
        }
        assert_eq!(sentence("wait 9 seconds"), "Wait 9 seconds.");
        for (seconds, words) in [
            (-5, "just now"),
            (9, "just now"),
            (10, "10 seconds ago"),
            (60, "1 minute ago"),
            (7200, "2 hours ago"),
            (90 * 86_400, "90 days ago"),
        ] {
            assert_eq!(ago(at(1000), at(1000 + seconds)), words);
        }
    }
}
