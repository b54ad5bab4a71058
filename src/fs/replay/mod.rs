//! A file system as it will be after the next import: with the records of its intent log applied.
//!
//! | part | file |
//! |---|---|
//! | what differs from the tree: [`Overlay`] | `overlay.rs` |
//! | which record does what | here |
//! | attributes and ACLs in the form of records | `attributes.rs` |
//!
//! Nothing is written: the changes are held beside the tree. What the log does not say stays as it was: the times of
//! changes, which a replay sets to its own, and the space that blocks will take. Handbook: `docs/format/13-space.md`,
//! 13.8.

mod attributes;
mod overlay;

use std::sync::Arc;

use zfsp_grammar::blkptr::Pointer;
use zfsp_grammar::input::Order;
use zfsp_grammar::mode::{FileType, Mode};
use zfsp_grammar::zap::names::{NormFlags, prepare};
use zfsp_grammar::zil::create::NewObject;
use zfsp_grammar::zil::name::Rename;
use zfsp_grammar::zil::record::{Body, Record, TxType};
use zfsp_grammar::zil::write::{CloneRange, Write};

use super::directory::DirEntry;
use super::{FileSystem, Inode};
use crate::block::Why;
use crate::file::{Patch, Patches, RECORD_SIZE};
use crate::object::Loss;
use crate::pool::Pool;
use crate::zil::IntentLog;
use attributes::{New, flag};
pub(super) use overlay::{Change, Overlay};

/// Why a record has no effect.
enum Refused {
    /// Its object is gone: for some records that is no fault.
    Gone,
    /// It contradicts what there is, or cannot be read.
    Wrong(String),
}

impl From<Loss> for Refused {
    fn from(loss: Loss) -> Self {
        match loss.lost.why {
            Why::Missing => Self::Gone,
            _ => Self::Wrong(loss.to_string()),
        }
    }
}

/// A replay.
struct Replay {
    fs: FileSystem,
    overlay: Overlay,
}

impl FileSystem {
    /// The file system with its intent log applied; `record_size` is the property. What goes wrong on the way is added to
    /// [`FileSystem::losses`]; what was applied until then stays.
    #[must_use]
    pub fn replayed(self, pool: &Pool, record_size: Result<u64, Loss>) -> Self {
        let Some(log) = IntentLog::of(pool, self.set()) else { return self };
        let mut losses = self.losses().to_vec();
        let mut replay = Replay { fs: self, overlay: Overlay::default() };
        let mut blocks = log.blocks();
        'log: for block in &mut blocks {
            for record in block.pending() {
                if let Err(what) = replay.apply(&record, block.order()) {
                    losses.push(block.refused(log.objset, &record, &what));
                    break 'log;
                }
            }
            losses.extend(block.cut(log.objset));
        }
        losses.extend(blocks.end().and_then(|end| end.loss()).cloned());
        let Replay { fs, overlay } = replay;
        let record_size = record_size.unwrap_or_else(|loss| {
            losses.push(loss);
            RECORD_SIZE
        });
        fs.with(overlay, record_size, losses)
    }
}

