//! The holds of snapshots, as `zfs holds` shows them.

use serde::Serialize;
use serde_json::json;
use zfsp::dataset::Dsl;
use zfsp_grammar::quantity::utc;

use crate::common::exit::{Exit, Failure};
use crate::items::Item;
use crate::session::Session;
use crate::style::plain;
use crate::table::{Align, Cell, Table};

#[derive(Serialize)]
struct HoldFacts<'i> {
    name: &'i str,
    tag: String,
    /// Seconds since 1970.
    time: u64,
    is_temporary: bool,
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
        let (holds, losses) = dsl.holds(set);
        for loss in losses {
            session.warn(format!("{}: holds: {loss}", plain(&set.name)));
        }
        let facts = |hold: zfsp::dataset::Hold| HoldFacts {
            name: &set.name,
            tag: hold.tag,
            time: hold.time.0,
            is_temporary: hold.is_temporary,
        };
        all.extend(holds.into_iter().map(facts));
    }
    session.show(&json!({ "holds": all }), |_| {
        let left = |head: &'static str| (head, Align::Left);
        let mut table = Table::new(&["name", "tag", "time", ""].map(left));
        for HoldFacts { name, tag, time, is_temporary } in &all {
            let time = if is_exact { time.to_string() } else { utc(time.cast_signed()) };
            let note = if *is_temporary { "until the next import" } else { "" };
            table.row([Cell::new(name), tag.into(), time.into(), note.into()]);
        }
        table.to_string()
    })
}
