//! The steps of a funnel: names of events, pages and goals with commas between, or a JSON list of them and of objects
//! with conditions.

use millimetric_core::fuzzy_match;
use millimetric_core::query::{Filter, FilterError, FilterList, FunnelSteps, PathPattern, StepSelector};
use serde_json::{Map, Value};

use super::{Check, FILTERS, GOAL};
use crate::ops::goals::AskedGoals;
use crate::wire::goals::unknown_goal;

/// The name of the parameter.
pub const STEPS: &str = "steps";
const EVENT: &str = "event";
const PAGE: &str = "page";
/// The members that say what a step is.
const KINDS: [&str; 3] = [EVENT, PAGE, GOAL];
const EXPECTED: &str =
    "two to eight event names with commas between, or pages like page:/pricing* and goals like goal:signup";
const LIKE: &str = r#"{"event":"signup","filters":[["is","properties.plan",["pro"]]]}"#;

impl Check {
    /// The steps; `None` with a problem if they are wrong or absent.
    pub(in crate::wire) fn steps(&mut self, sent: Option<Value>, goals: &AskedGoals) -> Option<FunnelSteps> {
        match read(sent, goals) {
            Ok(steps) => Some(steps),
            Err((at, problem)) => {
                self.problems.field(at, problem);
                None
            }
        }
    }
}

/// The goals among the steps: where each is named, and its slug. There may be too many by one. Steps that cannot be read
/// have none.
pub(super) fn goals_in_steps(sent: Value) -> Vec<(String, String)> {
    let goal = |(index, step): (usize, Value)| match step {
        Value::String(text) => {
            text.strip_prefix(StepSelector::GOAL).map(|slug| (format!("{STEPS}[{index}]"), slug.to_owned()))
        }
        Value::Object(mut members) => match members.shift_remove(GOAL) {
            Some(Value::String(slug)) => Some((format!("{STEPS}[{index}].{GOAL}"), slug)),
            _ => None,
        },
        _ => None,
    };
    let steps = entries(sent).unwrap_or_default().into_iter().take(FunnelSteps::MOST + 1);
    steps.enumerate().filter_map(goal).collect()
}

/// Where a step is wrong, and what would be right there.
type Wrong = (String, String);

/// The steps, before they are read.
fn entries(sent: Value) -> Result<Vec<Value>, String> {
    match sent {
        Value::String(text) if is_json_list(&text) => match serde_json::from_str(&text) {
            Ok(Value::Array(list)) => Ok(list),
            _ => Err(format!("must be {EXPECTED}; or a JSON list of them, like [{LIKE},\"purchase\"]")),
        },
        Value::String(text) => {
            // One more than the maximum is enough to refuse the list.
            let names = text.split(',').map(|name| Value::from(name.trim())).take(FunnelSteps::MOST + 1);
            Ok(names.collect())
        }
        Value::Array(list) => Ok(list),
        _ => Err("must be a list of texts, or one text with commas".to_owned()),
    }
}

fn read(sent: Option<Value>, goals: &AskedGoals) -> Result<FunnelSteps, Wrong> {
    let wrong = |problem: String| (STEPS.to_owned(), problem);
    let sent = sent.ok_or_else(|| wrong(format!("is required: {EXPECTED}")))?;
    let is_list = sent.as_str().is_none_or(is_json_list);
    let list = entries(sent).map_err(wrong)?;
    if !(2..=FunnelSteps::MOST).contains(&list.len()) || !(is_list || list.iter().all(is_something)) {
        return Err(wrong(format!("must be {EXPECTED}")));
    }
    let step = |(index, step): (usize, Value)| {
        let at = format!("{STEPS}[{index}]");
        match step {
            Value::String(name) if !is_list => read_text(name, goals).map_err(|problem| (at, problem)),
            step => read_step(&at, step, goals),
        }
    };
    let steps = list.into_iter().enumerate().map(step).collect::<Result<_, _>>()?;
    FunnelSteps::of(steps).ok_or_else(|| wrong(format!("must be {EXPECTED}")))
}

