//! What is in clear of a file system that is locked: its objects, as their dnodes have them.
//!
//! Handbook: `docs/format/22-encryption.md`, 22.9 and 22.16.

use std::io;

use serde::Serialize;

use super::Line;
use crate::dataset::Dataset;
use crate::file::File;
use crate::namespace::Namespace;
use crate::object::Object;

/// What the dnode of an object says.
#[derive(Clone, Debug, Serialize)]
pub struct Outline {
    /// Its number.
    pub object: i64,
    /// What it is: `ZFS plain file`.
    pub object_type: String,
    /// Bytes of all its blocks: the last one may not be full, and how full it is, is locked.
    pub size_at_most: u64,
    /// Bytes of a data block.
    pub block_size: u64,
    /// Levels of blocks: 1 if there are no indirect ones.
    pub levels: u8,
    /// Space that its blocks take, in units of 512 bytes, rounded to the nearest.
    pub blocks: u64,
}

/// Gives a line for each object of a dataset to `sink`. What is lost is in the lines.
pub(super) fn outlines(
    names: &Namespace<'_>,
    dataset: &Dataset,
    mut sink: impl FnMut(Line) -> io::Result<()>,
) -> io::Result<()> {
    let name = &dataset.name;
    match dataset.objset(names.pool()) {
        Ok(set) => set.objects().try_for_each(|found| match found {
            Ok(object) => sink(Line::of_locked(name, &object)),
            Err(loss) => sink(Line { locked: true, ..Line::of_loss(name, b"", &loss) }),
        }),
        Err(loss) => sink(Line { locked: true, ..Line::of_loss(name, b"", &loss) }),
    }
}

impl Line {
    /// What there is to say of an object whose dataset is locked.
    #[must_use]
    pub fn of_locked(dataset: &str, object: &Object) -> Self {
        let outline = Outline {
            object: object.at.object,
            object_type: object.r#type.to_string(),
            size_at_most: object.size(),
            block_size: object.block_size,
            levels: object.levels,
            blocks: object.used.saturating_add(256) / 512,
        };
        let mut line =
            Self { dataset: dataset.into(), outline: Some(outline), locked: true, ..Self::default() };
        line.take_segments(&File::new(object.clone(), object.size()));
        line
    }
}
