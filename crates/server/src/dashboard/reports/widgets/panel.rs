//! The tables of a report as they are shown: their names, headings and links. Each row narrows the
//! whole page to what it is about.
//!
//! The queries of a table are in `ops::reports::overview`.

use millimetric_core::query::{Column, Dimension, PagesSort, SessionColumn};

use super::country;
use super::number::{NO_VALUE, rate, width};
use super::text::{Shown, SourceLabel};
use crate::dashboard::format::grouped;
use crate::dashboard::reports::view::View;
use crate::ops::reports::overview::{Table, TableResponse, TableRow};

/// A table of the overview: its name, headings and query.
#[derive(Debug, Clone)]
pub(in crate::dashboard::reports) struct TableKind {
    /// Its name in addresses.
    pub(in crate::dashboard::reports) name: &'static str,
    pub(in crate::dashboard::reports) title: String,
    pub(in crate::dashboard::reports) table: Table,
    /// Of the columns that are shown.
    pub(in crate::dashboard::reports) headings: Vec<String>,
    /// The text if there are no rows.
    pub(in crate::dashboard::reports) empty: &'static str,
}

/// A table, ready to be drawn.
#[derive(Debug)]
pub(in crate::dashboard::reports) struct Panel {
    pub(in crate::dashboard::reports) name: &'static str,
    pub(in crate::dashboard::reports) title: String,
    pub(in crate::dashboard::reports) headings: Vec<String>,
    pub(in crate::dashboard::reports) rows: Vec<PanelRow>,
    pub(in crate::dashboard::reports) empty: &'static str,
    /// The page with more rows, when there are more.
    pub(in crate::dashboard::reports) more: Option<String>,
    pub(in crate::dashboard::reports) csv: Option<String>,
    pub(in crate::dashboard::reports) approximate: bool,
}

/// A row, ready to be drawn.
#[derive(Debug)]
pub(in crate::dashboard::reports) struct PanelRow {
    pub(in crate::dashboard::reports) label: Shown,
    /// Words beside the label.
    pub(in crate::dashboard::reports) note: Option<Shown>,
    /// Narrows the page to this row.
    pub(in crate::dashboard::reports) href: Option<String>,
    /// How much of the bar is filled.
    pub(in crate::dashboard::reports) bar: String,
    pub(in crate::dashboard::reports) cells: Vec<String>,
}

impl TableKind {
    fn new(name: &'static str, title: &str, table: Table, headings: &[&str], empty: &'static str) -> Self {
        let headings = headings.iter().map(|heading| (*heading).to_owned()).collect();
        Self { name, title: title.to_owned(), table, headings, empty }
    }

    /// The tables of an overview, in their order; with an event also the values of its property.
    pub(in crate::dashboard::reports) fn all(view: &View) -> Vec<Self> {
        const UNSEEN: &str = "No data in this range.";
        const PAGES: &str = "No page views. The snippet sends a $pageview event for each page.";
        const AGENT: &str = "No data in this range. The value is derived from the User-Agent header.";
        let values = |column: Column| Table::Values(column.into());
        let mut all = vec![
            Self::new(
                "sources",
                "Sources",
                Table::Sources,
                &["Source", "Visitors", "Events", "Confidence"],
                UNSEEN,
            ),
            Self::new(
                "pages",
                "Pages",
                Table::Pages(PagesSort::Views),
                &["Page", "Views", "Visitors"],
                PAGES,
            ),
            Self::new(
                "entries",
                "Entry pages",
                Table::Pages(PagesSort::Entries),
                &["Page", "Entries", "Bounce rate"],
                PAGES,
            ),
            Self::new("exits", "Exit pages", Table::Pages(PagesSort::Exits), &["Page", "Exits"], PAGES),
            Self::new(
                "campaigns",
                "Campaigns",
                Table::Values(SessionColumn::Campaign.into()),
                &["Campaign", "Visitors"],
                "No campaigns. Add utm_campaign to the links that you share.",
            ),
            Self::new(
                "events",
                "Events",
                Table::Counts(Dimension::Column(Column::EventName)),
                &["Event", "Events", "Visitors"],
                "No events in this range.",
            ),
            Self::new("countries", "Countries", values(Column::Country), &["Country", "Visitors"], UNSEEN),
            Self::new("devices", "Devices", values(Column::DeviceType), &["Device", "Visitors"], AGENT),
            Self::new("browsers", "Browsers", values(Column::Browser), &["Browser", "Visitors"], AGENT),
            Self::new("systems", "Systems", values(Column::Os), &["System", "Visitors"], AGENT),
        ];
        all.extend(Self::of_property(view));
        all
    }

