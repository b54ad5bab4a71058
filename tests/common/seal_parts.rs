//! What an independent writer of encrypted blocks writes: dnodes, records, pointers, and how those are authenticated.

use zfsp_grammar::blkptr::BLKPTR_SIZE;
use zfsp_grammar::input::Order;

use super::image::Random;
use super::seal::{Params, bytes, number, word};

/// A dnode to be written: its size follows from its bonus area.
#[derive(Clone, Debug)]
pub(crate) struct Dnode {
    pub(crate) kind: u8,
    pub(crate) bonustype: u8,
    pub(crate) bonuslen: u16,
    pub(crate) flags: u8,
    pub(crate) numbers: [u64; 6],
    pub(crate) pointers: Vec<Vec<u8>>,
    /// All of its area.
    pub(crate) bonus: Vec<u8>,
    pub(crate) spill: Option<Vec<u8>>,
    pub(crate) slots: usize,
}

/// Types with bonuses that are encrypted: system attributes, old ACL; and one of the new style.
const SECRET: [u8; 3] = [44, 18, 0xa4];
/// Types of the others: a directory and a dataset; and one of the new style.
const CLEAR: [u8; 3] = [12, 16, 0xc4];

impl Dnode {
    /// Of so many slots. Pointers are of blocks of either order.
    pub(crate) fn any(slots: usize, order: Order, random: &mut Random) -> Self {
        let count = random.below(4);
        let spill = (random.below(3) == 0 && (slots > 1 || count < 3)).then(|| any_pointer(order, random));
        let room = slots * 512 - 64 - (count + usize::from(spill.is_some())) * BLKPTR_SIZE;
        let kind = *random.of(&[0, 19, 20, 23, 21]);
        let bonustype = if random.below(2) == 0 { *random.of(&SECRET) } else { *random.of(&CLEAR) };
        let bonuslen = if random.below(4) == 0 { 0 } else { random.below(room + 1) as u16 };
        let numbers = std::array::from_fn(|_| number(Order::Little, &bytes(random, 8)));
        let flags = (random.byte() & !4) | if spill.is_some() { 4 } else { 0 };
        let pointers = (0..count).map(|_| any_pointer(order, random)).collect();
        Self { kind, bonustype, bonuslen, flags, numbers, pointers, bonus: bytes(random, room), spill, slots }
    }

    pub(super) fn is_secret(&self) -> bool {
        self.kind != 0 && self.bonuslen != 0 && SECRET.contains(&self.bonustype)
    }

    pub(super) fn core(&self, order: Order) -> Vec<u8> {
        let two = |n: u16| if order == Order::Little { n.to_le_bytes() } else { n.to_be_bytes() };
        let mut core = vec![self.kind, 17, 1, self.pointers.len() as u8, self.bonustype, 7, 2, self.flags];
        core.extend(two(self.numbers[0] as u16));
        core.extend(two(self.bonuslen));
        core.extend([self.slots as u8 - 1, 1, 2, 3]);
        self.numbers.iter().for_each(|n| core.extend(word(order, *n)));
        core
    }
}

/// A record to be written: behind its type and length 16 bytes of its head are taken as they come.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) kind: u64,
    /// Behind the 32 bytes of its head.
    pub(crate) body: Vec<u8>,
}

impl Record {
    pub(crate) fn any(random: &mut Random) -> Self {
        let kind = *random.of(&[9, 9, 24, 24, 1, 5, 12, 20]);
        let least = match kind {
            9 => 160,
            24 => 40,
            _ => 0,
        };
        let more = *random.of(&[0, 8, 128, 200]);
        Self { kind, body: bytes(random, least + more) }
    }
}

/// What a pointer says of its block.
pub(crate) fn prop(kind: u8, level: u8, is_under_mac: bool, block: Order, random: &mut Random) -> u64 {
    let sizes = number(Order::Little, &bytes(random, 8)) & 0x0000_ff00_7fff_7fff & !(1 << 39);
    let little = u64::from(block == Order::Little) << 63;
    let bits = u64::from(random.below(2) == 0) << 62 | u64::from(is_under_mac) << 61;
    sizes | 2 << 32 | u64::from(kind) << 48 | u64::from(level) << 56 | bits | little
}

