//! A summary of a response in one sentence, from its rows.

use serde_json::{Map, Value};

use super::super::arguments::Arguments;
use super::super::clean::word;
use super::super::response::Page;
use super::spec::Tool;

type Row = Map<String, Value>;

/// The most currencies that the summary of a comparison names.
const MOST_CURRENCIES: usize = 3;

/// The summary of a response of this many projects.
pub(super) fn of(tool: Tool, page: &Page, arguments: &Arguments, projects: usize) -> String {
    let rows = page.rows.len();
    let what = match tool {
        Tool::QueryEvents => counted(rows, "event", "events") + ", newest first",
        Tool::GetStats => stats(page, arguments),
        Tool::TopSources => {
            counted(rows, "source", "sources")
                + &first(page, |row| {
                    let medium = row.get("medium").map(|medium| format!(" / {}", shown(medium)));
                    format!(
                        "{}{} leads with {} by {}",
                        shown(&row["source"]),
                        medium.unwrap_or_default(),
                        amount(&row["events"], "event", "events"),
                        amount(&row["uniques"], "visitor", "visitors")
                    )
                })
        }
        Tool::Funnel => funnel(page),
        Tool::TopPages => {
            let sessions =
                page.facts.get("sessions").map(|all| format!(" of {}", amount(all, "session", "sessions")));
            counted(rows, "page", "pages")
                + &sessions.unwrap_or_default()
                + &first(page, |row| {
                    format!("{} leads with {}", shown(&row["path"]), amount(&row["views"], "view", "views"))
                })
        }
        Tool::Sessions => sessions(page),
        Tool::Retention => counted(rows, "cohort", "cohorts"),
        Tool::Journeys => {
            let of =
                page.facts.get("sessions").map(|all| amount(all, "session", "sessions")).unwrap_or_default();
            format!("{} of {of}", counted(rows, "path", "paths"))
        }
        Tool::Attribution => attribution(page),
        Tool::ExplainChange => change(page),
        Tool::DataQuality => faults(page),
        Tool::DescribeSchema => {
            let kind = page.facts.get("kind").and_then(Value::as_str).unwrap_or("rows");
            format!("{rows} {kind}")
        }
        Tool::ExplainAttribution => explained(page),
        Tool::ListProjects => counted(rows, "project", "projects"),
        Tool::CompareProjects => compared(page, projects),
        Tool::TrackEvent => String::new(),
    };
    match arguments.range() {
        // Of one project, it names both ranges.
        Some(_) if tool == Tool::ExplainChange && projects == 1 => format!("{what}."),
        Some(range) if tool.spec().range.is_some() => {
            let across = if projects > 1 { format!(" in {projects} projects") } else { String::new() };
            let (from, to) = (range.from().to_rfc3339_seconds(), range.to().to_rfc3339_seconds());
            format!("{what}{across}, from {from} to before {to}.")
        }
        _ => format!("{what}."),
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn amount(count: &Value, one: &str, many: &str) -> String {
    counted(count.as_u64().unwrap_or_default() as usize, one, many)
}

fn first(page: &Page, say: impl FnOnce(&Row) -> String) -> String {
    page.rows.first().map(|row| format!("; {}", say(row))).unwrap_or_default()
}

fn stats(page: &Page, arguments: &Arguments) -> String {
    let metric = page.facts.get("metric").and_then(Value::as_str).unwrap_or("count");
    let of = arguments.get("property").map(|name| format!(" of {}", word(name))).unwrap_or_default();
    let figure = |row: &Row| match row.get("previous") {
        Some(previous) => {
            let change = percent(row.get("change_pct"));
            format!("{} after {}{change}", shown(&row["value"]), shown(previous))
        }
        None => shown(&row["value"]),
    };
    let is_figure = |name: &str| matches!(name, "value" | "previous" | "change_pct");
    match &page.rows[..] {
        [only] if only.keys().all(|name| is_figure(name)) => format!("{metric}{of}: {}", figure(only)),
        rows => {
            let named = |row: &Row| {
                let keys = row.iter().filter(|(name, _)| !is_figure(name));
                let keys: Vec<_> = keys.map(|(name, value)| format!("{name}={}", shown(value))).collect();
                format!("the first is {} with {}", keys.join(", "), figure(row))
            };
            format!("{metric}{of} in {}", counted(rows.len(), "row", "rows")) + &first(page, named)
        }
    }
}

/// A change in percent, after a comma; nothing if there is none.
fn percent(change: Option<&Value>) -> String {
    let change = change.and_then(Value::as_f64);
    change.map(|change| format!(", {change:+} %")).unwrap_or_default()
}

/// Who leads; of amounts, in each currency.
fn compared(page: &Page, projects: usize) -> String {
    let is_first = |row: &&Row| row["rank"] == 1 && !row["value"].is_null();
    let leads = page.rows.iter().filter(is_first).take(MOST_CURRENCIES).map(|row| {
        let currency = row.get("currency").map(|currency| match currency {
            Value::Null => " without a currency".to_owned(),
            currency => format!(" {}", shown(currency)),
        });
        format!(
            "; {} leads with {}{}",
            shown(&row["slug"]),
            shown(&row["value"]),
            currency.unwrap_or_default()
        )
    });
    counted(projects, "project", "projects") + &leads.collect::<String>()
}

fn funnel(page: &Page) -> String {
    let starts = page.rows.iter().filter(|row| row.get("step").and_then(Value::as_u64) == Some(1)).count();
    if starts != 1 {
        return counted(starts, "funnel", "funnels");
    }
    let visitors: Vec<_> = page.rows.iter().map(|row| shown(&row["uniques"])).collect();
    let through = page.rows.last().and_then(|row| row["from_start_pct"].as_f64()).unwrap_or_default();
    format!("Visitors at each step: {}; {through:.1} % get through", visitors.join(" → "))
}

fn sessions(page: &Page) -> String {
    let all: u64 = page.rows.iter().filter_map(|row| row.get("sessions")?.as_u64()).sum();
    let bounces: u64 = page.rows.iter().filter_map(|row| row.get("bounces")?.as_u64()).sum();
    let rate = bounces as f64 * 100.0 / all.max(1) as f64;
    format!("{}, {rate:.1} % bounce", counted(all as usize, "session", "sessions"))
}

fn attribution(page: &Page) -> String {
    let Some(conversions) = page.facts.get("conversions") else {
        return counted(page.rows.len(), "row", "rows");
    };
    let leads = first(page, |row| {
        let name =
            ["session_source", "session_medium"].map(|name| row.get(name).map(shown).unwrap_or_default());
        let credit = row.get("conversions").and_then(Value::as_object).into_iter().flatten();
        let credit: Vec<_> = credit.map(|(model, credit)| format!("{model} {}", shown(credit))).collect();
        format!("{} leads: {}", name.join(" / "), credit.join(", "))
    });
    amount(conversions, "conversion", "conversions") + &leads
}

/// How much it changed, what explains most of it, and what stayed the same.
fn change(page: &Page) -> String {
    let facts = &page.facts;
    let (Some(metric), Some(value), Some(previous)) =
        (facts.get("metric"), facts.get("value"), facts.get("previous"))
    else {
        return format!("{}; totals has the change of each project", counted(page.rows.len(), "row", "rows"));
    };
    let currency = facts.get("currency").map(|code| format!(" {}", shown(code))).unwrap_or_default();
    let percent = percent(facts.get("change_pct"));
    let range = |from: Option<&Value>, to: Option<&Value>| {
        format!("{} to before {}", from.map(shown).unwrap_or_default(), to.map(shown).unwrap_or_default())
    };
    let compared = |end| facts.get("compared_with")?.get(end);
    let most = match page.rows.first() {
        None => "No value of a column changed".to_owned(),
        Some(row) if row.contains_key("noise") => "No change of a value is significant".to_owned(),
        Some(row) => format!("Most of it: {} with {}", columns(row), shown(&row["change"])),
    };
    let unchanged = facts.get("unchanged").and_then(Value::as_array).into_iter().flatten();
    let unchanged: Vec<_> = unchanged.filter_map(Value::as_object).map(columns).collect();
    let unchanged =
        if unchanged.is_empty() { String::new() } else { format!(". Unchanged: {}", unchanged.join(", ")) };
    let others = facts.get("other_currencies").and_then(Value::as_array).into_iter().flatten();
    let others: Vec<_> = others.map(shown).collect();
    let others = if others.is_empty() {
        String::new()
    } else {
        format!(". Other currencies, left out: {}", others.join(", "))
    };
    format!(
        "{}: {}{currency} ({}) after {} ({}){percent}. {most}{unchanged}{others}",
        shown(metric),
        shown(value),
        range(facts.get("from"), facts.get("to")),
        shown(previous),
        range(compared("from"), compared("to")),
    )
}

/// The values that a row of `explain_change` is about.
fn columns(row: &Row) -> String {
    let columns = row.get("columns").and_then(Value::as_object).into_iter().flatten();
    columns.map(|(name, value)| format!("{}={}", word(name), shown(value))).collect::<Vec<_>>().join(" and ")
}

fn faults(page: &Page) -> String {
    match (&page.rows[..], page.facts.get("events").and_then(Value::as_u64)) {
        ([], Some(0)) => "Nothing to check: no events".to_owned(),
        ([], Some(events)) => {
            format!("Nothing is wrong with {}", counted(events as usize, "event", "events"))
        }
        ([], None) => "Nothing is wrong".to_owned(),
        (rows, _) => {
            let codes: Vec<_> = rows.iter().filter_map(|row| row.get("code")?.as_str()).collect();
            format!("{}: {}", counted(rows.len(), "fault", "faults"), codes.join(", "))
        }
    }
}

fn explained(page: &Page) -> String {
    let Some(now) = page.facts.get("attribution") else { return String::new() };
    format!(
        "{} / {} by rule {} ({} confidence), of {} listed",
        shown(&now["source"]),
        shown(&now["medium"]),
        shown(&now["source_rule_id"]),
        shown(&now["source_confidence"]),
        counted(page.rows.len(), "rule", "rules")
    )
}

/// A cell as text for a sentence.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => word(text),
        Value::Null => "(none)".to_owned(),
        other => other.to_string(),
    }
}
