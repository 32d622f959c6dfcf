//! Lists of filters: what is read, what it means, and what is refused where.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn read(text: &str) -> Result<FilterList, String> {
    text.parse().map_err(|error: FilterError| error.to_string())
}

fn filter(text: &str) -> Filter {
    read(&format!("[{text}]")).unwrap().into_vec().remove(0)
}

#[test]
fn a_list_is_read_and_written() {
    for (sent, stored) in [
        ("[]", "[]"),
        (" [ [\"is\", \"country\", [\"DE\"]] ] ", r#"[["is","country",["DE"]]]"#),
        (r#"[["is","country",["DE","AT","DE"]]]"#, r#"[["is","country",["DE","AT"]]]"#),
        (r#"[["is","event",["signup"]]]"#, r#"[["is","event_name",["signup"]]]"#),
        (r#"[["is_not","user_id",[""]]]"#, r#"[["is_not","user_id",[""]]]"#),
        (r#"[["is","entry_path",["/%c3%bc?a"]]]"#, r#"[["is","entry_path",["/ü"]]]"#),
        (r#"[["starts_with","path",["/%c3%bc/.."]]]"#, r#"[["starts_with","path",["/ü/.."]]]"#),
        (r#"[["is","hostname",["WWW.Shop.example:80"]]]"#, r#"[["is","hostname",["shop.example"]]]"#),
        (r#"[["contains","referrer_host",["Google."]]]"#, r#"[["contains","referrer_host",["google."]]]"#),
        (
            r#"[["is","properties.price",[5,"five",true,1e2]]]"#,
            r#"[["is","properties.price",["5","five","true","100.0"]]]"#,
        ),
        (r#"[["greater","properties.price",[100.0]]]"#, r#"[["greater","properties.price",[100]]]"#),
        (r#"[["less","properties.price",[-0.5]]]"#, r#"[["less","properties.price",[-0.5]]]"#),
        (r#"[["exists","properties.plan"]]"#, r#"[["exists","properties.plan"]]"#),
        (r#"[["missing","campaign"]]"#, r#"[["missing","campaign"]]"#),
        (r#"[["is","os",["ios"],{"case_sensitive":true}]]"#, r#"[["is","os",["ios"]]]"#),
        (
            r#"[["matches","path",["^/a"],{"case_sensitive":false}]]"#,
            r#"[["matches","path",["^/a"],{"case_sensitive":false}]]"#,
        ),
        (
            r#"[["not",["and",[["or",[["missing","url"]]]]]]]"#,
            r#"[["not",["and",[["or",[["missing","url"]]]]]]]"#,
        ),
    ] {
        assert_eq!(read(sent).unwrap().to_string(), stored, "{sent}");
        assert_eq!(read(stored), read(sent), "{stored}");
    }
    assert_eq!(FilterList::from_json(&Value::Null), Ok(FilterList::default()));
    let text = json!(r#"[["is","country",["DE"]]]"#);
    assert_eq!(FilterList::from_json(&text).unwrap().as_slice(), [Filter::new(Column::Country, "DE")]);
    assert_eq!(read(FilterList::EXAMPLE).unwrap().to_string(), FilterList::EXAMPLE);
}

#[test]
fn a_negation_without_a_word_of_its_own_is_written_with_not() {
    let pattern: PathPattern = "/docs/*.html".parse().unwrap();
    let negated = |filter: Filter| match filter {
        Filter::Condition(condition) => Filter::Condition(Condition { negated: true, ..condition }),
        other => other,
    };
    for (filter, json) in [
        (Filter::matching(Column::Path, &pattern), json!(["matches", "path", [r"^/docs/.*\.html$"]])),
        (negated(filter(r#"["less","properties.a",[5]]"#)), json!(["not", ["less", "properties.a", [5]]])),
    ] {
        assert_eq!(filter.to_json(), json);
    }
}

#[test]
fn a_condition_holds_for_some_values() {
    let values = [None, Some(""), Some("/blog"), Some("/Blog/ÄRGER"), Some("/shop/blog")];
    for (text, holds) in [
        (r#"["is","path",["/blog"]]"#, [false, false, true, false, false]),
        (r#"["is","path",["/blog",""]]"#, [false, true, true, false, false]),
        (r#"["is_not","path",["/blog"]]"#, [true, true, false, true, true]),
        (r#"["is","path",["/blog/ärger"],{"case_sensitive":false}]"#, [false, false, false, true, false]),
        (r#"["contains","path",["blog"]]"#, [false, false, true, false, true]),
        (r#"["contains","path",["rger","shop"]]"#, [false, false, false, false, true]),
        (r#"["contains","path",["Ger","shop"],{"case_sensitive":false}]"#, [false, false, false, true, true]),
        (r#"["contains_not","path",["blog","Blog"]]"#, [true, true, false, false, false]),
        (r#"["starts_with","path",["/b","/B"]]"#, [false, false, true, true, false]),
        (r#"["ends_with","path",["/blog"]]"#, [false, false, true, false, true]),
        (r#"["matches","path",["^/[a-z]+$"]]"#, [false, false, true, false, false]),
        (r#"["matches","path",["^$","ÄR.ER"]]"#, [false, true, false, true, false]),
        (r#"["matches","path",["^/BLOG"],{"case_sensitive":false}]"#, [false, false, true, true, false]),
        (r#"["exists","path"]"#, [false, false, true, true, true]),
        (r#"["missing","path"]"#, [true, true, false, false, false]),
        (r#"["not",["is","path",["/blog"]]]"#, [true, true, false, true, true]),
        (
            r#"["or",[["is","path",["/blog"]],["and",[["missing","path"],["is","path",[""]]]]]]"#,
            [false, true, true, false, false],
        ),
    ] {
        let filter = filter(text);
        assert_eq!(values.map(|value| filter.passes_row(&|_| value)), holds, "{text}");
    }
    let url = |column| (column == Column::Url).then_some("https://www.shop.example/?utm_term=b");
    assert!(filter(r#"["is","hostname",["shop.example"]]"#).passes_row(&url));
    assert!(!filter(r#"["is","utm_term",["B"]]"#).passes_row(&url));
}

#[test]
fn numbers_are_compared_as_numbers() {
    let test = |text: &str| match filter(text) {
        Filter::Condition(condition) => condition.test,
        other => panic!("{other:?}"),
    };
    let [greater, less] =
        [r#"["greater","properties.a",[100]]"#, r#"["less","properties.a",[1e2]]"#].map(test);
    let numbers = [99.5, 100.0, 100.5, f64::NAN];
    assert_eq!(numbers.map(|number| greater.passes_number(number)), [false, false, true, false]);
    assert_eq!(numbers.map(|number| less.passes_number(number)), [true, false, false, false]);
    assert!(!greater.passes("101") && greater.is_of_numbers());
}

#[test]
fn what_is_wrong_is_named_by_its_position_with_what_would_be_right() {
    let many = format!(r#"[["is","country",[{}]]]"#, vec!["\"a\""; 101].join(","));
    let conditions = format!("[{}]", vec![r#"["is","country",["DE"]]"#; 33].join(","));
    let long = format!(r#"[["is","country",["{}"]]]"#, "a".repeat(2049));
    let expression = format!(r#"[["matches","path",["a","{}"]]]"#, "a".repeat(257));
    let operators = "is, is_not, contains, contains_not, starts_with, ends_with, matches, greater, less, \
                     exists, missing, and, or, not";
    let columns = "event_name, anonymous_id, user_id, session_id, source, medium, campaign, \
                   source_confidence, source_rule_id, referrer, url, path, country, device_type, browser, os, \
                   session_source, session_medium, session_campaign, session_confidence, session_rule_id, \
                   entry_path, exit_path, hostname, referrer_host, utm_source, utm_medium, utm_campaign, \
                   utm_term, utm_content, properties.<name>";
    let list = format!("filters must be a JSON list of conditions, like {}", FilterList::EXAMPLE);
    let condition = |at: &str| {
        format!("{at} must be a list of an operator, a column and values, like [\"is\",\"country\",[\"DE\"]]")
    };
    for (sent, error) in [
        // Not a list.
        ("", list.clone()),
        ("{}", list.clone()),
        (r#""[]""#, list),
        ("[1]", condition("filters[0]")),
        (r#"[["is","os",["ios"]],{"is":"os"}]"#, condition("filters[1]")),
        (
            r#"["is","os",["ios"]]"#,
            "filters must be a list of conditions: put the condition in a list, like [[\"is\",…]]".into(),
        ),
        // JSON inside a text.
        (
            r#"["[\"is\",\"os\",[\"ios\"]]"]"#,
            "filters[0] must be a list, not JSON inside a text: send the list itself".into(),
        ),
        (
            r#"[["is","os","[\"ios\"]"]]"#,
            "filters[0][2] must be a list, not JSON inside a text: send the list itself".into(),
        ),
        // Operators.
        ("[[]]", format!("filters[0][0] must be one of {operators}")),
        ("[[1,2,3]]", format!("filters[0][0] must be one of {operators}")),
        (
            r#"[["is","os",["ios"]],["contain","path",["/a"]]]"#,
            "filters[1][0] `contain` is not an operator: did you mean `contains`?".into(),
        ),
        (r#"[["!=","os",["a"]]]"#, "filters[0][0] `!=` is not an operator: did you mean `is_not`?".into()),
        (r#"[["IS","os",["a"]]]"#, "filters[0][0] `IS` is not an operator: did you mean `is`?".into()),
        (
            r#"[["regex","path",["a"]]]"#,
            "filters[0][0] `regex` is not an operator: did you mean `matches`?".into(),
        ),
        (
            r#"[["zzz","os",["a"]]]"#,
            format!("filters[0][0] `zzz` is not an operator: there are {operators}"),
        ),
        // Columns.
        (r#"[["is"]]"#, "filters[0] lacks a column, like [\"is\",\"country\",[\"DE\",\"AT\"]]".into()),
        (
            r#"[["is",["os"],["a"]]]"#,
            "filters[0][1] must be the name of a column, like \"country\" or \"properties.plan\"".into(),
        ),
        (
            r#"[["is","contry",["DE"]]]"#,
            "filters[0][1] `contry` is not a column: did you mean `country`?".into(),
        ),
        (r#"[["is","plan",["a"]]]"#, format!("filters[0][1] `plan` is not a column: there are {columns}")),
        (
            r#"[["is","properties.",["a"]]]"#,
            "filters[0][1] must be properties. and the name of a property of 1 to 128 bytes, like \
             properties.plan"
                .into(),
        ),
        // Values.
        (
            r#"[["is","os"]]"#,
            "filters[0] lacks a list of values, like [\"is\",\"country\",[\"DE\",\"AT\"]]".into(),
        ),
        (r#"[["is","os","ios"]]"#, "filters[0][2] must be a list of 1 to 100 values: write [\"ios\"]".into()),
        (r#"[["is","os",{}]]"#, "filters[0][2] must be a list of 1 to 100 values".into()),
        (r#"[["is","os",[]]]"#, "filters[0][2] must be a list of 1 to 100 values, and has 0".into()),
        (&many, "filters[0][2] must be a list of 1 to 100 values, and has 101".into()),
        (r#"[["is","os",["ios",1]]]"#, "filters[0][2][1] must be a text: write \"1\"".into()),
        (r#"[["is","os",[null]]]"#, "filters[0][2][0] must be a text".into()),
        (r#"[["is","properties.a",[["b"]]]]"#, "filters[0][2][0] must be a text".into()),
        (&long, "filters[0][2][0] must be a text of at most 2048 characters".into()),
        (
            r#"[["contains","path",["a",""]]]"#,
            "filters[0][2][1] must not be empty: every value would pass contains".into(),
        ),
        (
            r#"[["ends_with","path",["?a=b"]]]"#,
            "filters[0][2][0] must not contain ? or #: paths have no query and no fragment".into(),
        ),
        (
            r#"[["exists","os",[]]]"#,
            "filters[0][2] must not be there: exists takes no values, like [\"exists\",\"properties.plan\"]"
                .into(),
        ),
        // Numbers.
        (
            r#"[["greater","path",[1]]]"#,
            "filters[0][1] must be a property: greater compares numbers, like \
             [\"greater\",\"properties.amount\",[100]]"
                .into(),
        ),
        (
            r#"[["less","properties.a",["1"]]]"#,
            "filters[0][2][0] must be a number, like 100, without quotes".into(),
        ),
        (r#"[["less","properties.a",[1,2]]]"#, "filters[0][2] must be a list of one number, like [100]".into()),
        (
            r#"[["less","properties.a",5]]"#,
            "filters[0][2] must be a list of 1 to 100 values: write [5]".into(),
        ),
        (
            r#"[["less","properties.a",[1],{"case_sensitive":false}]]"#,
            "filters[0][3] must not be there: less compares numbers".into(),
        ),
        // Case.
        (
            r#"[["is","os",["a"],{"case":false}]]"#,
            "filters[0][3] must be {\"case_sensitive\":false}, or not be there".into(),
        ),
        (
            r#"[["is","os",["a"],"b"]]"#,
            "filters[0][3] must be {\"case_sensitive\":false}, or not be there".into(),
        ),
        (
            r#"[["is","os",["a"],{"case_sensitive":false},1]]"#,
            "filters[0][4] must not be there: put all values in one list".into(),
        ),
        // Combinators.
        (
            r#"[["or",["is","os",["a"]]]]"#,
            "filters[0][1] must be a list of at least one condition, like \
             [\"or\",[[\"is\",\"country\",[\"DE\"]],[\"is\",\"os\",[\"ios\"]]]]"
                .into(),
        ),
        (
            r#"[["and",["is","os",["a"]],["is","os",["b"]]]]"#,
            "filters[0] must be \"and\" and one list of conditions, like \
             [\"and\",[[\"is\",\"country\",[\"DE\"]],[\"is\",\"os\",[\"ios\"]]]]"
                .into(),
        ),
        (
            r#"[["not",[["is","os",["a"]]]]]"#,
            "filters[0][1] must be one condition, not a list of them: join them with \"and\" or \"or\"".into(),
        ),
        (
            r#"[["not"]]"#,
            "filters[0] must be \"not\" and one condition, like [\"not\",[\"is\",\"country\",[\"DE\"]]]".into(),
        ),
        (
            r#"[["is","os",["a"]],["or",[["is","os",["b"]],["not",["is","oss",["a"]]]]]]"#,
            "filters[1][1][1][1][1] `oss` is not a column: did you mean `os`?".into(),
        ),
        (
            r#"[["not",["not",["not",["not",["not",["exists","os"]]]]]]]"#,
            "filters[0][1][1][1][1] must not stand under more than 4 of and, or and not".into(),
        ),
        (&conditions, "filters must have at most 32 conditions in all".into()),
        (&" ".repeat(16_385), "filters must be at most 16384 bytes of JSON".into()),
        // Regular expressions.
        (&expression, "filters[0][2][1] must be a regular expression of at most 256 characters".into()),
        (
            r#"[["matches","path",["^/a","(b"]]]"#,
            "filters[0][2][1] is no regular expression (unclosed group): use the syntax of RE2, like \
             ^/blog/[0-9]+, and escape special characters with a backslash"
                .into(),
        ),
        (
            r#"[["matches","path",["a(?=b)"]]]"#,
            "filters[0][2][0] is no regular expression (look-around, including look-ahead and look-behind, is \
             not supported): use the syntax of RE2, like ^/blog/[0-9]+, and escape special characters with a \
             backslash"
                .into(),
        ),
        (
            r#"[["matches","path",["((a{99}){99}){99}"]]]"#,
            "filters[0][2][0] is too large a regular expression: use fewer repetitions, or fewer values".into(),
        ),
    ] {
        assert_eq!(read(sent), Err(error), "{sent}");
    }
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
    assert_eq!(error, "filters must be at most 16384 bytes of JSON");
    let error =
        read(r#"[["starts_with","path",["%BLANKS%"]]]"#.replace("%BLANKS%", &" ".repeat(2048)).as_str());
    assert_eq!(error.unwrap_err(), "filters[0][2][0] must be a text of at most 2048 characters");
}

/// A conjunction nested four levels deep is the deepest there is.
#[test]
fn conditions_stand_under_four_combinators_at_most() {
    let nested = |levels: usize| {
        let begin = r#"["and",["#.repeat(levels);
        format!(r#"[{begin}["exists","os"]{}]"#, "]]".repeat(levels))
    };
    assert!(read(&nested(4)).is_ok() && read(&nested(5)).is_err());
    assert!(read(&format!("{}{}", "[".repeat(8000), "]".repeat(8000))).is_err());
}

#[test]
fn a_filter_says_what_it_is_about() {
    let or = filter(r#"["or",[["is","user_id",["a"]],["is","country",["DE"]]]]"#);
    assert!(or.is_personal() && or.is_of_rows() && or.column().is_none() && or.value().is_none());
    let country = Filter::new(Column::Country, "DE");
    assert!(country.is_on(Column::Country) && !country.is_personal() && country.value() == Some("DE"));
    for text in
        [r#"["is_not","country",["DE"]]"#, r#"["is","country",["DE","AT"]]"#, r#"["exists","country"]"#]
    {
        assert_eq!(filter(text).value(), None, "{text}");
    }
    for text in [r#"["is","entry_path",["/"]]"#, r#"["not",["exists","properties.a"]]"#] {
        assert!(!filter(text).is_of_rows(), "{text}");
    }
}

fn values() -> impl Strategy<Value = Value> {
    let value = prop_oneof!["\\PC{0,10}", "[/.%a-f0-9?# ]{1,8}", "(www\\.|[a-zA-Z0-9.:]){1,8}"];
    proptest::collection::vec(value, 0..4).prop_map(Value::from)
}

fn conditions() -> impl Strategy<Value = Value> {
    let operator = proptest::sample::select(Operator::ALL.map(Operator::as_str).to_vec());
    let column = proptest::sample::select(vec![
        "country",
        "event",
        "path",
        "entry_path",
        "hostname",
        "referrer_host",
        "utm_term",
        "properties.a",
        "nothing",
    ]);
    let case = proptest::option::of(any::<bool>());
    let numbers = any::<f64>().prop_map(|number| json!([number]));
    let values = prop_oneof![4 => values(), 1 => numbers, 1 => Just(json!(null))];
    (operator, column, values, case).prop_map(|(operator, column, values, case)| {
        let mut parts = vec![json!(operator), json!(column)];
        if !values.is_null() {
            parts.push(values);
        }
        parts.extend(case.map(|case| json!({"case_sensitive": case})));
        Value::Array(parts)
    })
}

fn trees() -> impl Strategy<Value = Value> {
    conditions().prop_recursive(5, 20, 4, |inner| {
        let several = proptest::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            several.clone().prop_map(|filters| json!(["and", filters])),
            several.prop_map(|filters| json!(["or", filters])),
            inner.prop_map(|filter| json!(["not", filter])),
        ]
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,10}".prop_map(Value::from),
        proptest::sample::select(vec!["is", "matches", "or", "not", "path", "[]", "[\"is\"]"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 64, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            ("\\PC{0,10}", inner).prop_map(|(name, value)| json!({ name: value })),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_breaks_it_and_a_list_reads_back(
        text in "(\\[|\\]|\"(is|not|matches|path|os)\"|\"[/a*( ]{0,3}\"|,|\\{|1|\\PC){0,20}",
    ) {
        if let Ok(list) = text.parse::<FilterList>() {
            prop_assert_eq!(list.to_string().parse(), Ok(list));
        }
    }

    #[test]
    fn no_json_breaks_it(json in any_json()) {
        match FilterList::from_json(&json) {
            Ok(list) => prop_assert_eq!(FilterList::from_json(&list.to_json()), Ok(list)),
            Err(error) => prop_assert!(error.at.starts_with("filters") && !error.problem.contains('\n')),
        }
    }

    #[test]
    fn trees_read_back(trees in proptest::collection::vec(trees(), 0..4), text in "\\PC{0,10}") {
        if let Ok(list) = FilterList::from_json(&Value::Array(trees)) {
            prop_assert_eq!(FilterList::from_json(&list.to_json()), Ok(list.clone()));
            prop_assert_eq!(list.to_string().parse(), Ok(list.clone()));
            for filter in list.as_slice() {
                let inverse = Filter::Not(Box::new(filter.clone()));
                prop_assert_ne!(filter.passes_row(&|_| Some(&text)), inverse.passes_row(&|_| Some(&text)));
            }
        }
    }
}
