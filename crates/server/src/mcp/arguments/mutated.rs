//! Arguments as no client means them: calls of the corpus, changed at random. Reading them ends in
//! arguments or in a refusal with a code of the contract, and neither grows with what was sent.

use chrono_tz::Tz;
use millimetric_core::invisible::has_hidden;
use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::wire::params::{FILTERS, Parameters, from_json};
use crate::wire::reports::{
    AttributionParams, ChangesParams, EventsParams, ExplainParams, FunnelParams, JourneysParams, PagesParams,
    PathsParams, QualityParams, RetentionParams, SchemaParams, SessionsParams, SourcesParams, StatsParams,
};

const CORPUS: &str = include_str!("../../../data/corpus/mcp_arguments.txt");
/// The longest refusal, in bytes: ten unknown names, and a sentence for each parameter.
const MAX_REFUSAL: usize = 16 * 1024;

fn corpus() -> Vec<(Tool, JsonObject)> {
    let read = |line: &str| {
        let (name, arguments) = line.split_once(' ').unwrap();
        let tool = Tool::ALL.into_iter().find(|tool| tool.spec().name == name).unwrap();
        // A number without bounds is no JSON of ours: it is a text here.
        let arguments = serde_json::from_str(arguments).unwrap_or_else(|_| {
            let quoted = arguments.replace("1e309", "\"1e309\"");
            serde_json::from_str(&quoted).unwrap()
        });
        (tool, arguments)
    };
    CORPUS.lines().map(read).collect()
}

fn texts() -> impl Strategy<Value = &'static str> {
    select(vec![
        "",
        ",",
        ",,,,",
        "properties.",
        "properties.a,properties.a",
        "9999-12-31",
        "-262143-01-01",
        "NaN",
        "0x10",
        "2026-05-01T00:00:00+99:99",
        "Europe/Berlin\0",
        "\u{202e}\u{e0041}",
        "../../",
        "'; drop table",
        "7d",
        "yesterday",
    ])
}

fn hostile() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        texts().prop_map(Value::from),
        "[\u{0}-\u{10ffff}]{0,20}".prop_map(Value::from),
        (any::<char>(), 0..9000_usize).prop_map(|(c, times)| Value::from(String::from(c).repeat(times))),
        (texts(), 1..3000_usize).prop_map(|(text, count)| Value::from(vec![text; count])),
        (1..100_usize).prop_map(|depth| (0..depth).fold(Value::Null, |inner, _| Value::Array(vec![inner]))),
    ];
    leaf.prop_recursive(3, 32, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..20).prop_map(Value::from),
            hash_map("\\PC{0,20}", inner, 0..8).prop_map(|map| Value::from(JsonObject::from_iter(map))),
        ]
    })
}

#[derive(Debug, Clone)]
enum Change {
    /// Another value for one of the arguments that are there.
    Replace(Index, Value),
    /// A value for a parameter of the tool.
    Put(Index, Value),
    /// An argument that no tool has.
    Add(String, Value),
    Remove(Index),
    /// Many arguments that no tool has.
    Flood(usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (any::<Index>(), hostile()).prop_map(|(at, value)| Change::Replace(at, value)),
        4 => (any::<Index>(), hostile()).prop_map(|(at, value)| Change::Put(at, value)),
        2 => ("\\PC{0,100}", hostile()).prop_map(|(name, value)| Change::Add(name, value)),
        1 => any::<Index>().prop_map(Change::Remove),
        1 => (1..1000_usize).prop_map(Change::Flood),
    ]
}

fn apply(change: Change, tool: Tool, account: bool, sent: &mut JsonObject) {
    let names: Vec<String> = sent.keys().cloned().collect();
    match change {
        Change::Replace(at, value) if !names.is_empty() => {
            sent.insert(at.get(&names).clone(), value);
        }
        Change::Remove(at) if !names.is_empty() => {
            sent.remove(at.get(&names));
        }
        Change::Put(at, value) => {
            let known: Vec<&str> = tool.parameters(account).map(|parameter| parameter.name).collect();
            sent.insert((*at.get(&known)).to_owned(), value);
        }
        Change::Add(name, value) => {
            sent.insert(name, value);
        }
        Change::Flood(count) => sent.extend((0..count).map(|n| (format!("n{n}"), Value::Null))),
        Change::Replace(..) | Change::Remove(_) => {}
    }
}

/// Reads the arguments as the tool does.
fn read_parameters(tool: Tool, values: JsonObject) -> ApiResult<()> {
    fn read<P: Parameters>(values: JsonObject) -> ApiResult<()> {
        from_json::<P>(values).map(drop)
    }
    match tool {
        Tool::QueryEvents => read::<EventsParams>(values),
        Tool::GetStats | Tool::CompareProjects => read::<StatsParams>(values),
        Tool::TopSources => read::<SourcesParams>(values),
        Tool::Funnel => read::<FunnelParams>(values),
        Tool::TopPages => read::<PagesParams>(values),
        Tool::Sessions => read::<SessionsParams>(values),
        Tool::Retention => read::<RetentionParams>(values),
        Tool::Journeys => read::<JourneysParams>(values),
        Tool::Attribution => {
            let mut values = values;
            match values.shift_remove(PATHS) {
                Some(Value::Bool(true)) => read::<PathsParams>(values),
                _ => read::<AttributionParams>(values),
            }
        }
        Tool::ExplainChange => read::<ChangesParams>(values),
        Tool::DataQuality => read::<QualityParams>(values),
        Tool::DescribeSchema => read::<SchemaParams>(values),
        Tool::ExplainAttribution => read::<ExplainParams>(values),
        Tool::TrackEvent | Tool::ListProjects => Ok(()),
    }
}

fn check(tool: Tool, account: bool, sent: &JsonObject) -> Result<(), TestCaseError> {
    let now = Timestamp::parse_or_date("2026-11-25").unwrap();
    let read = Arguments::read(tool, sent, account).and_then(|arguments| {
        let arguments = arguments.resolve(Tz::Europe__Berlin, now);
        for (name, value) in arguments.texts() {
            let most = if matches!(name, FILTERS | STEPS) { FilterList::MAX_BYTES } else { MAX_TEXT };
            assert!(value.chars().count() <= most, "{name} has {} bytes", value.len());
        }
        assert!(arguments.values.len() <= tool.parameters(account).chain(tool.column_filters()).count() + 3);
        read_parameters(tool, arguments.values)
    });
    if let Err(error) = read {
        prop_assert!(
            matches!(error.code, ErrorCode::InvalidParams | ErrorCode::InvalidGroupBy),
            "{:?}",
            error.code
        );
        let lesson = lesson(tool, account, &error, sent);
        prop_assert!(lesson.chars().count() <= 2000 && !has_hidden(&lesson), "{}", lesson);
        let mut details = error.details;
        clean::row(&mut details, &mut clean::Cleaned::default());
        let length = Value::Object(details).to_string().len();
        prop_assert!(length <= MAX_REFUSAL, "{} bytes", length);
    }
    Ok(())
}

#[test]
fn the_corpus_is_read_as_it_is() {
    for (tool, sent) in corpus() {
        for account in [false, true] {
            check(tool, account, &sent).unwrap();
        }
    }
}

proptest! {
    #[test]
    fn no_argument_breaks_the_reading_or_makes_it_grow(
        seed in select(corpus()), account: bool, changes in vec(change(), 0..6),
    ) {
        let (tool, mut sent) = seed;
        for change in changes {
            apply(change, tool, account, &mut sent);
        }
        check(tool, account, &sent)?;
    }
}
