//! What the labels of a device say.
//!
//! A label counts only where it lies: its checksum knows the place. Handbook: `docs/format/01-labels.md`, 1.2 to 1.4.

use std::fmt;

use zfsp_grammar::config::PoolState;
use zfsp_grammar::eck::ECK_SIZE;
use zfsp_grammar::input::{Input, Order, Parse, fault};
use zfsp_grammar::label::{self, LABEL_SIZE, RING_AT, RING_SIZE, VDEV_PHYS_AT, VDEV_PHYS_SIZE};
use zfsp_grammar::nvlist::{List, Packed};
use zfsp_grammar::uberblock::{SLOT_SIZES, UBERBLOCK_MAGIC, Uberblock, slot_size};

use crate::checksum::embedded::Piece;
use crate::device::Device;
use crate::vdev::config::VdevConfig;

/// A device with labels of ZFS.
#[derive(Clone, Debug)]
pub struct Member {
    /// Where its bytes are.
    pub device: Device,
    /// Its four labels, in the order of their places.
    pub labels: [LabelCopy; 4],
}

/// One of the four labels of a device.
#[derive(Clone, Debug)]
pub struct LabelCopy {
    /// Bytes from the start of the device; `None` if the device is too short to have it.
    pub at: Option<u64>,
    /// What it says of pool and vdevs, or why nothing.
    pub config: Result<LabelConfig, String>,
    /// Bytes of a slot of its ring.
    pub slot_size: usize,
    /// What is in its ring, slot by slot.
    pub ring: Vec<RingSlot>,
}

/// A slot of the ring of uberblocks.
#[derive(Clone, Debug)]
pub struct RingSlot {
    /// Its number.
    pub number: usize,
    /// Bytes from the start of the device.
    pub at: u64,
    /// What is in it.
    pub content: SlotContent,
}

/// What is in a slot of the ring.
#[derive(Clone, Debug)]
pub enum SlotContent {
    /// Nothing that counts: zeros, or what labelling the device wrote.
    Empty,
    /// An uberblock, proven by its checksum.
    Valid(Box<Uberblock>),
    /// Something that looks like an uberblock, and why it does not count.
    Invalid(Option<Box<Uberblock>>, String),
}

/// The configuration in a label.
#[derive(Clone, Debug, Default)]
pub struct LabelConfig {
    /// Name of the pool: a hint.
    pub name: Option<String>,
    /// Identity of the pool; spares and cache devices do not have it.
    pub pool_guid: Option<u64>,
    /// Of the pool, when this was written.
    pub state: u64,
    /// In which this was written; 0: never part of a pool.
    pub txg: u64,
    /// Format version of the pool.
    pub version: u64,
    /// Identity of the device.
    pub guid: u64,
    /// Identity of the top-level vdev that it belongs to.
    pub top_guid: u64,
    /// Number of top-level vdevs, with holes and missing ones.
    pub vdev_children: Option<u64>,
    /// Numbers of top-level vdevs that are holes.
    pub holes: Vec<u64>,
    /// Host that last had the pool open.
    pub hostname: Option<String>,
    /// Features that must be known to read the MOS.
    pub features_for_read: Vec<String>,
    /// The top-level vdev that the device belongs to, with all below.
    pub vdev_tree: Option<VdevConfig>,
    /// log2 of the sector size.
    pub ashift: Option<u64>,
    /// Known damage by bugs of former releases.
    pub errata: Option<u64>,
}

impl Member {
    /// Reads the labels of a device; `None` if it has none, not even one that is damaged.
    #[must_use]
    pub fn read(device: Device) -> Option<Self> {
        let labels = LabelCopy::all(&device);
        labels.iter().any(LabelCopy::is_something).then(|| Self { device, labels })
    }

    /// The configuration to go by: of the pool that most labels name, the newest one. A device may still have labels
    /// of a pool that it was part of before.
    #[must_use]
    pub fn config(&self) -> Option<&LabelConfig> {
        let votes = |config: &LabelConfig| self.configs().filter(|c| c.pool_guid == config.pool_guid).count();
        self.configs().max_by_key(|config| (votes(config), config.txg))
    }

