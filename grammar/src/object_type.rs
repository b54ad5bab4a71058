//! What an object is: `dmu_object_type_t`, old numbers and new-style ones.
//!
//! An old number (0 to 53) names the content. A new-style one (bit 7 set) says only how it is
//! byte-swapped and whether it is metadata or encrypted: what it is follows from the reference
//! that leads to it. Handbook: [`docs/format/06-dnode-objset.md`], 6.5 and 6.6.
//!
//! ```
//! use zfsp_grammar::object_type::ObjectType;
//!
//! let zap = ObjectType(0xc4);
//! assert!(zap.is_new_style() && zap.is_metadata() && !zap.is_encrypted());
//! assert_eq!(ObjectType(20).name(), Some("ZFS directory"));
//! ```
//!
//! [`docs/format/06-dnode-objset.md`]: crate::handbook::dnode_objset

use alloc::format;
use core::fmt;

use crate::input::{Input, Parse, Parsed};
use crate::spec::{Describe, FromBits, Parts, SymbolSpec};
use crate::tree::{Problem, Value};

/// `dmu_object_type_t`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ObjectType(pub u8);

symbols! {
    /// `enum dmu_object_byteswap`: how the words of a block of this type are ordered.
    pub struct ByteSwap(u8) {
        UINT8 = 0 "uint8",
        UINT16 = 1 "uint16",
        UINT32 = 2 "uint32",
        UINT64 = 3 "uint64",
        ZAP = 4 "zap",
        DNODE = 5 "dnode",
        OBJSET = 6 "objset",
        ZNODE = 7 "znode",
        OLDACL = 8 "oldacl",
        ACL = 9 "acl",
    }
}

/// One old-style type.
struct Old {
    name: &'static str,
    about: &'static str,
    swap: ByteSwap,
    metadata: bool,
    encrypted: bool,
}

impl ObjectType {
    const NEW_STYLE: u8 = 0x80;
    const METADATA: u8 = 0x40;
    const ENCRYPTED: u8 = 0x20;
    const SWAP: u8 = 0x1f;

