//! The conditions of a goal, as the JSON list of the contract (4.3): `[["is","country",["DE","AT"]]]`.
//!
//! Of that list a goal takes `is` with columns of events and sessions. All else is refused by its position.

use std::fmt;
use std::str::FromStr;

use serde_json::{Value, json};

use crate::column::{Column, SessionColumn};
use crate::ingest::page_path;
use crate::query::{Dimension, Filter, Test};

/// What an event must pass besides being the goal's: at most 32 conditions of at most 100 values each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GoalFilters(Vec<Filter>);

/// The text is no list of conditions that a goal takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at} {why}, like [[\"is\",\"country\",[\"DE\",\"AT\"]]]")]
pub struct InvalidGoalFilters {
    /// Where: `filters[1][2]`.
    at: String,
    /// What would be right.
    why: String,
}

impl GoalFilters {
    const MAX_CONDITIONS: usize = 32;
    const MAX_VALUES: usize = 100;
    /// Longest value, in characters.
    const MAX_VALUE: usize = 2048;
    /// Longest list, in bytes.
    const MAX_BYTES: usize = 16 * 1024;

    /// The conditions.
    pub fn as_slice(&self) -> &[Filter] {
        &self.0
    }

    /// The list, in the form that is parsed.
    pub fn to_json(&self) -> Value {
        let values = |test: &Test| match test {
            Test::OneOf(values) => json!(values),
            Test::Matches(pattern) => json!([pattern.as_str()]),
        };
        self.0.iter().map(|filter| json!(["is", filter.column.name(), values(&filter.test)])).collect()
    }
}

impl FromStr for GoalFilters {
    type Err = InvalidGoalFilters;

    fn from_str(text: &str) -> Result<Self, InvalidGoalFilters> {
        let wrong = |why: String| InvalidGoalFilters { at: "filters".to_owned(), why };
        if text.len() > Self::MAX_BYTES {
            return Err(wrong(format!("must be at most {} bytes long", Self::MAX_BYTES)));
        }
        let Ok(Value::Array(conditions)) = serde_json::from_str(text) else {
            return Err(wrong("must be a JSON list of conditions".to_owned()));
        };
        if conditions.len() > Self::MAX_CONDITIONS {
            return Err(wrong(format!("must have at most {} conditions", Self::MAX_CONDITIONS)));
        }
        let conditions = conditions.iter().enumerate().map(|(index, value)| condition(index, value));
        let read = Self(conditions.collect::<Result<_, _>>()?);
        // Normalised paths can be longer than what was sent.
        if read.to_string().len() > Self::MAX_BYTES {
            return Err(wrong(format!("must be at most {} bytes long", Self::MAX_BYTES)));
        }
        Ok(read)
    }
}

impl fmt::Display for GoalFilters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_json().fmt(f)
    }
}

fn condition(index: usize, condition: &Value) -> Result<Filter, InvalidGoalFilters> {
    let wrong = |at: &str, why: String| InvalidGoalFilters { at: format!("filters[{index}]{at}"), why };
    let parts = condition.as_array().map(Vec::as_slice).unwrap_or_default();
    match parts.first().map(Value::as_str) {
        None => return Err(wrong("", "must be a list of an operator, a column and values".to_owned())),
        Some(Some("is")) => {}
        Some(_) => {
            return Err(wrong("[0]", "must be \"is\", the only operator that a goal takes".to_owned()));
        }
    }
    let [_, name, values] = parts else {
        return Err(wrong("", "must be a list of \"is\", a column and a list of values".to_owned()));
    };
    let named = |column: &Dimension| name.as_str() == Some(&column.name());
    let Some(column) = columns().find(named) else {
        let names: Vec<String> = columns().map(|column| column.name()).collect();
        return Err(wrong("[1]", format!("must be one of {}", names.join(", "))));
    };
    let sent = values.as_array().filter(|values| (1..=GoalFilters::MAX_VALUES).contains(&values.len()));
    let Some(sent) = sent else {
        return Err(wrong("[2]", format!("must be a list of 1 to {} texts", GoalFilters::MAX_VALUES)));
    };
    let mut values: Vec<String> = Vec::with_capacity(sent.len());
    for (position, value) in sent.iter().enumerate() {
        let Some(text) = value.as_str().filter(|text| text.chars().count() <= GoalFilters::MAX_VALUE) else {
            let why = format!("must be a text of at most {} characters", GoalFilters::MAX_VALUE);
            return Err(wrong(&format!("[2][{position}]"), why));
        };
        let text = if column.holds_paths() { page_path::normalised(text) } else { text.into() };
        if !values.iter().any(|known| *known == text) {
            values.push(text.into_owned());
        }
    }
    Ok(Filter { column, test: Test::OneOf(values) })
}

