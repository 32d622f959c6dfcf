//! Progress of what takes longer than a second, on standard error if that is a terminal; nothing elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinHandle;

/// What takes less shows nothing.
const AFTER: Duration = Duration::from_secs(1);
/// How often a bar that does not move is drawn.
const TICK: Duration = Duration::from_millis(100);

const SPINNER: &str = "{spinner} {msg} ({elapsed})";
const COUNT: &str = "{spinner} {human_pos} {msg}, {per_sec}";
const EVENTS: &str = "{wide_bar} {human_pos}/{human_len} events, {per_sec}, {eta} left";
const BYTES: &str = "{wide_bar} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left";
const BYTES_SO_FAR: &str = "{spinner} {bytes} {msg}, {bytes_per_sec}";

/// A bar that is removed when it is dropped.
#[derive(Debug)]
pub(in crate::cli) struct Progress {
    bar: ProgressBar,
    shows: JoinHandle<()>,
}

impl Progress {
    /// A spinner beside a text that says what is done.
    pub(in crate::cli) fn spinner(text: &'static str) -> Self {
        Self::shown_as(SPINNER, None, text)
    }

    /// A spinner beside a count of what has no known end, like `rows imported`.
    pub(in crate::cli) fn count(what: &'static str) -> Self {
        Self::shown_as(COUNT, None, what)
    }

    /// A bar of events; [`Progress::advance`] says how many there are.
    pub(in crate::cli) fn events() -> Self {
        Self::shown_as(EVENTS, Some(0), "")
    }

    /// A bar of bytes; [`Progress::advance`] says how many there are.
    pub(in crate::cli) fn bytes() -> Self {
        Self::shown_as(BYTES, Some(0), "")
    }

    /// A spinner beside bytes without a known end, like `exported`.
    pub(in crate::cli) fn bytes_so_far(what: &'static str) -> Self {
        Self::shown_as(BYTES_SO_FAR, None, what)
    }

    /// Moves to a position of a total.
    pub(in crate::cli) fn advance(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
    }

    /// Moves on.
    pub(in crate::cli) fn add(&self, done: u64) {
        self.bar.inc(done);
    }

    fn shown_as(template: &'static str, length: Option<u64>, text: &'static str) -> Self {
        let style = ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::hidden());
        let bar = bar.with_style(style).with_message(text);
        let shown = bar.clone();
        let shows = tokio::spawn(async move {
            tokio::time::sleep(AFTER).await;
            // Hidden as well if standard error is no terminal.
            shown.set_draw_target(ProgressDrawTarget::stderr());
            shown.enable_steady_tick(TICK);
        });
        Self { bar, shows }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.shows.abort();
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_one() {
        for template in [SPINNER, COUNT, EVENTS, BYTES, BYTES_SO_FAR] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
