//! Values in the forms that language models write beside those of the schema: a list or an object as JSON
//! text, a list of one text for a text, a whole number with a fraction of zero, and an empty text for a parameter
//! that is left out.

use std::borrow::Cow;

use serde_json::{Number, Value};

use super::MAX_TEXT;
use crate::mcp::tools::spec::Shape;

/// The value as it is meant for a parameter of this shape; `None` if it is absent. A value of a wrong type
/// stays as it is.
pub(in crate::mcp) fn meant(shape: Shape, value: &Value) -> Option<Cow<'_, Value>> {
    match (shape, value) {
        (_, Value::Null) => None,
        (_, Value::String(text)) if text.trim().is_empty() => None,
        (Shape::List(_) | Shape::Columns(_) | Shape::Steps(_), value) => Some(texts(value)),
        (Shape::Number(_), value) => Some(whole(value).map_or(Cow::Borrowed(value), Cow::Owned)),
        (Shape::Flag, Value::String(text)) => {
            let flag = text.trim().to_ascii_lowercase().parse::<bool>().ok();
            Some(flag.map_or(Cow::Borrowed(value), |flag| Cow::Owned(Value::Bool(flag))))
        }
        (Shape::Object, Value::String(text)) => {
            Some(json(text).filter(Value::is_object).map_or(Cow::Borrowed(value), Cow::Owned))
        }
        (Shape::Filters, Value::String(text)) => {
            let is_list = |value: &Value| value.is_object() || value.is_array();
            Some(json(text).filter(is_list).map_or(Cow::Borrowed(value), Cow::Owned))
        }
        (Shape::Text | Shape::Choice(_) | Shape::Unlisted(_), Value::Array(values)) => match &values[..] {
            [only @ Value::String(_)] => meant(shape, only),
            _ => Some(Cow::Borrowed(value)),
        },
        (_, value) => Some(Cow::Borrowed(value)),
    }
}

/// A list without its empty texts. An empty list is one: of projects, it must not mean all of them.
fn texts(value: &Value) -> Cow<'_, Value> {
    let list = match value {
        Value::String(text) => json(text).filter(Value::is_array).map_or(Cow::Borrowed(value), Cow::Owned),
        _ => Cow::Borrowed(value),
    };
    let is_empty = |value: &Value| value.as_str().is_some_and(|text| text.trim().is_empty());
    match &*list {
        Value::Array(values) if values.iter().any(is_empty) => {
            Cow::Owned(values.iter().filter(|value| !is_empty(value)).cloned().collect())
        }
        _ => list,
    }
}

/// The number without its fraction of zero: `10.0`, `1e1` and `"10.0"` as 10.
fn whole(value: &Value) -> Option<Value> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    // Larger numbers are beyond every parameter, and not exact.
    let is_whole = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    is_whole.then(|| Value::Number(Number::from(number as u64)))
}

/// A text that is JSON, unless it is longer than a text may be; one that is an object may be as long as the
/// properties of an event.
pub(super) fn json(text: &str) -> Option<Value> {
    const MAX_BYTES: usize = 4 * MAX_TEXT;
    (text.len() <= MAX_BYTES).then(|| serde_json::from_str(text).ok())?
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(shape: Shape, value: Value) -> Option<Value> {
        meant(shape, &value).map(Cow::into_owned)
    }

    #[test]
    fn a_list_may_be_json_text() {
        let list = json!(["$pageview", "add"]);
        for shape in [Shape::List(8), Shape::Columns(4), Shape::Steps(8)] {
            for (sent, read_as) in [
                (list.clone(), Some(list.clone())),
                (json!(r#"["$pageview","add"]"#), Some(list.clone())),
                (json!(" [ \"$pageview\" , \"add\" ]\n"), Some(list.clone())),
                (json!(r#"["$pageview",""," ","add"]"#), Some(list.clone())),
                (json!(["$pageview", "", "add"]), Some(list.clone())),
                (json!(r#"["a,b"]"#), Some(json!(["a,b"]))),
                (json!("$pageview,add"), Some(json!("$pageview,add"))),
                // Not a list: as it was sent, which the check refuses or takes for a name.
                (json!("[1"), Some(json!("[1"))),
                (json!(r#"{"a":1}"#), Some(json!(r#"{"a":1}"#))),
                (json!("\"a\""), Some(json!("\"a\""))),
                (json!("[1,2]"), Some(json!([1, 2]))),
                (json!(7), Some(json!(7))),
                (json!(""), None),
                (json!("  "), None),
                (json!([]), Some(json!([]))),
                (json!("[]"), Some(json!([]))),
                (json!([""]), Some(json!([]))),
                (json!(null), None),
            ] {
                assert_eq!(read(shape, sent.clone()), read_as, "{sent}");
            }
        }
    }

    #[test]
    fn a_number_may_have_a_fraction_of_zero() {
        for (sent, read_as) in [
            (json!(10), Some(json!(10))),
            (json!(10.0), Some(json!(10))),
            (json!(1e1), Some(json!(10))),
            (json!("10"), Some(json!(10))),
            (json!(" 10.0 "), Some(json!(10))),
            (json!(-0.0), Some(json!(0))),
            (json!(10.5), Some(json!(10.5))),
            (json!(-1.0), Some(json!(-1.0))),
            (json!("ten"), Some(json!("ten"))),
            (json!("NaN"), Some(json!("NaN"))),
            (json!("inf"), Some(json!("inf"))),
            (json!(1e300), Some(json!(1e300))),
            (json!(u64::MAX), Some(json!(u64::MAX))),
            (json!(true), Some(json!(true))),
            (json!(""), None),
        ] {
            assert_eq!(read(Shape::Number(100), sent.clone()), read_as, "{sent}");
        }
    }

    #[test]
    fn an_empty_text_is_absent_and_an_object_may_be_json_text() {
        for shape in [Shape::Text, Shape::Choice(&["a"])] {
            assert_eq!(read(shape, json!(["a"])), Some(json!("a")));
            assert_eq!(read(shape, json!([""])), None);
            for list in [json!([]), json!(["a", "b"]), json!([1]), json!([["a"]])] {
                assert_eq!(read(shape, list.clone()), Some(list));
            }
        }
        for shape in [Shape::Text, Shape::Choice(&["a"]), Shape::Object] {
            assert_eq!(read(shape, json!("")), None);
            assert_eq!(read(shape, json!(" \t")), None);
            assert_eq!(read(shape, json!(null)), None);
        }
        assert_eq!(read(Shape::Text, json!("[]")), Some(json!("[]")));
        assert_eq!(read(Shape::Object, json!(r#"{"plan":"pro"}"#)), Some(json!({ "plan": "pro" })));
        assert_eq!(read(Shape::Object, json!("{}")), Some(json!({})));
        assert_eq!(read(Shape::Object, json!("plan=pro")), Some(json!("plan=pro")));
        assert_eq!(read(Shape::Object, json!("[1]")), Some(json!("[1]")));
    }

    #[test]
    fn json_text_is_read_within_bounds() {
        let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
        assert_eq!(read(Shape::Steps(8), json!(deep)), Some(json!(deep)));
        let long = format!("[{}]", "\"a\",".repeat(20_000));
        assert_eq!(read(Shape::Steps(8), json!(long)), Some(json!(long)));
    }
}
