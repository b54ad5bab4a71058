//! Attributes and ACLs as the intent log has them.

use zfsp_grammar::acl::Who;
use zfsp_grammar::device::Device;
use zfsp_grammar::fuid::Fuid;
use zfsp_grammar::input::{Order, Text};
use zfsp_grammar::mode::{FileType, Mode};
use zfsp_grammar::quantity::Txg;
use zfsp_grammar::zil::acl::{Ace, AclHead, Fuid as LogFuid};
use zfsp_grammar::zil::attribute::{Mask, Setattr, Xvattr};
use zfsp_grammar::zil::create::NewObject;
use zfsp_grammar::znode::ZnodeFlags;

use super::Refused;
use super::overlay::{Change, Overlay};
use crate::fs::acl::{Acl, Entry};
use crate::fs::{Attributes, FileSystem, Inode};

/// Bits of [`ZnodeFlags`], 12.5.
pub(super) const XATTR: u64 = 1;
pub(super) const TRIVIAL: u64 = 1 << 2;
const PROTECTED: u64 = 1 << 4;
const DEFAULTED: u64 = 1 << 5;
const AUTO_INHERIT: u64 = 1 << 6;
const PROJINHERIT: u64 = 1 << 46;
const PROJID: u64 = 1 << 47;

/// The bits of a new file: it is to be archived, and no scanner has seen it.
const FRESH: u64 = 1 << 35 | 1 << 42;

/// Sets or clears bits.
pub(super) fn flag(flags: &mut ZnodeFlags, bits: u64, is_set: bool) {
    flags.0 = if is_set { flags.0 | bits } else { flags.0 & !bits };
}

/// What a record says of a new object beyond what all do.
#[derive(Clone, Copy)]
pub(super) struct New<'r> {
    pub(super) order: Order,
    pub(super) domains: &'r [Text<'r>],
    pub(super) attr: Option<&'r Xvattr<'r>>,
    pub(super) acl: Option<(&'r [Ace<'r>], AclHead)>,
}

impl<'r> New<'r> {
    pub(super) fn plain(order: Order) -> Self {
        Self::with_domains(order, &[])
    }

    pub(super) fn with_domains(order: Order, domains: &'r [Text<'r>]) -> Self {
        Self { order, domains, attr: None, acl: None }
    }

    /// The identity of a record: domain n is the n-th that the record names.
    fn identity(&self, overlay: &mut Overlay, fs: &FileSystem, id: LogFuid) -> Result<Fuid, Refused> {
        let Some(n) = id.domain().checked_sub(1) else { return Ok(Fuid(id.id().into())) };
        let name = usize::try_from(n).ok().and_then(|n| self.domains.get(n));
        let name = name.ok_or_else(|| Refused::Wrong(format!("it does not name domain {}", id.domain())))?;
        Ok(Fuid(overlay.domain(fs, &name.to_string())? << 32 | u64::from(id.id())))
    }

    /// The new object.
    pub(super) fn node(
        &self,
        overlay: &mut Overlay,
        fs: &FileSystem,
        object: &NewObject,
        parent: &Inode,
        target: Option<&[u8]>,
    ) -> Result<Change, Refused> {
        let mode = Mode(object.mode.0);
        let kind = mode.kind();
        let is_directory = kind == FileType::DIRECTORY;
        let length = target.map_or(0, |target| u64::try_from(target.len()).unwrap_or_default());
        let NewObject { crtime: time, .. } = *object;
        let inherited = parent.attributes.flags;
        let mut attributes = Attributes {
            mode,
            size: if is_directory { 2 } else { length },
            uid: self.identity(overlay, fs, object.uid)?,
            gid: self.identity(overlay, fs, object.gid)?,
            links: if is_directory { 2 } else { 1 },
            atime: time,
            mtime: time,
            ctime: time,
            crtime: time,
            generation: Txg(object.generation),
            parent: object.doid.0,
            flags: ZnodeFlags(TRIVIAL | FRESH | (inherited.0 & XATTR)),
            rdev: kind.is_device().then_some(Device(object.rdev)),
            symlink: target.map(<[u8]>::to_vec),
            ..Attributes::default()
        };
        let has_project = matches!(kind, FileType::REGULAR | FileType::DIRECTORY);
        if let Some(projid) = parent.attributes.projid.filter(|_| has_project && inherited.projinherit()) {
            attributes.projid = Some(projid);
            flag(&mut attributes.flags, PROJID | PROJINHERIT, true);
        }
        if let Some(attr) = self.attr {
            set_more(&mut attributes, attr, self.order);
        }
        if let Some((aces, head)) = self.acl {
            set_acl(&mut attributes, aces, head)?;
        }
        Ok(Change { attributes, is_new: true, ..Change::default() })
    }
}

