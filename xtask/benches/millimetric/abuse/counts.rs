//! What came back during an attack: statuses, error codes, lost responses, and everything that must not
//! come back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use millimetric::error::ErrorCode;
use serde_json::Value;

use super::http::{Lost, Response};

/// The most offences that are reported as text; more are only counted.
const MOST_REPORTED: usize = 8;

/// Counts that all clients of an attack share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counters(Arc<Mutex<Counts>>);

/// The counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    /// Requests that were sent.
    pub(crate) requests: u64,
    /// Responses by status.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// 5xx by status and code, like `503 overloaded`.
    pub(crate) refusals: BTreeMap<String, u64>,
    /// Requests without a response, by the reason.
    pub(crate) lost: BTreeMap<String, u64>,
    /// Connections that were opened, where that is the attack.
    pub(crate) opened: u64,
    /// Those of them that the server closed.
    pub(crate) closed: u64,
    /// The longest wait for a response, except one that had to wait for a query slot.
    pub(crate) slowest: Duration,
    /// How many responses must not occur.
    pub(crate) offences: u64,
    /// The first of them.
    pub(crate) reported: Vec<String>,
}

impl Counters {
    /// Counts a request that expects no response, or none yet.
    pub(crate) fn sent(&self, requests: u64) {
        self.lock().requests += requests;
    }

    /// Counts a response. `what` names the request where the response is an offence.
    pub(crate) fn response(&self, response: &Response, waited: Duration, what: impl FnOnce() -> String) {
        let code = error_code(response);
        let mut counts = self.lock();
        counts.requests += 1;
        *counts.statuses.entry(response.status).or_default() += 1;
        let waited_for_slot = response.status == 503 && code == Some(ErrorCode::Overloaded);
        if !waited_for_slot {
            counts.slowest = counts.slowest.max(waited);
        }
        if response.status >= 500 {
            let bare = if response.to_head { "to a HEAD" } else { "without a code" };
            let name = code.map_or(bare, ErrorCode::as_str);
            *counts.refusals.entry(format!("{} {name}", response.status)).or_default() += 1;
            if !is_explained(response, code) {
                counts.offence(|| format!("{} {name} for {}", response.status, what()));
            }
        }
    }

    /// Counts a request without a response.
    pub(crate) fn lost(&self, lost: &Lost) {
        let mut counts = self.lock();
        counts.requests += 1;
        *counts.lost.entry(lost.to_string()).or_default() += 1;
    }

    /// Counts something that must not occur.
    pub(crate) fn offence(&self, what: impl FnOnce() -> String) {
        self.lock().offence(what);
    }

    /// Counts a connection that was opened, or closed by the server.
    pub(crate) fn connection(&self, opened: u64, closed: u64) {
        let mut counts = self.lock();
        counts.opened += opened;
        counts.closed += closed;
    }

    /// The counts so far.
    pub(crate) fn counts(&self) -> Counts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn offence(&mut self, what: impl FnOnce() -> String) {
        self.offences += 1;
        if self.reported.len() < MOST_REPORTED {
            self.reported.push(what());
        }
    }

    /// Responses whose status begins with this digit.
    pub(crate) fn class(&self, digit: u16) -> u64 {
        self.statuses.iter().filter(|(status, _)| **status / 100 == digit).map(|(_, count)| count).sum()
    }
}

/// The code of an error response: in the JSON body, or by the sentence on a page.
pub(crate) fn error_code(response: &Response) -> Option<ErrorCode> {
    if response.status < 400 {
        return None;
    }
    if let Ok(body) = serde_json::from_slice::<Value>(&response.body) {
        return ErrorCode::ALL.iter().copied().find(|code| body["error"] == code.as_str());
    }
    let page = String::from_utf8_lossy(&response.body).replace("&#39;", "'");
    ErrorCode::ALL.iter().copied().find(|code| page.contains(code.row().2))
}

/// Whether an attacker may get this 5xx: the server refuses what would be too much. The response to a
/// HEAD names no code.
fn is_explained(response: &Response, code: Option<ErrorCode>) -> bool {
    match code {
        Some(code) => {
            response.status == 503 && matches!(code, ErrorCode::Overloaded | ErrorCode::QueryTooLarge)
        }
        None => response.status == 503 && response.to_head && response.header("retry-after").is_some(),
    }
}
