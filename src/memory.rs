//! Memory of blocks, used again: pages that are made, zeroed and given back for each block cost as much as reading it.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

thread_local! {
    /// What the thread had last.
    static OWN: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Large buffers, and those that one thread filled and another one has used.
static SHARED: Mutex<Stock> = Mutex::new(Stock { all: VecDeque::new(), bytes: 0 });

/// Bytes that each thread keeps for itself: the usual blocks, and no more than 64 MiB on 256 threads.
pub(crate) const MOST_OWN: usize = 256 << 10;
/// Smaller ones are cheap to make.
const LEAST_SHARED: usize = 32 << 10;
/// Bytes that are kept for all.
const MOST_SHARED: usize = 64 << 20;

/// So many bytes of any content: they mean something when they were filled.
pub(crate) fn buffer(len: usize) -> Vec<u8> {
    let own = if len <= MOST_OWN { OWN.take() } else { Vec::new() };
    if own.capacity() < len { lasting(len) } else { resized(own, len) }
}

/// The same from what all threads share: with room for no more than twice as much.
fn lasting(len: usize) -> Vec<u8> {
    let found = if len >= LEAST_SHARED { shared().take(len) } else { Vec::new() };
    if found.capacity() < len { vec![0; len] } else { resized(found, len) }
}

fn resized(mut bytes: Vec<u8>, len: usize) -> Vec<u8> {
    bytes.resize(len, 0);
    bytes
}

/// So many zeros.
pub(crate) fn zeros(len: usize) -> Vec<u8> {
    let mut bytes = buffer(len);
    bytes.fill(0);
    bytes
}

/// Takes back what is not needed any more.
pub(crate) fn recycle(bytes: Vec<u8>) {
    if bytes.capacity() > MOST_OWN {
        return shared().put(bytes);
    }
    let own = OWN.take();
    OWN.set(if own.capacity() < bytes.capacity() { bytes } else { own });
}

/// Takes back what another thread has filled: that one needs the next.
pub(crate) fn hand_back(bytes: Vec<u8>) {
    if bytes.capacity() >= LEAST_SHARED {
        shared().put(bytes);
    }
}

fn shared() -> MutexGuard<'static, Stock> {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Buffers, the oldest first.
#[derive(Default)]
struct Stock {
    all: VecDeque<Vec<u8>>,
    /// That they have room for.
    bytes: usize,
}

impl Stock {
    /// What has room for so many bytes, but not for many more; nothing if there is none.
    fn take(&mut self, len: usize) -> Vec<u8> {
        let fits = |bytes: &Vec<u8>| (len..=len.saturating_mul(2)).contains(&bytes.capacity());
        let found = self.all.iter().rposition(fits).and_then(|n| self.all.remove(n)).unwrap_or_default();
        self.bytes = self.bytes.saturating_sub(found.capacity());
        found
    }
    fn put(&mut self, bytes: Vec<u8>) {
        self.bytes = self.bytes.saturating_add(bytes.capacity());
        self.all.push_back(bytes);
        // the oldest are of a size that is not asked for any more
        while self.bytes > MOST_SHARED {
            let Some(old) = self.all.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(old.capacity());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_back_is_given_again() {
        let mut bytes = buffer(8 << 10);
        bytes.fill(7);
        recycle(bytes);
        assert_eq!(buffer(4 << 10), [7; 4 << 10]);
        assert_eq!(buffer(4 << 10), [0; 4 << 10], "another one");
        let mut stock = Stock::default();
        stock.put(vec![7; 16 << 20]);
        assert_eq!(stock.take(17 << 20).capacity(), 0, "too small");
        assert_eq!(stock.take(1 << 20).capacity(), 0, "too large");
        assert_eq!(stock.take(16 << 20), vec![7; 16 << 20]);
        assert_eq!(stock.take(16 << 20).capacity(), 0);
    }
    #[test]
    fn of_any_length() {
        for len in [0, 1, 512, 100, MOST_OWN + 1, 3, 20 << 20] {
            let bytes = buffer(len);
            assert_eq!(bytes.len(), len);
            recycle(bytes);
        }
    }
    #[test]
    fn what_is_kept_has_a_bound() {
        let mut stock = Stock::default();
        for len in (1..40).map(|n| n << 20) {
            stock.put(vec![0; len]);
            assert!(stock.all.iter().map(Vec::capacity).sum::<usize>() <= MOST_SHARED);
            assert_eq!(stock.all.back().map(Vec::len), Some(len), "the newest is there");
        }
    }
}
