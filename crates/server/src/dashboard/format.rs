//! Times, numbers and errors as people read them. UTC throughout: the server does not know where its readers are.

use millimetric_core::time::Timestamp;

/// `25 Nov 2026, 22:47 UTC`
pub(super) fn moment(at: Timestamp) -> String {
    at.to_utc().format("%-d %b %Y, %H:%M UTC").to_string()
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

/// `1 234 567`, with spaces that do not break.
pub(super) fn number(value: u64) -> String {
    let digits = value.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    String::from_utf8_lossy(&groups.join(&b' ')).replace(' ', "\u{202f}")
}

/// An error's words as a sentence: with a capital and a full stop.
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
        assert_eq!(moment(at(1_795_646_832)), "25 Nov 2026, 22:47 UTC");
        for (value, text) in [(0, "0"), (999, "999"), (1000, "1 000"), (1_234_567, "1 234 567")] {
            assert_eq!(number(value).replace('\u{202f}', " "), text);
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
