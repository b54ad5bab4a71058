//! `zexplore find`: what is called so, is of that type, is newer, is larger.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::{self, BufWriter, Write};

use clap::ValueEnum;
use wildmatch::WildMatchPattern;
use zfsp::dataset::Dataset;
use zfsp::fs::{self, FileSystem};
use zfsp::manifest::{self, Depth};
use zfsp::namespace::escape::{escaped, unescaped};
use zfsp::namespace::{Entry, Found, Held, Links, Namespace};
use zfsp_grammar::mode::FileType;
use zfsp_grammar::object_type::ObjectType;

use crate::common::exit::{Exit, Failure};
use crate::common::moment::moment;
use crate::common::number::number;
use crate::common::output::written;
use crate::entry::{COLUMNS, Row, Sizes, line, lost};
use crate::place::{PLACES, locate};
use crate::session::Session;
use crate::style::styled;
use crate::table::Table;

const EXAMPLES: &str = "\
Examples:
  zexplore find --name '*.jpg' -p disk.img
  zexplore find /home --type f --newer '2026-11-22 13:00' --size +10M -p disk.img
  zexplore find lab@s1 --size 0 -0 -p disk.img | xargs -0 ...
  zexplore find lab --nameless -l -p disk.img  files whose names are lost";

/// Conditions are joined: all must hold.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub(crate) struct Options {
    /// Where to start
    #[arg(value_name = "PLACE", default_value = "/")]
    places: Vec<OsString>,
    /// Names that match: * stands for any text, ? for one character
    #[arg(long, value_name = "PATTERN")]
    name: Option<String>,
    /// The same, whatever the case
    #[arg(long, value_name = "PATTERN", conflicts_with = "name")]
    iname: Option<String>,
    /// Only such: f file, d directory, l link, p fifo, s socket, c or b device, v volume, z root of a dataset
    #[arg(long, value_name = "TYPE", value_delimiter = ',')]
    r#type: Vec<Type>,
    /// Changed since then: 2026-11-22, '2026-11-22 13:00', UTC; or @SECONDS since 1970
    #[arg(long, value_name = "TIME", value_parser = moment)]
    newer: Option<i64>,
    /// Not changed since then
    #[arg(long, value_name = "TIME", value_parser = moment)]
    older: Option<i64>,
    /// Exactly so many bytes; +10M: more, -4K: less
    #[arg(long, value_name = "BYTES", value_parser = bound, allow_hyphen_values = true)]
    size: Option<Bound>,
    /// Files without a name: those that were open when it was removed
    #[arg(long)]
    deleted: bool,
    /// Files that no name leads to, for names were lost in damage, or removed: by the numbers of their objects
    #[arg(long, conflicts_with = "deleted")]
    nameless: bool,
    /// Long lines, as ls -l has them
    #[arg(short, long)]
    long: bool,
    /// Paths as they are, a NUL behind each
    #[arg(short = '0', long, conflicts_with = "long")]
    null: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Type {
    F,
    D,
    L,
    P,
    S,
    C,
    B,
    V,
    Z,
}

/// How large a file is to be.
#[derive(Clone, Copy, Debug)]
enum Bound {
    Exactly(u64),
    More(u64),
    Less(u64),
}

fn bound(text: &str) -> Result<Bound, String> {
    if let Some(more) = text.strip_prefix('+') {
        return number(more).map(Bound::More);
    }
    match text.strip_prefix('-') {
        Some(less) => number(less).map(Bound::Less),
        None => number(text).map(Bound::Exactly),
    }
}

/// `*` and `?`.
type Pattern = WildMatchPattern<'*', '?'>;

/// What is looked for.
struct Wanted<'o> {
    options: &'o Options,
    name: Option<Pattern>,
}

