//! Lists as tables: aligned on a terminal, tab-separated elsewhere, in both cases below a line of titles.

use std::io::IsTerminal as _;

use anstyle::Style;

use super::line;

/// Prints rows below their titles; each row has one cell for each title. Without rows it prints the titles.
pub(in crate::cli) fn table<const N: usize>(titles: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
    let rows: Vec<[String; N]> = rows.into_iter().map(|row| row.map(|cell| one_line(&cell))).collect();
    if !std::io::stdout().is_terminal() {
        line(titles.join("\t"));
        return rows.iter().for_each(|row| line(row.join("\t")));
    }
    let widths = widths(titles, &rows);
    let bold = Style::new().bold();
    line(format_args!("{bold}{}{bold:#}", aligned(titles, widths)));
    for row in &rows {
        line(aligned(row.each_ref().map(String::as_str), widths));
    }
}

/// The characters of the longest cell of each column.
fn widths<const N: usize>(titles: [&str; N], rows: &[[String; N]]) -> [usize; N] {
    std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].as_str()).chain([titles[column]]);
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    })
}

/// Cells with two spaces between columns, and none at the end.
fn aligned<const N: usize>(cells: [&str; N], widths: [usize; N]) -> String {
    let padded: Vec<String> =
        cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
    padded.join("  ").trim_end().to_owned()
}

/// A cell without characters that would end it or its line; an empty one is `-`.
fn one_line(cell: &str) -> String {
    if cell.is_empty() { "-".to_owned() } else { cell.replace(char::is_control, " ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_longest_cell() {
        let rows = [["a".to_owned(), "bcd".to_owned()], ["größer".to_owned(), "-".to_owned()]];
        let widths = widths(["SLUG", "N"], &rows);
        assert_eq!(widths, [6, 3]);
        assert_eq!(aligned(["SLUG", "N"], widths), "SLUG    N");
        assert_eq!(aligned(["größer", "-"], widths), "größer  -");
    }

    #[test]
    fn a_cell_stays_in_its_place() {
        assert_eq!(one_line("a\tb\nc"), "a b c");
        assert_eq!(one_line(""), "-");
    }
}
