//! The steps of a funnel: names of events with commas between, or a JSON list of names and of objects with
//! conditions.

use millimetric_core::fuzzy_match;
use millimetric_core::query::{EventSelector, FilterError, FilterList, FunnelSteps, StepSelector};
use serde_json::{Map, Value};

use super::{Check, FILTERS};

/// The name of the parameter.
pub const STEPS: &str = "steps";
const EVENT: &str = "event";
const EXPECTED: &str = "two to eight event names with commas between";
const LIKE: &str = r#"{"event":"signup","filters":[["is","properties.plan",["pro"]]]}"#;

impl Check {
    /// The steps; `None` with a problem if they are wrong or absent.
    pub(in crate::wire) fn steps(&mut self, sent: Option<Value>) -> Option<FunnelSteps> {
        match read(sent) {
            Ok(steps) => Some(steps),
            Err((at, problem)) => {
                self.problems.field(at, problem);
                None
            }
        }
    }
}

/// Where a step is wrong, and what would be right there.
type Wrong = (String, String);

fn read(sent: Option<Value>) -> Result<FunnelSteps, Wrong> {
    let wrong = |problem: String| (STEPS.to_owned(), problem);
    let list = match sent {
        None => return Err(wrong(format!("is required: {EXPECTED}"))),
        Some(Value::String(text)) if text.trim_start().starts_with('[') => {
            match serde_json::from_str(&text) {
                Ok(Value::Array(list)) => list,
                _ => {
                    return Err(wrong(format!(
                        "must be {EXPECTED}, or a JSON list of them, like [{LIKE},\"purchase\"]"
                    )));
                }
            }
        }
        Some(Value::String(text)) => {
            // One more than the maximum is enough to refuse the list.
            let names = text.split(',').map(|name| name.trim().to_owned()).take(FunnelSteps::MOST + 1);
            return FunnelSteps::new(names.collect()).ok_or_else(|| wrong(format!("must be {EXPECTED}")));
        }
        Some(Value::Array(list)) => list,
        Some(_) => return Err(wrong("must be a list of texts, or one text with commas".to_owned())),
    };
    if !(2..=FunnelSteps::MOST).contains(&list.len()) {
        return Err(wrong(format!("must be {EXPECTED}")));
    }
    let steps =
        list.into_iter().enumerate().map(|(index, step)| read_step(&format!("{STEPS}[{index}]"), step));
    FunnelSteps::of(steps.collect::<Result<_, _>>()?).ok_or_else(|| wrong(format!("must be {EXPECTED}")))
}

fn read_step(at: &str, step: Value) -> Result<StepSelector, Wrong> {
    let wrong = |problem: String| (at.to_owned(), problem);
    match step {
        Value::String(name) if is_object_in_text(&name) => {
            Err(wrong("must be an object, not JSON inside a text: send the object itself".to_owned()))
        }
        Value::String(name) => {
            Ok(StepSelector { events: EventSelector::Named(named(at, name)?), filters: Vec::new() })
        }
        Value::Object(mut members) => {
            let (name, filters) = (members.shift_remove(EVENT), members.shift_remove(FILTERS));
            if let Some(unknown) = members.keys().next() {
                return Err(wrong(unknown_member(unknown)));
            }
            let Some(Value::String(name)) = name else {
                return Err((
                    format!("{at}.{EVENT}"),
                    "must be the name of an event, like \"signup\"".to_owned(),
                ));
            };
            let events = EventSelector::Named(named(&format!("{at}.{EVENT}"), name)?);
            let filters = FilterList::from_json(&filters.unwrap_or_default());
            let filters =
                filters.map_err(|FilterError { at: inner, problem }| (format!("{at}.{inner}"), problem))?;
            Ok(StepSelector { events, filters: filters.into_vec() })
        }
        _ => Err(wrong(format!("must be the name of an event, or an object like {LIKE}"))),
    }
}

fn named(at: &str, name: String) -> Result<String, Wrong> {
    if (1..=128).contains(&name.chars().count()) {
        return Ok(name);
    }
    Err((at.to_owned(), "must be the name of an event, 1 to 128 characters long".to_owned()))
}

fn unknown_member(name: &str) -> String {
    let shown: String = name.chars().take(60).collect();
    let closest = fuzzy_match::closest(name, [EVENT, FILTERS]);
    let meant = closest.map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
    format!("has no member `{shown}`: {meant}it takes event and filters, like {LIKE}")
}

/// Whether a name is the JSON of a step.
fn is_object_in_text(name: &str) -> bool {
    let object = || serde_json::from_str::<Map<String, Value>>(name).ok();
    name.starts_with('{') && object().is_some_and(|object| object.contains_key(EVENT))
}
