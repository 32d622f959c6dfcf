//! Pages of lists: `limit`, and the `cursor` that continues after the last entry of a page.
//!
//! A cursor names a position in the order of the list, not an entry or a number of entries: entries that are added
//! or deleted meanwhile change nothing about the rest.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millimetric_control::Month;
use millimetric_core::time::Timestamp;
use utoipa::IntoParams;

use crate::error::{ApiResult, ErrorCode, Problems};

/// Entries of a page if no limit is sent.
const USUAL_LIMIT: usize = 100;
const MAX_LIMIT: usize = 500;

/// The parameter of routes of an account.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes what auth::access_tokens reads")]
pub struct AccountParam {
    /// The account, by id or name. Not needed if you belong to one account only.
    #[param(example = "default")]
    account: Option<String>,
}

/// The parameters of every list.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes what `Params::of` reads")]
pub struct ListParams {
    /// Entries of a page.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A position in a list: a time and an identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The time by which the list is ordered.
    pub at: Timestamp,
    /// What orders entries of the same time.
    pub id: String,
}

/// The parameters that were sent. Those that a route does not take are refused.
#[derive(Debug)]
pub struct Params {
    sent: Vec<(String, String)>,
    names: &'static [&'static str],
    problems: Problems,
}

impl Params {
    /// Reads a query string of a route that takes these parameters.
    pub fn of(query: Option<&str>, names: &'static [&'static str]) -> Self {
        let sent: Vec<(String, String)> =
            form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        let mut problems = Problems::default();
        for (index, (name, _)) in sent.iter().enumerate().take(20) {
            let shown: String = name.chars().take(60).collect();
            if !names.contains(&name.as_str()) {
                let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                problems.field(shown, format!("is not a parameter of this route; it takes {known}"));
            } else if sent[..index].iter().any(|(before, _)| before == name) {
                problems.field(shown, "must be sent once");
            }
        }
        if sent.len() > 20 {
            problems.form("at most 20 parameters are read");
        }
        Self { sent, names, problems }
    }

    /// The text of a parameter, if it was sent.
    pub fn get(&self, name: &'static str) -> Option<&str> {
        debug_assert!(self.names.contains(&name), "{name} is declared");
        self.sent.iter().find(|(sent, _)| sent == name).map(|(_, value)| value.as_str())
    }

    /// Notes what is wrong with a parameter.
    pub fn wrong(&mut self, name: &str, message: impl Into<String>) {
        self.problems.field(name, message);
    }

    /// `limit`.
    pub fn limit(&mut self) -> usize {
        let Some(text) = self.get("limit") else { return USUAL_LIMIT };
        match text.parse() {
            Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => limit,
            _ => {
                self.wrong("limit", format!("must be a number from 1 to {MAX_LIMIT}"));
                USUAL_LIMIT
            }
        }
    }

    /// `cursor` as the text inside it, if that is a `T`.
    pub fn cursor<T>(&mut self, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.get("cursor")?;
        let plain = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let found = plain.as_deref().and_then(read);
        if found.is_none() {
            self.wrong("cursor", "must be the next_cursor of a response of this route");
        }
        found
    }

    /// `cursor` as a position.
    pub fn position(&mut self) -> Option<Position> {
        self.cursor(|text| {
            let (millis, id) = text.split_once(':')?;
            Some(Position { at: Timestamp::from_millis(millis.parse().ok()?)?, id: id.to_owned() })
        })
    }

    /// `month`.
    pub fn month(&mut self, now: Timestamp) -> Month {
        let read = self.get("month").map(str::parse);
        read.unwrap_or(Ok(Month::of(now))).unwrap_or_else(|error| {
            self.wrong("month", error.to_string());
            Month::of(now)
        })
    }

    /// The error that lists all problems, if there are any.
    pub fn finish(self) -> ApiResult<()> {
        self.problems.or(ErrorCode::InvalidParams, ())
    }
}

/// A cursor as clients carry it: opaque text, safe in a URL.
pub fn write_cursor(inside: impl std::fmt::Display) -> String {
    URL_SAFE_NO_PAD.encode(inside.to_string())
}

/// The entries of a list after a position, at most `limit`, and the cursor of the next page. The list is in the
/// order of `position`, or in the reverse of it.
pub fn page<T>(
    list: Vec<T>,
    after: Option<&Position>,
    limit: usize,
    is_newest_first: bool,
    position: impl Fn(&T) -> Position,
) -> (Vec<T>, Option<String>) {
    let is_later = |entry: &T| {
        after.is_none_or(
            |after| if is_newest_first { position(entry) < *after } else { position(entry) > *after },
        )
    };
    let mut rest = list.into_iter().filter(is_later);
    let entries: Vec<T> = rest.by_ref().take(limit).collect();
    let last = rest.next().and(entries.last()).map(position);
    (entries, last.map(|Position { at, id }| write_cursor(format_args!("{}:{id}", at.millis()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "as `page` calls it")]
    fn numbered(number: &i64) -> Position {
        Position { at: Timestamp::from_millis(number / 2).unwrap(), id: format!("id_{number}") }
    }

    #[test]
    fn pages_together_are_the_list_whatever_is_added_and_deleted_meanwhile() {
        let (first, next) = page((0..10).collect(), None, 4, false, numbered);
        assert_eq!(first, [0, 1, 2, 3]);
        let query = format!("cursor={}", next.unwrap());
        let mut params = Params::of(Some(&query), &["cursor", "limit"]);
        let after = params.position();
        // The last one of the page is gone, and one was added.
        let (second, next) = page(vec![0, 1, 4, 5, 6, 7, 8, 9, 10], after.as_ref(), 100, false, numbered);
        assert_eq!((second, next), (vec![4, 5, 6, 7, 8, 9, 10], None));
        let (newest, next) = page((0..10).rev().collect(), None, 9, true, numbered);
        assert_eq!((newest[0], newest[8], next.is_some()), (9, 1, true));
        let (rest, next) = page((0..10).rev().collect(), Some(&numbered(&1)), 9, true, numbered);
        assert_eq!((rest, next), (vec![0], None));
    }

    #[test]
    fn wrong_parameters_are_named() {
        let mut params =
            Params::of(Some("limit=0&cursor=x&limti=3&cursor=y&month=May"), &["limit", "cursor", "month"]);
        params.limit();
        params.position();
        params.month(Timestamp::MIN);
        let details = params.finish().unwrap_err().details;
        let fields: Vec<&String> = details["fieldErrors"].as_object().unwrap().keys().collect();
        assert_eq!(fields, ["limti", "cursor", "limit", "month"]);
        for query in ["limit=1&cursor=MTp4", "limit=500"] {
            let mut params = Params::of(Some(query), &["limit", "cursor"]);
            params.limit();
            params.position();
            assert!(params.finish().is_ok(), "{query}");
        }
    }
}
