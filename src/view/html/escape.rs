//! Text that cannot do harm where it stands.

/// The text with everything spelled out that is not seen, or that turns round what stands beside
/// it: control characters, bidirectional overrides, zero-width and other formatting characters.
pub(super) fn tame(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_unseen(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

/// Formatting characters (category Cf), line and paragraph separators, variation selectors, and
/// what is blank without being a space.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{8e2}'
        | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Tame text for an element or a quoted attribute.
pub(super) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in tame(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// JSON for a `<script>`: no markup can begin or end in it.
pub(super) fn json(value: &serde_json::Value) -> String {
    // outside of strings, JSON has none of these
    value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding (RFC 4648, 4).
pub(super) fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3).saturating_mul(4));
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().chain(&[0, 0]).take(3).fold(0, |word: u32, b| word << 8 | u32::from(*b));
        for (n, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let sextet = usize::try_from(word >> shift & 63).unwrap_or_default();
            let digit = ALPHABET.get(sextet).filter(|_| n <= chunk.len()).unwrap_or(&b'=');
            out.push(char::from(*digit));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{base64, html, json, tame};

    #[test]
    fn nothing_unseen_survives() {
        assert_eq!(
            tame("a\u{202e}b\u{0}\u{85}\u{2066}\u{200b}\n"),
            "a\\u{202e}b\\u{0}\\u{85}\\u{2066}\\u{200b}\\u{a}"
        );
        assert_eq!(tame("Grüße 世界 \\x00"), "Grüße 世界 \\x00");
    }

    #[test]
    fn markup_is_text() {
        assert_eq!(html("</script><b a='\"'>&"), "&lt;/script&gt;&lt;b a=&#39;&quot;&#39;&gt;&amp;");
        assert_eq!(json(&"</script><!--".into()), r#""\u003c/script\u003e\u003c!--""#);
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (text, code) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(text.as_bytes()), code);
        }
    }
}
