//! The values of a condition: read from JSON, checked, and in the form in which the column has them.

use std::borrow::Cow;

use serde_json::Value;

use super::read::wrong;
use super::{Bound, FilterError, FilterList, Operator, TextTest};
use crate::classify;
use crate::ingest::page_path;
use crate::query::Dimension;

/// The values that were sent, with their position.
pub(super) struct Values<'a> {
    at: String,
    sent: &'a [Value],
}

/// The list of values at a position.
pub(super) fn sent<'a>(at: &str, sent: &'a Value) -> Result<Values<'a>, FilterError> {
    let most = FilterList::MAX_VALUES;
    let sent = match sent {
        Value::Array(sent) => sent,
        Value::String(text) if text.trim_start().starts_with('[') => {
            return Err(wrong(at, "must be a list, not JSON inside a text: send the list itself"));
        }
        Value::String(_) | Value::Number(_) => {
            let text = sent.to_string();
            let shown = if text.len() <= 60 { text } else { "…".to_owned() };
            return Err(wrong(at, format!("must be a list of 1 to {most} values: write [{shown}]")));
        }
        _ => return Err(wrong(at, format!("must be a list of 1 to {most} values"))),
    };
    if !(1..=most).contains(&sent.len()) {
        return Err(wrong(at, format!("must be a list of 1 to {most} values, and has {}", sent.len())));
    }
    Ok(Values { at: at.to_owned(), sent })
}

impl Values<'_> {
    /// The texts to compare with the column's, each once.
    pub(super) fn texts(&self, operator: Operator, column: &Dimension) -> Result<Vec<String>, FilterError> {
        let mut texts: Vec<String> = Vec::with_capacity(self.sent.len());
        for (index, value) in self.sent.iter().enumerate() {
            let text = text(operator, column, value);
            let text = text.map_err(|problem| wrong(format!("{}[{index}]", self.at), problem))?;
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        Ok(texts)
    }

    /// The one number to compare with.
    pub(super) fn number(&self) -> Result<Bound, FilterError> {
        let [only] = self.sent else {
            return Err(wrong(&self.at, "must be a list of one number, like [100]"));
        };
        only.as_f64().and_then(Bound::new).ok_or_else(|| {
            let problem = if only.is_string() {
                "must be a number, like 100, without quotes"
            } else {
                "must be a number, like 100"
            };
            wrong(format!("{}[0]", self.at), problem)
        })
    }

    /// The position of the first regular expression that is none.
    pub(super) fn at_expression(&self, case_sensitive: bool) -> String {
        let is_wrong = |value: &Value| {
            let expression = value.as_str().unwrap_or_default().to_owned();
            TextTest::new(super::TextOperator::Matches, vec![expression], case_sensitive).is_err()
        };
        match self.sent.iter().position(is_wrong) {
            Some(index) => format!("{}[{index}]", self.at),
            // Each fits alone.
            None => self.at.clone(),
        }
    }
}

/// One value as it is compared with the texts of the column.
fn text(operator: Operator, column: &Dimension, value: &Value) -> Result<String, String> {
    let text = match (value, column) {
        (Value::String(text), _) => Cow::Borrowed(&**text),
        // The text by which events are filtered and grouped is their JSON.
        (Value::Number(_) | Value::Bool(_), Dimension::Property(_)) => Cow::Owned(value.to_string()),
        (Value::Number(_) | Value::Bool(_), _) => return Err(format!("must be a text: write \"{value}\"")),
        _ => return Err("must be a text".to_owned()),
    };
    let is_part = !matches!(operator, Operator::Is | Operator::IsNot);
    let is_pattern = operator == Operator::Matches;
    if column.holds_paths() && is_part && !is_pattern && text.contains(['?', '#']) {
        return Err("must not contain ? or #: paths have no query and no fragment".to_owned());
    }
    let text = match column {
        _ if is_pattern => text,
        column if column.holds_paths() && is_part => page_path::normalised_part(&text).into_owned().into(),
        column if column.holds_paths() => page_path::normalised(&text).into_owned().into(),
        Dimension::Derived(derived) if derived.holds_hosts() && is_part => text.to_lowercase().into(),
        Dimension::Derived(derived) if derived.holds_hosts() => classify::normalised_host(&text).into(),
        _ => text,
    };
    if is_part && text.is_empty() {
        return Err(format!("must not be empty: every value would pass {}", operator.as_str()));
    }
    if is_pattern {
        let most = TextTest::MAX_EXPRESSION;
        if text.chars().count() > most {
            return Err(format!("must be a regular expression of at most {most} characters"));
        }
        return Ok(text.into_owned());
    }
    if text.chars().count() > FilterList::MAX_VALUE {
        return Err(format!("must be a text of at most {} characters", FilterList::MAX_VALUE));
    }
    Ok(text.into_owned())
}
