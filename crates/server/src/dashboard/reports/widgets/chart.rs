//! A line over time as SVG: scales, paths, marks.
//!
//! Pure. The drawing is stretched to its container by the style sheet and carries no text: what is to
//! be read stands beside it in HTML, and keeps its size on every screen.

use std::fmt::Write as _;

use crate::ops::reports::overview::Point;

/// The drawing's own units; stretched to its container.
pub(in crate::dashboard::reports) const WIDTH: f64 = 1000.0;
pub(in crate::dashboard::reports) const HEIGHT: f64 = 200.0;
/// Lines of the grid above the lowest.
const STEPS: usize = 4;

/// A drawing.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::dashboard::reports) struct Chart {
    /// The line of the steps that are over.
    pub(in crate::dashboard::reports) line: String,
    /// From there to the step that goes on, if one does.
    pub(in crate::dashboard::reports) open: String,
    /// What is below it.
    pub(in crate::dashboard::reports) area: String,
    /// The line of the period before.
    pub(in crate::dashboard::reports) before: Option<String>,
    /// The scale's marks, the highest first.
    pub(in crate::dashboard::reports) marks: Vec<f64>,
    /// Heights of the grid's lines.
    pub(in crate::dashboard::reports) grid: Vec<f64>,
}

/// How many of the points are drawn.
#[derive(Debug, Clone, Copy)]
pub(in crate::dashboard::reports) struct Until {
    /// Those whose time is over.
    pub(in crate::dashboard::reports) over: usize,
    /// Those whose time has begun; the others get no line.
    pub(in crate::dashboard::reports) begun: usize,
}

/// Draws the points. A scale of counts has whole marks.
pub(in crate::dashboard::reports) fn draw(
    points: &[Point],
    before: Option<&[Point]>,
    until: Until,
    counts: bool,
) -> Chart {
    let all = points.iter().chain(before.unwrap_or_default()).map(value);
    let top = ceiling(all.fold(0.0, f64::max), counts);
    let steps = points.len().max(before.map_or(0, <[Point]>::len));
    let place = |at: usize| (x(at, steps), HEIGHT * (1.0 - value(&points[at]) / top));
    let over = until.over.min(points.len());
    let line = path((0..over).map(place));
    let end = x(over.saturating_sub(1), steps);
    let area = if over < 2 { String::new() } else { format!("{line}L{end:.1} {HEIGHT}L0 {HEIGHT}Z") };
    let open = path((over.saturating_sub(1)..until.begun.min(points.len())).map(place));
    let open = if until.begun > over { open } else { String::new() };
    let earlier = |before: &[Point]| {
        path(before.iter().enumerate().map(|(at, point)| (x(at, steps), HEIGHT * (1.0 - value(point) / top))))
    };
    let marks = (0..=STEPS).rev().map(|step| top * step as f64 / STEPS as f64).collect();
    let grid = (0..=STEPS).map(|step| HEIGHT * step as f64 / STEPS as f64).collect();
    Chart { line, open, area, before: before.map(earlier), marks, grid }
}

/// What is drawn of a point: a step without a value is at 0.
fn value(point: &Point) -> f64 {
    point.value.unwrap_or_default()
}

/// The lowest round number that is no less; of counts one whose marks are whole.
fn ceiling(most: f64, counts: bool) -> f64 {
    const ROUND: [f64; 10] = [1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0, 10.0];
    let size = if most > 0.0 { 10_f64.powf(most.log10().floor()) } else { 1.0 };
    let tops = [size, size * 10.0].into_iter().flat_map(|size| ROUND.map(|round| round * size));
    let whole = |top: f64| !counts || (top / STEPS as f64).fract() == 0.0;
    tops.into_iter().find(|top| *top >= most && whole(*top)).unwrap_or(most)
}

/// Which steps have their time written below the axis: at most so many, evenly spread from the first.
pub(in crate::dashboard::reports) fn labels(count: usize, most: usize) -> impl Iterator<Item = (usize, f64)> {
    let every = count.div_ceil(most).max(1);
    (0..count).step_by(every).map(move |at| (at, x(at, count) / WIDTH))
}

