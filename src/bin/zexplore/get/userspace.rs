//! Space and objects by user, group and project, as `zfs userspace` and its like show them.

use serde::Serialize;
use serde_json::json;
use zfsp::dataset::{Account, Dsl};

use crate::common::exit::{Exit, Failure};
use crate::items::Item;
use crate::session::Session;
use crate::style::{DIM, plain, size};
use crate::table::{Align, Cell, Table};

#[derive(Serialize)]
struct AccountFacts<'i> {
    name: &'i str,
    /// `user`, `group` or `project`.
    holder: &'static str,
    /// Number; those of a domain are `DOMAIN-NUMBER`.
    id: String,
    #[serde(flatten)]
    account: Amounts,
    /// The quotas are those of everybody who has none of his own.
    is_default_quota: bool,
    is_default_objquota: bool,
}

#[derive(Serialize)]
struct Amounts {
    used: Option<u64>,
    quota: Option<u64>,
    objects: Option<u64>,
    objquota: Option<u64>,
}

pub(super) fn run(
    session: &mut Session<'_>,
    dsl: &Dsl<'_>,
    items: &[Item<'_>],
    is_exact: bool,
) -> Result<Exit, Failure> {
    let mut all = Vec::new();
    for item in items {
        let Item::Dataset(set) = item else { continue };
        if set.objset(&dsl.pool).is_ok_and(|objects| objects.is_locked()) {
            session.lock(&dsl.needed_key(set));
            continue;
        }
        let usage = dsl.usage(set);
        for loss in &usage.losses {
            session.warn(format!("{}: {loss}", plain(&set.name)));
        }
        for (&(holder, id), own) in &usage.accounts {
            let Account { used, objects, quota, objquota } = usage.effective(holder, own);
            all.push(AccountFacts {
                name: &set.name,
                holder: holder.name(),
                id: id.to_string(),
                account: Amounts { used, quota, objects, objquota },
                is_default_quota: own.quota.is_none() && quota.is_some(),
                is_default_objquota: own.objquota.is_none() && objquota.is_some(),
            });
        }
    }
    session.show(&json!({ "accounts": all }), |_| {
        let (left, right) = (|head| (head, Align::Left), |head| (head, Align::Right));
        let heads = [left("name"), left("type"), right("id")];
        let amounts = ["used", "quota", "objects", "objquota"].map(right);
        let mut table = Table::new(&[heads.as_slice(), amounts.as_slice()].concat());
        let bytes = |n: u64| if is_exact { n.to_string() } else { size(n) };
        let count = |n: u64| n.to_string();
        let cell = |n: Option<u64>, is_default, show: &dyn Fn(u64) -> String| match n {
            Some(n) if is_default => Cell::styled(DIM, show(n)),
            Some(n) => show(n).into(),
            None => Cell::styled(DIM, "none"),
        };
        for of in &all {
            let Amounts { used, quota, objects, objquota } = of.account;
            table.row([
                of.name.into(),
                of.holder.into(),
                of.id.clone().into(),
                cell(used, false, &bytes),
                cell(quota, of.is_default_quota, &bytes),
                cell(objects, false, &count),
                cell(objquota, of.is_default_objquota, &count),
            ]);
        }
        table.to_string()
    })
}