    /// All configurations whose checksum holds.
    pub fn configs(&self) -> impl Iterator<Item = &LabelConfig> {
        self.labels.iter().filter_map(|label| label.config.as_ref().ok())
    }

    /// Every uberblock whose checksum holds; not those of labels that name another pool than most do.
    pub fn uberblocks(&self) -> impl Iterator<Item = &Uberblock> {
        let pool = self.config().map(|config| config.pool_guid);
        let names_another = move |label: &&LabelCopy| {
            label.config.as_ref().is_ok_and(|config| pool.is_some_and(|pool| config.pool_guid != pool))
        };
        let slots =
            self.labels.iter().filter(move |label| !names_another(label)).flat_map(|label| &label.ring);
        slots.filter_map(|slot| match &slot.content {
            SlotContent::Valid(uberblock) => Some(&**uberblock),
            _ => None,
        })
    }
}

impl LabelCopy {
    /// The four of a device, whatever is there.
    #[must_use]
    pub fn all(device: &Device) -> [Self; 4] {
        label::places(device.len()).map(|at| Self::read(device, at))
    }

    fn read(device: &Device, at: Option<u64>) -> Self {
        let bytes = match at.map(|at| device.read_vec(at, LABEL_SIZE)) {
            Some(Ok(bytes)) => bytes,
            Some(Err(error)) => return Self::none(at, error.reason()),
            None => return Self::none(at, "the device is too short to have it".into()),
        };
        let start = at.unwrap_or_default();
        let config = LabelConfig::read(&bytes, start);
        let ring_at = start.saturating_add(offset(RING_AT));
        let ring = bytes.get(RING_AT..).and_then(|rest| rest.get(..RING_SIZE)).unwrap_or_default();
        let ashift = config.as_ref().ok().and_then(|config| config.ashift);
        // a slot has the size that the ashift says; where the configuration is lost, that is guessed
        let slot_size = ashift.map_or_else(|| guess(ring, ring_at), slot_size);
        Self { at, config, slot_size, ring: slots(ring, ring_at, slot_size) }
    }

    fn none(at: Option<u64>, why: String) -> Self {
        Self { at, config: Err(why), slot_size: 1024, ring: Vec::new() }
    }

    /// True if anything in it was written by ZFS.
    fn is_something(&self) -> bool {
        self.config.is_ok() || self.ring.iter().any(|slot| matches!(slot.content, SlotContent::Valid(_)))
    }
}

impl LabelConfig {
    /// Of the label `bytes` at `start`.
    fn read(bytes: &[u8], start: u64) -> Result<Self, String> {
        let part = bytes.get(VDEV_PHYS_AT..).and_then(|rest| rest.get(..VDEV_PHYS_SIZE)).unwrap_or_default();
        let at = start.saturating_add(offset(VDEV_PHYS_AT));
        match Piece::ending(part) {
            None if part.iter().all(|byte| *byte == 0) => return Err("zeros".into()),
            None => return Err("no label: the magic of its checksum is missing".into()),
            Some(piece) if piece.belongs_at(at) => {}
            Some(_) => return Err("its checksum is wrong".into()),
        }
        let list = part.get(..part.len().saturating_sub(ECK_SIZE)).unwrap_or_default();
        let (_, packed) = Packed::parse(Input::new(list, Order::Big))
            .map_err(|error| format!("configuration: {}", fault(error)))?;
        let config = Self::of(&packed.list);
        match config.state {
            state if state > PoolState::L2CACHE.0 => Err(format!("no pool has state {state}")),
            _ => Ok(config),
        }
    }

