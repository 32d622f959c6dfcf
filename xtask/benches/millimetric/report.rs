//! The figures and how they are printed: a Markdown table for docs/benchmarks.md, or JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// What was measured, and on what.
#[derive(Debug)]
pub(crate) struct Report {
    facts: Vec<(&'static str, String)>,
    figures: Vec<Figure>,
    tables: Vec<Table>,
}

/// Figures that belong side by side, as they are shown.
#[derive(Debug)]
pub(crate) struct Table {
    /// What the rows have in common, with their unit.
    pub(crate) title: String,
    /// The columns' names; the first column names the rows.
    pub(crate) header: Vec<String>,
    /// As many cells each as there are columns.
    pub(crate) rows: Vec<Vec<String>>,
}

/// One measured quantity over all runs.
#[derive(Debug)]
struct Figure {
    name: &'static str,
    unit: &'static str,
    goal: Goal,
    values: Vec<f64>,
}

/// What a figure is meant to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// It only informs.
    None,
    /// The median is at least this.
    AtLeast(f64),
    /// The median is below this.
    Below(f64),
}

impl Report {
    /// An empty report about a machine.
    pub(crate) fn new(facts: Vec<(&'static str, String)>) -> Self {
        Self { facts, figures: Vec::new(), tables: Vec::new() }
    }

    /// Adds one run's value of a quantity; values of one name make one row.
    pub(crate) fn add(&mut self, name: &'static str, unit: &'static str, goal: Goal, value: f64) {
        match self.figures.iter_mut().find(|figure| figure.name == name) {
            Some(figure) => figure.values.push(value),
            None => self.figures.push(Figure { name, unit, goal, values: vec![value] }),
        }
    }

    /// Adds what else there is to know about the run.
    pub(crate) fn add_fact(&mut self, name: &'static str, fact: String) {
        self.facts.push((name, fact));
    }

    /// Adds a table.
    pub(crate) fn add_table(&mut self, table: Table) {
        self.tables.push(table);
    }

    /// The machine, then the figures, then the other tables.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from("| machine | |\n|---|---|\n");
        for (name, fact) in &self.facts {
            let _ = writeln!(text, "| {name} | {fact} |");
        }
        if !self.figures.is_empty() {
            text.push_str(
                "\n| measured | median | lowest | highest | runs | goal |\n|---|---:|---:|---:|---:|---|\n",
            );
        }
        for figure in &self.figures {
            let (least, most) = figure.extremes();
            let (name, unit, runs) = (figure.name, figure.unit, figure.values.len());
            let [median, least, most] = [figure.median(), least, most].map(shown);
            let goal = figure.goal_words();
            let _ = writeln!(text, "| {name}, {unit} | **{median}** | {least} | {most} | {runs} | {goal} |");
        }
        self.tables.iter().for_each(|table| text.push_str(&table.markdown()));
        text
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> String {
        let facts: serde_json::Map<_, _> =
            self.facts.iter().map(|(name, fact)| ((*name).to_owned(), Value::from(fact.as_str()))).collect();
        let figures: Vec<_> = self.figures.iter().map(Figure::json).collect();
        let tables: Vec<_> = self.tables.iter().map(Table::json).collect();
        format!("{:#}", json!({ "machine": facts, "figures": figures, "tables": tables }))
    }
}

impl Table {
    fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule = format!("|---|{}\n", "---:|".repeat(self.header.len().saturating_sub(1)));
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("\n{}\n\n{}{rule}{rows}", self.title, line(&self.header))
    }

    fn json(&self) -> Value {
        json!({ "title": self.title, "header": self.header, "rows": self.rows })
    }
}

impl Figure {
    fn median(&self) -> f64 {
        median(&self.values)
    }

    fn extremes(&self) -> (f64, f64) {
        let least = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        (least, self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }

    fn reached(&self) -> Option<bool> {
        match self.goal {
            Goal::None => None,
            Goal::AtLeast(least) => Some(self.median() >= least),
            Goal::Below(bound) => Some(self.median() < bound),
        }
    }

    fn goal_words(&self) -> String {
        let word = if self.reached() == Some(true) { "reached" } else { "**missed**" };
        match self.goal {
            Goal::None => String::new(),
            Goal::AtLeast(least) => format!("≥ {}: {word}", shown(least)),
            Goal::Below(bound) => format!("< {}: {word}", shown(bound)),
        }
    }

    fn json(&self) -> Value {
        let (least, most) = self.extremes();
        json!({
            "name": self.name, "unit": self.unit, "median": self.median(), "lowest": least, "highest": most,
            "runs": self.values, "goal_reached": self.reached(),
        })
    }
}

/// The middle value; the mean of the two in the middle of an even number.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => sorted[count / 2],
        count => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
    }
}

/// The value below which this share of the values lies; they are in order.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len() as f64 * share) as usize;
    sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

/// Three digits where they matter, groups of thousands where there are many.
pub(crate) fn shown(value: f64) -> String {
    if value.abs() < 10.0 {
        return format!("{value:.2}");
    }
    if value.abs() < 1000.0 {
        return format!("{value:.0}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}
