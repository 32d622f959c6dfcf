//! Numbers as people read them: grouped by thin spaces, which mean the same everywhere, shares in
//! percent, changes with their sign.

/// Between groups of three digits: narrow, and no place to break a line.
const GAP: char = '\u{202f}';

/// `1 234 567`
pub(in crate::dashboard::reports) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(GAP);
        }
        text.push(digit);
    }
    text
}

/// `980`, `12.4k`, `3M`: for the scale of a chart.
pub(in crate::dashboard::reports) fn brief(number: f64) -> String {
    let (scaled, unit) = match number {
        n if n >= 1e9 => (n / 1e9, "B"),
        n if n >= 1e6 => (n / 1e6, "M"),
        n if n >= 1e3 => (n / 1e3, "k"),
        n => (n, ""),
    };
    let text = format!("{scaled:.2}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A share of 0 to 1: `4.2%`, `57%`.
pub(in crate::dashboard::reports) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let rounded = (percent * 10.0).round() / 10.0;
    if rounded >= 10.0 || rounded == 0.0 { format!("{percent:.0}%") } else { format!("{rounded:.1}%") }
}

/// A share of 0 to 1 that fills so much of a bar.
pub(in crate::dashboard::reports) fn width(part: f64, whole: f64) -> String {
    let share = if whole > 0.0 { (part / whole).clamp(0.0, 1.0) } else { 0.0 };
    let text = format!("{:.1}", share * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Part of whole, 0 of nothing.
pub(in crate::dashboard::reports) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// How a number moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::dashboard::reports) struct Change {
    /// `+12%`
    pub(in crate::dashboard::reports) text: String,
    /// `up`, `down` or `same`.
    pub(in crate::dashboard::reports) direction: &'static str,
}

/// From one number to the other; from nothing there is no percentage.
pub(in crate::dashboard::reports) fn change(before: f64, now: f64) -> Option<Change> {
    if before <= 0.0 {
        return None;
    }
    let moved = (now - before) / before * 100.0;
    let size = moved.abs();
    if size < 0.05 {
        return Some(Change { text: "±0%".to_owned(), direction: "same" });
    }
    let (sign, direction) = if moved > 0.0 { ("+", "up") } else { ("\u{2212}", "down") };
    let digits = usize::from(size < 9.95);
    Some(Change { text: format!("{sign}{size:.digits$}%"), direction })
}

/// Milliseconds as `350 ms`, `42 s`, `3 min`, `5 h`, `2.5 d`.
pub(in crate::dashboard::reports) fn duration(millis: f64) -> String {
    const UNITS: [(f64, &str); 4] =
        [(86_400_000.0, "d"), (3_600_000.0, "h"), (60_000.0, "min"), (1000.0, "s")];
    let unit = UNITS.into_iter().find(|(size, _)| millis >= *size);
    let (size, name) = unit.unwrap_or((1.0, "ms"));
    let count = millis / size;
    let digits = usize::from(count < 10.0 && size > 1.0);
    format!("{count:.digits$} {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1000, "1\u{202f}000"), (12_345_678, "12\u{202f}345\u{202f}678")]
        {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn scales_are_brief() {
        for (number, text) in [
            (0.0, "0"),
            (0.5, "0.5"),
            (980.0, "980"),
            (1000.0, "1k"),
            (12_500.0, "12.5k"),
            (3e6, "3M"),
            (2.5e9, "2.5B"),
        ] {
            assert_eq!(brief(number), text);
        }
    }

    #[test]
    fn shares_and_changes_have_few_digits() {
        for (share, text) in
            [(0.0, "0%"), (0.004, "0.4%"), (0.0424, "4.2%"), (0.0996, "10%"), (0.57, "57%"), (1.0, "100%")]
        {
            assert_eq!(percent(share), text);
        }
        let shown = |before, now| change(before, now).map(|change| (change.text, change.direction));
        assert_eq!(shown(100.0, 112.0), Some(("+12%".to_owned(), "up")));
        assert_eq!(shown(100.0, 97.0), Some(("\u{2212}3.0%".to_owned(), "down")));
        assert_eq!(shown(100.0, 100.0), Some(("±0%".to_owned(), "same")));
        assert_eq!(shown(0.0, 5.0), None);
        assert_eq!(
            (width(1.0, 3.0), width(0.0, 0.0), width(2.0, 2.0)),
            ("33.3%".into(), "0%".into(), "100%".into())
        );
    }

    #[test]
    fn durations_have_the_unit_that_fits() {
        for (millis, text) in [
            (350.0, "350 ms"),
            (1500.0, "1.5 s"),
            (42_000.0, "42 s"),
            (180_000.0, "3.0 min"),
            (216_000_000.0, "2.5 d"),
        ] {
            assert_eq!(duration(millis), text);
        }
    }
}
