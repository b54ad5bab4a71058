//! `zexplore datasets`: file systems, volumes, snapshots and bookmarks, as `zfs list` shows them.

mod holds;
mod order;

use serde_json::{Map, Value as Json, json};
use zfsp::dataset::Dsl;
use zfsp::dataset::property::{self, Setting, Value};

use crate::common::exit::{Exit, Failure};
use crate::items::{Choice, Item, Type};
use crate::session::Session;
use crate::shown;
use crate::style::plain;
use crate::table::{Align, Cell, Table};

/// Live datasets; snapshots and bookmarks only with -t, or if they are named.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    choice: Choice,
    /// Columns: `name` and any property, with commas between them
    #[arg(short = 'o', long = "columns", value_name = "COLUMN", value_delimiter = ',', value_parser = column)]
    columns: Vec<String>,
    /// Sort by that column, upwards; several count in their order
    #[arg(short = 's', long = "sort", value_name = "COLUMN", value_parser = column)]
    up: Vec<String>,
    /// The same, downwards; counts before -s
    #[arg(short = 'S', value_name = "COLUMN", value_parser = column)]
    down: Vec<String>,
    /// Sizes in bytes, times in seconds
    #[arg(short = 'x', long)]
    exact: bool,
    /// The holds of snapshots: what keeps them from being destroyed
    #[arg(long, conflicts_with_all = ["columns", "up", "down"])]
    holds: bool,
}

const EXAMPLES: &str = "\
Examples:
  zexplore datasets -p images/                        file systems and volumes
  zexplore datasets -t snap,bookmark lab/home -p images/
  zexplore datasets -t all -o name,creation,guid,written -S written -p images/
  zexplore datasets --holds -p images/";

/// The name of a column: short ones are those of `zfs list`.
fn column(name: &str) -> Result<String, String> {
    let name = match name {
        "refer" => "referenced",
        "ratio" => "compressratio",
        "lused" => "logicalused",
        "lrefer" => "logicalreferenced",
        "usedds" => "usedbydataset",
        "usedsnap" => "usedbysnapshots",
        "usedchild" => "usedbychildren",
        "usedrefreserv" => "usedbyrefreservation",
        "volblock" => "volblocksize",
        "recsize" => "recordsize",
        other => other,
    };
    match name == NAME || property::is_name(name) {
        true => Ok(name.to_owned()),
        false => Err("no property: zexplore get all lists them".into()),
    }
}

const NAME: &str = "name";

pub(crate) fn run(session: &mut Session<'_>, options: &Options) -> Result<Exit, Failure> {
    let pool = session.pool()?;
    let dsl = Dsl::of(&pool);
    if options.holds {
        let items = options.choice.items(session, &dsl, &[Type::Snapshot])?;
        return holds::run(session, &dsl, &items, options.exact);
    }
    let default: &[Type] =
        if options.choice.is_named() { &[Type::All] } else { &[Type::Filesystem, Type::Volume] };
    let items = options.choice.items(session, &dsl, default)?;
    let columns = if options.columns.is_empty() { usual(&dsl, &items) } else { options.columns.clone() };
    let keys = order::Keys::new(&options.up, &options.down);
    let wanted: Vec<String> = columns.iter().chain(keys.columns()).cloned().collect();
    let mut rows: Vec<Row> = Vec::new();
    for item in &items {
        let (mut settings, losses) = item.some(&dsl, &wanted);
        for loss in losses {
            session.warn(format!("{}: {loss}", plain(item.name())));
        }
        for (name, setting) in wanted.iter().zip(&mut settings).filter(|(name, _)| *name == NAME) {
            *setting = Some(named(name, item));
        }
        let keys = settings.split_off(columns.len());
        rows.push(Row { name: item.name().to_owned(), settings, keys });
    }
    keys.sort(&mut rows, |row| &row.keys);
    let is_exact = options.exact;
    session.show(&json(&columns, &rows), |_| table(&columns, &rows, is_exact).to_string())
}

/// A line: what is shown, and what it is sorted by.
struct Row {
    name: String,
    settings: Vec<Option<Setting>>,
    keys: Vec<Option<Setting>>,
}

fn named(name: &str, item: &Item<'_>) -> Setting {
    let value = Value::Text(item.name().to_owned());
    Setting { name: name.to_owned(), value, source: property::Source::None }
}

/// The columns that say something of what is listed.
fn usual(dsl: &Dsl<'_>, items: &[Item<'_>]) -> Vec<String> {
    let has = |name: &str| {
        items.iter().any(|item| match item {
            Item::Dataset(set) => matches!(dsl.property(set, name), Ok(Some(_))),
            Item::Bookmark(_) | Item::Dir(_) => false,
        })
    };
    let is_old = |item: &Item<'_>| match item {
        Item::Dataset(set) => set.is_snapshot(),
        Item::Bookmark(_) => true,
        Item::Dir(_) => false,
    };
    let mut columns = vec![NAME, "type", "used", "referenced", "compressratio"];
    columns.extend(has("volsize").then_some("volsize"));
    columns.extend(items.iter().any(is_old).then_some("creation"));
    columns.extend(has("origin").then_some("origin"));
    columns.extend(has("encryptionroot").then_some("encryption"));
    columns.extend(has("mountpoint").then_some("mountpoint"));
    columns.into_iter().map(str::to_owned).collect()
}

fn json(columns: &[String], rows: &[Row]) -> Json {
    let line = |row: &Row| {
        let mut line = Map::new();
        line.insert(NAME.into(), row.name.as_str().into());
        for (column, setting) in columns.iter().zip(&row.settings) {
            let value = setting.as_ref().map(|setting| shown::json(&setting.value));
            line.insert(column.clone(), value.unwrap_or_default());
        }
        Json::Object(line)
    };
    json!({ "datasets": rows.iter().map(line).collect::<Vec<_>>() })
}

fn table(columns: &[String], rows: &[Row], is_exact: bool) -> Table {
    let align = |n: usize| {
        let mut values = rows.iter().filter_map(|row| row.settings.get(n)?.as_ref());
        match values
            .any(|setting| matches!(setting.value, Value::Bytes(_) | Value::Number(_) | Value::Ratio(_)))
        {
            true => Align::Right,
            false => Align::Left,
        }
    };
    let heads: Vec<(String, Align)> =
        columns.iter().enumerate().map(|(n, column)| (head(column), align(n))).collect();
    let mut table = Table::new(&heads);
    for row in rows {
        let cell = |setting: &Option<Setting>| match setting {
            Some(setting) => Cell::new(shown::text(setting, is_exact)),
            None => Cell::new("-"),
        };
        table.row(row.settings.iter().map(cell));
    }
    table
}

/// The head of a column, as `zfs list` has it.
fn head(column: &str) -> String {
    match column {
        "referenced" => "refer".into(),
        "compressratio" => "ratio".into(),
        other => other.to_owned(),
    }
}
