//! `zexplore get`: properties of datasets and of the pool, as `zfs get` and `zpool get` show them.

mod allow;
mod userspace;

use serde_json::{Value as Json, json};
use zfsp::dataset::Dsl;
use zfsp::dataset::property::{Setting, Source, is_name};

use crate::common::exit::{Exit, Failure};
use crate::items::{Choice, Type};
use crate::session::Session;
use crate::shown;
use crate::style::{DIM, plain};
use crate::table::{Align, Cell, Table};

/// What only a running system knows is not shown: mounted, available, keystatus, health, free.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Names of properties, with commas between them
    #[arg(value_name = "PROPERTY,...|all", default_value = ALL, hide_default_value = true)]
    properties: String,
    #[command(flatten)]
    choice: Choice,
    /// Only values that come from there, with commas between them
    #[arg(short = 's', long = "source", value_name = "SOURCE", value_enum, value_delimiter = ',')]
    sources: Vec<From>,
    /// Sizes in bytes, times in seconds
    #[arg(short = 'x', long)]
    exact: bool,
    /// The properties of the pool
    #[arg(long, conflicts_with_all = ["allow", "userspace", "names", "recursive", "depth", "types"])]
    of_pool: bool,
    /// Who may do what: delegated permissions
    #[arg(long, conflicts_with_all = ["userspace", "sources"])]
    allow: bool,
    /// Space and objects by user, group and project, and their quotas
    #[arg(long, conflicts_with = "sources")]
    userspace: bool,
}

const ALL: &str = "all";

const EXAMPLES: &str = "\
Examples:
  zexplore get -p images/                             everything of every dataset
  zexplore get used,compressratio lab/home -r -p images/
  zexplore get all -s local,received -p images/       what somebody has set
  zexplore get written,guid -t snap -p images/
  zexplore get --of-pool -p images/
  zexplore get --allow -p images/
  zexplore get --userspace all lab/home -p images/";

/// Where values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum From {
    Local,
    Inherited,
    Received,
    Default,
    None,
}

impl From {
    fn is(self, source: &Source) -> bool {
        match self {
            Self::Local => *source == Source::Local,
            Self::Inherited => matches!(source, Source::Inherited(_)),
            Self::Received => *source == Source::Received,
            Self::Default => *source == Source::Default,
            Self::None => *source == Source::None,
        }
    }
}

pub(crate) fn run(session: &mut Session<'_>, options: &Options) -> Result<Exit, Failure> {
    let pool = session.pool()?;
    let dsl = Dsl::of(&pool);
    let names = names(options)?;
    if options.of_pool {
        return of_pool(session, &dsl, names, options);
    }
    let items = options.choice.items(session, &dsl, if is_of_live(options) { LIVE } else { &[Type::All] })?;
    if options.allow {
        return allow::run(session, &dsl, &items);
    }
    if options.userspace {
        return userspace::run(session, &dsl, &items, options.exact);
    }
    let mut rows = Vec::new();
    for item in &items {
        let (settings, losses) = match &names {
            None => item.properties(&dsl),
            Some(names) => {
                let (found, losses) = item.some(&dsl, names);
                (found.into_iter().flatten().collect(), losses)
            }
        };
        for loss in losses {
            session.warn(format!("{}: {loss}", plain(item.name())));
        }
        rows.extend(settings.into_iter().map(|setting| (item.name().to_owned(), setting)));
    }
    show(session, &rows, options)
}

const LIVE: &[Type] = &[Type::Filesystem, Type::Volume];

/// Permissions and space are of live datasets, if no others are asked for.
fn is_of_live(options: &Options) -> bool {
    options.allow || options.userspace
}

/// The properties that are asked for; `None` for all.
fn names(options: &Options) -> Result<Option<Vec<String>>, Failure> {
    if options.properties == ALL {
        return Ok(None);
    }
    let names: Vec<String> = options.properties.split(',').map(str::to_owned).collect();
    match names.iter().find(|name| !options.of_pool && !is_name(name)) {
        Some(name) => {
            let what =
                format!("no property '{name}'; properties come first, then datasets: zexplore get all lab");
            Err(Failure(Exit::Usage, what))
        }
        None => Ok(Some(names)),
    }
}

fn of_pool(
    session: &mut Session<'_>,
    dsl: &Dsl<'_>,
    names: Option<Vec<String>>,
    options: &Options,
) -> Result<Exit, Failure> {
    let (all, losses) = dsl.pool_properties();
    losses.iter().for_each(|loss| session.warn(loss));
    if let Some(name) = names.iter().flatten().find(|name| !all.iter().any(|setting| setting.name == **name))
    {
        return Err(Failure(Exit::Usage, format!("no property '{name}' of the pool")));
    }
    let is_wanted = |setting: &Setting| names.as_ref().is_none_or(|names| names.contains(&setting.name));
    let rows: Vec<_> =
        all.into_iter().filter(is_wanted).map(|setting| (dsl.pool.name.clone(), setting)).collect();
    show(session, &rows, options)
}

/// A table, or an array of objects.
fn show(session: &Session<'_>, rows: &[(String, Setting)], options: &Options) -> Result<Exit, Failure> {
    let is_wanted = |setting: &Setting| {
        options.sources.is_empty() || options.sources.iter().any(|from| from.is(&setting.source))
    };
    let rows = || rows.iter().filter(|(_, setting)| is_wanted(setting));
    let facts: Json = rows().map(|(name, setting)| json(name, setting)).collect();
    session.show(&json!({ "properties": facts }), |_| {
        let left = |head: &'static str| (head, Align::Left);
        let mut table = Table::new(&["name", "property", "value", "source"].map(left));
        for (name, setting) in rows() {
            let source = match setting.source {
                Source::Default | Source::None => Cell::styled(DIM, &setting.source),
                _ => Cell::new(&setting.source),
            };
            let value = shown::text(setting, options.exact);
            table.row([name.into(), Cell::new(&setting.name), value.into(), source]);
        }
        table.to_string()
    })
}

fn json(name: &str, setting: &Setting) -> Json {
    let from = match &setting.source {
        Source::Inherited(from) => Some(from),
        _ => None,
    };
    json!({
        "name": name,
        "property": setting.name,
        "value": shown::json(&setting.value),
        "source": setting.source.name(),
        "inherited_from": from,
    })
}
