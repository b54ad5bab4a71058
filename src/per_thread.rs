//! What many threads add to, each to its own: a cell that all of them write to travels between the processors.

/// A value for each thread, or for a few of them.
#[derive(Debug)]
pub(crate) struct PerThread<T>(Vec<Own<T>>);

/// On cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
struct Own<T>(T);

/// More threads share: what they would gain is not worth the memory.
const MOST: usize = 16;

impl<T> PerThread<T> {
    pub(crate) fn new(value: impl Fn() -> T) -> Self {
        Self((0..rayon::current_num_threads().clamp(1, MOST)).map(|_| Own(value())).collect())
    }
    /// That of this thread.
    pub(crate) fn mine(&self) -> Option<&T> {
        let thread = rayon::current_thread_index().unwrap_or_default();
        self.0.get(thread.checked_rem(self.0.len())?).map(|own| &own.0)
    }
    /// Those of all threads.
    pub(crate) fn all(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|own| &own.0)
    }
}
