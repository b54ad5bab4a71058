//! Forged pools with encrypted datasets: whoever has no key can still alter blocks and mend every checksum.

use sha2::{Digest, Sha512};
use zfsp::checksum::fletcher::fletcher4;
use zfsp::object::Object;
use zfsp_grammar::blkptr::{BLKPTR_SIZE, Pointer};
use zfsp_grammar::input::Order;
use zfsp_grammar::label::DATA_AT;
use zfsp_grammar::object_type::ObjectType;

use super::forge::{DNODE_HEAD, FLETCHER4, Forge, Raw, parsed, set_word};
use super::seal_parts::form;

const ENCRYPTED: u64 = 1 << 61;
const PROP_AT: usize = 48;
const CKSUM_AT: usize = 96;

pub(crate) fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// The bit that says that a block is under a MAC.
pub(crate) fn is_under_mac(raw: &Raw) -> bool {
    word(raw, PROP_AT) & ENCRYPTED != 0
}

/// Takes that bit away: the checksum is now whole.
pub(crate) fn declare_clear(raw: &mut Raw, stored: &[u8]) {
    let prop = word(raw, PROP_AT) & !ENCRYPTED;
    set_word(raw, PROP_AT, prop);
    seal(raw, stored);
}

/// Makes the checksum that of these bytes.
fn seal(raw: &mut Raw, stored: &[u8]) {
    let [a, b, c, d] = fletcher4(stored, Order::Little).0;
    let is_objset = raw[PROP_AT + 6] == ObjectType::OBJSET.0;
    let kept = if is_under_mac(raw) && !is_objset { vec![a ^ c, b ^ d] } else { vec![a, b, c, d] };
    for (n, word) in kept.into_iter().enumerate() {
        set_word(raw, CKSUM_AT + n * 8, word);
    }
}

impl Forge {
    /// Stores a block in the place of another; returns a pointer to it. Under a MAC nothing is changed that is
    /// authenticated.
    pub(crate) fn stored_like(&mut self, old: &Raw, bytes: &[u8], kind: u8, level: u8) -> Raw {
        if is_under_mac(old) { self.moved(old, bytes) } else { self.store(bytes, kind, level) }
    }

    /// Stores a block as it is on the device in the place of another; returns the pointer of that, led to there.
    pub(crate) fn moved(&mut self, old: &Raw, stored: &[u8]) -> Raw {
        let at = self.put(stored);
        let mut raw = *old;
        let sectors = stored.len() as u64 / 512;
        for (n, word) in [(0, sectors), (1, at / 512), (2, 0), (3, 0), (9, 0)] {
            set_word(&mut raw, n * 8, word);
        }
        // one copy; what would be a third one may be salt and IV
        if !matches!(parsed(old), Pointer::Encrypted(_)) {
            raw[32..48].fill(0);
        }
        set_word(&mut raw, 80, self.pool.uberblock.txg.0);
        let mut prop = word(old, PROP_AT) & !(0xff << 40) | FLETCHER4 << 40;
        if sectors - 1 != prop >> 16 & 0xffff {
            // not compressed: of a block above level 0 that is not authenticated
            prop = prop & !(0x7f_ffff << 16) | (sectors - 1) << 16 | 2 << 32;
        }
        set_word(&mut raw, PROP_AT, prop);
        seal(&mut raw, stored);
        raw
    }

    /// Changes a block of an object and the pointer to it: data as they are stored, pointers as they are read.
    pub(crate) fn block(
        &mut self,
        objset: u64,
        number: u64,
        level: u8,
        blkid: u64,
        change: impl FnOnce(&mut Raw, &mut Vec<u8>),
    ) {
        let object = self.object(objset, number);
        let old = self.raw(&object, level, blkid);
        let mut bytes = match level {
            0 => object.store().stored(&parsed(&old)).unwrap().bytes,
            _ => object.store().read(&parsed(&old)).unwrap().bytes,
        };
        let mut raw = old;
        change(&mut raw, &mut bytes);
        let pointer = self.moved(&raw, &bytes);
        self.point(objset, number, level, blkid, pointer);
    }

