//! Which connection is evicted, and who gets its slot.

use super::*;

#[test]
fn handles_are_kept_for_the_store() {
    for (handles, expected) in [
        (0, 1),
        (300, 44),
        (400, 144),
        (1024, 768),
        (4096, 3072),
        (1 << 20, CONNECTIONS),
        (usize::MAX, CONNECTIONS),
    ] {
        assert_eq!(slots(handles), expected, "{handles}");
    }
}

#[tokio::test]
async fn an_address_has_its_share_and_a_proxy_none() {
    // None of these is waited for, so none is evicted.
    async fn take(connections: &Arc<Connections>, address: Option<IpAddr>) -> Option<Slot> {
        connections.take(address).await.inspect(|taken| taken.state.mark_busy())
    }

    let connections = Connections::with_slots(100, 2);
    let [one, other] = [1, 2].map(|last| Some(IpAddr::from([192, 0, 2, last])));
    let held =
        [take(&connections, one).await, take(&connections, one).await, take(&connections, other).await];
    assert!(held.iter().all(Option::is_some) && take(&connections, one).await.is_none());
    for _ in 0..10 {
        assert!(take(&connections, None).await.is_some());
    }
    drop(held);
    assert!(take(&connections, one).await.is_some());
    connections.all_closed().await;
}

#[tokio::test(start_paused = true)]
async fn of_an_address_with_its_share_the_longest_idle_is_evicted() {
    let connections = Connections::with_slots(100, 2);
    let [one, other] = [1, 2].map(|last| Some(IpAddr::from([192, 0, 2, last])));
    let _oldest = connections.take(other).await.unwrap();
    let first = connections.take(one).await.unwrap();
    let second = connections.take(one).await.unwrap();
    first.state.mark_busy();
    let leaves = tokio::spawn(async move {
        second.state.evicted().await;
        drop(second);
    });
    assert!(connections.take(one).await.is_some());
    leaves.await.unwrap();
}

#[tokio::test]
async fn of_many_slots_several_are_evicted_at_once_and_no_more_until_they_have_closed() {
    let connections = Connections::with_slots(128, 128);
    let address = Some(IpAddr::from([192, 0, 2, 1]));
    let mut taken: Vec<Slot> = (0..128).filter_map(|_| connections.try_take(address)).collect();
    assert_eq!((taken.len(), connections.try_take(None).is_some()), (128, false));
    let evicted =
        |taken: &[Slot]| taken.iter().filter(|slot| slot.state.is_evicted.load(Ordering::Relaxed)).count();
    for _ in 0..3 {
        connections.make_room();
        assert_eq!(evicted(&taken), 2);
    }
    taken.retain(|slot| !slot.state.is_evicted.load(Ordering::Relaxed));
    assert!(connections.try_take(None).is_some());
    connections.make_room();
    assert_eq!(evicted(&taken), 2);
}

#[tokio::test(start_paused = true)]
async fn a_request_right_behind_a_response_was_pipelined() {
    let state = ConnectionState::new(None);
    assert!(!state.is_pipelined(), "the first request");
    tokio::time::advance(Duration::from_millis(1)).await;
    state.mark_idle();
    assert!(state.is_pipelined());
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(!state.is_pipelined());
}

#[test]
fn one_address_does_not_take_all_places_of_those_that_wait() {
    let connections = Connections::with_slots(1, 1);
    let of = |last: u16| connections.wait(IpAddr::from([192, 0, (last >> 8) as u8, last as u8]));
    let waiting: Vec<_> = (0..100).filter_map(|_| of(1)).collect();
    assert_eq!(waiting.len(), WAITING.0);
    assert!(of(2).is_some());
    drop(waiting);
    assert!(of(1).is_some());
}

#[tokio::test(start_paused = true)]
async fn the_one_that_was_waited_for_longest_is_evicted() {
    let connections = Connections::with_slots(4, 100);
    let mut taken = Vec::new();
    for _ in 0..4 {
        taken.push(connections.take(None).await.unwrap());
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    let evicted = |number: usize| taken[number].state.is_evicted.load(Ordering::Relaxed);
    taken[0].state.mark_busy();
    taken[1].state.mark_busy();
    taken[1].state.mark_idle();
    tokio::time::advance(Duration::from_secs(1)).await;
    // A request in flight whose client has not read for a second.
    taken[2].state.mark_busy();
    taken[2].state.mark_unread();
    tokio::time::advance(Duration::from_secs(1)).await;
    taken[2].state.mark_unread();
    let evict = || connections.open.lock().evict(1);
    assert!(evict());
    assert_eq!([0, 1, 2, 3].map(evicted), [false, false, false, true], "idle since its opening");
    assert!(evict());
    assert_eq!([0, 1, 2, 3].map(evicted), [false, true, false, true]);
    assert!(evict());
    assert!(!evict(), "never one with a request in flight");
    assert_eq!([0, 1, 2, 3].map(evicted), [false, true, true, true]);
    taken[3].state.evicted().await;
    drop(taken.pop());
    assert!(connections.take(None).await.is_some());
}
