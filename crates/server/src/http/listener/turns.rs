//! Turns of requests. Clients that send many requests ahead, over many connections, would fill the
//! async runtime's queue and delay everybody. Pipelined requests wait here instead, in one queue for
//! each address, and the addresses take turns. As long as any waits, every request does.
//!
//! Knows nothing of what is requested.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Grants turns, a fixed number at a time.
#[derive(Debug)]
pub(super) struct Turns(Mutex<Queues>);

#[derive(Debug)]
struct Queues {
    /// Turns that may be granted beside those that are taken.
    free: usize,
    waiting: HashMap<IpAddr, VecDeque<oneshot::Sender<Turn>>>,
    /// The addresses that have somebody waiting, next one first.
    order: VecDeque<IpAddr>,
}

/// A turn, taken until this is dropped.
#[derive(Debug)]
pub(super) struct Turn(Arc<Turns>);

impl Turns {
    /// Grants as many turns at a time as there are cores.
    pub(super) fn new() -> Arc<Self> {
        Self::at_once(std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get))
    }

    fn at_once(free: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Queues { free, waiting: HashMap::new(), order: VecDeque::new() })))
    }

    /// Waits for a turn. Returns `None` at once if the request was not pipelined and no other waits.
    /// Among the requests of one address, the first to wait is the first to go. At most one request of a
    /// connection waits, so connections bound the queues.
    pub(super) async fn take(self: &Arc<Self>, address: IpAddr, pipelined: bool) -> Option<Turn> {
        let (grant, granted) = oneshot::channel();
        {
            let mut queues = self.0.lock();
            if !pipelined && queues.order.is_empty() {
                return None;
            }
            queues.push(address, grant);
        }
        self.grant();
        granted.await.ok()
    }

    /// Grants the turns that are free.
    fn grant(self: &Arc<Self>) {
        loop {
            let next = self.0.lock().next();
            let Some(grant) = next else { return };
            // If the request is gone meanwhile, this drops the turn, which is then free again.
            let _ = grant.send(Turn(Arc::clone(self)));
        }
    }
}

impl Queues {
    fn push(&mut self, address: IpAddr, grant: oneshot::Sender<Turn>) {
        let queue = self.waiting.entry(address).or_default();
        queue.push_back(grant);
        if queue.len() == 1 {
            self.order.push_back(address);
        }
    }

    /// The next to be granted a turn, which counts as taken.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        while self.free > 0 {
            let address = self.order.pop_front()?;
            let queue = self.waiting.get_mut(&address)?;
            let grant = queue.pop_front();
            if queue.is_empty() {
                self.waiting.remove(&address);
            } else {
                self.order.push_back(address);
            }
            if let Some(grant) = grant.filter(|grant| !grant.is_closed()) {
                self.free -= 1;
                return Some(grant);
            }
        }
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.0.lock().free += 1;
        self.0.grant();
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;

    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// Takes turns for these addresses in this order, and returns the order in which they were granted.
    async fn order(turns: &Arc<Turns>, addresses: &[u8]) -> Vec<u8> {
        let all = turns.take(address(0), true).await.unwrap();
        let granted = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for &last in addresses {
            let (turns, granted) = (Arc::clone(turns), Arc::clone(&granted));
            tasks.push(tokio::spawn(async move {
                let turn = turns.take(address(last), true).await;
                granted.lock().push(last);
                drop(turn);
            }));
            yield_now().await;
        }
        assert!(granted.lock().is_empty(), "all wait");
        drop(all);
        for task in tasks {
            task.await.unwrap();
        }
        granted.lock().clone()
    }

    #[tokio::test]
    async fn addresses_take_turns_whatever_they_send() {
        let turns = Turns::at_once(1);
        assert_eq!(order(&turns, &[1, 1, 1, 1, 2, 2, 3]).await, [1, 2, 3, 1, 2, 1, 1]);
        assert!(turns.0.lock().waiting.is_empty(), "no address is remembered");
    }

    #[tokio::test]
    async fn a_request_that_was_not_pipelined_waits_only_behind_others() {
        let turns = Turns::at_once(1);
        assert!(turns.take(address(1), false).await.is_none());
        let taken = turns.take(address(1), true).await;
        assert!(turns.take(address(2), false).await.is_none(), "none waits");
        let (mut first, mut second) =
            (Box::pin(turns.take(address(1), true)), Box::pin(turns.take(address(2), false)));
        assert!(futures_util::poll!(first.as_mut()).is_pending());
        assert!(futures_util::poll!(second.as_mut()).is_pending());
        drop(taken);
        drop(first.await);
        assert!(second.await.is_some());
    }

    #[tokio::test]
    async fn a_request_that_is_gone_takes_no_turn() {
        let turns = Turns::at_once(1);
        let taken = turns.take(address(1), true).await;
        for last in 1..9 {
            let waits = tokio::spawn({
                let turns = Arc::clone(&turns);
                async move { turns.take(address(last), true).await.is_some() }
            });
            yield_now().await;
            waits.abort();
            assert!(waits.await.unwrap_err().is_cancelled());
        }
        drop(taken);
        assert_eq!(order(&turns, &[1, 2, 1]).await, [1, 2, 1]);
    }

    #[tokio::test]
    async fn so_many_are_taken_at_once() {
        let turns = Turns::at_once(2);
        let first = turns.take(address(1), true).await;
        let second = turns.take(address(1), true).await;
        let third = turns.take(address(1), true);
        tokio::pin!(third);
        assert!(futures_util::poll!(third.as_mut()).is_pending());
        drop(first);
        assert!(third.await.is_some());
        drop(second);
        assert_eq!(turns.0.lock().free, 2);
    }
}
