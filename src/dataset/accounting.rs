//! Space and objects by user, group and project, and what they are allowed.
//!
//! Handbook: `docs/format/12-zpl.md`, 12.15.

use std::collections::BTreeMap;
use std::fmt;

use zfsp_grammar::accounting::Account as Key;
use zfsp_grammar::fuid::Fuid;
use zfsp_grammar::master_node::MASTER_NODE;
use zfsp_grammar::objset::ObjsetType;

use super::attributes::Attributes;
use super::{Dataset, Dsl};
use crate::object::Loss;

/// What space is charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// Owners of files.
    User,
    /// Groups of files.
    Group,
    /// Projects.
    Project,
}

impl Holder {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::User, Self::Group, Self::Project];

    /// `user`, `group` or `project`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Project => "project",
        }
    }
    /// Number of the object that counts them.
    fn object(self) -> i64 {
        match self {
            Self::User => -1,
            Self::Group => -2,
            Self::Project => -3,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What one of them uses, and may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Account {
    /// Bytes; `None` if that is not counted.
    pub used: Option<u64>,
    /// Objects.
    pub objects: Option<u64>,
    /// Bytes that it may use, if that is limited for itself.
    pub quota: Option<u64>,
    /// Objects that it may use.
    pub objquota: Option<u64>,
}

/// What those may use who have no quota of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct DefaultQuota {
    /// Bytes.
    pub quota: Option<u64>,
    /// Objects.
    pub objquota: Option<u64>,
}

/// Who uses what in a file system.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// By user, group and project.
    pub accounts: BTreeMap<(Holder, Fuid), Account>,
    /// By kind.
    pub defaults: BTreeMap<Holder, DefaultQuota>,
    /// What could not be read.
    pub losses: Vec<Loss>,
}

impl Dsl<'_> {
    /// Who uses what in a file system or snapshot of one.
    #[must_use]
    pub fn usage(&self, set: &Dataset) -> Usage {
        let mut usage = Usage::default();
        if set.phys.bp.is_hole() {
            return usage;
        }
        let objects = match self.objset(set) {
            Ok(objects) => objects,
            Err(loss) => return Usage { losses: vec![loss], ..usage },
        };
        if objects.r#type != ObjsetType::ZFS {
            return usage;
        }
        usage.losses.extend(objects.losses.iter().cloned());
        let master = self.zap_of(set, MASTER_NODE);
        usage.losses.extend(master.losses.iter().cloned());
        for holder in Holder::ALL {
            let counted = objects.accounting.iter().find(|object| object.at.object == holder.object());
            if let Some(object) = counted {
                let all = Attributes::of(Ok(object.clone()));
                usage.add(
                    &all,
                    holder,
                    |account, is_objects| {
                        if is_objects { &mut account.objects } else { &mut account.used }
                    },
                );
            }
            let number = |key: String| master.left(&key).and_then(|value| value.first());
            for (suffix, is_objects) in [("quota", false), ("objquota", true)] {
                if let Some(zap) = number(format!("{holder}{suffix}@")) {
                    let all = self.zap_of(set, zap);
                    usage.add(&all, holder, |account, _| {
                        if is_objects { &mut account.objquota } else { &mut account.quota }
                    });
                }
            }
            let limit = |suffix: &str| number(format!("default{holder}{suffix}")).filter(|n| *n != 0);
            let quotas = DefaultQuota { quota: limit("quota"), objquota: limit("objquota") };
            if quotas != DefaultQuota::default() {
                usage.defaults.insert(holder, quotas);
            }
        }
        usage
    }
}

impl Usage {
    /// What an account uses, and may use: where it has no quota of its own, that of all such.
    #[must_use]
    pub fn effective(&self, holder: Holder, account: &Account) -> Account {
        let all = self.defaults.get(&holder).copied().unwrap_or_default();
        Account {
            quota: account.quota.or(all.quota),
            objquota: account.objquota.or(all.objquota),
            ..*account
        }
    }

    fn add(
        &mut self,
        all: &Attributes,
        holder: Holder,
        place: impl Fn(&mut Account, bool) -> &mut Option<u64>,
    ) {
        for (key, value) in all.iter() {
            if let Some(key) = Key::of(key.as_bytes()) {
                let account = self.accounts.entry((holder, key.id)).or_default();
                *place(account, key.objects) = value.first();
            }
        }
        self.losses.extend(all.losses.iter().cloned());
    }
}