    /// What the list says.
    #[must_use]
    pub fn of(list: &List<'_>) -> Self {
        let text = |key| list.text(key).map(|text| String::from_utf8_lossy(text.0).into_owned());
        let vdev_tree = list.list("vdev_tree").map(VdevConfig::of);
        let features = list.list("features_for_read").map(List::pairs).unwrap_or_default();
        Self {
            name: text("name"),
            pool_guid: list.number("pool_guid"),
            state: list.number("state").unwrap_or_default(),
            txg: list.number("txg").unwrap_or_default(),
            version: list.number("version").unwrap_or(1),
            guid: list.number("guid").unwrap_or_default(),
            top_guid: list.number("top_guid").unwrap_or_default(),
            vdev_children: list.number("vdev_children"),
            holes: list.numbers("hole_array").to_vec(),
            hostname: text("hostname"),
            features_for_read: features.iter().map(|pair| pair.name().to_string()).collect(),
            ashift: list.number("ashift").or_else(|| vdev_tree.as_ref()?.ashift),
            errata: list.number("errata"),
            vdev_tree,
        }
    }

    /// State in words.
    #[must_use]
    pub fn state(&self) -> PoolState {
        PoolState(self.state)
    }

    /// True if the device holds data of a pool: no unused spare, no cache, and not only initialised.
    #[must_use]
    pub fn is_of_pool(&self) -> bool {
        self.state <= PoolState::DESTROYED.0
            && self.pool_guid.is_some()
            && self.vdev_tree.is_some()
            && self.txg > 0
    }
}

/// The slot size with which most slots prove themselves.
fn guess(ring: &[u8], ring_at: u64) -> usize {
    let proven = |size: &usize| {
        let slots = slots(ring, ring_at, *size).into_iter();
        slots.filter(|slot| matches!(slot.content, SlotContent::Valid(_))).count()
    };
    // the smallest of equal ones: `max_by_key` takes the last
    SLOT_SIZES.into_iter().rev().max_by_key(proven).unwrap_or(1024)
}

fn slots(ring: &[u8], ring_at: u64, size: usize) -> Vec<RingSlot> {
    let slots = ring.chunks_exact(size).enumerate();
    slots
        .map(|(number, bytes)| {
            RingSlot::read(number, bytes, ring_at.saturating_add(offset(number.saturating_mul(size))))
        })
        .collect()
}

impl RingSlot {
    fn read(number: usize, bytes: &[u8], at: u64) -> Self {
        Self { number, at, content: content(bytes, at) }
    }
}

fn content(bytes: &[u8], at: u64) -> SlotContent {
    let magic = bytes.first_chunk().map(|word| (u64::from_le_bytes(*word), u64::from_be_bytes(*word)));
    let has_magic = magic.is_some_and(|(little, big)| little == UBERBLOCK_MAGIC || big == UBERBLOCK_MAGIC);
    // a template, from when the device was labelled, has no proof at the end of its slot
    let uberblock =
        Uberblock::parse(Input::new(bytes, Order::Little)).ok().map(|(_, uberblock)| Box::new(uberblock));
    let is_template = uberblock.as_ref().is_some_and(|uberblock| uberblock.txg.0 == 0);
    match Piece::ending(bytes) {
        _ if !has_magic || is_template => SlotContent::Empty,
        None => SlotContent::Invalid(uberblock, "the magic of its checksum is missing".into()),
        Some(piece) if !piece.belongs_at(at) => {
            SlotContent::Invalid(uberblock, "its checksum is wrong".into())
        }
        Some(_) => match uberblock {
            Some(uberblock) => SlotContent::Valid(uberblock),
            None => SlotContent::Invalid(None, "its fields cannot be read".into()),
        },
    }
}

fn offset(at: usize) -> u64 {
    u64::try_from(at).unwrap_or(u64::MAX)
}

impl fmt::Display for LabelConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, self.pool_guid) {
            (Some(name), Some(guid)) => write!(f, "pool {name} ({guid})"),
            (None, Some(guid)) => write!(f, "pool {guid}"),
            _ => write!(f, "{} device", self.state()),
        }
    }
}
