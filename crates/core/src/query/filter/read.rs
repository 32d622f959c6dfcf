//! Reads a list of filters from JSON, and says where one is wrong and what would be right there.

use serde_json::Value;

use super::operator::COMBINATORS;
use super::values::{self, Values};
use super::{Bound, Condition, Filter, FilterError, FilterList, Operator, Test, TextOperator};
use crate::fuzzy_match;
use crate::query::Dimension;

/// The position of the list itself.
pub(super) const ROOT: &str = "filters";

type Read<T> = Result<T, FilterError>;

pub(super) fn list(value: &Value) -> Read<Vec<Filter>> {
    let Some(filters) = value.as_array() else {
        return Err(wrong(ROOT, format!("must be a JSON list of conditions, like {}", FilterList::EXAMPLE)));
    };
    if let Some(word) = operator_of(filters) {
        let problem =
            format!("must be a list of conditions: put the condition in a list, like [[\"{word}\",…]]");
        return Err(wrong(ROOT, problem));
    }
    Reader { conditions: 0 }.filters(ROOT, filters, 0)
}

pub(super) fn wrong(at: impl Into<String>, problem: impl Into<String>) -> FilterError {
    FilterError { at: at.into(), problem: problem.into() }
}

/// The operator that a list begins with, if it is a single condition.
fn operator_of(parts: &[Value]) -> Option<&str> {
    parts.first()?.as_str().filter(|word| Operator::words().any(|known| known == *word))
}

struct Reader {
    /// How many there were so far.
    conditions: usize,
}

impl Reader {
    /// Reads filters that stand under so many combinators.
    fn filters(&mut self, at: &str, filters: &[Value], depth: usize) -> Read<Vec<Filter>> {
        let mut read = Vec::with_capacity(filters.len().min(FilterList::MAX_CONDITIONS));
        for (index, filter) in filters.iter().enumerate() {
            read.push(self.filter(&format!("{at}[{index}]"), filter, depth)?);
        }
        Ok(read)
    }

    fn filter(&mut self, at: &str, filter: &Value, depth: usize) -> Read<Filter> {
        let parts = match filter {
            Value::Array(parts) => parts,
            Value::String(text) if text.trim_start().starts_with(['[', '{']) => {
                return Err(wrong(at, "must be a list, not JSON inside a text: send the list itself"));
            }
            _ => {
                let problem =
                    "must be a list of an operator, a column and values, like [\"is\",\"country\",[\"DE\"]]";
                return Err(wrong(at, problem));
            }
        };
        let Some(word) = parts.first().and_then(Value::as_str) else {
            let words: Vec<&str> = Operator::words().collect();
            return Err(wrong(format!("{at}[0]"), format!("must be one of {}", words.join(", "))));
        };
        if COMBINATORS.contains(&word) {
            if depth == FilterList::MAX_DEPTH {
                let most = FilterList::MAX_DEPTH;
                return Err(wrong(at, format!("must not stand under more than {most} of and, or and not")));
            }
            return self.combined(at, word, parts, depth + 1);
        }
        self.conditions += 1;
        if self.conditions > FilterList::MAX_CONDITIONS {
            let problem = format!("must have at most {} conditions in all", FilterList::MAX_CONDITIONS);
            return Err(wrong(ROOT, problem));
        }
        condition(at, word, parts).map(Filter::Condition)
    }

    fn combined(&mut self, at: &str, word: &str, parts: &[Value], depth: usize) -> Read<Filter> {
        let below = format!("{at}[1]");
        if word == "not" {
            let [_, inner] = parts else {
                let problem =
                    "must be \"not\" and one condition, like [\"not\",[\"is\",\"country\",[\"DE\"]]]";
                return Err(wrong(at, problem));
            };
            if inner.as_array().is_some_and(|parts| parts.first().is_some_and(Value::is_array)) {
                let problem = "must be one condition, not a list of them: join them with \"and\" or \"or\"";
                return Err(wrong(below, problem));
            }
            return Ok(Filter::Not(Box::new(self.filter(&below, inner, depth)?)));
        }
        let like = || format!("like [\"{word}\",[[\"is\",\"country\",[\"DE\"]],[\"is\",\"os\",[\"ios\"]]]]");
        let [_, inner] = parts else {
            return Err(wrong(at, format!("must be \"{word}\" and one list of conditions, {}", like())));
        };
        let inner = inner.as_array().filter(|inner| !inner.is_empty() && operator_of(inner).is_none());
        let Some(inner) = inner else {
            return Err(wrong(below, format!("must be a list of at least one condition, {}", like())));
        };
        let filters = self.filters(&below, inner, depth)?;
        Ok(if word == "and" { Filter::And(filters) } else { Filter::Or(filters) })
    }
}