/// The columns that a condition can be about: those of events that can be filtered or grouped by, except the
/// name, which the goal has already; and those of sessions.
fn columns() -> impl Iterator<Item = Dimension> {
    let is_taken = |column: &Column| {
        let info = column.info();
        *column != Column::EventName && (info.filter.is_some() || info.group)
    };
    let of_events = Column::ALL.into_iter().filter(is_taken).map(Dimension::Column);
    of_events.chain(SessionColumn::ALL.into_iter().map(Dimension::Session))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<GoalFilters, String> {
        text.parse().map_err(|error: InvalidGoalFilters| error.to_string())
    }

    #[test]
    fn a_list_is_read_and_written() {
        for (sent, stored) in [
            ("[]", "[]"),
            (" [ [\"is\", \"country\", [\"DE\"]] ] ", r#"[["is","country",["DE"]]]"#),
            (r#"[["is","country",["DE","AT","DE"]]]"#, r#"[["is","country",["DE","AT"]]]"#),
            (
                r#"[["is","session_source",["google"]],["is","user_id",[""]]]"#,
                r#"[["is","session_source",["google"]],["is","user_id",[""]]]"#,
            ),
            (r#"[["is","entry_path",["/%c3%bc?a"]]]"#, r#"[["is","entry_path",["/ü"]]]"#),
            (r#"[["is","path",["/a*"]]]"#, r#"[["is","path",["/a*"]]]"#),
        ] {
            assert_eq!(read(sent).unwrap().to_string(), stored, "{sent}");
        }
        let [filter] = read(r#"[["is","device_type",["mobile","tablet"]]]"#).unwrap().0.try_into().unwrap();
        assert_eq!(filter.column, Column::DeviceType.into());
        assert!(filter.passes(Some("tablet")) && !filter.passes(Some("")) && !filter.passes(None));
    }

    #[test]
    fn what_a_goal_does_not_take_is_named_by_its_position() {
        let long = format!(r#"[["is","country",["{}"]]]"#, "a".repeat(2049));
        let many = format!(r#"[["is","country",[{}]]]"#, vec!["\"a\""; 101].join(","));
        let conditions = format!("[{}]", vec![r#"["is","country",["DE"]]"#; 33].join(","));
        for (sent, error) in [
            ("", "filters must be a JSON list of conditions"),
            ("{}", "filters must be a JSON list of conditions"),
            ("[1]", "filters[0] must be a list of an operator, a column and values"),
            ("[[]]", "filters[0] must be a list of an operator, a column and values"),
            (
                r#"[["is","os",["ios"]],["contains","path",["/a"]]]"#,
                "filters[1][0] must be \"is\", the only operator that a goal takes",
            ),
            (
                r#"[["or",["is","os",["ios"]]]]"#,
                "filters[0][0] must be \"is\", the only operator that a goal takes",
            ),
            ("[[1,2,3]]", "filters[0][0] must be \"is\", the only operator that a goal takes"),
            (r#"[["is","os"]]"#, "filters[0] must be a list of \"is\", a column and a list of values"),
            (
                r#"[["is","os",["ios"],{"case_sensitive":false}]]"#,
                "filters[0] must be a list of \"is\", a column and a list of values",
            ),
            (
                r#"[["is","properties.plan",["pro"]]]"#,
                "filters[0][1] must be one of anonymous_id, user_id, session_id, source, medium, campaign, \
                 source_confidence, source_rule_id, path, country, device_type, browser, os, session_source, \
                 session_medium, session_campaign, session_confidence, session_rule_id, entry_path, exit_path",
            ),
            (r#"[["is","os","ios"]]"#, "filters[0][2] must be a list of 1 to 100 texts"),
            (r#"[["is","os",[]]]"#, "filters[0][2] must be a list of 1 to 100 texts"),
            (&many, "filters[0][2] must be a list of 1 to 100 texts"),
            (r#"[["is","os",["ios",1]]]"#, "filters[0][2][1] must be a text of at most 2048 characters"),
            (&long, "filters[0][2][0] must be a text of at most 2048 characters"),
            (&conditions, "filters must have at most 32 conditions"),
            (&" ".repeat(16_385), "filters must be at most 16384 bytes long"),
        ] {
            let expected = format!("{error}, like [[\"is\",\"country\",[\"DE\",\"AT\"]]]");
            assert_eq!(read(sent), Err(expected), "{sent}");
        }
        let event_name = read(r#"[["is","event_name",["a"]]]"#).unwrap_err();
        assert!(event_name.starts_with("filters[0][1] must be one of anonymous_id"), "{event_name}");
    }

    #[test]
    fn no_list_is_longer_than_the_limit_once_it_is_stored() {
        let list = |blanks: usize| format!(r#"[["is","path",["{}"]]]"#, " ".repeat(blanks));
        assert!(read(&list(600)).is_ok());
        let paths = vec![format!("\"/{}\"", " ".repeat(600)); 20].join(",");
        let distinct = paths.replacen("\"/", "\"/a", 10);
        assert!(read(&format!(r#"[["is","path",[{distinct}]]]"#)).is_ok(), "the same path counts once");
        let many: Vec<String> = (0..20).map(|index| format!("\"/{index}{}\"", " ".repeat(600))).collect();
        let error = read(&format!(r#"[["is","path",[{}]]]"#, many.join(","))).unwrap_err();
        assert!(error.starts_with("filters must be at most 16384 bytes long"), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_breaks_it_and_a_list_reads_back(text in "(\\[|\\]|\"is\"|\"path\"|\"[/a* ]{0,3}\"|,|\\{|1|\\PC){0,20}") {
            if let Ok(filters) = text.parse::<GoalFilters>() {
                prop_assert_eq!(filters.to_string().parse(), Ok(filters));
            }
        }

        #[test]
        fn values_read_back(values in proptest::collection::vec("\\PC{0,10}", 1..5), path in any::<bool>()) {
            let sent = json!([["is", if path { "path" } else { "campaign" }, values]]).to_string();
            let filters: GoalFilters = sent.parse().unwrap();
            prop_assert_eq!(filters.to_string().parse(), Ok(filters));
        }
    }
}