/// A pointer in a block of that order to one of that property.
pub(crate) fn pointer(order: Order, prop: u64, params: &Params, random: &mut Random) -> Vec<u8> {
    let own = if prop >> 63 == 1 { Order::Little } else { Order::Big };
    let mut raw = bytes(random, BLKPTR_SIZE);
    let mut put = |at: usize, n: u64| raw[at..at + 8].copy_from_slice(&word(order, n));
    // the first copy is there
    put(0, 8);
    put(32, number(own, &params.salt));
    put(40, number(own, &params.iv));
    put(48, prop);
    let tail: [u8; 4] = params.iv[8..].try_into().unwrap();
    let tail = if own == Order::Little { u32::from_le_bytes(tail) } else { u32::from_be_bytes(tail) };
    put(88, u64::from(tail) << 32 | 1);
    put(112, number(own, &params.mac));
    put(120, number(own, &params.mac[8..]));
    raw
}

/// A pointer that may stand in an encrypted dataset, in a block of that order.
pub(crate) fn any_pointer(order: Order, random: &mut Random) -> Vec<u8> {
    let block = *random.of(&[Order::Little, Order::Big]);
    let mut params = Params::default();
    params.mac.iter_mut().for_each(|byte| *byte = random.byte());
    let (kind, level) = (*random.of(&[19, 20, 21, 10]), *random.of(&[0, 0, 1, 2]));
    match random.below(4) {
        // never written
        0 => vec![0; BLKPTR_SIZE],
        // punched: it has sizes, level and birth
        1 => {
            let prop = prop(kind, level, false, block, random);
            let mut raw = pointer(order, prop, &params, random);
            raw[..16].fill(0);
            raw
        }
        _ => {
            let prop = prop(kind, level, true, block, random);
            pointer(order, prop, &params, random)
        }
    }
}

/// 22.10.
pub(crate) fn form(raw: &[u8], order: Order, version: u64) -> Vec<u8> {
    let prop = number(order, &raw[48..]);
    let is_embedded = prop >> 39 & 1 == 1;
    let is_hole = !is_embedded && raw[..16].iter().all(|byte| *byte == 0);
    let cleared: &[(u32, u32)] = match (version, is_hole, prop >> 56 & 0x1f) {
        (0, _, _) => &[(62, 63), (40, 48), (16, 32)],
        (_, true, _) => &[(0, 64)],
        (_, false, 0) => &[(62, 63), (40, 48)],
        (_, false, _) => &[(62, 63), (40, 48), (63, 64), (32, 39), (16, 32)],
    };
    let masked = (0..64)
        .filter(|bit| !cleared.iter().any(|(from, to)| (from..to).contains(&bit)))
        .fold(0, |word, bit| word | prop & 1 << bit);
    let mut form = masked.to_le_bytes().to_vec();
    let own = if prop >> 63 == 1 { Order::Little } else { Order::Big };
    if is_hole || prop >> 48 & 0xff == 11 {
        form.extend([0; 16]);
    } else {
        form.extend(word(own, number(order, &raw[112..])));
        form.extend(word(own, number(order, &raw[120..])));
    }
    if version == 1 {
        form.extend([0; 8]);
    }
    form
}

/// The bits of a pointer that change its form.
pub(super) fn proven_of(raw: &[u8], order: Order, version: u64) -> Vec<u8> {
    let before = form(raw, order, version);
    let changes = |at: usize, bit: u8| {
        let mut changed = raw.to_vec();
        changed[at] ^= 1 << bit;
        form(&changed, order, version) != before
    };
    (0..raw.len()).map(|at| (0..8).fold(0, |mask, bit| mask | u8::from(changes(at, bit)) << bit)).collect()
}