/// `TX_SETATTR`.
pub(super) fn set(
    overlay: &mut Overlay,
    fs: &FileSystem,
    node: &mut Change,
    record: &Setattr<'_>,
    order: Order,
) -> Result<(), Refused> {
    let domains = New::with_domains(order, &record.domains);
    let mask = record.mask;
    if mask.size() {
        node.resize(record.size.0);
    }
    let attributes = &mut node.attributes;
    if mask.mode() {
        attributes.mode = Mode(attributes.mode.0 & !0o7777 | record.mode.0 & 0o7777);
    }
    if mask.uid() {
        attributes.uid = domains.identity(overlay, fs, record.uid)?;
    }
    if mask.gid() {
        attributes.gid = domains.identity(overlay, fs, record.gid)?;
    }
    // Linux leaves the time of access as it was when it replays
    if matches!(mask, Mask::Vattr(_)) && mask.atime() {
        attributes.atime = record.atime;
    }
    if mask.mtime() {
        attributes.mtime = record.mtime;
    }
    if let Some(attr) = &record.attr {
        set_more(attributes, attr, order);
    }
    Ok(())
}

/// Attributes beyond those of POSIX.
fn set_more(attributes: &mut Attributes, attr: &Xvattr<'_>, order: Order) {
    let (mask, values) = (attr.bitmap, attr.attrs);
    if mask.createtime() {
        attributes.crtime = attr.crtime;
    }
    if mask.scanstamp() {
        attributes.scanstamp = Some(attr.scanstamp.to_vec());
    }
    let flags = [
        (mask.readonly(), values.readonly(), 32),
        (mask.hidden(), values.hidden(), 33),
        (mask.system(), values.system(), 34),
        (mask.archive(), values.archive(), 35),
        (mask.immutable(), values.immutable(), 36),
        (mask.nounlink(), values.nounlink(), 37),
        (mask.appendonly(), values.appendonly(), 38),
        (mask.nodump(), values.nodump(), 39),
        // old writers have its value in the place of another
        (mask.opaque(), values.opaque() || values.appendonly() && !mask.appendonly(), 40),
        (mask.av_quarantined(), values.av_quarantined(), 41),
        (mask.av_modified(), values.av_modified(), 42),
        (mask.reparse(), values.reparse(), 43),
        (mask.offline(), values.offline(), 44),
        (mask.sparse(), values.sparse(), 45),
        (mask.projinherit(), values.projinherit(), 46),
    ];
    for (is_meant, is_set, bit) in flags {
        if is_meant {
            flag(&mut attributes.flags, 1u64.unbounded_shl(bit), is_set);
        }
    }
    if let Some(projid) = attr.projid() {
        attributes.projid = Some(match order {
            Order::Little => u64::from_le_bytes(projid),
            Order::Big => u64::from_be_bytes(projid),
        });
        flag(&mut attributes.flags, PROJID, true);
    }
}

/// An ACL, and what is said of it as a whole.
pub(super) fn set_acl(attributes: &mut Attributes, aces: &[Ace<'_>], head: AclHead) -> Result<(), Refused> {
    attributes.acl = acl(aces, head.fuidcnt)?;
    let flags = head.acl_flags;
    let all = &mut attributes.flags;
    flag(all, TRIVIAL, false);
    flag(all, AUTO_INHERIT, flags.auto_inherit());
    flag(all, PROTECTED, flags.protected());
    flag(all, DEFAULTED, flags.defaulted());
    Ok(())
}

/// Entries in the form of the system call; `fuids`: how many of them are of identities with a domain.
pub(super) fn acl(aces: &[Ace<'_>], fuids: u64) -> Result<Acl, Refused> {
    if fuids > 0 {
        return Err(Refused::Wrong("an ACL of identities with domains is not supported".into()));
    }
    let entry = |ace: &Ace<'_>| {
        let id = Fuid(ace.who.into());
        let who = match (ace.flags.owner(), ace.flags.group(), ace.flags.everyone()) {
            (true, ..) => Who::Owner,
            (_, true, _) => Who::Group,
            (_, _, true) => Who::Everyone,
            _ if ace.flags.identifier_group() => Who::NamedGroup(id),
            _ => Who::User(id),
        };
        let types = ace.object.and_then(|types| types.split_at_checked(16));
        let types = types.map(|(object, inherited)| [object.to_vec(), inherited.to_vec()]);
        Entry { kind: ace.kind, who, access_mask: ace.mask, flags: ace.flags, types }
    };
    Ok(Acl::Here(aces.iter().map(entry).collect()))
}
