//! The questions of a site's owner: the calls that the descriptions of the tools lead to, and what must be in the
//! responses by a naive recount.

mod faults;
mod findings;
mod money;
mod traffic;
mod visits;

use serde_json::Value;

use super::recount::Stored;

/// Which site is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Site {
    /// The demo's shop.
    Demo,
    /// A shop whose tracking has faults.
    Faults,
}

/// A question.
pub(super) struct Question {
    pub(super) text: &'static str,
    pub(super) site: Site,
    /// The tools that are called, with their arguments as JSON; `{…}` in them is filled in by the previous result.
    pub(super) calls: &'static [(&'static str, &'static str)],
    /// Compares the structured results of the calls with a recount.
    pub(super) check: fn(&Stored, &[Value]) -> Checked,
}

/// What is wrong.
pub(super) type Checked = Result<(), String>;

/// All questions.
pub(super) fn all() -> impl Iterator<Item = &'static Question> {
    let demo = traffic::QUESTIONS.iter().chain(visits::QUESTIONS).chain(money::QUESTIONS);
    demo.chain(findings::QUESTIONS).chain(faults::QUESTIONS)
}

const fn demo(
    text: &'static str,
    calls: &'static [(&'static str, &'static str)],
    check: fn(&Stored, &[Value]) -> Checked,
) -> Question {
    Question { text, site: Site::Demo, calls, check }
}

/// Two figures are the same; fractions within a rounding.
fn same(what: &str, found: &Value, expected: impl Into<Value>) -> Checked {
    let expected = expected.into();
    let is_same = match (found.as_f64(), expected.as_f64()) {
        (Some(found), Some(expected)) => (found - expected).abs() <= 1e-6 * expected.abs().max(1.0),
        _ => *found == expected,
    };
    if is_same { Ok(()) } else { Err(format!("{what}: {found} in place of {expected}")) }
}

/// Each row has this key and this figure, in order; rows after those that are expected are ignored.
fn rows(result: &Value, [key, figure]: [&str; 2], expected: &[(String, f64)]) -> Checked {
    for (index, (name, number)) in expected.iter().enumerate() {
        let row = &result["rows"][index];
        same(&format!("row {index}"), &row[key], name.as_str())?;
        same(&format!("{figure} of {name}"), &row[figure], *number)?;
    }
    if expected.is_empty() { Err("nothing is expected: the question is none".to_owned()) } else { Ok(()) }
}

/// Each of these is in a row, whatever the order.
fn rows_by(result: &Value, [key, figure]: [&str; 2], expected: &[(String, f64)]) -> Checked {
    let rows = result["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
    if rows.len() != expected.len() {
        return Err(format!("{} rows in place of {}", rows.len(), expected.len()));
    }
    for (name, number) in expected {
        let row = rows.iter().find(|row| row[key].as_str().unwrap_or_default() == name);
        let row = row.ok_or_else(|| format!("no row for {name:?}"))?;
        same(&format!("{figure} of {name}"), &row[figure], *number)?;
    }
    Ok(())
}

/// Whether there is a warning of this code.
fn warned(result: &Value, code: &str) -> Checked {
    let warnings = result["warnings"].as_array().map(Vec::as_slice).unwrap_or_default();
    if warnings.iter().any(|warning| warning["code"] == code) {
        return Ok(());
    }
    Err(format!("no warning {code}: {}", result["warnings"]))
}

/// Counts as figures.
fn figures(counts: Vec<(String, u64)>) -> Vec<(String, f64)> {
    counts.into_iter().map(|(name, count)| (name, count as f64)).collect()
}

/// The value between two ranks that is so far along a sorted list.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
    below + (above - below) * rank.fract()
}
