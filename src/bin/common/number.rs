//! Numbers of bytes on command lines.

/// `4096`, `0x1000`, `4K`.
pub(crate) fn number(text: &str) -> Result<u64, String> {
    let error = || format!("'{text}' is no number of bytes: try 4096, 0x1000 or 4K");
    let (digits, unit) = match text.char_indices().next_back().ok_or_else(error)? {
        (end, 'k' | 'K') => (text.get(..end), 1u64 << 10),
        (end, 'm' | 'M') => (text.get(..end), 1 << 20),
        (end, 'g' | 'G') => (text.get(..end), 1 << 30),
        (end, 't' | 'T') => (text.get(..end), 1 << 40),
        _ => (Some(text), 1),
    };
    let digits = digits.unwrap_or_default();
    let n = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    n.ok().and_then(|n| n.checked_mul(unit)).ok_or_else(error)
}
