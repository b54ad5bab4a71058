//! The token with which an interrupted receive is resumed: never stored, made of what the dataset remembers.
//!
//! Handbook: `docs/format/11-dsl.md`, 11.4.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use zfsp_grammar::input::Order;

use super::attributes::Attributes;
use super::native_list::NativeList;
use super::{Dataset, Dsl};
use crate::checksum::fletcher::fletcher4;
use crate::object::Loss;

impl Dsl<'_> {
    /// `receive_resume_token`; `None` if no receive into the dataset was interrupted.
    ///
    /// A receive into an existing dataset goes to a hidden one below it first.
    ///
    /// # Errors
    /// [`Loss`], if what is remembered of the receive cannot be had.
    pub fn resume_token(&self, set: &Dataset) -> Result<Option<String>, Loss> {
        if set.is_snapshot() {
            return Ok(None);
        }
        let found = token(&self.extension(set.object))?;
        if found.is_some() {
            return Ok(found);
        }
        let name = format!("{}/%recv", set.name);
        let hidden = self.datasets.all.iter().find(|other| other.name == name);
        hidden.map_or(Ok(None), |hidden| token(&self.extension(hidden.object)))
    }
}

/// Numbers of the list, in its order; the first one is missing in a full stream.
const NUMBERS: [&str; 5] = ["fromguid", "object", "offset", "bytes", "toguid"];
/// Its flags.
const FLAGS: [(&str, &str); 4] = [
    ("largeblockok", "com.delphix:resume_largeblockok"),
    ("embedok", "com.delphix:resume_embedok"),
    ("compressok", "com.delphix:resume_compressok"),
    ("rawok", "com.datto:resume_rawok"),
];

fn token(state: &Attributes) -> Result<Option<String>, Loss> {
    let Some(name) = state.get("com.delphix:resume_toname")? else { return Ok(None) };
    let mut list = NativeList::new();
    for key in NUMBERS {
        if let Some(number) = state.number(&format!("com.delphix:resume_{key}"))? {
            list.number(key, number);
        }
    }
    list.text("toname", name.bytes.strip_suffix(&[0]).unwrap_or(&name.bytes));
    for (key, stored) in FLAGS {
        if state.get(stored)?.is_some() {
            list.flag(key);
        }
    }
    if let Some(guids) = state.get("com.delphix:resume_redact_book_snaps")? {
        list.numbers("book_redact_snaps", &guids.iter().collect::<Vec<u64>>());
    }
    if let Some(guids) = state.get("com.delphix:redacted_datasets")? {
        list.numbers("redact_snaps", &guids.iter().collect::<Vec<u64>>());
    }
    Ok(Some(encoded(&list.packed())))
}

/// zlib's level.
const LEVEL: u32 = 6;

fn encoded(list: &[u8]) -> String {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(LEVEL));
    // memory does not fail
    let _ = encoder.write_all(list);
    let packed = encoder.finish().unwrap_or_default();
    let whole = packed.chunks_exact(4).flatten().copied().collect::<Vec<u8>>();
    let [sum, ..] = fletcher4(&whole, Order::Little).0;
    let hex: String = packed.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("1-{sum:x}-{:x}-{hex}", list.len())
}
