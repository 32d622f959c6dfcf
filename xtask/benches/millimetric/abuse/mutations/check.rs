//! What every response to a mutated request has to be, whatever was sent.

use std::time::Duration;

use millimetric::error::ErrorCode;
use serde_json::Value;

use crate::abuse::counts::{Counters, error_code};
use crate::abuse::http::{Draft, Lost, Response};

type Done = Result<(Response, Duration), Lost>;

/// Counts and checks what came of valid HTTP: there has to be a response, within a time where there is
/// one, and an error of the API in its JSON body. `name` says which request it was.
pub(crate) fn framed(
    counters: &Counters,
    draft: &Draft,
    done: Done,
    longest: Option<Duration>,
    name: impl Fn() -> String,
) {
    let (response, waited) = match done {
        Ok(done) => done,
        Err(lost) => {
            counters.lost(&lost);
            return counters.offence(|| format!("{lost}: {}", name()));
        }
    };
    counters.response(&response, waited, &name);
    // As the contract has it, a query may wait ten seconds for its turn.
    let waited_for_slot = error_code(&response) == Some(ErrorCode::Overloaded);
    if longest.is_some_and(|longest| waited > longest) && !waited_for_slot {
        counters.offence(|| format!("{:.1} s for a response: {}", waited.as_secs_f64(), name()));
    }
    let from_api = draft.target.starts_with("/v1/") && response.header("x-request-id").is_some();
    if from_api
        && response.status >= 400
        && !response.to_head
        && let Err(wrong) = check_error_form(&response)
    {
        counters.offence(|| format!("{wrong}: {}", name()));
    }
}

/// Counts what came of anything: a refusal or nothing, but no failure.
pub(crate) fn raw(counters: &Counters, done: Done, name: impl Fn() -> String) {
    match done {
        Ok((response, waited)) => counters.response(&response, waited, name),
        Err(lost) => counters.lost(&lost),
    }
}

/// Checks an error's body (contract, section 2): a known code with its status, a message, details, and
/// when to come back where the client is to come back.
fn check_error_form(response: &Response) -> Result<(), String> {
    let body: Value = serde_json::from_slice(&response.body)
        .map_err(|_| format!("the body of a {} is not JSON", response.status))?;
    let code = error_code(response).ok_or_else(|| format!("no known error code in {body}"))?;
    if code.status().as_u16() != response.status {
        return Err(format!("{} with status {}", code.as_str(), response.status));
    }
    if !body["message"].is_string() || !body["details"].is_object() {
        return Err(format!("no message or no details in {body}"));
    }
    if matches!(response.status, 429 | 503) && response.header("retry-after").is_none() {
        return Err(format!("no Retry-After with {body}"));
    }
    Ok(())
}
