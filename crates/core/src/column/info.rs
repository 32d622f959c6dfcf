//! What is declared of a column, and how the table declares it.

/// Reads a text that is imported into a column.
///
/// # Errors
/// What a right text looks like.
pub(super) type Check = fn(&str) -> Result<String, String>;

/// What is declared of a column.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools, reason = "they do not depend on each other")]
pub struct ColumnInfo {
    /// Its name in the stored row.
    pub name: &'static str,
    /// What it holds, for a client that asks which columns there are.
    pub description: &'static str,
    /// Its name on a page; empty if no page names it.
    pub label: &'static str,
    /// How queries filter by it, if they can.
    pub filter: Option<FilterInfo>,
    /// Whether queries can group by it.
    pub group: bool,
    /// Whether conditions can be about it although queries neither group nor filter by it in another way.
    pub conditions: bool,
    /// Whether it may name one visitor, user or session.
    pub personal: bool,
    /// Where it occurs.
    pub shown: Shown,
    /// Whether most rows have a value of their own, so that a dictionary would only cost.
    pub unique: bool,
    /// What a row without a value has.
    pub absent: Absent,
    /// The longest text, in characters.
    pub max_chars: usize,
    pub(super) check: Option<Check>,
}

/// A query parameter that filters by a column.
#[derive(Debug, Clone, Copy)]
pub struct FilterInfo {
    /// Its name.
    pub parameter: &'static str,
    /// What it does, in the API description.
    pub description: &'static str,
}

/// Where a column occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// In responses and exports.
    Everywhere,
    /// In exports alone.
    ExportsOnly,
}

/// What a row without a value has in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// No value (`?` in the contract).
    Null,
    /// This text.
    Text(&'static str),
    /// Such a row cannot be imported.
    Required,
}

/// A column of texts of at most 128 characters, unless [`ColumnInfo::at_most`] says otherwise.
pub(super) const fn column(description: &'static str) -> ColumnInfo {
    ColumnInfo {
        name: "",
        description,
        label: "",
        filter: None,
        group: false,
        conditions: false,
        personal: false,
        shown: Shown::Everywhere,
        unique: false,
        absent: Absent::Text(""),
        max_chars: 128,
        check: None,
    }
}

impl ColumnInfo {
    pub(super) const fn named(mut self, name: &'static str, optional: bool) -> Self {
        self.name = name;
        if optional {
            self.absent = Absent::Null;
        }
        if let Some(filter) = &mut self.filter
            && filter.parameter.is_empty()
        {
            filter.parameter = name;
        }
        self
    }

    pub(super) const fn label(mut self, label: &'static str) -> Self {
        self.label = label;
        self
    }

    /// Queries can filter by it, with a parameter of the column's name.
    pub(super) const fn filtered(self, description: &'static str) -> Self {
        self.filtered_as("", description)
    }

    /// Queries can filter by it, with a parameter of another name.
    pub(super) const fn filtered_as(mut self, parameter: &'static str, description: &'static str) -> Self {
        self.filter = Some(FilterInfo { parameter, description });
        self
    }

    pub(super) const fn grouped(mut self) -> Self {
        self.group = true;
        self
    }

    /// Conditions can be about it.
    pub(super) const fn in_conditions(mut self) -> Self {
        self.conditions = true;
        self
    }

    pub(super) const fn personal(mut self) -> Self {
        self.personal = true;
        self
    }

    /// It occurs only in exports.
    pub(super) const fn exported_only(mut self) -> Self {
        self.shown = Shown::ExportsOnly;
        self
    }

    pub(super) const fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    pub(super) const fn required(mut self) -> Self {
        self.absent = Absent::Required;
        self
    }

    /// An imported row without a value gets this one.
    pub(super) const fn or(mut self, text: &'static str) -> Self {
        self.absent = Absent::Text(text);
        self
    }

    pub(super) const fn at_most(mut self, chars: usize) -> Self {
        self.max_chars = chars;
        self
    }

    pub(super) const fn checked(mut self, check: Check) -> Self {
        self.check = Some(check);
        self
    }

    /// Whether a stored row may have no value.
    pub const fn is_optional(&self) -> bool {
        matches!(self.absent, Absent::Null)
    }

    /// The text as it is stored.
    ///
    /// # Errors
    /// What a right text looks like.
    pub fn read(&self, text: String) -> Result<String, String> {
        let read = match self.check {
            Some(check) => check(&text)?,
            None => text,
        };
        if read.len() > self.max_chars && read.chars().count() > self.max_chars {
            return Err(format!("must be at most {} characters long", self.max_chars));
        }
        Ok(read)
    }
}
