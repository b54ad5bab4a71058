//! Partitions: where on a disk a pool may lie.
//!
//! ZFS is given whole disks, but on most systems puts a GPT on them and lives in the first partition; a system that
//! boots from its pool has more of them. Labels count from the start of the partition (`docs/format/01-labels.md`
//! 1.1). Linux and macOS write `6a898cc3-1dd2-11b2-99a6-080020736631` as its type, FreeBSD
//! `516e7cba-6ecf-11d6-8ff8-00022d09712b`, but a type proves nothing: a pool is known by its labels alone.
//!
//! Read are GPT (UEFI Specification, chapter 5), with its backup at the end of the disk, and MBR with its logical
//! partitions. The slices of Solaris and FreeBSD inside a partition of an MBR are not.

use std::{collections::HashSet, fmt};

use super::Device;

/// A run of sectors with an entry in the disk's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Counts from 1, as operating systems do.
    pub number: u32,
    /// First byte.
    pub start: u64,
    /// Bytes; of a disk that is cut short, what it should be.
    pub len: u64,
    /// What the table says it is for.
    pub kind: PartitionType,
    /// Name in a GPT, often empty.
    pub name: String,
}

/// What a partition is said to be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionType {
    /// GUID, as it is stored: the first three groups little-endian
    Gpt([u8; 16]),
    /// type of an MBR
    Mbr(u8),
}

impl Device {
    /// The partitions that its table names, in the order of the table; none where there is no table.
    ///
    /// A damaged GPT is replaced by its backup; where that is damaged as well, the entries of both are taken without
    /// regard to checksums, for a label proves itself. Partitions may overlap.
    #[must_use]
    pub fn partitions(&self) -> Vec<Partition> {
        let headers = SECTORS.into_iter().flat_map(|sector| {
            let last = self.len().checked_div(sector).unwrap_or_default().saturating_sub(1);
            [(sector, 1), (sector, last)]
        });
        if let Some(all) = headers.clone().find_map(|(sector, lba)| gpt(self, sector, lba, true)) {
            return all;
        }
        let mut places = HashSet::new();
        let mut all: Vec<Partition> =
            headers.filter_map(|(sector, lba)| gpt(self, sector, lba, false)).flatten().collect();
        all.retain(|partition| places.insert((partition.start, partition.len)));
        if !all.is_empty() {
            return all;
        }
        mbr(self)
    }

    /// The partition as a device of its own.
    #[must_use]
    pub fn part(&self, partition: &Partition) -> Self {
        let name = format!("{} partition {}", self.name, partition.number).into();
        let start = self.start.saturating_add(partition.start);
        Self { name, source: self.source.clone(), start, len: partition.len }
    }
}

/// Bytes of a sector on the disks that there are.
const SECTORS: [u64; 2] = [512, 4096];

/// Bytes of a table that are read: 16 KiB, or 128 entries, is the rule, and each entry costs a search for labels.
const MAX_TABLE: usize = 128 << 10;

/// Bytes of an entry: as few as the standard has, as many as make sense.
const ENTRY: std::ops::RangeInclusive<usize> = 128..=4096;

/// Bytes of a GPT header that have a meaning.
const HEADER: usize = 92;

/// The GPT whose header is the sector `lba`; only an undamaged one if `checked`.
fn gpt(disk: &Device, sector: u64, lba: u64, checked: bool) -> Option<Vec<Partition>> {
    let header = disk.read_vec(lba.checked_mul(sector)?, usize::try_from(sector).ok()?).ok()?;
    if header.get(..8)? != b"EFI PART" {
        return None;
    }
    if checked {
        let len = usize::try_from(u32_at(&header, 12)?).ok().filter(|len| *len >= HEADER)?;
        let mut summed = header.get(..len)?.to_vec();
        summed.get_mut(16..20)?.fill(0);
        if u32_at(&header, 16)? != crc32fast::hash(&summed) || u64_at(&header, 24)? != lba {
            return None;
        }
    }
    let size = usize::try_from(u32_at(&header, 84)?).ok().filter(|size| ENTRY.contains(size))?;
    let count = usize::try_from(u32_at(&header, 80)?).ok()?.min(MAX_TABLE.checked_div(size)?);
    let table = disk.read(u64_at(&header, 72)?.checked_mul(sector)?, count.checked_mul(size)?).ok()?;
    if checked && u32_at(&header, 88)? != crc32fast::hash(&table) {
        return None;
    }
    let all = (1..).zip(table.chunks_exact(size)).filter_map(|(number, entry)| {
        let kind: [u8; 16] = *entry.first_chunk()?;
        let first = u64_at(entry, 32)?;
        let sectors = u64_at(entry, 40)?.checked_sub(first)?.checked_add(1)?;
        let units = entry.get(56..128)?.chunks_exact(2).filter_map(|pair| u16_at(pair, 0));
        let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
        let partition = Partition {
            number,
            start: first.checked_mul(sector)?,
            len: sectors.checked_mul(sector)?,
            kind: PartitionType::Gpt(kind),
            name: String::from_utf16_lossy(&units),
        };
        (kind != [0; 16] && partition.is_on(disk)).then_some(partition)
    });
    let all: Vec<Partition> = all.collect();
    Some(all)
}

