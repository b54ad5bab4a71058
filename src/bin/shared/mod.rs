//! What the programs have in common: how they end, print and read numbers.
#![allow(dead_code)] // each program uses its part

pub(crate) mod exit;
pub(crate) mod number;
pub(crate) mod output;