    fn of_property(view: &View) -> Option<Self> {
        let (event, property) = (view.filter(Column::EventName)?, view.property.as_ref()?);
        let title = format!("{} of {}", Shown::new(property.as_str()).short, Shown::new(event).short);
        let table = Table::Counts(Dimension::Property(property.clone()));
        let empty = "No event in this range has this property.";
        Some(Self { title, ..Self::new("property", "", table, &["Value", "Events", "Visitors"], empty) })
    }

    /// One of them by its name.
    pub(in crate::dashboard::reports) fn named(name: &str, view: &View) -> Option<Self> {
        Self::all(view).into_iter().find(|kind| kind.name == name)
    }

    /// The names of the columns of its file.
    pub(in crate::dashboard::reports) fn columns(&self) -> Vec<String> {
        let names: &[&str] = match &self.table {
            Table::Sources => &[
                "source",
                "medium",
                "visitors",
                "events",
                "confidence_high",
                "confidence_medium",
                "confidence_low",
            ],
            Table::Pages(_) => &["path", "views", "visitors", "entries", "exits", "bounces"],
            Table::Values(_) => &["", "visitors"],
            Table::Shares(_) => &["", "events"],
            Table::Counts(_) => &["", "events", "visitors"],
        };
        let own = match &self.table {
            Table::Values(column) | Table::Shares(column) | Table::Counts(column) => column.name(),
            Table::Sources | Table::Pages(_) => String::new(),
        };
        names.iter().map(|name| if name.is_empty() { own.clone() } else { (*name).to_owned() }).collect()
    }

    /// The table as it is shown: so many rows, which link to the page narrowed to each.
    pub(in crate::dashboard::reports) fn panel(
        self,
        response: TableResponse,
        view: &View,
        most: usize,
    ) -> Panel {
        let TableResponse { mut rows, truncated, approximate } = response;
        // Most events have no campaign; a row for them is of no use here.
        if self.table == Table::Values(SessionColumn::Campaign.into()) {
            rows.retain(|row| row.labels.iter().all(Option::is_some));
        }
        let full = truncated || rows.len() > most;
        rows.truncate(most);
        let highest = rows.iter().map(|row| bar_number(&self.table, row)).max().unwrap_or_default();
        let rows = rows.iter().map(|row| self.row(row, view, highest)).collect();
        let Self { name, title, headings, empty, .. } = self;
        let more = full.then(|| place(view, "tables", name));
        let csv = Some(place(view, "csv", name));
        Panel { name, title, headings, rows, empty, more, csv, approximate }
    }

    fn row(&self, row: &TableRow, view: &View, highest: u64) -> PanelRow {
        let text = row.labels.first().cloned().flatten();
        let (label, note) = match source_label(row).filter(|_| self.table == Table::Sources) {
            Some(SourceLabel { source, medium }) => (source, medium),
            None => (self.label(text.as_deref()), None),
        };
        let href = text.and_then(|text| self.narrowed(view, &text, row));
        let bar = width(bar_number(&self.table, row) as f64, highest as f64);
        PanelRow { label, note, href, bar, cells: self.cells(row) }
    }

    fn label(&self, text: Option<&str>) -> Shown {
        match &self.table {
            Table::Values(Dimension::Column(Column::Country)) => country::shown(text.unwrap_or_default()),
            Table::Values(Dimension::Column(Column::DeviceType | Column::Browser | Column::Os)) => {
                Shown::or(text.map(family).as_deref(), "unknown")
            }
            Table::Counts(Dimension::Property(_)) if text.is_none() => Shown::ours("(no value)"),
            Table::Counts(Dimension::Property(_)) => Shown::or(text, "(empty)"),
            _ => Shown::or(text, "unknown"),
        }
    }

    fn narrowed(&self, view: &View, text: &str, row: &TableRow) -> Option<String> {
        let medium = row.labels.get(1).cloned().flatten();
        let set = |view: &mut View| match &self.table {
            Table::Sources => {
                view.set(SessionColumn::Source, text);
                view.set(SessionColumn::Medium, &medium.unwrap_or_default());
            }
            Table::Pages(_) => view.set(Column::Path, text),
            Table::Values(column) | Table::Shares(column) | Table::Counts(column) => {
                if *column == Column::EventName.into() {
                    view.property = None;
                }
                view.set(column.clone(), text);
            }
        };
        let of_property = matches!(self.table, Table::Counts(Dimension::Property(_)));
        (!of_property).then(|| view.link(set))
    }