/// Sectors of an MBR, whatever those of its disk.
const SECTOR: u64 = 512;

/// Logical partitions that are followed: each stands in a table of its own, which names the next.
const MAX_LOGICAL: u32 = 128;

fn mbr(disk: &Device) -> Vec<Partition> {
    let mut all = Vec::new();
    let Some(table) = mbr_table(disk, 0) else {
        return all;
    };
    for (number, entry) in (1..).zip(table) {
        if entry.is_extended() {
            logical(disk, entry.first, &mut all);
        } else {
            all.extend(entry.partition(number, 0).filter(|partition| partition.is_on(disk)));
        }
    }
    all.sort_by_key(|partition| partition.number);
    all
}

/// Follows the chain of tables in the extended partition that starts at sector `extended`.
fn logical(disk: &Device, extended: u64, all: &mut Vec<Partition>) {
    let mut at = extended;
    for number in (5..).take(usize::try_from(MAX_LOGICAL).unwrap_or_default()) {
        let Some([entry, next, ..]) = mbr_table(disk, at) else {
            return;
        };
        all.extend(entry.partition(number, at).filter(|partition| partition.is_on(disk)));
        if !next.is_extended() || next.first == 0 {
            return;
        }
        at = extended.saturating_add(next.first);
    }
}

/// One of the four entries of an MBR, in sectors.
#[derive(Clone, Copy)]
struct Entry {
    kind: u8,
    first: u64,
    count: u64,
}

/// `None` for what is no MBR: a boot sector has the same signature, but code in place of entries.
fn mbr_table(disk: &Device, lba: u64) -> Option<[Entry; 4]> {
    let sector = disk.read_vec(lba.checked_mul(SECTOR)?, 512).ok()?;
    if sector.get(510..)? != [0x55, 0xaa] {
        return None;
    }
    let mut table = [Entry { kind: 0, first: 0, count: 0 }; 4];
    for (entry, bytes) in table.iter_mut().zip(sector.get(446..510)?.chunks_exact(16)) {
        let [status, _, _, _, kind, ..] = *bytes else { return None };
        if status & 0x7f != 0 {
            return None;
        }
        *entry = Entry { kind, first: u32_at(bytes, 8)?.into(), count: u32_at(bytes, 12)?.into() };
    }
    Some(table)
}

impl Entry {
    fn is_extended(self) -> bool {
        matches!(self.kind, 0x05 | 0x0f | 0x85)
    }

    /// `None` where it is unused, or stands for a GPT.
    fn partition(self, number: u32, base: u64) -> Option<Partition> {
        let is_used =
            !matches!(self.kind, 0 | 0xee) && !self.is_extended() && self.first > 0 && self.count > 0;
        is_used.then(|| Partition {
            number,
            start: base.saturating_add(self.first).saturating_mul(SECTOR),
            len: self.count.saturating_mul(SECTOR),
            kind: PartitionType::Mbr(self.kind),
            name: String::new(),
        })
    }
}

impl Partition {
    /// Whether anything of it is there.
    fn is_on(&self, disk: &Device) -> bool {
        self.start < disk.reach()
    }
}

