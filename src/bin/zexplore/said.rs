//! What was said already: the loss of a block is met in many places, and told once.

use std::collections::BTreeSet;

/// Losses that were told.
#[derive(Debug, Default)]
pub(crate) struct Said {
    all: BTreeSet<String>,
}

impl Said {
    /// `text` as far as it is new: nothing if it was said; without the reason if that was.
    pub(crate) fn once(&mut self, text: &str) -> Option<String> {
        let (before, block, reason) = loss(text).unwrap_or((text, "", ""));
        let name = if block.is_empty() { before.into() } else { format!("{block}{reason}") };
        let is_new = self.all.insert(name);
        let before = before.trim_end_matches(": ");
        let short = format!("{before}: {block}, as above");
        let is_new_here = self.all.insert(short.clone());
        if is_new {
            return Some(text.into());
        }
        // its object says no more than the block
        (is_new_here && !block.is_empty() && !block.starts_with(before)).then_some(short)
    }
}

/// `WHAT: OBJECT block N: REASON (FAULTS)` in its parts, without the faults.
fn loss(text: &str) -> Option<(&str, &str, &str)> {
    const BLOCK: &str = " block ";
    let at = text.find(BLOCK)?;
    let digits = at.checked_add(BLOCK.len())?;
    let end = digits.checked_add(text.get(digits..)?.find(|c: char| !c.is_ascii_digit())?)?;
    if end == digits || !text.get(end..)?.starts_with(": ") {
        return None;
    }
    let start = text.get(..at)?.rfind(": ").map_or(0, |colon| colon.saturating_add(2));
    let reason = text.get(end..)?;
    let reason = reason.split_once(" (").map_or(reason, |(reason, _)| reason);
    Some((text.get(..start)?, text.get(start..end)?, reason))
}

#[cfg(test)]
mod tests {
    use super::Said;

    #[test]
    fn a_loss_is_told_once() {
        let mut said = Said::default();
        let mut once = |text: &str| said.once(text);
        let loss = "MOS object 1 block 2: no copy is right (d3.img: device missing)";
        assert_eq!(once(loss).as_deref(), Some(loss));
        assert_eq!(once("MOS object 1 block 2: no copy is right (d2.img: device missing)"), None);
        assert_eq!(once(&format!("MOS object 1: {loss}")), None);
        let short = "checkpoint: MOS object 1 block 2, as above";
        assert_eq!(once(&format!("checkpoint: {loss}")).as_deref(), Some(short));
        assert_eq!(once(&format!("checkpoint: {loss}")), None);
        let elsewhere = "lab:/a: dataset 54 object 8 block 3: no copy is right";
        assert_eq!(once(elsewhere).as_deref(), Some(elsewhere));
        assert_eq!(once(elsewhere), None);
        let other = "MOS object 1 block 2: encrypted";
        assert_eq!(once(other).as_deref(), Some(other));
        assert_eq!(once("file-1 is missing").as_deref(), Some("file-1 is missing"));
        assert_eq!(once("file-1 is missing"), None);
    }
}