    /// True for types that say only how they are swapped.
    #[must_use]
    pub fn is_new_style(self) -> bool {
        self.0 & Self::NEW_STYLE != 0
    }
    fn old(self) -> Option<&'static Old> {
        OLD.get(usize::from(self.0))
    }
    /// Its name as zdb prints it, if the format knows it.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        if self.is_new_style() { self.new_name() } else { self.old().map(|old| old.name) }
    }
    fn new_name(self) -> Option<&'static str> {
        self.byteswap()?;
        NEW.iter()
            .find(|new| new.value == u64::from(self.0))
            .map_or(Some("new-style type"), |new| Some(new.name))
    }
    /// How its blocks are byte-swapped; `None` for a type that the format does not know.
    #[must_use]
    pub fn byteswap(self) -> Option<ByteSwap> {
        if self.is_new_style() {
            Some(ByteSwap(self.0 & Self::SWAP)).filter(|swap| swap.name().is_some())
        } else {
            self.old().map(|old| old.swap)
        }
    }
    /// True if its blocks are metadata.
    #[must_use]
    pub fn is_metadata(self) -> bool {
        if self.is_new_style() {
            self.0 & Self::METADATA != 0
        } else {
            self.old().is_some_and(|old| old.metadata)
        }
    }
    /// True if its blocks are encrypted in an encrypted dataset.
    #[must_use]
    pub fn is_encrypted(self) -> bool {
        if self.is_new_style() {
            self.0 & Self::ENCRYPTED != 0
        } else {
            self.old().is_some_and(|old| old.encrypted)
        }
    }
    /// free dnode; gang members' pointers have type 0
    pub const NONE: Self = Self(0);
    /// MOS object 1 (6.7)
    pub const OBJECT_DIRECTORY: Self = Self(1);
    /// metaslab array of a top-level vdev: u64 space-map object numbers, index = metaslab number, 0 = none
    pub const OBJECT_ARRAY: Self = Self(2);
    /// XDR nvlist; bonus type 4 gives length
    pub const PACKED_NVLIST: Self = Self(3);
    /// bonus: one u64 = bytes
    pub const PACKED_NVLIST_SIZE: Self = Self(4);
    /// array of 128-byte block pointers
    pub const BPOBJ: Self = Self(5);
    /// bonus 16/32/48/56 bytes (6.8)
    pub const BPOBJ_HDR: Self = Self(6);
    /// bonus 24 or 320 bytes (6.8)
    pub const SPACE_MAP_HEADER: Self = Self(7);
    /// array of u64 entries (6.8)
    pub const SPACE_MAP: Self = Self(8);
    /// ZIL blocks (never a dnode)
    pub const INTENT_LOG: Self = Self(9);
    /// meta dnode data
    pub const DNODE: Self = Self(10);
    /// objset blocks (never a dnode)
    pub const OBJSET: Self = Self(11);
    /// dnode with 256-byte bonus; no data. Also the *bonus* type of zapified directories
    pub const DSL_DIR: Self = Self(12);
    /// name → DSL directory object
    pub const DSL_DIR_CHILD_MAP: Self = Self(13);
    /// name → dataset object
    pub const DSL_DS_SNAP_MAP: Self = Self(14);
    /// property → value
    pub const DSL_PROPS: Self = Self(15);
    /// dnode with 320-byte bonus; bonus type of zapified datasets
    pub const DSL_DATASET: Self = Self(16);
    /// bonus of files and directories, ZPL version < 5
    pub const ZNODE: Self = Self(17);
    /// external ACL object, ZPL version < 3
    pub const OLDACL: Self = Self(18);
    /// file data; symlink targets and xattr files too
    pub const PLAIN_FILE_CONTENTS: Self = Self(19);
    /// directory ZAP (also hidden xattr directories)
    pub const DIRECTORY_CONTENTS: Self = Self(20);
    /// object 1 of a file system
    pub const MASTER_NODE: Self = Self(21);
    /// set of objects
    pub const UNLINKED_SET: Self = Self(22);
    /// object 1 of a volume: its content
    pub const ZVOL: Self = Self(23);
    /// object 2 of a volume: size
    pub const ZVOL_PROP: Self = Self(24);
    /// tests; also crash dumps
    pub const PLAIN_OTHER: Self = Self(25);
    /// tests
    pub const UINT64_OTHER: Self = Self(26);
    /// tests; shares directory variants; generic
    pub const ZAP_OTHER: Self = Self(27);
    /// chapter 11
    pub const ERROR_LOG: Self = Self(28);
    /// chapter 11
    pub const SPA_HISTORY: Self = Self(29);
    /// bonus 40 bytes
    pub const SPA_HISTORY_OFFSETS: Self = Self(30);
    /// Pool properties
    pub const POOL_PROPS: Self = Self(31);
    /// DSL permissions
    pub const DSL_PERMS: Self = Self(32);
    /// external ACL object, ZPL version 3, 4
    pub const ACL: Self = Self(33);
    /// only as bonus type (320 bytes, unused) of type-33 objects
    pub const SYSACL: Self = Self(34);
    /// packed nvlist (XDR) of domains
    pub const FUID: Self = Self(35);
    /// bonus u64
    pub const FUID_SIZE: Self = Self(36);
    /// hex set of dataset objects
    pub const NEXT_CLONES: Self = Self(37);
    /// hex dataset object → min txg
    pub const SCAN_QUEUE: Self = Self(38);
    /// special dnodes of the objset
    pub const USERGROUP_USED: Self = Self(39);
    /// objects named in the master node
    pub const USERGROUP_QUOTA: Self = Self(40);
    /// snapshot refcount tags
    pub const USERREFS: Self = Self(41);
    /// dedup table
    pub const DDT_ZAP: Self = Self(42);
    /// DDT statistics
    pub const DDT_STATS: Self = Self(43);
    /// bonus type and spill-block type of ZPL v5 files; object type of a purely-SA object
    pub const SA: Self = Self(44);
    /// SA master node
    pub const SA_MASTER_NODE: Self = Self(45);
    /// SA attr registration
    pub const SA_ATTR_REGISTRATION: Self = Self(46);
    /// SA attr layouts
    pub const SA_ATTR_LAYOUTS: Self = Self(47);
    /// unused
    pub const SCAN_XLATE: Self = Self(48);
    /// only in pointers fabricated in memory from DDT entries
    pub const DEDUP: Self = Self(49);
    /// hex txg → bpobj; bonus type 51
    pub const DEADLIST: Self = Self(50);
    /// bonus 320 bytes: used, comp, uncomp, padding
    pub const DEADLIST_HDR: Self = Self(51);
    /// hex set
    pub const DSL_CLONES: Self = Self(52);
    /// array of u64 bpobj numbers
    pub const BPOBJ_SUBOBJ: Self = Self(53);
}

