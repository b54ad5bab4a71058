//! Volumes: block devices that a pool keeps.
//!
//! Object 1 is the content, object 2 says how large it is. Handbook: `docs/format/12-zpl.md`, 12.16.
//!
//! ```
//! # use zfsp::{dataset::Datasets, device, volume::Volume, pool::{Gathering, Options, Pool}};
//! # let found = device::find(&["fixtures/zvol".into()]);
//! # let pool = Pool::open(Gathering::of(found.devices), &Options::default())?;
//! # let datasets = Datasets::of(&pool);
//! let volume = Volume::open(datasets.find("lab/v4K")?.objset(&pool)?)?;
//! assert_eq!((volume.size, volume.data().block_size()), (8 << 20, 4096));
//! # Ok::<(), zfsp::error::Error>(())
//! ```

use std::sync::Arc;

use zfsp_grammar::objset::ObjsetType;
use zfsp_grammar::zil::record::Body;

use crate::block::Why;
use crate::file::{File, Patch, Patches};
use crate::object::{Loss, Object, ObjectAt};
use crate::objset::ObjectSet;
use crate::pool::Pool;
use crate::zap::Zap;
use crate::zil::IntentLog;

/// A volume.
#[derive(Clone, Debug)]
pub struct Volume {
    set: ObjectSet,
    /// Bytes that it has.
    pub size: u64,
    content: Object,
    patches: Arc<Patches>,
    /// What of its intent log could not be applied.
    pub losses: Vec<Loss>,
}

/// Object of the content.
const DATA: u64 = 1;
/// Object of the properties.
const PROPERTIES: u64 = 2;

impl Volume {
    /// The volume in that object set.
    ///
    /// # Errors
    /// [`Loss`], if it is none, or if its size or its object cannot be read.
    pub fn open(set: ObjectSet) -> Result<Self, Loss> {
        if set.r#type != ObjsetType::ZVOL {
            let at = ObjectAt { objset: set.id, object: 0 }.block(-1, 0);
            return Err(Loss::new(at, Why::Corrupt(format!("no volume, but {}", set.r#type))));
        }
        let properties = set.object(PROPERTIES)?;
        let size = Zap::of(&properties)?.number("size")?.ok_or_else(|| {
            Loss::new(
                properties.at.block(0, 0),
                Why::Corrupt("it does not say how large the volume is".into()),
            )
        })?;
        let content = set.object(DATA)?;
        Ok(Self { set, size, content, patches: Arc::default(), losses: Vec::new() })
    }

    /// The volume with its intent log applied. What goes wrong on the way is in its losses; what was applied until
    /// then stays.
    #[must_use]
    pub fn replayed(mut self, pool: &Pool) -> Self {
        let Some(log) = IntentLog::of(pool, &self.set) else { return self };
        let patches = Arc::make_mut(&mut self.patches);
        let mut blocks = log.blocks();
        'log: for block in &mut blocks {
            for record in block.pending() {
                let applied = match &record.body {
                    Some(Body::Write(record)) => {
                        patches.write(record);
                        Ok(())
                    }
                    Some(Body::CloneRange(record)) => patches.clone_range(record),
                    Some(Body::Truncate(record)) => {
                        let end = record.offset.0.saturating_add(record.length.0);
                        patches.put(record.offset.0..end, Patch::Hole);
                        Ok(())
                    }
                    Some(_) => Err("it is none of a volume".into()),
                    None => Err("it cannot be read".into()),
                };
                if let Err(what) = applied {
                    self.losses.push(block.refused(log.objset, &record, &what));
                    break 'log;
                }
            }
            self.losses.extend(block.cut(log.objset));
        }
        self.losses.extend(blocks.end().and_then(|end| end.loss()).cloned());
        self
    }

    /// Its objects.
    #[must_use]
    pub fn set(&self) -> &ObjectSet {
        &self.set
    }

    /// True if it is encrypted, and there is no key: its size and which blocks it has are in clear all the same.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.set.is_locked()
    }

    /// The object of its content.
    #[must_use]
    pub fn object(&self) -> &Object {
        &self.content
    }

    /// Its content.
    #[must_use]
    pub fn data(&self) -> File {
        File::new(self.content.clone(), self.size).patched(self.patches.clone(), self.content.block_size)
    }
}
