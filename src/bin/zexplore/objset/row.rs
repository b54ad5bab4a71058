//! An object in one row, as `zdb -dd` has it.

use serde::Serialize;
use zfsp::object::Object;
use zfsp_grammar::algorithms::{Checksum, Compression};
use zfsp_grammar::blkptr::Pointer;
use zfsp_grammar::dnode::{DnodeFlags, SLOT_SIZE};

use crate::style::{DIM, plain};

/// What the dnode of an object says of its size and shape.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) dataset: String,
    pub(super) object: i64,
    pub(super) r#type: String,
    pub(super) levels: u8,
    /// Bytes of an indirect block, and of a data block.
    pub(super) iblk: u64,
    pub(super) dblk: u64,
    /// Bytes that all blocks take on the devices, copies and parity included.
    pub(super) dsize: u64,
    /// Bytes of the dnode.
    pub(super) dnsize: usize,
    /// Bytes of all blocks up to the highest, holes included.
    pub(super) lsize: u64,
    pub(super) maxblkid: u64,
    /// Share of the blocks that are no holes; of dnodes, of slots in use.
    pub(super) percent: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bonus: Option<Bonus>,
    /// How its blocks are to be written from now on, if that is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) checksum: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) compress: Option<String>,
    pub(super) flags: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
pub(super) struct Bonus {
    pub(super) r#type: String,
    pub(super) length: u16,
}

/// What stands above the rows.
pub(super) fn head() -> String {
    format!(
        "{DIM}{:>10} {:>3} {:>5} {:>5} {:>6} {:>6} {:>6} {:>7}  {:<27}  bonus{DIM:#}\n",
        "object", "lvl", "iblk", "dblk", "dsize", "dnsize", "lsize", "%full", "type"
    )
}

impl Row {
    pub(super) fn of(dataset: &str, object: &Object) -> Self {
        let (checksum, compress) = object.hints;
        let lsize = object.maxblkid.saturating_add(1).saturating_mul(object.block_size);
        let fill = object.pointers.iter().map(Pointer::fill).fold(0, u64::saturating_add);
        let slot = u64::try_from(SLOT_SIZE).unwrap_or(u64::MAX);
        let unit = if object.at.object == 0 { slot } else { object.block_size };
        Self {
            dataset: dataset.into(),
            object: object.at.object,
            r#type: object.r#type.to_string(),
            levels: object.levels,
            iblk: object.indirect_size(),
            dblk: object.block_size,
            dsize: object.used,
            dnsize: object.dnode_bytes().0.len(),
            lsize,
            maxblkid: object.maxblkid,
            percent: percent(fill.saturating_mul(unit), lsize),
            bonus: (object.bonuslen > 0)
                .then(|| Bonus { r#type: object.bonustype.to_string(), length: object.bonuslen }),
            checksum: (checksum != Checksum::INHERIT).then(|| checksum.to_string()),
            compress: (compress != Compression::INHERIT).then(|| compress.to_string()),
            flags: flags(object.flags),
        }
    }

    pub(super) fn text(&self) -> String {
        let Row { object, levels, iblk, dblk, dsize, dnsize, lsize, percent, .. } = self;
        let hint = |name: &str, hint: &Option<String>| {
            hint.as_ref().map(|hint| format!(" ({name}={hint})")).unwrap_or_default()
        };
        let r#type = plain(&self.r#type);
        let r#type = format!("{type}{}{}", hint("K", &self.checksum), hint("Z", &self.compress));
        let (iblk, dblk, dsize, lsize) = (short(*iblk), short(*dblk), short(sectors(*dsize)), short(*lsize));
        let dnsize = short(u64::try_from(*dnsize).unwrap_or(u64::MAX));
        let bonus = self
            .bonus
            .as_ref()
            .map(|bonus| format!("{} {}", plain(&bonus.r#type), short(bonus.length.into())));
        let line = format!(
            "{object:>10} {levels:>3} {iblk:>5} {dblk:>5} {dsize:>6} {dnsize:>6} {lsize:>6} {percent:>7.2}  {:<27}  {}",
            r#type,
            bonus.unwrap_or_default()
        );
        format!("{}\n", line.trim_end())
    }
}

/// The next whole sector, as zdb counts: of RAID-Z, space is less than what it takes.
fn sectors(bytes: u64) -> u64 {
    bytes.saturating_add(256) & !511
}

fn flags(flags: DnodeFlags) -> Vec<&'static str> {
    let all = [
        (flags.used_bytes(), "used_bytes"),
        (flags.userused_accounted(), "userused_accounted"),
        (flags.spill_blkptr(), "spill_blkptr"),
        (flags.userobjused_accounted(), "userobjused_accounted"),
    ];
    all.into_iter().filter(|(is_set, _)| *is_set).map(|(_, name)| name).collect()
}

/// Hundredths of a percent are exact enough.
#[allow(clippy::arithmetic_side_effects, clippy::as_conversions, clippy::cast_precision_loss)] // of a share
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// `28.5K`, at most five characters, as zdb has it.
#[allow(clippy::arithmetic_side_effects, clippy::as_conversions, clippy::cast_precision_loss)] // of a rounded number
pub(super) fn short(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["", "K", "M", "G", "T", "P", "E"];
    let steps = bytes.checked_ilog2().unwrap_or(0) / 10;
    let unit = UNITS.get(usize::try_from(steps).unwrap_or_default()).copied().unwrap_or_default();
    let scale = 1u64 << (steps * 10);
    if bytes.is_multiple_of(scale) {
        return format!("{}{unit}", bytes / scale);
    }
    let value = bytes as f64 / scale as f64;
    let forms = [2, 1, 0].map(|decimals| format!("{value:.decimals$}{unit}"));
    let fitting = forms.iter().find(|form| form.len() <= 5);
    fitting.or(forms.last()).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn sizes_as_zdb_prints_them() {
        let sizes = [0, 512, 1024, 29184, 131_072, 688_128, 3_135_000, 16 << 20, 1 << 40, 1_048_575];
        let texts = sizes.map(short);
        assert_eq!(texts, ["0", "512", "1K", "28.5K", "128K", "672K", "2.99M", "16M", "1T", "1024K"]);
    }
}
