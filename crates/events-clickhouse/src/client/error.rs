//! What errors of ClickHouse mean to a caller. The text of an exception can contain values of the query, so only
//! its code is used.

use clickhouse::error::Error;
use millimetric_events::{QueryLimit, StoreError};

/// The error of a host that does not respond in time.
pub(crate) fn no_response() -> StoreError {
    StoreError::Unavailable("ClickHouse did not respond in time".to_owned())
}

/// The error of a request.
pub(super) fn of(error: &Error) -> StoreError {
    match error {
        Error::Network(_) => StoreError::Unavailable("no connection to ClickHouse".to_owned()),
        Error::TimedOut => no_response(),
        Error::BadResponse(text) => match code(text) {
            Some(code) => of_code(code),
            None => StoreError::Unavailable("the response is not one of ClickHouse".to_owned()),
        },
        // Of the client itself, such as a row of other columns than expected.
        _ => StoreError::Internal("a response of ClickHouse cannot be read".to_owned()),
    }
}

/// The code of an exception, as in `Code: 159. DB::Exception: …`.
fn code(text: &str) -> Option<u32> {
    let digits = text.split_once("Code: ")?.1;
    let end = digits.find(|character: char| !character.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

fn of_code(code: u32) -> StoreError {
    match code {
        // TIMEOUT_EXCEEDED, TOO_SLOW
        159 | 160 => StoreError::QueryTooLarge(QueryLimit::Time),
        // TOO_LARGE_ARRAY_SIZE (of the events of a visitor), MEMORY_LIMIT_EXCEEDED, TOO_MANY_ROWS_OR_BYTES
        128 | 241 | 396 => StoreError::QueryTooLarge(QueryLimit::Memory),
        // TOO_MANY_SIMULTANEOUS_QUERIES, TOO_MANY_PARTS
        202 | 252 => StoreError::Overloaded,
        // QUERY_WAS_CANCELLED, QUERY_WAS_CANCELLED_BY_CLIENT
        394 | 735 => StoreError::Cancelled,
        // CHECKSUM_DOESNT_MATCH, CORRUPTED_DATA
        40 | 246 => StoreError::Internal(format!(
            "ClickHouse found damaged data: its log names the part (ClickHouse exception {code})"
        )),
        code => match unavailable(code) {
            Some(why) => StoreError::Unavailable(format!("{why} (ClickHouse exception {code})")),
            None => StoreError::Internal(format!("ClickHouse exception {code}")),
        },
    }
}

/// Why the servers cannot do what they otherwise could; another host may, or this one later.
fn unavailable(code: u32) -> Option<&'static str> {
    Some(match code {
        60 | 81 => "the database has no schema: run `millimetric schema apply`",
        209 | 210 | 279 => "a server does not reach another one",
        242 => "the table is read-only, since its server does not reach Keeper",
        243 => "the disk of the server is full",
        285 | 286 | 319 => "too few replicas are alive",
        497 => "the user has not the permissions that this needs",
        516 => "the user or password is wrong",
        745 => "the server is overloaded",
        999 => "the server does not reach Keeper",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_becomes_the_error_that_it_means() {
        let of = |text: &str| of(&Error::BadResponse(text.to_owned())).to_string();
        for (text, expected) in [
            ("Code: 159. DB::Exception: Timeout exceeded: elapsed 1.5 s", "a query needed too much time"),
            ("Code: 241. DB::Exception: (for query) memory limit", "a query needed too much memory"),
            ("Code: 252. DB::Exception: Too many parts", "the memory set aside for this is in use"),
            ("Code: 47", "event store: ClickHouse exception 47"),
            (
                "Code: 246. DB::Exception: Bad size of marks file",
                "event store: ClickHouse found damaged data: its log names the part (ClickHouse exception 246)",
            ),
            (
                "Code: 60. DB::Exception: Unknown table",
                "the event store does not respond: the database has no schema: run `millimetric schema apply` \
                 (ClickHouse exception 60)",
            ),
            ("502 Bad Gateway", "the event store does not respond: the response is not one of ClickHouse"),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
    }

    #[test]
    fn no_text_of_an_exception_is_passed_on() {
        let error =
            of(&Error::BadResponse("Code: 62. DB::Exception: Syntax error: 'anna@example.com'".into()));
        assert_eq!(error.to_string(), "event store: ClickHouse exception 62");
    }
}
