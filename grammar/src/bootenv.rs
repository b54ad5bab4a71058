//! The boot environment of a label: what boot loaders keep there.
//!
//! 8 KiB, the same in all four labels, self-proving; nothing in it is needed to read a pool.
//! Handbook: [`docs/format/01-labels.md`], 1.6.
//!
//! ```
//! let bootenv = zfsp_grammar::catalogue::find("bootenv").expect("a structure");
//! assert!(matches!((bootenv.parts)(), zfsp_grammar::spec::Parts::Record(_)));
//! ```
//!
//! [`docs/format/01-labels.md`]: crate::handbook::labels

use crate::catalogue::{Structure, structure};
use crate::eck::ZioEck;
use crate::input::Text;
use crate::input::{Input, Order, Parse, Parsed, c_string, framed, in_order, rest};
use crate::nvlist::Packed;
use nom::Parser;

pub(crate) const STRUCTURES: &[Structure] =
    &[structure!('a: "bootenv", "boot environment part of a label", "01-labels.md 1.6", BootEnv<'a>)];

/// Bytes between the version and the proof.
const ROOM: usize = 8144;

symbols! {
    /// What a boot environment holds.
    pub struct BootVersion(u64) {
        /// text, up to a NUL
        RAW = 0 "raw",
        /// a packed list
        NVLIST = 1 "nvlist",
    }
}

record! {
    /// `vdev_boot_envblock_t`.
    ///
    /// Chapter 01, 1.6.
    pub struct BootEnv<'a> {
        /// big-endian whatever the host; older FreeBSD loaders begin their text here
        0x0000 version: BootVersion = in_order(Order::Big, BootVersion::parse),
        0x0008 bootenv: Environment<'a> = framed(ROOM, environment(version)),
        0x1fd8 eck:     ZioEck,
    }
}

one_of! {
    /// The environment, in the form that the version tells.
    pub enum Environment<'a> {
        /// Text, GRUB's environment block.
        Raw(Text<'a>),
        /// A packed list.
        Nvlist(Packed<'a>),
        /// Something else, left as it is.
        Unknown(&'a [u8]),
    }
    size ROOM;
}

fn environment<'a>(version: BootVersion) -> impl FnMut(Input<'a>) -> Parsed<'a, Environment<'a>> {
    move |i| match version {
        BootVersion::RAW => c_string(i.bytes().len()).map(Environment::Raw).parse_complete(i),
        BootVersion::NVLIST => Packed::parse.map(Environment::Nvlist).parse_complete(i),
        _ => rest.map(Environment::Unknown).parse_complete(i),
    }
}
