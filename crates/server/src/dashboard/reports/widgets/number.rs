//! Numbers of reports as text: shares in percent, changes with their sign, durations with their unit.

use crate::dashboard::format::percent;

/// Shown where there is nothing to divide by, or no value.
pub(in crate::dashboard::reports) const NO_VALUE: &str = "–";

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

/// A part of a whole as percent with one digit: `4.2%`; `–` if the whole is 0.
pub(in crate::dashboard::reports) fn rate(part: u64, whole: u64) -> String {
    share(part, whole).map_or_else(|| NO_VALUE.to_owned(), percent)
}

/// The width of a bar that shows a part of a whole, as a CSS percentage; `0%` if the whole is 0.
pub(in crate::dashboard::reports) fn width(part: f64, whole: f64) -> String {
    let share = if whole > 0.0 { (part / whole).clamp(0.0, 1.0) } else { 0.0 };
    let text = format!("{:.1}", share * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A part divided by the whole; `None` if the whole is 0.
pub(in crate::dashboard::reports) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// How a number changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::dashboard::reports) struct Change {
    /// `+12.0%`, `−1.5 pp`
    pub(in crate::dashboard::reports) text: String,
    /// `up`, `down` or `same`.
    pub(in crate::dashboard::reports) direction: &'static str,
}

/// The relative change of a count, in percent; `None` if it was 0.
pub(in crate::dashboard::reports) fn change(before: f64, now: f64) -> Option<Change> {
    (before > 0.0).then(|| signed((now - before) / before * 100.0, "%"))
}

/// The difference of two rates between 0 and 1, in percentage points.
pub(in crate::dashboard::reports) fn rate_change(before: f64, now: f64) -> Change {
    signed((now - before) * 100.0, " pp")
}

fn signed(difference: f64, unit: &str) -> Change {
    let size = difference.abs();
    let (sign, direction) = match difference {
        _ if size < 0.05 => ("", "same"),
        difference if difference > 0.0 => ("+", "up"),
        _ => ("\u{2212}", "down"),
    };
    Change { text: format!("{sign}{size:.1}{unit}"), direction }
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
    fn rates_and_changes_have_one_digit() {
        for (part, whole, text) in
            [(0, 9, "0.0%"), (4, 1000, "0.4%"), (57, 100, "57.0%"), (2, 2, "100.0%"), (0, 0, "–")]
        {
            assert_eq!(rate(part, whole), text);
        }
        let shown = |before, now| change(before, now).map(|change| (change.text, change.direction));
        assert_eq!(shown(100.0, 112.0), Some(("+12.0%".to_owned(), "up")));
        assert_eq!(shown(100.0, 97.0), Some(("\u{2212}3.0%".to_owned(), "down")));
        assert_eq!(shown(100.0, 100.0), Some(("0.0%".to_owned(), "same")));
        assert_eq!(shown(0.0, 5.0), None);
        for (before, now, text) in
            [(0.4, 0.415, "+1.5 pp"), (0.4, 0.3, "\u{2212}10.0 pp"), (0.0, 0.0, "0.0 pp")]
        {
            assert_eq!(rate_change(before, now).text, text);
        }
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
