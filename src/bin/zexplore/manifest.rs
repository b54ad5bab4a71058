//! `zexplore manifest`: a line for each object of each dataset and snapshot.

use std::io::{self, BufWriter, Write};

use indicatif::{ProgressBar, ProgressStyle};
use zfsp::manifest::{self, Depth};

use crate::common::exit::{Exit, Failure};
use crate::common::output::written;
use crate::session::Session;

/// JSON Lines: what stat, readlink, getfattr and sha256sum would say of every object, if the pool were mounted. Of
/// locked datasets: numbers, types, sizes and stretches of their objects, which are in clear.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only this dataset or snapshot; may be given again
    #[arg(short, long = "dataset", value_name = "DATASET")]
    datasets: Vec<String>,
    /// Also the datasets and snapshots below
    #[arg(short, long, requires = "datasets")]
    recursive: bool,
    /// No hashes: the content of files is not read
    #[arg(long)]
    no_hash: bool,
}

pub(crate) fn run(session: &mut Session<'_>, options: &Options) -> Result<Exit, Failure> {
    let pool = session.pool()?;
    let names = session.names(&pool);
    let mut wanted = Vec::new();
    for name in &options.datasets {
        wanted.push(names.datasets().find(name)?);
    }
    let is_below = |set: &str, above: &str| {
        set.strip_prefix(above).is_some_and(|rest| rest.starts_with(['/', '@']) && options.recursive)
    };
    let chosen = names.datasets().all.iter().filter(|set| match wanted.is_empty() {
        true => !set.is_hidden,
        false => wanted.iter().any(|wanted| wanted.object == set.object || is_below(&set.name, &wanted.name)),
    });
    let depth = if options.no_hash { Depth::Segments } else { Depth::Hashes };
    let bar = ProgressBar::new_spinner();
    let style = "{spinner} {pos} objects, {per_sec}, {elapsed}  {msg}";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_spinner()));
    let mut out = BufWriter::new(io::stdout().lock());
    for dataset in chosen {
        bar.set_message(dataset.name.clone());
        let mut is_locked = false;
        let result = manifest::dataset(&names, dataset, depth, |line| {
            bar.inc(1);
            if line.locked {
                if !std::mem::replace(&mut is_locked, true) {
                    bar.suspend(|| session.lose(&names.locked(dataset)));
                }
            } else if let Some(why) = &line.mount_error {
                bar.suspend(|| session.warn(why));
            }
            if let Some(why) = &line.error {
                let path = line.path.as_deref().map(|path| format!(":/{path}")).unwrap_or_default();
                bar.suspend(|| session.warn(format_args!("{}{path}: {why}", dataset.name)));
            }
            manifest::write(&line, &mut out)
        });
        if result.is_err() {
            return Ok(written(result)?.max(session.exit()));
        }
    }
    bar.finish_and_clear();
    written(out.flush())?;
    Ok(session.exit())
}
