//! Bytes as `hexdump -C` shows them: `zfsp-decode` reads that.

use std::fmt::Write;

/// Bytes of a row.
const ROW: usize = 16;

/// The dump of `bytes`; rows that repeat are one star.
pub(crate) fn dump(bytes: &[u8]) -> String {
    let mut out = String::new();
    let (mut last, mut starred) = (None, false);
    for (n, row) in bytes.chunks(ROW).enumerate() {
        if last == Some(row) {
            if !starred {
                out.push_str("*\n");
            }
            starred = true;
            continue;
        }
        (last, starred) = (Some(row), false);
        let at = n.saturating_mul(ROW);
        let mut hex = String::new();
        for (k, byte) in row.iter().enumerate() {
            let gap = if k == ROW / 2 { " " } else { "" };
            let _ = write!(hex, "{gap} {byte:02x}");
        }
        let shown =
            |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' };
        let text: String = row.iter().map(shown).collect();
        let _ = writeln!(out, "{at:08x} {hex:49}  |{text}|");
    }
    let _ = writeln!(out, "{:08x}", bytes.len());
    out
}
