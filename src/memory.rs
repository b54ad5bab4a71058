//! Memory of blocks, used again: pages that are made, zeroed and given back for each block cost as much as reading it.

use std::cell::Cell;
use std::sync::{Mutex, PoisonError};

thread_local! {
    /// What the thread had last.
    static OWN: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Large buffers of all threads.
static SHARED: Stock = Stock(Mutex::new(Vec::new()));

/// Bytes that each thread keeps for itself: the usual blocks, and no more than 64 MiB on 256 threads.
pub(crate) const MOST_OWN: usize = 256 << 10;
/// Bytes that are kept for all.
const MOST_SHARED: usize = 64 << 20;

/// So many bytes of any content: they mean something when they were filled.
pub(crate) fn buffer(len: usize) -> Vec<u8> {
    let mut bytes = if len <= MOST_OWN { OWN.take() } else { SHARED.take(len) };
    if bytes.capacity() < len {
        return vec![0; len];
    }
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
        return SHARED.put(bytes);
    }
    let own = OWN.take();
    OWN.set(if own.capacity() < bytes.capacity() { bytes } else { own });
}

struct Stock(Mutex<Vec<Vec<u8>>>);

impl Stock {
    /// What has room for so many bytes, but not for many more; nothing if there is none.
    fn take(&self, len: usize) -> Vec<u8> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |bytes: &Vec<u8>| (len..=len.saturating_mul(2)).contains(&bytes.capacity());
        all.iter().rposition(fits).map(|n| all.remove(n)).unwrap_or_default()
    }
    fn put(&self, bytes: Vec<u8>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(bytes);
        let mut kept = all.iter().map(Vec::capacity).fold(0, usize::saturating_add);
        // the oldest are of a size that is not asked for any more
        all.retain(|old| {
            let is_kept = kept <= MOST_SHARED;
            kept = kept.saturating_sub(if is_kept { 0 } else { old.capacity() });
            is_kept
        });
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
        let stock = Stock(Mutex::default());
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
        let stock = Stock(Mutex::default());
        for len in (1..40).map(|n| n << 20) {
            stock.put(vec![0; len]);
            let kept = stock.0.lock().unwrap();
            assert!(kept.iter().map(Vec::capacity).sum::<usize>() <= MOST_SHARED);
            assert_eq!(kept.last().map(Vec::len), Some(len), "the newest is there");
        }
    }
}