fn path(places: impl ExactSizeIterator<Item = (f64, f64)>) -> String {
    // A single point would be invisible.
    let end = if places.len() == 1 { "h4" } else { "" };
    let mut path = String::new();
    for (at, (x, y)) in places.enumerate() {
        let _ = write!(path, "{}{x:.1} {y:.1}", if at == 0 { 'M' } else { 'L' });
    }
    path + end
}

fn x(at: usize, steps: usize) -> f64 {
    if steps < 2 { 0.0 } else { WIDTH * at as f64 / (steps - 1) as f64 }
}

#[cfg(test)]
mod tests {
    use millimetric_core::time::Timestamp;

    use super::*;

    fn points(values: &[f64]) -> Vec<Point> {
        values.iter().map(|value| Point { bucket: Timestamp::MIN, value: Some(*value) }).collect()
    }

    #[test]
    fn the_scale_ends_with_a_round_number() {
        for (most, counts, top) in [
            (0.0, true, 4.0),
            (3.0, true, 4.0),
            (5.0, true, 8.0),
            (9.0, true, 12.0),
            (11.0, true, 12.0),
            (130.0, true, 160.0),
            (987.0, true, 1000.0),
            (1001.0, true, 1200.0),
            (0.0, false, 1.0),
            (0.57, false, 0.6),
            (1.0, false, 1.0),
        ] {
            let found = ceiling(most, counts);
            assert!((found - top).abs() < 1e-9, "{most}: {found}");
        }
    }

    fn drawn(values: &[f64], before: Option<&[f64]>, over: usize, begun: usize) -> Chart {
        draw(&points(values), before.map(points).as_deref(), Until { over, begun }, true)
    }

    #[test]
    fn the_line_goes_from_edge_to_edge() {
        let chart = drawn(&[0.0, 4.0, 2.0], None, 3, 3);
        assert_eq!(chart.line, "M0.0 200.0L500.0 0.0L1000.0 100.0");
        assert_eq!(chart.area, "M0.0 200.0L500.0 0.0L1000.0 100.0L1000.0 200L0 200Z");
        assert_eq!(chart.marks, [4.0, 3.0, 2.0, 1.0, 0.0]);
        assert_eq!(chart.grid, [0.0, 50.0, 100.0, 150.0, 200.0]);
    }

    #[test]
    fn an_unfinished_interval_is_marked_and_a_future_one_has_no_line() {
        let chart = drawn(&[1.0, 2.0, 1.0, 0.0, 0.0], Some(&[4.0, 0.0, 4.0, 0.0, 4.0]), 2, 3);
        assert_eq!(chart.line, "M0.0 150.0L250.0 100.0");
        assert_eq!(chart.open, "M250.0 100.0L500.0 150.0");
        assert_eq!(chart.before.as_deref(), Some("M0.0 0.0L250.0 200.0L500.0 0.0L750.0 200.0L1000.0 0.0"));
    }

    #[test]
    fn nothing_and_a_single_point_are_drawn_too() {
        assert_eq!(drawn(&[], None, 0, 0).area, "");
        assert_eq!(drawn(&[2.0], None, 1, 1).line, "M0.0 100.0h4");
        let chart = drawn(&[2.0], None, 0, 1);
        assert_eq!((chart.line.as_str(), chart.open.as_str()), ("", "M0.0 100.0h4"));
    }

    #[test]
    fn labels_are_spread_evenly() {
        let places = |count| labels(count, 6).map(|(at, _)| at).collect::<Vec<_>>();
        assert_eq!(places(0), [0; 0]);
        assert_eq!(places(1), [0]);
        assert_eq!(places(6), [0, 1, 2, 3, 4, 5]);
        assert_eq!(places(30), [0, 5, 10, 15, 20, 25]);
        assert_eq!(labels(3, 6).map(|(_, share)| share).collect::<Vec<_>>(), [0.0, 0.5, 1.0]);
    }
}