const OLD: [Old; 54] = [
    Old {
        name: "unallocated",
        about: "free dnode; gang members' pointers have type 0",
        swap: ByteSwap::UINT8,
        metadata: true,
        encrypted: false,
    },
    Old {
        name: "object directory",
        about: "MOS object 1 (6.7)",
        swap: ByteSwap::ZAP,
        metadata: true,
        encrypted: false,
    },
    Old {
        name: "object array",
        about: "metaslab array of a top-level vdev: u64 space-map object numbers, index = metaslab number, 0 = none",
        swap: ByteSwap::UINT64,
        metadata: true,
        encrypted: false,
    },
    Old {
        name: "packed nvlist",
        about: "XDR nvlist; bonus type 4 gives length",
        swap: ByteSwap::UINT8,
        metadata: true,
        encrypted: false,
    },
    Old {
        name: "packed nvlist size",
        about: "bonus: one u64 = bytes",
        swap: ByteSwap::UINT64,
        metadata: true,
        encrypted: false,
    },
    Old {
        name: "bpobj",
        about: "array of 128-byte block pointers",
        swap: ByteSwap::UINT64,
        metadata: true,
        encrypted: false,
    },
    Old {
        name: "bpobj header",
        about: "bonus 16/32/48/56 bytes (6.8)",
        swap: ByteSwap::UINT64,
        metadata: true,
        encrypted: false,
    },
    Old {
        name: "SPA space map header",
        about: "bonus 24 or 320 bytes (6.8)",
        swap: ByteSwap::UINT64,
        metadata: true,
        encrypted: false,
    },
    Old {
        name: "SPA space map",
        about: "array of u64 entries (6.8)",
        swap: ByteSwap::UINT64,
        metadata: true,
        encrypted: false,
    },
    Old {
        name: "ZIL intent log",
        about: "ZIL blocks (never a dnode)",
        swap: ByteSwap::UINT64,
        metadata: true,
        encrypted: true,
    },
    Old {
        name: "DMU dnode",
        about: "meta dnode data",
        swap: ByteSwap::DNODE,
        metadata: true,
        encrypted: true,
    },
    Old {
        name: "DMU objset",
        about: "objset blocks (never a dnode)",
        swap: ByteSwap::OBJSET,
        metadata: true,
        encrypted: false,
    },
    Old {
        name: "DSL directory",
        about: "dnode with 256-byte bonus; no data. Also the *bonus* type of zapified directories",
        swap: ByteSwap::UINT64,
        metadata: true,
        encrypted: false,
    },
    Old {
        name: "DSL directory child map",
        about: "name → DSL directory object",
        swap: ByteSwap::ZAP,
        metadata: true,
        encrypted: false,
    },
    Old {
        name: "DSL dataset snap map",
        about: "name → dataset object",
        swap: ByteSwap::ZAP,
        metadata: true,
        encrypted: false,
    },
    Old {
        name: "DSL props",
        about: "property → value",
        swap: ByteSwap::ZAP,
        metadata: true,
        encrypted: false,
    },
    Old {
        name: "DSL dataset",
        about: "dnode with 320-byte bonus; bonus type of zapified datasets",
        swap: ByteSwap::UINT64,
        metadata: true,
        encrypted: false,
    },
    Old {
        name: "ZFS znode",
        about: "bonus of files and directories, ZPL version < 5",
        swap: ByteSwap::ZNODE,
        metadata: true,
        encrypted: false,
    },
    Old {
        name: "ZFS V0 ACL",
        about: "external ACL object, ZPL version < 3",
        swap: ByteSwap::OLDACL,
        metadata: true,
        encrypted: true,
    },
    Old {
        name: "ZFS plain file",
        about: "file data; symlink targets and xattr files too",
        swap: ByteSwap::UINT8,
        metadata: false,
        encrypted: true,
    },
    Old {
        name: "ZFS directory",
        about: "directory ZAP (also hidden xattr directories)",
        swap: ByteSwap::ZAP,
        metadata: true,
        encrypted: true,
    },
    Old {
        name: "ZFS master node",
        about: "object 1 of a file system",
        swap: ByteSwap::ZAP,
        metadata: true,
        encrypted: false,
    },
    Old {
        name: "ZFS delete queue",
        about: "set of objects",
        swap: ByteSwap::ZAP,
        metadata: true,
        encrypted: true,
    },
    Old {
        name: "zvol object",
        about: "object 1 of a volume: its content",
        swap: ByteSwap::UINT8,
        metadata: false,
        encrypted: true,
    },
    Old {
        name: "zvol prop",
        about: "object 2 of a volume: size",
        swap: ByteSwap::ZAP,
        metadata: true,
        encrypted: false,
    },
    Old {
        name: "other uint8[]",
        about: "tests; also crash dumps",
        swap: ByteSwap::UINT8,
        metadata: false,
        encrypted: true,
    },
    Old { name: "other uint64[]", about: "tests", swap: ByteSwap::UINT64, metadata: false, encrypted: true },
    Old {
        name: "other ZAP",
        about: "tests; shares directory variants; generic",
        swap: ByteSwap::ZAP,
        metadata: true,
        encrypted: false,
    },
    Old {
        name: "persistent error log",
        about: "chapter 11",
        swap: ByteSwap::ZAP,
        metadata: true,
        encrypted: false,
    },
    Old { name: "SPA history", about: "chapter 11", swap: ByteSwap::UINT8, metadata: true, encrypted: false },
    Old {
        name: "SPA history offsets",
        about: "bonus 40 bytes",
        swap: ByteSwap::UINT64,
        metadata: true,
        encrypted: false,
    },
    Old { name: "Pool properties", about: "", swap: ByteSwap::ZAP, metadata: true, encrypted: false },
    Old { name: "DSL permissions", about: "", swap: ByteSwap::ZAP, metadata: true, encrypted: false },
    Old {
        name: "ZFS ACL",
        about: "external ACL object, ZPL version 3, 4",
        swap: ByteSwap::ACL,
        metadata: true,
        encrypted: true,
    },
    Old {
        name: "ZFS SYSACL",
        about: "only as bonus type (320 bytes, unused) of type-33 objects",
        swap: ByteSwap::UINT8,
        metadata: true,
        encrypted: true,
    },
    Old {
        name: "FUID table",
        about: "packed nvlist (XDR) of domains",
        swap: ByteSwap::UINT8,
        metadata: true,
        encrypted: true,
    },
    Old {
        name: "FUID table size",
        about: "bonus u64",
        swap: ByteSwap::UINT64,
        metadata: true,
        encrypted: false,
    },
    Old {
        name: "DSL dataset next clones",
        about: "hex set of dataset objects",
        swap: ByteSwap::ZAP,
        metadata: true,
        encrypted: false,
    },
    Old {
        name: "scan work queue",
        about: "hex dataset object → min txg",
        swap: ByteSwap::ZAP,
        metadata: true,
        encrypted: false,
    },
    Old {
        name: "ZFS user/group/project used",
        about: "special dnodes of the objset",
        swap: ByteSwap::ZAP,
        metadata: true,
        encrypted: true,
    },
    Old {
        name: "ZFS user/group/project quota",
        about: "objects named in the master node",
        swap: ByteSwap::ZAP,
        metadata: true,
        encrypted: true,
    },
    Old { name: "snapshot refcount tags", about: "", swap: ByteSwap::ZAP, metadata: true, encrypted: false },
    Old {
        name: "DDT ZAP algorithm",
        about: "dedup table",
        swap: ByteSwap::ZAP,
        metadata: true,
        encrypted: false,
    },
    Old { name: "DDT statistics", about: "", swap: ByteSwap::ZAP, metadata: true, encrypted: false },
    Old {
        name: "System attributes",
        about: "bonus type and spill-block type of ZPL v5 files; object type of a purely-SA object",
        swap: ByteSwap::UINT8,
        metadata: true,
        encrypted: true,
    },
    Old { name: "SA master node", about: "", swap: ByteSwap::ZAP, metadata: true, encrypted: true },
    Old { name: "SA attr registration", about: "", swap: ByteSwap::ZAP, metadata: true, encrypted: true },
    Old { name: "SA attr layouts", about: "", swap: ByteSwap::ZAP, metadata: true, encrypted: true },
    Old { name: "scan translations", about: "unused", swap: ByteSwap::ZAP, metadata: true, encrypted: false },
    Old {
        name: "deduplicated block",
        about: "only in pointers fabricated in memory from DDT entries",
        swap: ByteSwap::UINT8,
        metadata: false,
        encrypted: true,
    },
    Old {
        name: "DSL deadlist map",
        about: "hex txg → bpobj; bonus type 51",
        swap: ByteSwap::ZAP,
        metadata: true,
        encrypted: false,
    },
    Old {
        name: "DSL deadlist map hdr",
        about: "bonus 320 bytes: used, comp, uncomp, padding",
        swap: ByteSwap::UINT64,
        metadata: true,
        encrypted: false,
    },
    Old { name: "DSL dir clones", about: "hex set", swap: ByteSwap::ZAP, metadata: true, encrypted: false },
    Old {
        name: "bpobj subobj",
        about: "array of u64 bpobj numbers",
        swap: ByteSwap::UINT64,
        metadata: true,
        encrypted: false,
    },
];

