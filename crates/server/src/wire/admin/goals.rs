//! The goals of a project, replaced as a whole. They are returned as `GET /v1/goals` returns them.

use std::collections::HashSet;

use millimetric_control::{Name, ProjectGoal};
use millimetric_core::goal::{Goal, GoalEvent, GoalFilters, GoalTarget};
use millimetric_core::query::{GoalSlug, PathPattern, PropertyName, ValueProperty, currency};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::fields::Fields;
use crate::error::ApiResult;

/// `PUT …/goals`
#[derive(Debug, ToSchema)]
#[schema(as = NewGoals)]
#[allow(dead_code, reason = "describes what `new_goals` reads")]
pub struct GoalsIn {
    /// All goals of the project, at most 100. A goal that is not among them is deleted.
    #[schema(example = json!([{ "slug": "sale", "name": "Sale", "event": "purchase",
        "value": { "property": "amount", "currency": "EUR" } }]))]
    goals: Vec<GoalIn>,
}

/// A goal: an event or a page.
#[derive(Debug, ToSchema)]
#[schema(as = NewGoal)]
#[allow(dead_code, reason = "describes what `goal` reads")]
pub struct GoalIn {
    /// By which queries name it.
    #[schema(example = "sale")]
    slug: String,
    /// Its name for people; absent: the slug.
    name: Option<String>,
    /// The event that reaches it.
    #[schema(example = "purchase")]
    event: Option<String>,
    /// Or the path of the page view that reaches it; `*` matches any characters.
    page: Option<String>,
    /// Conditions that the event must meet too.
    #[schema(value_type = Option<Vec<Vec<Value>>>, example = json!([["is", "country", ["DE", "AT"]]]))]
    filters: Option<Value>,
    /// What reaching it is worth.
    value: Option<GoalValueIn>,
}

/// What reaching a goal is worth.
#[derive(Debug, ToSchema)]
#[schema(as = NewGoalValue)]
#[allow(dead_code, reason = "describes what `goal` reads")]
pub struct GoalValueIn {
    /// The numeric property with the amount.
    #[schema(example = "amount")]
    property: String,
    /// The currency of events that have none of their own, ISO 4217.
    #[schema(example = "EUR")]
    currency: Option<String>,
}

/// Reads all goals of a project.
pub fn new_goals(text: &str) -> ApiResult<Vec<ProjectGoal>> {
    let mut fields = Fields::of_body(text)?;
    let list = match fields.raw("goals") {
        Some(Value::Array(list)) if list.len() <= Goal::MAX_PER_PROJECT => Some(list),
        Some(Value::Array(_)) => {
            fields.wrong("goals", format!("must be at most {} goals", Goal::MAX_PER_PROJECT));
            None
        }
        _ => {
            fields.wrong("goals", "is required: the list of all goals of the project");
            None
        }
    };
    let mut goals = Vec::new();
    let mut slugs = HashSet::new();
    for (index, value) in list.into_iter().flatten().enumerate() {
        let at = format!("goals.{index}");
        let Value::Object(members) = value else {
            fields.wrong(&at, "must be an object with slug, and event or page");
            continue;
        };
        let Some(goal) = goal(members, &at, &mut fields) else { continue };
        if !slugs.insert(goal.goal.slug.clone()) {
            fields.wrong(&format!("{at}.slug"), "is the slug of another goal of the list");
        }
        goals.push(goal);
    }
    fields.finish(Some(goals))
}

/// Reads one goal; what is wrong with it is noted in `body`.
fn goal(members: Map<String, Value>, at: &str, body: &mut Fields) -> Option<ProjectGoal> {
    let mut fields = Fields::of(members, format!("{at}."));
    let slug: Option<GoalSlug> = fields.required("slug");
    let name: Option<Name> = fields.text("name");
    let target = target(&mut fields);
    let filters = fields
        .read("filters", |value| value.to_string().parse::<GoalFilters>().map_err(|error| error.to_string()));
    let value = value(&mut fields, at);
    fields.refuse_others();
    let is_right = fields.problems.is_empty();
    body.problems.append(fields.problems);
    let (slug, target) = (slug?, target?);
    let name = name.or_else(|| slug.as_str().parse().ok())?;
    let goal = Goal { slug, target, filters: filters.unwrap_or_default(), value };
    is_right.then_some(ProjectGoal { name, goal })
}