impl Replay {
    fn apply(&mut self, record: &Record<'_>, order: Order) -> Result<(), String> {
        let Some(body) = &record.body else { return Err("it cannot be read".into()) };
        let ignores_case = record.kind.ci();
        let kind = record.kind.txtype();
        let applied = match body {
            Body::Create(r) => self.create(&r.object, r.name.0, &New::with_domains(order, &r.domains), None),
            Body::Mkdir(r) => self.create(&r.object, r.name.0, &New::plain(order), None),
            Body::Symlink(r) => {
                self.create(&r.object, r.name.0, &New::with_domains(order, &r.domains), Some(r.target.0))
            }
            Body::CreateAttr(r) => self.create(
                &r.object,
                r.name.0,
                &New { attr: Some(&r.attr), ..New::with_domains(order, &r.domains) },
                None,
            ),
            Body::CreateAcl(r) => {
                let acl = Some((r.aces.as_slice(), r.acl));
                self.create(&r.object, r.name.0, &New { acl, ..New::with_domains(order, &r.domains) }, None)
            }
            Body::CreateAclAttr(r) => {
                let acl = Some((r.aces.as_slice(), r.acl));
                let new = New { acl, attr: Some(&r.attr), ..New::with_domains(order, &r.domains) };
                self.create(&r.object, r.name.0, &new, None)
            }
            Body::Mkxattr(r) => self.make_xattr_directory(&r.object, order),
            Body::Remove(r) => self.remove(r.doid.0, r.name.0, ignores_case),
            Body::Link(r) => self.link(r.doid.0, r.link_obj.0, r.name.0),
            Body::Rename(r) if kind == TxType::RENAME_EXCHANGE => self.exchange(r, ignores_case),
            Body::Rename(r) => self.rename((r.sdoid.0, r.source.0), (r.tdoid.0, r.target.0), ignores_case),
            Body::Whiteout(r) => {
                let moved = self.rename((r.sdoid.0, r.source.0), (r.tdoid.0, r.target.0), ignores_case);
                let object = NewObject {
                    doid: r.sdoid,
                    foid: r.wfoid,
                    mode: r.wmode,
                    uid: r.wuid,
                    gid: r.wgid,
                    generation: r.wgen,
                    crtime: r.wcrtime,
                    rdev: r.wrdev,
                };
                moved.and_then(|()| self.create(&object, r.source.0, &New::plain(order), None))
            }
            Body::Write(r) => self.write(r, kind == TxType::WRITE2),
            Body::Truncate(r) => self.with(r.foid.object().0, |_, node| {
                match r.length.0 {
                    0 => node.resize(r.offset.0),
                    length => {
                        let end = r.offset.0.saturating_add(length);
                        Arc::make_mut(&mut node.patches).put(r.offset.0..end, Patch::Hole);
                        node.attributes.size = node.attributes.size.max(end);
                    }
                }
                Ok(())
            }),
            Body::Setattr(r) => {
                let fs = self.fs.clone();
                self.with(r.foid.object().0, |overlay, node| attributes::set(overlay, &fs, node, r, order))
            }
            Body::AclV0(r) => self.with(r.foid.object().0, |_, node| {
                node.attributes.acl = attributes::acl(&r.aces, 0)?;
                flag(&mut node.attributes.flags, attributes::TRIVIAL, false);
                Ok(())
            }),
            Body::Acl(r) => self.with(r.foid.object().0, |_, node| {
                attributes::set_acl(&mut node.attributes, &r.aces, r.head)
            }),
            Body::Setsaxattr(r) => self.with(r.foid.object().0, |_, node| {
                let all = &mut node.attributes.dxattr;
                all.retain(|(name, _)| name != r.name.0);
                if r.size.0 > 0 {
                    all.push((r.name.0.to_vec(), r.value.to_vec()));
                }
                Ok(())
            }),
            Body::CloneRange(r) => self.with(r.foid.object().0, |_, node| {
                Arc::make_mut(&mut node.patches).clone_range(r).map_err(Refused::Wrong)?;
                node.attributes.size = node.attributes.size.max(r.offset.0.saturating_add(r.length.0));
                Ok(())
            }),
            Body::Ciphertext(_) | Body::EncryptedWrite(_) | Body::EncryptedClone(_) => {
                return Err("encrypted".into());
            }
            Body::Unknown(_) => return Err(format!("{kind} is not known")),
        };
        match applied {
            Ok(()) => Ok(()),
            Err(Refused::Gone) if record.is_out_of_order() => Ok(()),
            Err(Refused::Gone) => Err("its object does not exist".into()),
            Err(Refused::Wrong(what)) => Err(what),
        }
    }

    /// Changes an object.
    fn with(
        &mut self,
        number: u64,
        change: impl FnOnce(&mut Overlay, &mut Change) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let mut node = match self.overlay.take(number) {
            Some(Some(node)) => node,
            Some(None) => {
                self.overlay.put(number, None);
                return Err(Refused::Gone);
            }
            None => Arc::new(Change::of(self.fs.inode(number)?.attributes)),
        };
        let result = change(&mut self.overlay, Arc::make_mut(&mut node));
        self.overlay.put(number, Some(node));
        result
    }

    /// An object as it is now.
    fn inode(&self, number: u64) -> Result<Inode, Refused> {
        match self.overlay.get(number) {
            Some(None) => Err(Refused::Gone),
            Some(Some(change)) => {
                let object = if change.is_new { None } else { Some(self.fs.set().object(number)?) };
                Ok(Inode::changed(self.fs.clone(), number, object, change))
            }
            None => Ok(self.fs.inode(number)?),
        }
    }