    fn cells(&self, row: &TableRow) -> Vec<String> {
        let number = |at: usize| row.numbers.get(at).copied().flatten();
        let shown = |at: usize| number(at).map_or_else(|| NO_VALUE.to_owned(), grouped);
        match &self.table {
            Table::Sources => {
                vec![shown(0), shown(1), confidence([2, 3, 4].map(|at| number(at).unwrap_or_default()))]
            }
            Table::Pages(PagesSort::Entries) => {
                vec![shown(2), rate(number(4).unwrap_or_default(), number(2).unwrap_or_default())]
            }
            Table::Pages(PagesSort::Exits) => vec![shown(3)],
            Table::Values(_) | Table::Shares(_) => vec![shown(0)],
            Table::Pages(PagesSort::Views) | Table::Counts(_) => vec![shown(0), shown(1)],
        }
    }
}

/// The address of something about a table, under the same view.
fn place(view: &View, what: &str, name: &str) -> String {
    view.link(|view| view.path = format!("{}/{what}/{name}", view.path))
}

fn bar_number(table: &Table, row: &TableRow) -> u64 {
    let at = match table {
        Table::Pages(PagesSort::Entries) => 2,
        Table::Pages(PagesSort::Exits) => 3,
        Table::Sources => 1,
        _ => 0,
    };
    row.numbers.get(at).copied().flatten().unwrap_or_default()
}

/// The label of a row of the sources table.
fn source_label(row: &TableRow) -> Option<SourceLabel> {
    let text = |at: usize| row.labels.get(at).and_then(Option::as_deref).unwrap_or_default();
    SourceLabel::new(text(0), text(1))
}

/// The attribution confidence of a row's events: one word if it is the same for all, else the share of
/// `high`.
fn confidence([high, medium, low]: [u64; 3]) -> String {
    match (high, medium, low) {
        (0, 0, 0) => NO_VALUE.to_owned(),
        (_, 0, 0) => "high".to_owned(),
        (0, _, 0) => "medium".to_owned(),
        (0, 0, _) => "low".to_owned(),
        _ => format!("{} high", rate(high, high + medium + low)),
    }
}

/// `macos` as people write it.
pub(in crate::dashboard::reports) fn family(word: &str) -> String {
    match word {
        "ios" => "iOS".to_owned(),
        "macos" => "macOS".to_owned(),
        "chromeos" => "ChromeOS".to_owned(),
        "duckduckgo" => "DuckDuckGo".to_owned(),
        "samsung" => "Samsung Internet".to_owned(),
        other => {
            let mut letters = other.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(labels: &[Option<&str>], numbers: &[u64]) -> TableRow {
        TableRow {
            labels: labels.iter().map(|label| label.map(str::to_owned)).collect(),
            numbers: numbers.iter().copied().map(Some).collect(),
        }
    }

    fn drawn(name: &str, rows: Vec<TableRow>) -> Panel {
        let view = View::read("/projects/shop".to_owned(), chrono_tz::Tz::UTC, Some("period=7d"));
        let response = TableResponse { rows, ..TableResponse::default() };
        TableKind::named(name, &view).unwrap().panel(response, &view, 2)
    }

    #[test]
    fn a_row_narrows_the_page_to_what_it_is_about() {
        let panel = drawn("sources", vec![row(&[Some("google"), Some("paid")], &[40, 90, 80, 10, 0])]);
        let row = &panel.rows[0];
        assert_eq!(
            row.href.as_deref(),
            Some("/projects/shop?period=7d&session_source=google&session_medium=paid")
        );
        assert_eq!(
            (row.bar.as_str(), row.cells.as_slice()),
            ("100%", &["40", "90", "88.9% high"].map(str::to_owned)[..])
        );
        assert_eq!(panel.csv.as_deref(), Some("/projects/shop/csv/sources?period=7d"));
    }

    #[test]
    fn more_rows_than_fit_are_a_page_of_their_own() {
        let rows = |count| (0..count).map(|n| row(&[Some("DE")], &[n])).collect();
        assert_eq!(drawn("countries", rows(2)).more, None);
        let panel = drawn("countries", rows(3));
        assert_eq!(
            (panel.rows.len(), panel.more.as_deref()),
            (2, Some("/projects/shop/tables/countries?period=7d"))
        );
    }

    #[test]
    fn what_is_not_known_is_said_in_our_own_words() {
        let panel = drawn("systems", vec![row(&[Some("")], &[1]), row(&[Some("ios")], &[1])]);
        assert_eq!((panel.rows[0].label.short.as_str(), panel.rows[0].label.ours), ("unknown", true));
        assert_eq!((panel.rows[1].label.short.as_str(), panel.rows[1].label.ours), ("iOS", false));
        assert!(drawn("campaigns", vec![row(&[None], &[9])]).rows.is_empty());
    }
}
