//! Corrects what is nearly a list of filters: the call that somebody meant, for an error that teaches it.

use serde_json::{Value, json};

use super::operator::COMBINATORS;
use super::{FilterList, Operator, read};

/// The most corrections of one list.
const MOST: usize = 8;
/// The most nodes of a list that is looked at.
const MOST_NODES: usize = 1000;

impl FilterList {
    /// The list that was probably meant, if that needs a few obvious corrections alone: the closest operator or
    /// column, a list around a single value or condition, a list in place of its JSON text.
    pub fn repaired(sent: &Value) -> Option<Self> {
        let mut list = match sent {
            Value::String(text) if text.len() <= Self::MAX_BYTES => serde_json::from_str(text).ok()?,
            sent if nodes(sent) <= MOST_NODES => sent.clone(),
            _ => return None,
        };
        for _ in 0..MOST {
            let error = match Self::from_json(&list) {
                Ok(list) => return Some(list),
                Err(error) => error,
            };
            let position = error.at.strip_prefix(read::ROOT)?;
            let indices: Option<Vec<usize>> = position
                .split(['[', ']'])
                .filter(|index| !index.is_empty())
                .map(|index| index.parse().ok())
                .collect();
            correct(&mut list, &indices?)?;
        }
        None
    }
}

/// What stands at a position.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Filters,
    Filter,
    Operator,
    Column,
    Values,
    Value,
    Other,
}

impl Part {
    /// What stands at an index of this part.
    fn at(self, value: &Value, index: usize) -> Self {
        let word = value.get(0).and_then(Value::as_str).unwrap_or_default();
        match (self, index) {
            (Self::Filters, _) => Self::Filter,
            (Self::Filter, 0) => Self::Operator,
            (Self::Filter, 1) if word == "not" => Self::Filter,
            (Self::Filter, 1) if COMBINATORS.contains(&word) => Self::Filters,
            (Self::Filter, 1) => Self::Column,
            (Self::Filter, 2) => Self::Values,
            (Self::Values, _) => Self::Value,
            _ => Self::Other,
        }
    }
}

/// Corrects the value at a position that was refused; `None` if nothing obvious would be right there.
fn correct(list: &mut Value, indices: &[usize]) -> Option<()> {
    let (mut at, mut part) = (list, Part::Filters);
    for index in indices {
        part = part.at(at, *index);
        at = at.get_mut(*index)?;
    }
    let corrected = match (&*at, part) {
        (Value::String(word), Part::Operator) => Operator::closest(word)?.into(),
        (Value::String(name), Part::Column) => read::closest_column(name)?.into(),
        (Value::String(text), Part::Filters | Part::Filter | Part::Values)
            if text.trim_start().starts_with('[') =>
        {
            serde_json::from_str(text).ok()?
        }
        (Value::String(_) | Value::Number(_), Part::Values) => json!([at.clone()]),
        // A number as a text, or a text as a number.
        (Value::String(text), Part::Value) => serde_json::to_value(text.trim().parse::<f64>().ok()?).ok()?,
        (Value::Number(_) | Value::Bool(_), Part::Value) => at.to_string().into(),
        // A single condition in place of a list of them.
        (Value::Array(parts), Part::Filters) if parts.first().is_some_and(is_operator) => json!([at.clone()]),
        _ => return None,
    };
    if *at == corrected {
        return None;
    }
    *at = corrected;
    Some(())
}

fn is_operator(value: &Value) -> bool {
    let known = || Operator::ALL.into_iter().map(Operator::as_str).chain(COMBINATORS);
    value.as_str().is_some_and(|word| known().any(|known| known == word))
}

/// How many values a value holds, up to a few more than are looked at.
fn nodes(value: &Value) -> usize {
    let mut open = vec![value];
    let mut count = 0;
    while let Some(value) = open.pop() {
        count += 1;
        match value {
            _ if count > MOST_NODES => return count,
            Value::Array(values) => open.extend(values.iter().take(MOST_NODES)),
            Value::Object(members) => open.extend(members.values().take(MOST_NODES)),
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearly_a_list_is_corrected() {
        for (sent, meant) in [
            (json!([["contain", "pth", "/blog"]]), r#"[["contains","path",["/blog"]]]"#),
            (json!([["!=", "os", ["ios"]]]), r#"[["is_not","os",["ios"]]]"#),
            (json!(["is", "os", ["ios"]]), r#"[["is","os",["ios"]]]"#),
            (json!(r#"[["is","oss",["ios"]]]"#), r#"[["is","os",["ios"]]]"#),
            (json!([r#"["is","os",["ios"]]"#]), r#"[["is","os",["ios"]]]"#),
            (json!([["is", "os", r#"["ios"]"#]]), r#"[["is","os",["ios"]]]"#),
            (json!([["gt", "properties.amount", 100]]), r#"[["greater","properties.amount",[100]]]"#),
            (json!([["gt", "properties.amount", ["100"]]]), r#"[["greater","properties.amount",[100]]]"#),
            (json!([["is", "campaign", [2026]]]), r#"[["is","campaign",["2026"]]]"#),
            (json!([["or", ["is", "os", ["ios"]]]]), r#"[["or",[["is","os",["ios"]]]]]"#),
            (
                json!([["not", ["equals", "Country", "DE"]], ["regex", "path", ["^/a"]]]),
                r#"[["not",["is","country",["DE"]]],["matches","path",["^/a"]]]"#,
            ),
        ] {
            let repaired = FilterList::repaired(&sent).map(|list| list.to_string());
            assert_eq!(repaired.as_deref(), Some(meant), "{sent}");
        }
    }

    #[test]
    fn what_may_mean_anything_is_not() {
        let wide = json!(vec![json!(["is", "oss", ["ios"]]); 1000]);
        for sent in [
            json!(1),
            json!({}),
            json!("country=DE"),
            json!([1]),
            json!([["zzz", "os", ["ios"]]]),
            json!([["is", "plan", ["pro"]]]),
            json!([["matches", "path", ["(a"]]]),
            json!([["is", "os", []]]),
            json!([["is", "os", ["ios"], {"case": false}]]),
            wide,
        ] {
            assert_eq!(FilterList::repaired(&sent), None, "{sent}");
        }
    }
}