/// The GUID as it is written, or the number: `6a898cc3-1dd2-11b2-99a6-080020736631`, `0xbf`.
impl fmt::Display for PartitionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Mbr(kind) => write!(f, "{kind:#04x}"),
            Self::Gpt([a0, a1, a2, a3, b0, b1, c0, c1, d0, d1, rest @ ..]) => {
                let a = u32::from_le_bytes([a0, a1, a2, a3]);
                let (b, c) = (u16::from_le_bytes([b0, b1]), u16::from_le_bytes([c0, c1]));
                let d = u16::from_be_bytes([d0, d1]);
                write!(f, "{a:08x}-{b:04x}-{c:04x}-{d:04x}-")?;
                rest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)] // of small numbers

    use super::*;
    use proptest::prelude::*;

    /// `6a898cc3-1dd2-11b2-99a6-080020736631`
    const ZFS: [u8; 16] =
        [0xc3, 0x8c, 0x89, 0x6a, 0xd2, 0x1d, 0xb2, 0x11, 0x99, 0xa6, 0x08, 0x00, 0x20, 0x73, 0x66, 0x31];

    fn put(disk: &mut [u8], at: usize, bytes: &[u8]) {
        disk[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn entry(kind: [u8; 16], first: u64, last: u64, name: &str) -> Vec<u8> {
        let mut entry = vec![0; 128];
        put(&mut entry, 0, &kind);
        put(&mut entry, 32, &first.to_le_bytes());
        put(&mut entry, 40, &last.to_le_bytes());
        for (i, unit) in name.encode_utf16().enumerate() {
            put(&mut entry, 56 + 2 * i, &unit.to_le_bytes());
        }
        entry
    }

    /// Header at `lba`, its table of 128 entries at `table_lba`.
    fn put_gpt(disk: &mut [u8], sector: usize, lba: usize, table_lba: usize, entries: &[Vec<u8>]) {
        let mut table = entries.concat();
        table.resize(128 * 128, 0);
        put(disk, table_lba * sector, &table);
        let header = &mut disk[lba * sector..][..sector];
        put(header, 0, b"EFI PART\0\0\x01\0");
        put(header, 12, &92_u32.to_le_bytes());
        put(header, 24, &u64::try_from(lba).unwrap().to_le_bytes());
        put(header, 72, &u64::try_from(table_lba).unwrap().to_le_bytes());
        put(header, 80, &128_u32.to_le_bytes());
        put(header, 84, &128_u32.to_le_bytes());
        put(header, 88, &crc32fast::hash(&table).to_le_bytes());
        seal(header);
    }

    fn seal(header: &mut [u8]) {
        put(header, 16, &[0; 4]);
        let sum = crc32fast::hash(&header[..92]);
        put(header, 16, &sum.to_le_bytes());
    }

    const SECTORS_OF_DISK: usize = 256;

    /// A protective MBR, a GPT with a pool in sectors 100 to 163 and its backup.
    fn disk(sector: usize) -> Vec<u8> {
        let mut disk = vec![0; SECTORS_OF_DISK * sector];
        put(&mut disk, 446, &[0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0, 255, 0, 0, 0]);
        put(&mut disk, 510, &[0x55, 0xaa]);
        let entries = [vec![0; 128], entry(ZFS, 100, 163, "zfs-1")];
        put_gpt(&mut disk, sector, 1, 2, &entries);
        put_gpt(&mut disk, sector, SECTORS_OF_DISK - 1, SECTORS_OF_DISK - 34, &entries);
        put(&mut disk, 100 * sector, b"the pool");
        disk
    }

    fn device(bytes: &[u8]) -> Device {
        Device::from_reader("disk.img", bytes).unwrap()
    }

    fn finds_the_pool(bytes: &[u8], sector: usize) {
        let disk = device(bytes);
        let sector = u64::try_from(sector).unwrap();
        let kind = PartitionType::Gpt(ZFS);
        let (start, len) = (100 * sector, 64 * sector);
        let expected = Partition { number: 2, start, len, kind, name: "zfs-1".into() };
        assert_eq!(disk.partitions(), std::slice::from_ref(&expected));
        assert_eq!(kind.to_string(), "6a898cc3-1dd2-11b2-99a6-080020736631");
        let pool = disk.part(&expected);
        assert_eq!((pool.name(), pool.len()), ("disk.img partition 2", len));
        assert_eq!(pool.read(0, 8).unwrap(), b"the pool");
        assert_eq!(pool.read(len - 2, 8).unwrap(), [0, 0], "it ends there");
        assert!(pool.read_vec(len - 2, 8).is_err());
    }

    #[test]
    fn a_pool_in_a_partition_is_found() {
        for sector in [512, 4096] {
            finds_the_pool(&disk(sector), sector);
        }
    }

    #[test]
    fn damage_to_a_table_costs_nothing() {
        for sector in [512, 4096] {
            let damage: [&[usize]; 5] = [
                &[sector],                                      // the header
                &[sector + 20],                                 // a byte of it
                &[2 * sector + 128],                            // the table: the type
                &[2 * sector + 128 + 33, sector * 255 + 17], // the table: the place, and the checksum of the backup
                &[(SECTORS_OF_DISK - 1) * sector, sector + 16], // the backup, and the checksum of the primary
            ];
            for (case, places) in damage.iter().enumerate() {
                let mut bytes = disk(sector);
                for at in *places {
                    bytes[*at] ^= 0x10;
                }
                if case == 3 {
                    // neither is sound: both are tried, and one of them leads off the disk
                    let all = device(&bytes).partitions();
                    assert_eq!(all.len(), 1, "{all:?}");
                    assert_eq!(all[0].start, u64::try_from(100 * sector).unwrap());
                } else {
                    finds_the_pool(&bytes, sector);
                }
            }
        }
    }

    #[test]
    fn a_disk_that_is_cut_short_has_partitions_of_full_length() {
        let bytes = disk(512);
        let disk = device(&bytes[..120 * 512]);
        let [partition] = &disk.partitions()[..] else { panic!("{:?}", disk.partitions()) };
        let pool = disk.part(partition);
        assert_eq!(pool.len(), 64 * 512);
        assert_eq!(pool.read(0, usize::MAX).unwrap().len(), 20 * 512);
        let error = pool.read_vec(20 * 512, 1).unwrap_err().to_string();
        assert_eq!(
            error,
            "disk.img partition 2 at 0x2800: 0x1 bytes leave the device of 0x2800 bytes, which is cut short"
        );
        assert!(device(&bytes[..100 * 512]).partitions().is_empty());
    }

    #[test]
    fn hostile_tables_are_bounded() {
        let max = u64::MAX;
        let entries = [
            entry(ZFS, max, max, ""),
            entry(ZFS, 0, max, ""),
            entry(ZFS, 9, 8, ""),
            entry(ZFS, 1 << 40, max, ""),
        ];
        let mut bytes = disk(512);
        put_gpt(&mut bytes, 512, 1, 2, &entries);
        assert!(device(&bytes).partitions().is_empty());
        let overlapping = [entry(ZFS, 5, 9, ""), entry(ZFS, 5, 9, ""), entry(ZFS, 1, 200, "")];
        put_gpt(&mut bytes, 512, 1, 2, &overlapping);
        assert_eq!(device(&bytes).partitions().len(), 3);
        for (count, size) in [(u32::MAX, 128), (u32::MAX, u32::MAX), (1, 0), (0, 128), (128, 127)] {
            let mut bytes = bytes[..512 * 200].to_vec();
            let header = &mut bytes[512..1024];
            put(header, 80, &count.to_le_bytes());
            put(header, 84, &size.to_le_bytes());
            seal(header);
            assert!(device(&bytes).partitions().len() <= 2 * 1024, "{count} of {size}");
        }
    }

    #[test]
    fn an_mbr_and_its_logical_partitions_are_read() {
        let mut bytes = vec![0; 512 * 300];
        let entry =
            |kind: u8, first: u8, count: u8| [0x80, 0, 0, 0, kind, 0, 0, 0, first, 0, 0, 0, count, 0, 0, 0];
        let mut table = |lba: usize, entries: &[[u8; 16]]| {
            put(&mut bytes, 512 * lba + 446, &entries.concat());
            put(&mut bytes, 512 * lba + 510, &[0x55, 0xaa]);
        };
        table(0, &[entry(0xbf, 2, 8), entry(0x05, 100, 100), entry(0, 1, 1), entry(0x83, 10, 5)]);
        table(100, &[entry(0x83, 2, 8), entry(0x05, 20, 20)]);
        // the chain bites its tail
        table(120, &[entry(0x83, 3, 7), entry(0x05, 20, 20)]);
        let all = device(&bytes).partitions();
        let places: Vec<_> = all.iter().map(|p| (p.number, p.start / 512, p.len / 512)).collect();
        assert_eq!(places[..4], [(1, 2, 8), (4, 10, 5), (5, 102, 8), (6, 123, 7)]);
        assert!(places.len() < 200);
        assert_eq!(all[0].kind.to_string(), "0xbf");
        bytes[446] = 0x31;
        assert!(device(&bytes).partitions().is_empty(), "code of a boot sector");
    }

    proptest! {
        #[test]
        fn nothing_panics(
            changes in proptest::collection::vec((0_usize..4 * 512, any::<u8>()), 1..40),
            noise in proptest::collection::vec(any::<u8>(), 0..2048),
            sealed: bool,
        ) {
            let mut bytes = disk(512);
            for (at, byte) in changes {
                bytes[at] = byte;
            }
            put(&mut bytes, 512, b"EFI PART");
            if sealed {
                seal(&mut bytes[512..1024]);
            }
            for bytes in [bytes, noise] {
                let disk = device(&bytes);
                for partition in disk.partitions() {
                    let part = disk.part(&partition);
                    prop_assert!(part.read(0, usize::MAX).unwrap().len() <= bytes.len());
                    let _ = part.partitions();
                }
            }
        }
    }
}
