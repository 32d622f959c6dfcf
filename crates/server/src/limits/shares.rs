//! A budget of units with a bound in all and a bound per holder, so that no holder can exhaust it
//! for the others.
//!
//! Only counts. What the units are, and what happens when none are left, is up to the caller.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;

/// The budget. A holder takes memory only while it holds units.
#[derive(Debug)]
pub struct Shares<K> {
    held: Arc<Mutex<Held<K>>>,
    each: usize,
    all: usize,
}

#[derive(Debug)]
struct Held<K> {
    by: HashMap<K, usize>,
    sum: usize,
}

/// Units held until this is dropped.
#[derive(Debug)]
pub struct Share<K: Hash + Eq> {
    held: Arc<Mutex<Held<K>>>,
    each: usize,
    all: usize,
    key: K,
    amount: usize,
}

/// Why no more units can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exhausted {
    /// The bound of the holder is reached.
    Share,
    /// The bound in all is reached.
    Budget,
}

impl<K: Hash + Eq + Copy> Shares<K> {
    /// A budget of `all` units, of which one holder gets at most `each`.
    pub fn new(each: usize, all: usize) -> Self {
        Self { held: Arc::new(Mutex::new(Held { by: HashMap::new(), sum: 0 })), each, all }
    }

    /// An empty share of `key`.
    pub fn of(&self, key: K) -> Share<K> {
        Share { held: Arc::clone(&self.held), each: self.each, all: self.all, key, amount: 0 }
    }

    /// Units held by everybody together.
    pub fn sum(&self) -> usize {
        self.held.lock().sum
    }
}

impl<K: Hash + Eq + Copy> Share<K> {
    /// Takes so many units more, or none.
    pub fn grow(&mut self, more: usize) -> Result<(), Exhausted> {
        let mut held = self.held.lock();
        let own = held.by.get(&self.key).copied().unwrap_or_default();
        if own.saturating_add(more) > self.each {
            return Err(Exhausted::Share);
        }
        if held.sum.saturating_add(more) > self.all {
            return Err(Exhausted::Budget);
        }
        held.by.insert(self.key, own + more);
        held.sum += more;
        self.amount += more;
        Ok(())
    }
}

impl<K: Hash + Eq> Drop for Share<K> {
    fn drop(&mut self) {
        let mut held = self.held.lock();
        held.sum -= self.amount;
        if let Some(own) = held.by.get_mut(&self.key) {
            *own -= self.amount;
            if *own == 0 {
                held.by.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_has_its_share_and_all_have_the_budget() {
        let shares = Shares::new(10, 25);
        let [mut one, mut also_one, mut two, mut three] = [1, 1, 2, 3].map(|key| shares.of(key));
        assert_eq!((one.grow(6), also_one.grow(4)), (Ok(()), Ok(())));
        assert_eq!(one.grow(1), Err(Exhausted::Share));
        assert_eq!((two.grow(10), three.grow(5)), (Ok(()), Ok(())));
        assert_eq!((three.grow(1), shares.sum()), (Err(Exhausted::Budget), 25));
        drop(also_one);
        assert_eq!((one.grow(4), three.grow(1)), (Ok(()), Err(Exhausted::Budget)));
        drop((one, two, three));
        assert_eq!((shares.sum(), shares.held.lock().by.len()), (0, 0), "nobody is remembered");
    }

    #[test]
    fn sizes_beyond_every_number_are_refused() {
        let mut share = Shares::new(10, 10).of(1);
        assert_eq!(share.grow(1), Ok(()));
        assert_eq!(share.grow(usize::MAX), Err(Exhausted::Share));
    }
}