const NEW: [SymbolSpec; 20] = [
    SymbolSpec { value: 0x80, name: "uint8 data", about: "" },
    SymbolSpec { value: 0x81, name: "uint16 data", about: "" },
    SymbolSpec { value: 0x82, name: "uint32 data", about: "" },
    SymbolSpec { value: 0x83, name: "uint64 data", about: "" },
    SymbolSpec { value: 0x84, name: "zap data", about: "" },
    SymbolSpec { value: 0xc0, name: "uint8 metadata", about: "" },
    SymbolSpec { value: 0xc1, name: "uint16 metadata", about: "" },
    SymbolSpec { value: 0xc2, name: "uint32 metadata", about: "" },
    SymbolSpec { value: 0xc3, name: "uint64 metadata", about: "" },
    SymbolSpec { value: 0xc4, name: "zap metadata", about: "" },
    SymbolSpec { value: 0xa0, name: "uint8 data (encrypted)", about: "" },
    SymbolSpec { value: 0xa1, name: "uint16 data (encrypted)", about: "" },
    SymbolSpec { value: 0xa2, name: "uint32 data (encrypted)", about: "" },
    SymbolSpec { value: 0xa3, name: "uint64 data (encrypted)", about: "" },
    SymbolSpec { value: 0xa4, name: "zap data (encrypted)", about: "" },
    SymbolSpec { value: 0xe0, name: "uint8 metadata (encrypted)", about: "" },
    SymbolSpec { value: 0xe1, name: "uint16 metadata (encrypted)", about: "" },
    SymbolSpec { value: 0xe2, name: "uint32 metadata (encrypted)", about: "" },
    SymbolSpec { value: 0xe3, name: "uint64 metadata (encrypted)", about: "" },
    SymbolSpec { value: 0xe4, name: "zap metadata (encrypted)", about: "" },
];

