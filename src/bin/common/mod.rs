//! What the programs have in common: how they end, print, read numbers, and find blocks of pools.
#![allow(dead_code)] // each program uses its part

pub(crate) mod block;
pub(crate) mod exit;
pub(crate) mod hex;
pub(crate) mod locked;
pub(crate) mod moment;
pub(crate) mod number;
pub(crate) mod opener;
pub(crate) mod output;
pub(crate) mod place;
pub(crate) mod pool;
pub(crate) mod prompt;
pub(crate) mod seal;
pub(crate) mod show;
pub(crate) mod user_keys;
