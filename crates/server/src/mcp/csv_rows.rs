//! Rows as CSV (RFC 4180): about a third of the size of JSON. Counts over time by group are turned, so that each
//! bucket is one line and each group a column.

use serde_json::{Map, Value};

type Row = Map<String, Value>;

/// Columns of which one says when.
const TIMES: [&str; 3] = ["bucket", "hour_of_day", "day_of_week"];
/// Columns of a time that are no group.
const OF_TIMES: [&str; 3] = ["label", PARTIAL, "mean"];
const VALUE: &str = "value";
/// Marks a bucket that the range cuts, or that is not over.
const PARTIAL: &str = "partial";

/// The rows, below a line with the names of their columns; the empty text of no rows.
pub(super) fn csv(rows: &[Row]) -> String {
    let lines = turned(rows).unwrap_or_else(|| plain(rows));
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for line in lines {
        // Writing to memory does not fail.
        let _ = writer.write_record(line);
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

fn plain(rows: &[Row]) -> Vec<Vec<String>> {
    let mut names: Vec<&String> = Vec::new();
    for name in rows.iter().flat_map(Row::keys) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return Vec::new();
    }
    let header = names.iter().map(|name| (*name).clone()).collect();
    let line = |row: &Row| names.iter().map(|name| row.get(*name).map(cell).unwrap_or_default()).collect();
    std::iter::once(header).chain(rows.iter().map(line)).collect()
}

/// A line for each time and a column for each group, after one that marks partial buckets if there are any; `None`
/// unless the rows are counts over time by group.
fn turned(rows: &[Row]) -> Option<Vec<Vec<String>>> {
    let first = rows.first()?;
    let time = TIMES.into_iter().find(|time| first.contains_key(*time))?;
    let is_group = |name: &str| name != time && name != VALUE && !OF_TIMES.contains(&name);
    let is_compared = first.contains_key("previous");
    if is_compared || !first.contains_key(VALUE) || !first.keys().any(|name| is_group(name)) {
        return None;
    }
    let is_partial = |row: &Row| row.get(PARTIAL) == Some(&Value::Bool(true));
    let marked = rows.iter().any(is_partial);
    let mut partial = Vec::new();
    let (mut groups, mut times): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut cells = Vec::new();
    for row in rows {
        let named = row.iter().filter(|(name, _)| is_group(name));
        let group = named.map(|(_, value)| cell(value)).collect::<Vec<_>>().join(" / ");
        // Local time is what people read.
        let at = row.get("label").or_else(|| row.get(time)).map(cell).unwrap_or_default();
        let position = |list: &mut Vec<String>, text: String| {
            list.iter().position(|known| *known == text).unwrap_or_else(|| {
                list.push(text);
                list.len() - 1
            })
        };
        let line = position(&mut times, at);
        if line == partial.len() {
            partial.push(is_partial(row));
        }
        cells.push((line, position(&mut groups, group), row.get(VALUE).map(cell).unwrap_or_default()));
    }
    let mark = |partial: bool| if partial { "true".to_owned() } else { String::new() };
    let begin = |at: String, partial: String| std::iter::once(at).chain(marked.then_some(partial));
    let before_groups = 1 + usize::from(marked);
    let mut lines: Vec<Vec<String>> = times
        .into_iter()
        .zip(partial)
        .map(|(at, partial)| begin(at, mark(partial)).chain(groups.iter().map(|_| String::new())).collect())
        .collect();
    for (line, column, value) in cells {
        lines[line][before_groups + column] = value;
    }
    let header = begin(time.to_owned(), PARTIAL.to_owned()).chain(groups).collect();
    Some(std::iter::once(header).chain(lines).collect())
}

/// A text as it is, nothing for null, everything else as JSON.
fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(rows: Value) -> String {
        let rows: Vec<Row> = serde_json::from_value(rows).unwrap();
        csv(&rows)
    }

    #[test]
    fn rows_are_lines_below_their_names() {
        let rows = json!([
            { "source": "a \"b\", c", "events": 2, "paid_share": 0.5 },
            { "source": null, "events": 1, "more": ["x"] },
        ]);
        assert_eq!(
            written(rows),
            "source,events,paid_share,more\n\"a \"\"b\"\", c\",2,0.5,\n,1,,\"[\"\"x\"\"]\"\n"
        );
        assert_eq!(written(json!([])), "");
    }

    #[test]
    fn counts_over_time_by_group_have_a_line_for_each_bucket() {
        let row = |bucket: &str, source: Option<&str>, value: u64| json!({ "bucket": bucket, "source": source, "value": value });
        let rows = json!([
            row("mon", Some("a"), 3),
            row("mon", Some("b"), 2),
            row("tue", Some("b"), 5),
            row("tue", None, 1)
        ]);
        assert_eq!(written(rows), "bucket,a,b,\nmon,3,2,\ntue,,5,1\n");
        let alone = json!([{ "bucket": "mon", "value": 3 }, { "bucket": "tue", "value": 1 }]);
        assert_eq!(written(alone), "bucket,value\nmon,3\ntue,1\n");
        let mut cut = row("mon", Some("a"), 3);
        cut["partial"] = json!(true);
        let rows = json!([cut, row("tue", Some("b"), 5)]);
        assert_eq!(written(rows), "bucket,partial,a,b\nmon,true,3,\ntue,,,5\n");
        let local = json!([{ "hour_of_day": 7, "os": "ios", "value": 3, "mean": 0.5 }]);
        assert_eq!(written(local), "hour_of_day,ios\n7,3\n");
    }
}