impl Wanted<'_> {
    fn has(&self, entry: &Entry<'_>, name: &[u8]) -> bool {
        let Options { r#type, newer, older, size, .. } = self.options;
        let attributes = match &entry.found {
            Found::Inode(inode) => Some(&inode.attributes),
            _ => None,
        };
        let bytes = match &entry.found {
            Found::Volume(volume) => Some(volume.size),
            _ => attributes.map(|attributes| attributes.size),
        };
        let changed = attributes.map(|attributes| attributes.mtime.sec.0.cast_signed());
        let fits = |bound: Bound, size: u64| match bound {
            Bound::Exactly(n) => size == n,
            Bound::More(n) => size > n,
            Bound::Less(n) => size < n,
        };
        self.name.as_ref().is_none_or(|pattern| pattern.matches(&escaped(name).to_string()))
            && (r#type.is_empty() || r#type.iter().any(|wanted| wanted.is(entry)))
            && newer.is_none_or(|then| changed.is_some_and(|changed| changed > then))
            && older.is_none_or(|then| changed.is_some_and(|changed| changed <= then))
            && size.is_none_or(|bound| bytes.is_some_and(|bytes| fits(bound, bytes)))
    }
}

impl Type {
    fn is(self, entry: &Entry<'_>) -> bool {
        let kind = match &entry.found {
            Found::Inode(inode) => inode.kind(),
            Found::Lost(dirent, _) => dirent.kind(),
            Found::Volume(_) => return self == Self::V,
            Found::LostEntries(_) | Found::LostDataset(_) => return false,
        };
        match self {
            Self::F => kind == FileType::REGULAR,
            Self::D => kind == FileType::DIRECTORY,
            Self::L => kind == FileType::SYMLINK,
            Self::P => kind == FileType::FIFO,
            Self::S => kind == FileType::SOCKET,
            Self::C => kind == FileType::CHAR,
            Self::B => kind == FileType::BLOCK,
            Self::V => false,
            Self::Z => entry.is_dataset,
        }
    }
}

pub(crate) fn run(session: &mut Session<'_>, options: &Options) -> Result<Exit, Failure> {
    let pool = session.pool()?;
    let names = session.names(&pool);
    let name = match (&options.name, &options.iname) {
        (Some(pattern), _) => Some(Pattern::new(pattern)),
        (None, Some(pattern)) => Some(Pattern::new_case_insensitive(pattern)),
        (None, None) => None,
    };
    let wanted = Wanted { options, name };
    let mut out = BufWriter::new(anstream::stdout().lock());
    for place in &options.places {
        let result = match options.deleted || options.nameless {
            true => hunt(session, &wanted, &names, place, &mut out)?,
            false => {
                let location = locate(session, &names, place, Links::Follow)?;
                let place = unescaped(place.as_encoded_bytes());
                names.walk(&location, usize::MAX).try_for_each(|entry| {
                    lost(session, &names, &entry);
                    let path = joined(&place, &entry.path);
                    let name = path.rsplit(|b| *b == b'/').next().unwrap_or_default();
                    match wanted.has(&entry, name) {
                        true => tell(session, options, &entry, &path, &mut out),
                        false => Ok(()),
                    }
                })
            }
        };
        if result.is_err() {
            return Ok(written(result)?.max(session.exit()));
        }
    }
    written(out.flush())?;
    Ok(session.exit())
}

/// The place, and the path below it.
fn joined(place: &[u8], path: &[u8]) -> Vec<u8> {
    let is_outright = !place.starts_with(b"/") && !place.contains(&b':');
    let between: &[u8] = match (path.is_empty(), place.ends_with(b"/"), is_outright) {
        (true, ..) | (false, true, _) => b"",
        (false, false, true) => b":/",
        (false, false, false) => b"/",
    };
    [place, between, path].concat()
}

/// Searches a dataset for files that no path leads to, whether or not its root directory can be read.
fn hunt(
    session: &mut Session<'_>,
    wanted: &Wanted<'_>,
    names: &Namespace<'_>,
    place: &OsString,
    out: &mut impl Write,
) -> Result<io::Result<()>, Failure> {
    let name = unescaped(place.as_encoded_bytes());
    let dataset = match names.datasets().find(&escaped(&name).to_string()) {
        Ok(dataset) => dataset.clone(),
        Err(_) => locate(session, names, place, Links::Follow)?.dataset,
    };
    let Held::FileSystem(fs) = names.open(&dataset)? else { return Ok(Ok(())) };
    fs.losses().iter().for_each(|loss| session.warn(loss));
    let mut hunt = Hunt { session, wanted, names, dataset: &dataset };
    Ok(if wanted.options.deleted { hunt.deleted(&fs, out) } else { hunt.nameless(&fs, out) })
}

/// A search for files that no path leads to.
struct Hunt<'h, 's> {
    session: &'h mut Session<'s>,
    wanted: &'h Wanted<'h>,
    names: &'h Namespace<'h>,
    dataset: &'h Dataset,
}

impl Hunt<'_, '_> {
    /// The delete queue of a file system.
    fn deleted(&mut self, fs: &FileSystem, out: &mut impl Write) -> io::Result<()> {
        let (numbers, losses) = fs.delete_queue().unwrap_or_else(|loss| (Vec::new(), vec![loss]));
        losses.iter().for_each(|loss| self.session.warn(loss));
        numbers.into_iter().try_for_each(|number| self.found(number, out))
    }

    /// All that has attributes in a file system, but for what names lead to, and what belongs to extended attributes.
    fn nameless(&mut self, fs: &FileSystem, out: &mut impl Write) -> io::Result<()> {
        let mut named = HashSet::new();
        match fs.root() {
            Ok(root) => {
                for visit in root.walk() {
                    named.extend(visit.inode().map(|inode| inode.number));
                    if let fs::Found::Lost(loss) | fs::Found::LostEntries(loss) = &visit.found {
                        self.session.warn(loss);
                    }
                    named.extend(visit.entry.map(|entry| entry.object));
                }
            }
            Err(loss) => self.session.warn(loss),
        }
        for object in fs.set().objects() {
            let object = match object {
                Ok(object) => object,
                Err(loss) => {
                    self.session.warn(loss);
                    continue;
                }
            };
            let number = u64::try_from(object.at.object).unwrap_or_default();
            let is_file = matches!(object.bonustype, ObjectType::SA | ObjectType::ZNODE);
            if !is_file || named.contains(&number) {
                continue;
            }
            match fs.inode_of(object) {
                Ok(inode) if inode.attributes.flags.xattr() => {}
                Ok(_) => self.found(number, out)?,
                Err(loss) => self.session.warn(loss),
            }
        }
        Ok(())
    }

    fn found(&mut self, number: u64, out: &mut impl Write) -> io::Result<()> {
        let name = format!("{}:#{number}", self.dataset.name).into_bytes();
        match self.names.find(&name) {
            Ok(found) => self
                .names
                .walk(&found, 0)
                .filter(|entry| self.wanted.has(entry, &name))
                .try_for_each(|entry| tell(self.session, self.wanted.options, &entry, &name, out)),
            Err(error) => {
                self.session.warn(error);
                Ok(())
            }
        }
    }
}

fn tell(
    session: &Session<'_>,
    options: &Options,
    entry: &Entry<'_>,
    path: &[u8],
    out: &mut impl Write,
) -> io::Result<()> {
    if matches!(entry.found, Found::LostEntries(_)) {
        return Ok(());
    }
    if session.global.json {
        let line = line(entry, Depth::Attributes);
        return manifest::write(&line, out);
    }
    if options.null {
        return out.write_all(&[path, b"\0"].concat());
    }
    let row = Row { name: path.to_vec(), note: None, ..Row::of(entry, path) };
    if options.long {
        let mut table = Table::new(&COLUMNS);
        table.row(row.cells(Sizes::Exact));
        return write!(out, "{}", table.beside(&[row.label(true)]));
    }
    writeln!(out, "{}", styled(row.colour(), escaped(path)))
}
