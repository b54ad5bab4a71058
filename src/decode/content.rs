//! Which structure the content of an object has: by the type of its dnode, and for new-style types,
//! which tell only the width of words, by the bonus.
//!
//! Handbook: `docs/format/06-dnode-objset.md`, 6.6.

use zfsp_grammar::blkptr::Pointer;
use zfsp_grammar::bonus::Bonus;
use zfsp_grammar::object_type::{ByteSwap, ObjectType};

/// Name of the structure of the level-0 blocks of an object; `None` for what has none: contents of
/// files and volumes, objects whose content means nothing, types that the format does not know.
#[must_use]
pub fn structure(kind: ObjectType, bonus: &Bonus<'_>) -> Option<&'static str> {
    match kind {
        ObjectType::OBJECT_ARRAY | ObjectType::BPOBJ_SUBOBJ => Some("object-array"),
        ObjectType::PACKED_NVLIST | ObjectType::FUID => Some("nvlist"),
        ObjectType::BPOBJ => Some("bpobj"),
        ObjectType::SPACE_MAP => Some("space-map"),
        ObjectType::INTENT_LOG => Some("zil-block"),
        ObjectType::DNODE => Some("dnode"),
        ObjectType::OBJSET => Some("objset"),
        ObjectType::OLDACL => Some("acl-v0"),
        ObjectType::ACL => Some("acl"),
        ObjectType::SPA_HISTORY => Some("history"),
        ObjectType::SA => Some("sa"),
        _ => match kind.byteswap()? {
            ByteSwap::ZAP => Some("zap"),
            ByteSwap::UINT64 if kind.is_new_style() => of_words(bonus),
            ByteSwap::UINT32 if kind.is_new_style() => Some("obsolete-counts"),
            _ => None,
        },
    }
}

/// Names of the structures of bonuses.
pub const BONUSES: [&str; 14] = [
    "fuid-size",
    "bpobj-header",
    "dsl-dir",
    "dsl-dataset",
    "history-header",
    "deadlist-header",
    "space-map-header",
    "sa",
    "znode",
    "bptree-header",
    "indirect-mapping-header",
    "brt-vdev",
    "ddt-log-header",
    "redaction-list-header",
];

/// Name of the structure of a bonus, one of [`BONUSES`]; `None` for what has none.
#[must_use]
pub fn of_bonus(bonus: &Bonus<'_>) -> Option<&'static str> {
    Some(match bonus {
        Bonus::Size(_) => "fuid-size",
        Bonus::Bpobj(_) => "bpobj-header",
        Bonus::DslDir(_) => "dsl-dir",
        Bonus::DslDataset(_) => "dsl-dataset",
        Bonus::History(_) => "history-header",
        Bonus::Deadlist(_) => "deadlist-header",
        Bonus::SpaceMap(_) => "space-map-header",
        Bonus::Sa(_) => "sa",
        Bonus::Znode(_) => "znode",
        Bonus::Bptree(_) => "bptree-header",
        Bonus::Mapping(_) => "indirect-mapping-header",
        Bonus::Brt(_) => "brt-vdev",
        Bonus::DdtLog(_) => "ddt-log-header",
        Bonus::Redaction(_) => "redaction-list-header",
        Bonus::Births(_) | Bonus::Raw(_) => return None,
    })
}

/// Name of the structure of the block that a pointer leads to, as far as the pointer tells: of new-style types the
/// bonus of the dnode would say more.
#[must_use]
pub fn of_pointer(pointer: &Pointer) -> Option<&'static str> {
    match pointer.level() {
        0 => structure(pointer.r#type(), &Bonus::Raw(&[])),
        _ => Some("indirect"),
    }
}

/// Bytes of an object's content that count, where the bonus tells; behind them there is padding, or
/// what was left from before.
#[must_use]
pub fn length(bonus: &Bonus<'_>) -> Option<usize> {
    let bytes = match bonus {
        Bonus::Size(bytes) => bytes.0,
        Bonus::Bpobj(header) => header.num_blkptrs.saturating_mul(128),
        Bonus::SpaceMap(header) => header.length.0,
        Bonus::Bptree(header) => header.end.saturating_mul(168),
        Bonus::Mapping(header) => header.num_entries.saturating_mul(24),
        Bonus::Births(count) => count.saturating_mul(16),
        Bonus::Redaction(header) => header.num_entries.saturating_mul(32),
        Bonus::Brt(header) => header.size.saturating_mul(2),
        _ => return None,
    };
    usize::try_from(bytes).ok()
}

/// Arrays of 64-bit words in new-style objects.
fn of_words(bonus: &Bonus<'_>) -> Option<&'static str> {
    match bonus {
        Bonus::Bptree(_) => Some("bptree"),
        Bonus::Mapping(_) => Some("indirect-mapping"),
        Bonus::Births(_) => Some("indirect-births"),
        Bonus::Brt(_) => Some("brt-counts"),
        Bonus::DdtLog(_) => Some("ddt-log"),
        Bonus::Redaction(_) => Some("redaction-list"),
        // one txg for each metaslab
        Bonus::Raw([]) => Some("object-array"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use zfsp_grammar::catalogue;

    #[test]
    fn bonuses_can_be_decoded_by_name() {
        let unknown = super::BONUSES.iter().filter(|name| catalogue::find(name).is_none());
        assert_eq!(unknown.count(), 0);
    }
}
