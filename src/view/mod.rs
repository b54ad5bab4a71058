//! Renderings of the field tree: for a terminal, for a program, for a browser.
//!
//! The tree of [`zfsp_grammar::tree`] is the one model; what is here decides only how it looks.

pub mod html;
pub mod json;
pub mod rows;
pub mod spec;
pub mod text;

use zfsp_grammar::input::Order;
use zfsp_grammar::tree::Value;

/// The integers of a node with [`Value::Integers`] whose bytes are `content`.
#[must_use]
pub fn integers(value: &Value, content: &[u8]) -> Vec<u64> {
    let Value::Integers(width, order) = *value else { return Vec::new() };
    let number = |bytes: &[u8]| {
        let push = |n: u64, b: &u8| n.wrapping_shl(8) | u64::from(*b);
        match order {
            Order::Little => bytes.iter().rev().fold(0, push),
            Order::Big => bytes.iter().fold(0, push),
        }
    };
    content.chunks_exact(usize::from(width).max(1)).map(number).collect()
}
