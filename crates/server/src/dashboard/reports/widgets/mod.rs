//! The parts of which the pages of reports are made: the bar of filters, charts, panels with tables,
//! files, and how numbers and texts of strangers are shown.

pub(super) mod bar;
pub(super) mod chart;
pub(super) mod country;
pub(super) mod csv;
pub(super) mod event_select;
pub(super) mod graph;
pub(super) mod number;
pub(super) mod panel;
pub(super) mod text;
