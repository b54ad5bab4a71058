//! Dnodes of encrypted datasets: in clear, but for the bonuses of types that are encrypted.
//!
//! Handbook: `docs/format/06-dnode-objset.md`, 6.8, and `docs/format/22-encryption.md`.

use zfsp::decode::{self, Decoded};
use zfsp::object::Object;
use zfsp_grammar::blkptr::Pointer;
use zfsp_grammar::catalogue::Structure;
use zfsp_grammar::dnode::SLOT_SIZE;
use zfsp_grammar::input::Order;
use zfsp_grammar::object_type::ObjectType;
use zfsp_grammar::tree::Value;

/// Whether the block that `pointer` leads to is of an encrypted dataset.
pub(crate) fn is_under_mac(pointer: &Pointer) -> bool {
    matches!(pointer, Pointer::Encrypted(_) | Pointer::Authenticated(_))
}

/// Whether `object` holds dnodes of an encrypted dataset whose key was not given.
pub(crate) fn has_sealed_dnodes(object: &Object) -> bool {
    object.r#type == ObjectType::DNODE
        && object.store().key.is_none()
        && object.pointers.iter().any(is_under_mac)
}

/// [`decode::decode`]; where dnodes are sealed, nothing is read into the ciphertext of their bonuses.
pub(crate) fn decode<'b>(
    structure: &Structure,
    bytes: &'b [u8],
    at: usize,
    order: Option<Order>,
    count: usize,
    is_sealed: bool,
) -> Decoded<'b> {
    let sealed = if is_sealed && structure.name == "dnode" { sealed(bytes) } else { Vec::new() };
    if sealed.is_empty() {
        return decode::decode(structure, bytes, at, order, count);
    }
    // read with bonuses of no type, and told what the types are
    let mut opaque = bytes.to_vec();
    for (place, _) in &sealed {
        if let Some(byte) = opaque.get_mut(*place) {
            *byte = 0;
        }
    }
    let Decoded { structure, at, order, mut tree, verified, active, open, .. } =
        decode::decode(structure, &opaque, at, order, count);
    let mut hidden = sealed.iter().peekable();
    let mut is_hidden = false;
    for node in &mut tree.nodes {
        let name = node.name();
        if name == "bonustype" {
            is_hidden = false;
            if let Some((_, kind)) = hidden.next_if(|(place, _)| at.saturating_add(*place) == node.at) {
                is_hidden = true;
                node.value = Value::Symbol(u64::from(kind.0), kind.name());
            }
        } else if name == "bonus" && is_hidden {
            node.value = Value::says("locked: it takes the key to read it");
            node.problem = None;
        } else if name == "slack" && is_hidden {
            // the whole area is encrypted, not only what means something
            node.value = Value::says("locked, like the bonus");
            node.problem = None;
        }
    }
    Decoded { structure, bytes, at, order, tree, verified, active, open }
}

/// Bytes of a dnode that say how it is to be read.
const BONUSTYPE_AT: usize = 4;
const EXTRA_SLOTS_AT: usize = 12;

/// Where the types of encrypted bonuses stand, and what they are.
fn sealed(bytes: &[u8]) -> Vec<(usize, ObjectType)> {
    let mut all = Vec::new();
    let mut start = 0usize;
    while let Some(slot) = bytes.get(start..).filter(|rest| !rest.is_empty()) {
        let byte = |at: usize| slot.get(at).copied().unwrap_or_default();
        let is_free = byte(0) == 0;
        let kind = ObjectType(byte(BONUSTYPE_AT));
        if !is_free && kind.is_encrypted() {
            all.push((start.saturating_add(BONUSTYPE_AT), kind));
        }
        let slots = if is_free { 1 } else { usize::from(byte(EXTRA_SLOTS_AT)).saturating_add(1) };
        start = start.saturating_add(slots.saturating_mul(SLOT_SIZE));
    }
    all
}