const SYMBOLS: [SymbolSpec; 74] = {
    let mut all = [SymbolSpec { value: 0, name: "", about: "" }; 74];
    let (mut from, mut to): (&[Old], &mut [SymbolSpec]) = (&OLD, &mut all);
    let mut value = 0u64;
    while let ([old, more @ ..], [slot, room @ ..]) = (from, to) {
        *slot = SymbolSpec { value, name: old.name, about: old.about };
        value = value.wrapping_add(1);
        (from, to) = (more, room);
    }
    let (_, to) = all.split_at_mut(OLD.len());
    to.copy_from_slice(&NEW);
    all
};

impl fmt::Display for ObjectType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "unknown type {:#x}", self.0),
        }
    }
}
impl fmt::Debug for ObjectType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({})", self.0)
    }
}
impl Describe for ObjectType {
    const SIZE: Option<usize> = Some(1);
    fn parts() -> Parts {
        Parts::Symbols("ObjectType", "`dmu_object_type_t`", &SYMBOLS)
    }
    fn value(&self) -> Value {
        Value::Symbol(u64::from(self.0), self.name())
    }
    fn judge(&self) -> Option<Problem> {
        self.name().is_none().then(|| Problem::unsupported(format!("unknown object type {:#x}", self.0)))
    }
}
impl FromBits for ObjectType {
    #[inline(always)]
    fn from_bits(bits: u64) -> Self {
        Self(u8::from_bits(bits))
    }
}
impl From<ObjectType> for u64 {
    fn from(kind: ObjectType) -> u64 {
        u64::from(kind.0)
    }
}
impl<'a> Parse<'a> for ObjectType {
    #[inline(always)]
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        let (i, n) = u8::parse(i)?;
        Ok((i, Self(n)))
    }
}
