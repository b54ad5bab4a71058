//! A pool that is borrowed, or shared: what reads it lives as long as it does, or keeps it.

use std::ops::Deref;
use std::sync::Arc;

use super::Pool;

/// A pool, borrowed or shared.
#[derive(Clone, Debug)]
pub enum PoolRef<'p> {
    /// It outlives who reads it.
    Borrowed(&'p Pool),
    /// Who reads it keeps it: a server, whose end nobody knows.
    Shared(Arc<Pool>),
}

impl Deref for PoolRef<'_> {
    type Target = Pool;
    fn deref(&self) -> &Pool {
        match self {
            Self::Borrowed(pool) => pool,
            Self::Shared(pool) => pool,
        }
    }
}

impl<'p> From<&'p Pool> for PoolRef<'p> {
    fn from(pool: &'p Pool) -> Self {
        Self::Borrowed(pool)
    }
}

impl From<Arc<Pool>> for PoolRef<'_> {
    fn from(pool: Arc<Pool>) -> Self {
        Self::Shared(pool)
    }
}