fn target(fields: &mut Fields) -> Option<GoalTarget> {
    let sent = ["event", "page"].map(|name| fields.has(name));
    let event: Option<GoalEvent> = fields.text("event");
    let page: Option<PathPattern> = fields.text("page");
    if sent[0] == sent[1] {
        fields.wrong("event", "send either event or page: what happens when the goal is reached");
        return None;
    }
    event.map(GoalTarget::Event).or(page.map(GoalTarget::Page))
}

fn value(fields: &mut Fields, at: &str) -> Option<ValueProperty> {
    let members =
        fields.read("value", |value| match value {
            Value::Object(members) => Ok(members),
            _ => Err("must be an object with property, like {\"property\":\"amount\",\"currency\":\"EUR\"}"
                .to_owned()),
        })?;
    let mut inner = Fields::of(members, format!("{at}.value."));
    let text = |value: Value| value.as_str().map(str::to_owned).unwrap_or_default();
    if !inner.has("property") {
        inner.wrong("property", "is required");
    }
    let property = inner.read("property", |value| {
        PropertyName::new(&text(value))
            .ok_or_else(|| "must be the name of a property, 1 to 128 bytes long".to_owned())
    });
    let currency = inner.read("currency", |value| {
        currency::code(&text(value)).ok_or_else(|| "must be a currency of ISO 4217, like EUR".to_owned())
    });
    inner.refuse_others();
    fields.problems.append(inner.problems);
    Some(ValueProperty { property: property?, currency })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::goals::GoalRow;
    use serde_json::json;

    #[test]
    fn goals_read_back_as_they_are_returned() {
        let sent = json!({ "goals": [
            { "slug": "sale", "name": "A sale", "event": "purchase", "filters": [["is", "country", ["DE"]]],
              "value": { "property": "amount", "currency": "EUR" } },
            { "slug": "thanks", "name": "thanks", "page": "/thank-you*" },
        ] });
        let read = new_goals(&sent.to_string()).unwrap();
        let rows: Vec<GoalRow> = read.into_iter().map(GoalRow::from).collect();
        assert_eq!(json!({ "goals": rows }), sent);
        assert_eq!(new_goals(r#"{"goals":[]}"#).unwrap(), vec![]);
        assert_eq!(new_goals(r#"{"goals":[{"slug":"a","event":"b"}]}"#).unwrap()[0].name.as_str(), "a");
    }

    #[test]
    fn every_wrong_field_of_every_goal_is_named() {
        let sent = json!({ "goals": [
            { "slug": "A", "event": "a" },
            { "slug": "b" },
            { "slug": "c", "event": "c", "page": "/c" },
            { "slug": "d", "event": "d", "filters": [["like", "country", ["DE"]]] },
            { "slug": "e", "event": "e", "value": { "currency": "EURO", "colour": 1 } },
            { "slug": "f", "event": "f", "pages": "/f" },
            7,
            { "slug": "g", "event": "g" }, { "slug": "g", "event": "h" },
        ] });
        let details = new_goals(&sent.to_string()).unwrap_err().details;
        let names: Vec<&String> = details["fieldErrors"].as_object().unwrap().keys().collect();
        let expected = [
            "goals.0.slug",
            "goals.1.event",
            "goals.2.event",
            "goals.3.filters",
            "goals.4.value.property",
            "goals.4.value.currency",
            "goals.4.value.colour",
            "goals.5.pages",
            "goals.6",
            "goals.8.slug",
        ];
        assert_eq!(names, expected);
        for body in ["{}", r#"{"goals":{}}"#, r#"{"goals":null}"#] {
            assert!(new_goals(body).is_err(), "{body}");
        }
        let many: Vec<Value> = (0..101).map(|n| json!({ "slug": format!("g{n}"), "event": "e" })).collect();
        assert!(new_goals(&json!({ "goals": many }).to_string()).is_err());
    }
}