fn condition(at: &str, word: &str, parts: &[Value]) -> Read<Condition> {
    let Some(operator) = Operator::of(word) else {
        return Err(wrong(format!("{at}[0]"), unknown_operator(word)));
    };
    let column = match parts.get(1) {
        None => {
            return Err(wrong(at, format!("lacks a column, like {}", example(operator))));
        }
        Some(name) => column(&format!("{at}[1]"), name)?,
    };
    if matches!(operator, Operator::Exists | Operator::Missing) {
        if parts.len() > 2 {
            let problem = format!("must not be there: {word} takes no values, like {}", example(operator));
            return Err(wrong(format!("{at}[2]"), problem));
        }
        return Ok(Condition { column, negated: operator.is_negative(), test: Test::Exists });
    }
    let Some(sent) = parts.get(2) else {
        return Err(wrong(at, format!("lacks a list of values, like {}", example(operator))));
    };
    let sent = values::sent(&format!("{at}[2]"), sent)?;
    if matches!(operator, Operator::Greater | Operator::Less) {
        return comparison(at, operator, column, &sent, parts.get(3));
    }
    let case_sensitive = case(at, parts)?;
    let texts = sent.texts(operator, &column)?;
    let test = match (operator, case_sensitive) {
        (Operator::Is | Operator::IsNot, true) => Test::OneOf(texts),
        (operator, _) => {
            let built = super::TextTest::new(text_operator(operator), texts, case_sensitive);
            Test::Text(Box::new(built.map_err(|problem| wrong(sent.at_expression(case_sensitive), problem))?))
        }
    };
    Ok(Condition { column, negated: operator.is_negative(), test })
}

const fn text_operator(operator: Operator) -> TextOperator {
    match operator {
        Operator::Contains | Operator::ContainsNot => TextOperator::Contains,
        Operator::StartsWith => TextOperator::StartsWith,
        Operator::EndsWith => TextOperator::EndsWith,
        Operator::Matches => TextOperator::Matches,
        _ => TextOperator::Is,
    }
}

fn comparison(
    at: &str,
    operator: Operator,
    column: Dimension,
    sent: &Values<'_>,
    more: Option<&Value>,
) -> Read<Condition> {
    if !matches!(column, Dimension::Property(_)) {
        let problem =
            format!("must be a property: {} compares numbers, like {}", operator.as_str(), example(operator));
        return Err(wrong(format!("{at}[1]"), problem));
    }
    if more.is_some() {
        let problem = format!("must not be there: {} compares numbers", operator.as_str());
        return Err(wrong(format!("{at}[3]"), problem));
    }
    let bound: Bound = sent.number()?;
    let test = if operator == Operator::Greater { Test::Greater(bound) } else { Test::Less(bound) };
    Ok(Condition { column, negated: false, test })
}

/// Whether case counts, which the optional fourth part says.
fn case(at: &str, parts: &[Value]) -> Read<bool> {
    let like = "must be {\"case_sensitive\":false}, or not be there";
    if parts.len() > 4 {
        return Err(wrong(format!("{at}[4]"), "must not be there: put all values in one list"));
    }
    match parts.get(3) {
        None => Ok(true),
        Some(Value::Object(options)) if options.len() == 1 => match options.get("case_sensitive") {
            Some(Value::Bool(case_sensitive)) => Ok(*case_sensitive),
            _ => Err(wrong(format!("{at}[3]"), like)),
        },
        Some(_) => Err(wrong(format!("{at}[3]"), like)),
    }
}

fn column(at: &str, name: &Value) -> Read<Dimension> {
    let Some(name) = name.as_str() else {
        return Err(wrong(at, "must be the name of a column, like \"country\" or \"properties.plan\""));
    };
    Dimension::of_condition(name).ok_or_else(|| wrong(at, unknown_column(name)))
}

fn unknown_column(name: &str) -> String {
    let shown: String = name.chars().take(60).collect();
    if name.starts_with("properties.") {
        return "must be properties. and the name of a property of 1 to 128 bytes, like properties.plan"
            .to_owned();
    }
    if let Some(closest) = closest_column(name) {
        return format!("`{shown}` is not a column: did you mean `{closest}`?");
    }
    let names: Vec<&str> = Dimension::in_conditions().collect();
    format!("`{shown}` is not a column: there are {}", names.join(", "))
}

/// The column that somebody meant who wrote another name.
pub(super) fn closest_column(name: &str) -> Option<&'static str> {
    fuzzy_match::closest(name, Dimension::in_conditions().filter(|name| !name.starts_with("properties.")))
}

fn unknown_operator(word: &str) -> String {
    let shown: String = word.chars().take(60).collect();
    if let Some(closest) = Operator::closest(word) {
        return format!("`{shown}` is not an operator: did you mean `{closest}`?");
    }
    let words: Vec<&str> = Operator::words().collect();
    format!("`{shown}` is not an operator: there are {}", words.join(", "))
}

/// A condition with this operator.
fn example(operator: Operator) -> String {
    let word = operator.as_str();
    match operator {
        Operator::Is | Operator::IsNot => format!("[\"{word}\",\"country\",[\"DE\",\"AT\"]]"),
        Operator::Greater | Operator::Less => format!("[\"{word}\",\"properties.amount\",[100]]"),
        Operator::Exists | Operator::Missing => format!("[\"{word}\",\"properties.plan\"]"),
        Operator::Matches => format!("[\"{word}\",\"path\",[\"^/blog/[0-9]+\"]]"),
        _ => format!("[\"{word}\",\"path\",[\"/blog\"]]"),
    }
}
