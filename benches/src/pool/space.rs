//! Allocation, one block behind the other, and where the bytes go.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use zfsp::checksum::fletcher::fletcher4;
use zfsp::vdev::{Extent, Raidz, Role, Spot};
use zfsp_grammar::algorithms::{Checksum, Compression};
use zfsp_grammar::input::Order;
use zfsp_grammar::label::DATA_AT;
use zfsp_grammar::object_type::ObjectType;

use super::{Shape, TXG, words};

/// The devices, and how much of the vdev is allocated.
pub(super) struct Space {
    pub(super) devices: Vec<File>,
    /// First byte of the vdev that is free.
    pub(super) next: u64,
    ashift: u32,
    raidz: Option<Raidz>,
}

/// A block that is to be stored.
pub(super) struct Block<'b> {
    pub(super) kind: ObjectType,
    pub(super) level: u8,
    /// Blocks, or objects, below.
    pub(super) fill: u64,
    pub(super) bytes: &'b [u8],
    /// It is worth being compressed.
    pub(super) is_packed: bool,
}

impl Space {
    pub(super) fn create(paths: &[PathBuf], shape: Shape, ashift: u32) -> io::Result<Self> {
        let raidz = match shape {
            Shape::Raidz1(n) => Raidz::new(n, 1, ashift.into(), Vec::new(), None).ok(),
            _ => None,
        };
        let devices = paths.iter().map(File::create).collect::<io::Result<_>>()?;
        Ok(Self { devices, next: 0, ashift, raidz })
    }

    /// Stores a block, and returns the pointer to it.
    pub(super) fn put(&mut self, block: &Block<'_>) -> io::Result<[u8; 128]> {
        let lsize = block.bytes.len();
        let unit = 1 << self.ashift;
        let packed = block.is_packed.then(|| packed(block.bytes, unit)).flatten();
        let compression = if packed.is_some() { Compression::LZ4 } else { Compression::OFF };
        let stored = packed.as_deref().unwrap_or(block.bytes);
        let psize = stored.len();
        let asize = match &self.raidz {
            Some(raidz) => raidz.asize(psize as u64, TXG),
            None => psize.next_multiple_of(unit) as u64,
        };
        self.write(stored)?;
        let sum = fletcher4(stored, Order::Little);
        let prop = (lsize as u64 / 512 - 1)
            | (psize as u64 / 512 - 1) << 16
            | u64::from(compression.0) << 32
            | u64::from(Checksum::FLETCHER4.0) << 40
            | u64::from(block.kind.0) << 48
            | u64::from(block.level) << 56
            | 1 << 63;
        let pointer = [asize / 512, self.next / 512, 0, 0, 0, 0, prop, 0, 0, 0, TXG, block.fill];
        self.next += asize;
        let bytes = words(&[&pointer[..], &sum.0].concat());
        Ok(bytes.try_into().unwrap_or([0; 128]))
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let Some(raidz) = &self.raidz else {
            return self.devices.iter().try_for_each(|device| write_at(device, bytes, DATA_AT + self.next));
        };
        let extent = Extent { offset: self.next, size: bytes.len(), birth: TXG };
        let layout = raidz.layout(&extent).map_err(io::Error::other)?;
        let spots: Vec<Spot> = layout.spots().collect();
        let mut parity: Vec<u8> = Vec::new();
        let data = spots.iter().filter(|spot| spot.role == Role::Data);
        for spot in data.clone() {
            let column = &bytes[spot.block_offset..bytes.len().min(spot.block_offset + spot.len)];
            parity.resize(parity.len().max(spot.len), 0);
            parity.iter_mut().zip(column).for_each(|(sum, byte)| *sum ^= byte);
            write_at(&self.devices[spot.child], column, DATA_AT + spot.offset)?;
        }
        let of_parity = spots.iter().filter(|spot| spot.role != Role::Data);
        of_parity.into_iter().try_for_each(|spot| {
            write_at(&self.devices[spot.child], &parity[..spot.len], DATA_AT + spot.offset)
        })
    }
}

pub(super) fn write_at(device: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    device.write_all_at(bytes, at)
}

/// By lz4, if that saves an eighth.
fn packed(bytes: &[u8], unit: usize) -> Option<Vec<u8>> {
    let packed = lz4_flex::block::compress(bytes);
    let mut stored = (packed.len() as u32).to_be_bytes().to_vec();
    stored.extend(packed);
    stored.resize(stored.len().next_multiple_of(unit), 0);
    (stored.len() <= bytes.len() - bytes.len() / 8).then_some(stored)
}
