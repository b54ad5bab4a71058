//! Records of new objects: files, directories, links, devices, with or without attributes and an ACL.
//! Handbook: `docs/format/13-space.md`, 13.8, "create" and "acl_create".

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::input::{Text, list, nul_terminated, rest};
use crate::quantity::{Mode, ObjectId};
use crate::zil::acl::{Ace, AclHead, Fuid, aces, domains, fuids};
use crate::zil::attribute::Xvattr;
use crate::zil::record::Foid;
use crate::znode::Time;

record! {
    /// The new object, as every record of this kind begins (`lr_create_t`).
    ///
    /// Chapter 13, 13.8.
    pub struct NewObject: Copy {
        /// directory in which it appears; of extended attributes: the file
        0x00 doid:   ObjectId,
        0x08 foid:   Foid,
        0x10 mode:   Mode,
        0x18 uid:    Fuid,
        0x20 gid:    Fuid,
        /// generation
        0x28 generation: u64,
        /// all times of the object
        0x30 crtime: Time,
        /// of devices
        0x40 rdev:   u64,
    }
    says NewObject::summary;
}

impl NewObject {
    fn summary(&self) -> String {
        format!("object {} in directory {}", self.foid.object(), self.doid)
    }
    /// Names of domains that stand in the record.
    fn domains(&self) -> usize {
        Fuid::domains([self.uid, self.gid])
    }
    fn named(&self, name: &Text<'_>) -> String {
        format!("{name} = {}", self.summary())
    }
}

record! {
    /// `TX_CREATE`: a file, fifo, socket or device.
    ///
    /// Chapter 13, 13.8.
    pub struct Create<'a> {
        0x00 object:  NewObject,
        /// of user and group, where those are not plain numbers
        0x48 domains: Vec<Text<'a>> = list(object.domains(), nul_terminated),
             name:    Text<'a> = nul_terminated,
             /// up to a multiple of 8 bytes
             padding: &'a [u8] = rest,
    }
    says Create::summary;
}

record! {
    /// `TX_MKDIR`: a directory. Whoever replays it expects no domains.
    ///
    /// Chapter 13, 13.8.
    pub struct Mkdir<'a> {
        0x00 object:  NewObject,
        0x48 name:    Text<'a> = nul_terminated,
             /// up to a multiple of 8 bytes
             padding: &'a [u8] = rest,
    }
    says Mkdir::summary;
}

record! {
    /// `TX_MKXATTR`: the directory of extended attributes of the file `doid`.
    ///
    /// Chapter 13, 13.8.
    pub struct Mkxattr<'a> {
        0x00 object: NewObject,
        /// not used
        0x48 unused: &'a [u8] = rest,
    }
    says Mkxattr::summary;
}

record! {
    /// `TX_SYMLINK`: a symbolic link.
    ///
    /// Chapter 13, 13.8.
    pub struct Symlink<'a> {
        0x00 object:  NewObject,
        /// of user and group, where those are not plain numbers
        0x48 domains: Vec<Text<'a>> = list(object.domains(), nul_terminated),
             name:    Text<'a> = nul_terminated,
             /// where it leads
             target:  Text<'a> = nul_terminated,
             /// up to a multiple of 8 bytes
             padding: &'a [u8] = rest,
    }
    says Symlink::summary;
}

record! {
    /// `TX_CREATE_ATTR`, `TX_MKDIR_ATTR`: a file or directory with attributes.
    ///
    /// Chapter 13, 13.8.
    pub struct CreateAttr<'a> {
        0x00 object:  NewObject,
        0x48 attr:    Xvattr<'a>,
             /// of user and group, where those are not plain numbers
             domains: Vec<Text<'a>> = list(object.domains(), nul_terminated),
             name:    Text<'a> = nul_terminated,
             /// up to a multiple of 8 bytes
             padding: &'a [u8] = rest,
    }
    says CreateAttr::summary;
}

record! {
    /// `TX_CREATE_ACL`, `TX_MKDIR_ACL`: a file or directory with an ACL (`lr_acl_create_t`).
    ///
    /// Chapter 13, 13.8.
    pub struct CreateAcl<'a> {
        0x00 object:  NewObject,
        0x48 acl:     AclHead,
        0x70 aces:    Vec<Ace<'a>> = aces(acl.acl_bytes),
             fuids:   Vec<Fuid> = fuids(acl.fuidcnt),
             domains: Vec<Text<'a>> = domains(acl.domcnt, acl.fuidcnt),
             name:    Text<'a> = nul_terminated,
             /// up to a multiple of 8 bytes
             padding: &'a [u8] = rest,
    }
    says CreateAcl::summary;
}

record! {
    /// `TX_CREATE_ACL_ATTR`, `TX_MKDIR_ACL_ATTR`: a file or directory with attributes and an ACL.
    ///
    /// Chapter 13, 13.8.
    pub struct CreateAclAttr<'a> {
        0x00 object:  NewObject,
        0x48 acl:     AclHead,
        0x70 attr:    Xvattr<'a>,
             aces:    Vec<Ace<'a>> = aces(acl.acl_bytes),
             fuids:   Vec<Fuid> = fuids(acl.fuidcnt),
             domains: Vec<Text<'a>> = domains(acl.domcnt, acl.fuidcnt),
             name:    Text<'a> = nul_terminated,
             /// up to a multiple of 8 bytes
             padding: &'a [u8] = rest,
    }
    says CreateAclAttr::summary;
}

macro_rules! named {
    ($($Name:ident)*) => { $(
        impl $Name<'_> {
            fn summary(&self) -> String {
                self.object.named(&self.name)
            }
        }
    )* };
}
named! { Create Mkdir CreateAttr CreateAcl CreateAclAttr }

impl Mkxattr<'_> {
    fn summary(&self) -> String {
        format!("object {} of file {}", self.object.foid.object(), self.object.doid)
    }
}

impl Symlink<'_> {
    fn summary(&self) -> String {
        format!("{} -> {}", self.object.named(&self.name), self.target)
    }
}