fn read_step(at: &str, step: Value, goals: &AskedGoals) -> Result<StepSelector, Wrong> {
    let wrong = |problem: String| (at.to_owned(), problem);
    match step {
        Value::String(name) if is_object_in_text(&name) => {
            Err(wrong("must be an object, not JSON inside a text: send the object itself".to_owned()))
        }
        Value::String(name) => read_text(name, goals).map_err(wrong),
        Value::Object(members) => read_object(at, members, goals),
        _ => Err(wrong(format!(
            "must be the name of an event, or an object like {LIKE}, or page:/pricing* or goal:signup"
        ))),
    }
}

/// `page:` and a path, `goal:` and a slug, or the name of an event.
fn read_text(name: String, goals: &AskedGoals) -> Result<StepSelector, String> {
    if let Some(path) = name.strip_prefix(StepSelector::PAGE) {
        return page(path, Vec::new()).map_err(|problem| format!("the path after `page:` {problem}"));
    }
    if let Some(slug) = name.strip_prefix(StepSelector::GOAL) {
        return goal(slug, goals, Vec::new());
    }
    event(name, Vec::new())
}

/// An object with `event`, `page` or `goal`, and perhaps `filters`.
fn read_object(at: &str, mut members: Map<String, Value>, goals: &AskedGoals) -> Result<StepSelector, Wrong> {
    let filters = members.shift_remove(FILTERS).unwrap_or_default();
    let sent: Vec<(&str, Value)> =
        KINDS.into_iter().filter_map(|kind| Some((kind, members.shift_remove(kind)?))).collect();
    if let Some(unknown) = members.keys().next() {
        return Err((at.to_owned(), unknown_member(unknown)));
    }
    if sent.len() > 1 {
        return Err((at.to_owned(), "takes only one of event, page and goal".to_owned()));
    }
    let (kind, value) = sent.into_iter().next().unwrap_or((EVENT, Value::Null));
    let wrong = |problem: String| (format!("{at}.{kind}"), problem);
    let Value::String(text) = value else {
        return Err(wrong(match kind {
            PAGE => "must be a path, like \"/pricing*\"".to_owned(),
            GOAL => "must be the slug of a goal, like \"signup\"".to_owned(),
            _ => "must be the name of an event, like \"signup\"; or send a `page` or a `goal`".to_owned(),
        }));
    };
    let filters = FilterList::from_json(&filters)
        .map_err(|FilterError { at: inner, problem }| (format!("{at}.{inner}"), problem))?
        .into_vec();
    match kind {
        PAGE => page(&text, filters),
        GOAL => goal(&text, goals, filters),
        _ => event(text, filters),
    }
    .map_err(wrong)
}

fn event(name: String, filters: Vec<Filter>) -> Result<StepSelector, String> {
    if is_event_name(&name) {
        return Ok(StepSelector::named(name, filters));
    }
    Err("must be the name of an event, 1 to 128 characters long".to_owned())
}

fn is_event_name(name: &str) -> bool {
    (1..=128).contains(&name.chars().count())
}

fn page(path: &str, filters: Vec<Filter>) -> Result<StepSelector, String> {
    let pattern = path.parse::<PathPattern>().map_err(|error| error.to_string())?;
    Ok(StepSelector::page(path, &pattern, filters))
}

fn goal(slug: &str, goals: &AskedGoals, filters: Vec<Filter>) -> Result<StepSelector, String> {
    let goal = goals.get(slug).ok_or_else(|| unknown_goal(slug, &goals.known))?;
    Ok(StepSelector::goal(slug, goal.selector(), filters))
}

fn unknown_member(name: &str) -> String {
    let shown: String = name.chars().take(60).collect();
    let closest = fuzzy_match::closest(name, KINDS.into_iter().chain([FILTERS]));
    let meant = closest.map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
    format!("has no member `{shown}`: {meant}it takes event, page or goal, and filters, like {LIKE}")
}

fn is_json_list(text: &str) -> bool {
    text.trim_start().starts_with('[')
}

/// Whether a text between commas may be a step.
fn is_something(step: &Value) -> bool {
    let has_prefix =
        |text: &str| text.starts_with(StepSelector::PAGE) || text.starts_with(StepSelector::GOAL);
    step.as_str().is_some_and(|text| has_prefix(text) || is_event_name(text))
}

/// Whether a name is the JSON of a step.
fn is_object_in_text(name: &str) -> bool {
    let object = || serde_json::from_str::<Map<String, Value>>(name).ok();
    name.starts_with('{')
        && object().is_some_and(|object| KINDS.iter().any(|kind| object.contains_key(*kind)))
}
