//! Tables as files for spreadsheets. A text that a spreadsheet would run as a formula gets an
//! apostrophe in front, which spreadsheets do not show.

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use millimetric_core::invisible::is_invisible;
use millimetric_core::time::Timestamp;

use crate::dashboard::reports::view::View;

/// What a formula begins with: ASCII, full-width and small forms.
const SIGNS: [char; 12] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫'];

/// A file in the making, after RFC 4180.
pub(in crate::dashboard::reports) struct File(csv::Writer<Vec<u8>>);

impl File {
    /// One with these columns.
    pub(in crate::dashboard::reports) fn new<T: AsRef<str>>(columns: &[T]) -> Self {
        let writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        let mut file = Self(writer);
        file.row(columns.iter().map(|name| name.as_ref().to_owned()));
        file
    }

    /// Adds a row.
    pub(in crate::dashboard::reports) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        // Into memory, and all rows have the columns of the first: it cannot fail.
        let _ = self.0.write_record(cells.into_iter().map(harmless));
    }
}

/// The file as a download.
pub(in crate::dashboard::reports) fn response(
    file: File,
    name: &str,
    view: &View,
    now: Timestamp,
) -> Response {
    let range = view.range(now);
    let day = |at: Timestamp| at.to_utc().with_timezone(&view.zone).date_naive();
    let (first, last) = (day(range.from()), day(range.to().plus_millis(-1)));
    let disposition = format!("attachment; filename=\"{name}-{first}-{last}.csv\"");
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (CONTENT_DISPOSITION, disposition),
    ];
    (headers, file.0.into_inner().unwrap_or_default()).into_response()
}

fn harmless(text: String) -> String {
    if begins_formula(&text) { format!("'{text}") } else { text }
}

/// Whether a spreadsheet may take a cell for a formula: by the first character that it does not trim
/// or ignore, in ASCII or in a form for East Asian text; or by a control character before everything,
/// which some take for the end of a cell.
fn begins_formula(text: &str) -> bool {
    let first = text.chars().find(|c| !c.is_whitespace() && !is_invisible(*c));
    text.starts_with(['\t', '\r', '\n']) || first.is_some_and(|first| SIGNS.contains(&first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_spreadsheets_trim_or_ignore_hides_no_formula() {
        for blank in
            ["", " ", "\u{a0}", "\u{2028}", "\u{3000}", "\u{feff}", "\u{200b}", "\u{ad}", "\0", " \n\t\u{a0}"]
        {
            for sign in SIGNS {
                assert!(begins_formula(&format!("{blank}{sign}1")), "{blank:?} {sign}");
            }
            assert!(!begins_formula(&format!("{}x=1", blank.trim_start_matches(['\n', '\t']))), "{blank:?}");
        }
        for (text, formula) in
            [("", false), ("   ", false), ("\tx", true), ("\nx", true), ("\u{2212}1", false)]
        {
            assert_eq!(begins_formula(text), formula, "{text:?}");
        }
    }

    #[test]
    fn no_cell_is_a_formula() {
        let mut file = File::new(&["name", "events"]);
        for name in ["=1+1", "+1", "-1", "@x", "\tx", "plain", "a,\"b\"", "a=b"] {
            file.row([name.to_owned(), "1".to_owned()]);
        }
        let text = String::from_utf8(file.0.into_inner().unwrap()).unwrap();
        assert_eq!(
            text,
            "name,events\r\n'=1+1,1\r\n'+1,1\r\n'-1,1\r\n'@x,1\r\n'\tx,1\r\nplain,1\r\n\"a,\"\"b\"\"\",1\r\na=b,1\r\n"
        );
    }
}