    /// Puts another pointer in the place of that to a block of an object.
    pub(crate) fn point(&mut self, objset: u64, number: u64, level: u8, blkid: u64, pointer: Raw) {
        let object = self.object(objset, number);
        let mut dnode = object.dnode_bytes().0.to_vec();
        self.replace(&object, &mut dnode, level, blkid, pointer);
        let put = |place: &mut [u8]| place[..dnode.len()].copy_from_slice(&dnode);
        match number {
            0 => self.objset(objset, put),
            _ => self.dnode(objset, number, put),
        }
    }

    /// Changes the spill block of an object, as it is stored, and the pointer to it.
    pub(crate) fn spill(&mut self, objset: u64, number: u64, change: impl FnOnce(&mut Raw, &mut Vec<u8>)) {
        let object = self.object(objset, number);
        let dnode = object.dnode_bytes().0;
        let place = dnode.len() - BLKPTR_SIZE..dnode.len();
        let mut raw: Raw = dnode[place.clone()].try_into().unwrap();
        let mut bytes = object.store().stored(&parsed(&raw)).unwrap().bytes;
        change(&mut raw, &mut bytes);
        let pointer = self.moved(&raw, &bytes);
        self.dnode(objset, number, |dnode| dnode[place].copy_from_slice(&pointer));
    }

    /// Takes away the bit that says that the object set of a dataset is under a MAC.
    pub(crate) fn clear_root(&mut self, objset: u64) {
        let stored = self.pool.objset(objset).unwrap().block().bytes.clone();
        let txg = self.pool.uberblock.txg.0;
        self.dnode(0, objset, |dnode| {
            let place = &mut dnode[DNODE_HEAD + BLKPTR_SIZE + 128..][..BLKPTR_SIZE];
            let mut raw: Raw = (&*place).try_into().unwrap();
            let prop = word(&raw, PROP_AT) & !(0xff << 40) | FLETCHER4 << 40;
            set_word(&mut raw, PROP_AT, prop);
            set_word(&mut raw, 80, txg);
            declare_clear(&mut raw, &stored);
            place.copy_from_slice(&raw);
        });
    }

    /// An object; 0 is the meta dnode.
    pub(crate) fn object(&self, objset: u64, number: u64) -> Object {
        let set = self.pool.objset(objset).unwrap();
        if number == 0 { set.meta_dnode.clone() } else { set.object(number).unwrap() }
    }

    /// Changes a copy of a block where it lies, so that its checksum is what it was: fletcher4 does not see the fourth
    /// differences of a cubic polynomial. Returns its first byte that is changed.
    pub(crate) fn collide(&self, raw: &Raw, copy: usize, from: usize) -> usize {
        let at = word(raw, copy * 16 + 8) * 512;
        let len = ((word(raw, PROP_AT) >> 16 & 0xffff) as usize + 1) * 512;
        let device = self.saved.devices().remove(0);
        let mut stored = device.read(DATA_AT + at, len).unwrap();
        let whole = fletcher4(&stored, Order::Little);
        let place = (from..).step_by(4).find(|place| shift(&mut stored[*place..place + 20])).unwrap();
        assert_eq!(fletcher4(&stored, Order::Little), whole);
        self.rewrite(at, &stored);
        place
    }
}

/// Adds 1, -4, 6, -4, 1 to five words, if none of them overflows.
fn shift(words: &mut [u8]) -> bool {
    let numbers: Vec<u32> =
        words.chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect();
    let shifted: Option<Vec<u32>> =
        numbers.iter().zip([1, -4, 6, -4, 1]).map(|(word, by)| word.checked_add_signed(by)).collect();
    let Some(shifted) = shifted else { return false };
    words.chunks_mut(4).zip(shifted).for_each(|(word, by)| word.copy_from_slice(&by.to_le_bytes()));
    true
}

/// The MAC of a block of pointers, which anybody can make.
pub(crate) fn indirect_mac(block: &[u8]) -> [u8; 16] {
    let forms: Vec<u8> = block.chunks(BLKPTR_SIZE).flat_map(|raw| form(raw, Order::Little, 1)).collect();
    Sha512::digest(forms)[..16].try_into().unwrap()
}