    /// The entry of that name in a directory, whatever its case if that is asked for.
    fn entry(&self, directory: u64, name: &[u8], ignores_case: bool) -> Result<Option<DirEntry>, Refused> {
        let inode = self.inode(directory)?;
        let found = inode.directory().get(name)?;
        if found.is_some() || !ignores_case {
            return Ok(found);
        }
        let flags = NormFlags(self.fs.master().matching().0 | 2);
        let wanted = prepare(name, flags);
        for entry in inode.directory().entries() {
            let entry = entry?;
            if prepare(&entry.bytes, flags) == wanted {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    fn create(
        &mut self,
        object: &NewObject,
        name: &[u8],
        new: &New<'_>,
        target: Option<&[u8]>,
    ) -> Result<(), Refused> {
        let number = object.foid.object().0;
        let kind = Mode(object.mode.0).kind();
        let parent = self.inode(object.doid.0)?;
        if !parent.is_directory() {
            return Err(Refused::Wrong(format!("object {} is no directory", object.doid)));
        }
        if self.entry(object.doid.0, name, false)?.is_some_and(|entry| entry.bytes == name) {
            return Err(Refused::Wrong("the name is there already".into()));
        }
        match self.inode(number) {
            Err(Refused::Gone) => {}
            Err(refused) => return Err(refused),
            Ok(_) => return Err(Refused::Wrong(format!("object {number} is there already"))),
        }
        let node = new.node(&mut self.overlay, &self.fs, object, &parent, target)?;
        self.overlay.put(number, Some(Arc::new(node)));
        self.add(object.doid.0, DirEntry { bytes: name.to_vec(), object: number, kind: kind.0, cd: 0 })?;
        self.with(object.doid.0, |_, directory| {
            directory.attributes.mtime = object.crtime;
            directory.attributes.ctime = object.crtime;
            Ok(())
        })
    }

    fn make_xattr_directory(&mut self, object: &NewObject, order: Order) -> Result<(), Refused> {
        let number = object.foid.object().0;
        let owner = self.inode(object.doid.0)?;
        let mut node = New::plain(order).node(&mut self.overlay, &self.fs, object, &owner, None)?;
        flag(&mut node.attributes.flags, attributes::XATTR, true);
        self.overlay.put(number, Some(Arc::new(node)));
        self.with(object.doid.0, |_, owner| {
            owner.attributes.xattr = number;
            Ok(())
        })
    }

    /// Puts an entry into a directory, and counts it.
    fn add(&mut self, directory: u64, entry: DirEntry) -> Result<(), Refused> {
        // entries of ZPL 1 do not say it
        let is_directory = self.inode(entry.object)?.is_directory();
        self.with(directory, |_, node| {
            node.attributes.size = node.attributes.size.saturating_add(1);
            if is_directory {
                node.attributes.links = node.attributes.links.saturating_add(1);
            }
            node.entries.insert(entry.bytes.clone(), Some(entry));
            Ok(())
        })
    }

    /// Takes an entry out of a directory, and counts that.
    fn take(&mut self, directory: u64, entry: &DirEntry) -> Result<(), Refused> {
        let is_directory = match self.inode(entry.object) {
            Ok(inode) => inode.is_directory(),
            Err(Refused::Gone) => entry.kind() == FileType::DIRECTORY,
            Err(refused) => return Err(refused),
        };
        self.with(directory, |_, node| {
            node.attributes.size = node.attributes.size.saturating_sub(1);
            if is_directory {
                node.attributes.links = node.attributes.links.saturating_sub(1);
            }
            node.entries.insert(entry.bytes.clone(), None);
            Ok(())
        })
    }

    /// One name less for an object: without any it is gone.
    fn unlink(&mut self, number: u64) -> Result<(), Refused> {
        let inode = self.inode(number)?;
        if inode.is_directory() || inode.attributes.links <= 1 {
            self.overlay.put(number, None);
            return Ok(());
        }
        self.with(number, |_, node| {
            node.attributes.links = node.attributes.links.saturating_sub(1);
            Ok(())
        })
    }

    fn remove(&mut self, directory: u64, name: &[u8], ignores_case: bool) -> Result<(), Refused> {
        let entry = self.entry(directory, name, ignores_case)?.ok_or(Refused::Gone)?;
        self.take(directory, &entry)?;
        self.unlink(entry.object)
    }

    fn link(&mut self, directory: u64, number: u64, name: &[u8]) -> Result<(), Refused> {
        let kind = self.inode(number)?.kind();
        self.add(directory, DirEntry { bytes: name.to_vec(), object: number, kind: kind.0, cd: 0 })?;
        self.with(number, |_, node| {
            node.attributes.links = node.attributes.links.saturating_add(1);
            node.attributes.parent = directory;
            Ok(())
        })
    }

    fn rename(
        &mut self,
        (from, source): (u64, &[u8]),
        (to, target): (u64, &[u8]),
        ignores_case: bool,
    ) -> Result<(), Refused> {
        let moved = self.entry(from, source, ignores_case)?.ok_or(Refused::Gone)?;
        let replaced = self.entry(to, target, ignores_case)?;
        if let Some(replaced) = replaced.filter(|replaced| (to, &replaced.bytes) != (from, &moved.bytes)) {
            // two names of one object: nothing happens
            if replaced.object == moved.object && replaced.bytes == target {
                return Ok(());
            }
            self.take(to, &replaced)?;
            self.unlink(replaced.object)?;
        }
        self.take(from, &moved)?;
        self.add(to, DirEntry { bytes: target.to_vec(), ..moved.clone() })?;
        self.with(moved.object, |_, node| {
            node.attributes.parent = to;
            Ok(())
        })
    }

    fn exchange(&mut self, record: &Rename<'_>, ignores_case: bool) -> Result<(), Refused> {
        let (from, to) = (record.sdoid.0, record.tdoid.0);
        let one = self.entry(from, record.source.0, ignores_case)?.ok_or(Refused::Gone)?;
        let other = self.entry(to, record.target.0, ignores_case)?.ok_or(Refused::Gone)?;
        self.take(from, &one)?;
        self.take(to, &other)?;
        let as_named =
            |entry: &DirEntry, name: &DirEntry| DirEntry { bytes: name.bytes.clone(), ..entry.clone() };
        self.add(from, as_named(&other, &one))?;
        self.add(to, as_named(&one, &other))?;
        for (entry, parent) in [(&one, to), (&other, from)] {
            self.with(entry.object, |_, node| {
                node.attributes.parent = parent;
                Ok(())
            })?;
        }
        Ok(())
    }

    fn write(&mut self, record: &Write<'_>, is_end_only: bool) -> Result<(), Refused> {
        self.with(record.foid.object().0, |_, node| {
            if !is_end_only {
                Arc::make_mut(&mut node.patches).write(record);
            }
            node.attributes.size = node.attributes.size.max(record.end());
            Ok(())
        })
    }
}

impl Patches {
    /// What was written, or the whole block that holds it.
    pub(crate) fn write(&mut self, record: &Write<'_>) {
        let (start, end) = (record.offset.0, record.end());
        if record.is_immediate() {
            return self.put(start..end, Patch::Bytes(Arc::from(record.data), 0));
        }
        let size = record.blkptr.lsize();
        let start = if record.length.0 < size {
            start.saturating_sub(start.checked_rem(size).unwrap_or(0))
        } else {
            start
        };
        self.put(start..start.saturating_add(size), of_block(&record.blkptr));
    }

    /// The blocks that a range consists of from now on.
    ///
    /// # Errors
    /// If they are not as long as the record says, or do not fill the range.
    pub(crate) fn clone_range(&mut self, record: &CloneRange) -> Result<(), String> {
        let (size, end) = (record.blksz.0, record.offset.0.saturating_add(record.length.0));
        let room = u128::from(size).saturating_mul(u128::from(record.nbps));
        let fits = |pointer: &Pointer| pointer.is_hole() || pointer.lsize() == size;
        if room < u128::from(record.length.0) || !record.bps.iter().all(fits) {
            return Err("its blocks do not fill the range".into());
        }
        let mut at = record.offset.0;
        for pointer in &record.bps {
            let next = at.saturating_add(size);
            self.put(at..next.min(end), of_block(pointer));
            at = next;
        }
        Ok(())
    }
}

fn of_block(pointer: &Pointer) -> Patch {
    if pointer.is_hole() { Patch::Hole } else { Patch::Block(*pointer, 0) }
}
