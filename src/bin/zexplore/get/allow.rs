//! Delegated permissions, as `zfs allow` shows them.

use serde::Serialize;
use serde_json::json;
use zfsp::dataset::{Dsl, Receiver};
use zfsp_grammar::dsl::delegation::Scope;

use crate::common::exit::{Exit, Failure};
use crate::items::Item;
use crate::session::Session;
use crate::style::plain;
use crate::table::{Align, Cell, Table};

#[derive(Serialize)]
struct GrantFacts<'i> {
    name: &'i str,
    /// `user`, `group`, `everyone`, `creator` or `set`.
    receiver: &'static str,
    /// Decimal id, or name of the set.
    id: Option<String>,
    /// `local`, `descendants` or `none`.
    scope: &'static str,
    permissions: Vec<String>,
}

pub(super) fn run(session: &mut Session<'_>, dsl: &Dsl<'_>, items: &[Item<'_>]) -> Result<Exit, Failure> {
    let mut all = Vec::new();
    for item in items {
        let Item::Dataset(set) = item else { continue };
        if set.is_snapshot() {
            continue;
        }
        let (grants, losses) = dsl.grants(&set.dir);
        for loss in losses {
            session.warn(format!("{}: permissions: {loss}", plain(&set.name)));
        }
        for grant in grants {
            let (receiver, id) = match grant.receiver {
                Receiver::User(id) => ("user", Some(id)),
                Receiver::Group(id) => ("group", Some(id)),
                Receiver::Everyone => ("everyone", None),
                Receiver::Creator => ("creator", None),
                Receiver::Set(name) => ("set", Some(name)),
            };
            let scope = match grant.scope {
                Scope::Local => "local",
                Scope::Descendants => "descendants",
                Scope::None => "none",
            };
            all.push(GrantFacts { name: &set.name, receiver, id, scope, permissions: grant.permissions });
        }
    }
    session.show(&json!({ "grants": all }), |_| {
        let left = |head: &'static str| (head, Align::Left);
        let mut table = Table::new(&["name", "who", "where", "permissions"].map(left));
        for GrantFacts { name, receiver, id, scope, permissions } in &all {
            let who = id.as_ref().map_or_else(|| (*receiver).to_owned(), |id| format!("{receiver} {id}"));
            let scope = if *scope == "none" { "" } else { scope };
            table.row([name.into(), who.into(), scope.into(), Cell::new(permissions.join(","))]);
        }
        table.to_string()
    })
}
