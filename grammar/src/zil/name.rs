//! Records of names that come, go and move. Handbook: `docs/format/13-space.md`, 13.8, "remove", "link",
//! "rename" and "rename_whiteout".

use alloc::format;
use alloc::string::String;

use crate::input::{Text, nul_terminated, rest};
use crate::quantity::{Mode, ObjectId};
use crate::zil::acl::Fuid;
use crate::zil::record::Foid;
use crate::znode::Time;

record! {
    /// `TX_REMOVE`, `TX_RMDIR` (`lr_remove_t`).
    ///
    /// Chapter 13, 13.8.
    pub struct Remove<'a> {
        /// directory
        0x0 doid:    ObjectId,
        0x8 name:    Text<'a> = nul_terminated,
            /// up to a multiple of 8 bytes
            padding: &'a [u8] = rest,
    }
    says Remove::summary;
}

impl Remove<'_> {
    fn summary(&self) -> String {
        format!("{} in directory {}", self.name, self.doid)
    }
}

record! {
    /// `TX_LINK` (`lr_link_t`).
    ///
    /// Chapter 13, 13.8.
    pub struct Link<'a> {
        /// directory
        0x00 doid:     ObjectId,
        /// object that gets the name
        0x08 link_obj: ObjectId,
        0x10 name:     Text<'a> = nul_terminated,
             /// up to a multiple of 8 bytes
             padding:  &'a [u8] = rest,
    }
    says Link::summary;
}

impl Link<'_> {
    fn summary(&self) -> String {
        format!("{} = object {} in directory {}", self.name, self.link_obj, self.doid)
    }
}

record! {
    /// `TX_RENAME`, `TX_RENAME_EXCHANGE` (`lr_rename_t`).
    ///
    /// Chapter 13, 13.8.
    pub struct Rename<'a> {
        /// directory of the old name
        0x00 sdoid:   ObjectId,
        /// directory of the new name
        0x08 tdoid:   ObjectId,
        /// old name
        0x10 source:  Text<'a> = nul_terminated,
             /// new name; what had it is replaced, or gets the old name
             target:  Text<'a> = nul_terminated,
             /// up to a multiple of 8 bytes
             padding: &'a [u8] = rest,
    }
    says Rename::summary;
}

impl Rename<'_> {
    fn summary(&self) -> String {
        moved(&self.source, self.sdoid, &self.target, self.tdoid)
    }
}

fn moved(source: &Text<'_>, from: ObjectId, target: &Text<'_>, to: ObjectId) -> String {
    if from == to {
        format!("{source} to {target} in directory {from}")
    } else {
        format!("{source} in directory {from} to {target} in directory {to}")
    }
}

record! {
    /// `TX_RENAME_WHITEOUT` (`lr_rename_whiteout_t`): a character device with rdev 0 takes the old name.
    ///
    /// Chapter 13, 13.8.
    pub struct Whiteout<'a> {
        /// directory of the old name
        0x00 sdoid:   ObjectId,
        /// directory of the new name
        0x08 tdoid:   ObjectId,
        /// the device
        0x10 wfoid:   Foid,
        0x18 wmode:   Mode,
        0x20 wuid:    Fuid,
        0x28 wgid:    Fuid,
        /// generation
        0x30 wgen:    u64,
        0x38 wcrtime: Time,
        /// 0
        0x48 wrdev:   u64,
        /// old name
        0x50 source:  Text<'a> = nul_terminated,
             /// new name; what had it is replaced
             target:  Text<'a> = nul_terminated,
             /// up to a multiple of 8 bytes
             padding: &'a [u8] = rest,
    }
    says Whiteout::summary;
}

impl Whiteout<'_> {
    fn summary(&self) -> String {
        moved(&self.source, self.sdoid, &self.target, self.tdoid)
    }
}
