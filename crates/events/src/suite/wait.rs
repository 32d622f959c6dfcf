//! Waits with a deadline, whose failure says what they waited for.

use std::time::Duration;

/// Deadline of every wait; only a hang reaches it.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// How often [`until`] looks.
const POLL: Duration = Duration::from_millis(2);

/// The output of the future. Panics at [`PATIENCE`], naming `what` it waited for.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    at_most(PATIENCE, what, future).await
}

async fn at_most<T>(limit: Duration, what: &str, future: impl Future<Output = T>) -> T {
    let result = tokio::time::timeout(limit, future).await;
    result.unwrap_or_else(|_| panic!("waited {limit:?} for {what}"))
}

/// Polls until `look` returns something. Panics at [`PATIENCE`], naming `what` it waited for.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let poll = async {
        let mut ticks = tokio::time::interval(POLL);
        loop {
            ticks.tick().await;
            if let Some(found) = look().await {
                return found;
            }
        }
    };
    within(what, poll).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[should_panic(expected = "waited 1ms for a reply that never comes")]
    async fn a_wait_that_reaches_its_deadline_says_what_it_waited_for() {
        at_most(Duration::from_millis(1), "a reply that never comes", std::future::pending::<()>()).await;
    }

    #[tokio::test]
    async fn a_poll_returns_what_it_found() {
        let mut calls = 0;
        let found = until("the third call", async || {
            calls += 1;
            (calls == 3).then_some(calls)
        });
        assert_eq!(found.await, 3);
    }
}
