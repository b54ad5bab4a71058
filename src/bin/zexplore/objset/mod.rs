//! `zexplore objset`: the objects of a dataset, or of the pool itself.

mod blocks;
mod content;
mod dump;
mod row;

use std::path::PathBuf;

use serde_json::{Value, json};
use zfsp::dataset::Datasets;
use zfsp::error::{Error, NeededKey};
use zfsp::object::{Loss, Object};
use zfsp::objset::ObjectSet;
use zfsp::pool::Pool;
use zfsp_grammar::blkptr::{BLKPTR_SIZE, Pointer};
use zfsp_grammar::dnode::SLOT_SIZE;
use zfsp_grammar::object_type::ObjectType;

use crate::common::block::{self, Found, MOST_CONTENT};
use crate::common::exit::{Exit, Failure};
use crate::common::locked::told_of_objects;
use crate::common::output::{print, print_line};
use crate::common::pool::{MOS, Named, object_set};
use crate::common::seal::has_sealed_dnodes;
use crate::common::show::Look;
use crate::session::Session;
use crate::style::{DIM, TITLE, plain};
use content::{Form, Told};
use row::Row;

/// Without OBJECT a table of all; with it dnode and content, unless other parts are asked for.
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of its own
pub(crate) struct Options {
    /// Number of an object; 0 is the one that holds the dnodes, below 0 are those that account for space
    #[arg(allow_negative_numbers = true)]
    object: Option<i64>,
    /// Whose objects: POOL/NAME, POOL/NAME@SNAPSHOT, or #N for the dataset that is object N of the MOS
    #[arg(short, long, value_name = "DATASET", default_value = MOS, hide_default_value = true)]
    dataset: String,
    /// Those of the MOS and of every dataset
    #[arg(short, long, conflicts_with_all = ["dataset", "object"])]
    all: bool,
    /// Every object of every dataset with its dnode, its content and its blocks
    #[arg(long, conflicts_with_all = ["dataset", "object", "dump"])]
    everything: bool,
    /// The dnode, field by field; without OBJECT the table
    #[arg(short = 'D', long)]
    dnode: bool,
    /// The content, parsed as the type of the object says
    #[arg(short = 'P', long)]
    parsed: bool,
    /// The tree of block pointers
    #[arg(short, long)]
    blocks: bool,
    /// The object set's own block
    #[arg(long = "self", conflicts_with = "object")]
    is_self: bool,
    /// Write the content of OBJECT to a file; - is standard output
    #[arg(long, value_name = "FILE", requires = "object")]
    dump: Option<PathBuf>,
    #[command(flatten)]
    look: Look,
}

impl Options {
    /// What a page can show is one thing.
    fn check(&self) -> Result<(), Failure> {
        match (&self.look.html, self.object.is_some() || self.is_self) {
            (Some(_), false) => {
                Err(Failure(Exit::Usage, "--html shows one thing: name an OBJECT, or --self".into()))
            }
            _ => Ok(()),
        }
    }
}

/// Which parts of objects are shown.
#[derive(Clone, Copy)]
struct Parts {
    dnode: bool,
    content: bool,
    blocks: bool,
}

pub(crate) fn run(session: &mut Session<'_>, options: &Options) -> Result<Exit, Failure> {
    options.check()?;
    let pool = session.pool()?;
    let Options { dnode, parsed, blocks, everything, .. } = *options;
    let is_default = !(dnode || parsed || blocks) && options.object.is_some();
    let parts = Parts {
        dnode: everything || is_default || (dnode && options.object.is_some()),
        content: everything || is_default || parsed,
        blocks: everything || blocks,
    };
    let mut view = View { session, pool: &pool, options, parts };
    if options.all || everything {
        view.all()?;
        return Ok(view.session.exit());
    }
    let found = object_set(&pool, &options.dataset)?;
    match options.object {
        Some(number) => view.one(&found, number)?,
        None => view.set(&found)?,
    }
    Ok(view.session.exit())
}

struct View<'v, 's> {
    session: &'v mut Session<'s>,
    pool: &'v Pool,
    options: &'v Options,
    parts: Parts,
}

impl View<'_, '_> {
    /// The MOS, and every dataset that names lead to.
    fn all(&mut self) -> Result<(), Failure> {
        self.set(&Named::mos(self.pool))?;
        let datasets = Datasets::of(self.pool);
        for loss in &datasets.losses {
            self.session.warn(loss);
        }
        for dataset in &datasets.all {
            // what was never written has no objects
            if dataset.phys.bp.is_hole() {
                continue;
            }
            match Named::of(self.pool, dataset) {
                Ok(named) => self.set(&named)?,
                Err(loss) => self.session.warn(format!("{}: {loss}", plain(&dataset.name))),
            }
        }
        Ok(())
    }

    /// A whole object set.
    fn set(&mut self, named: &Named) -> Result<(), Failure> {
        let Named { name, set, .. } = named;
        if self.options.is_self {
            return self.own_block(named);
        }
        let is_json = self.session.global.json;
        if !is_json {
            print(&headline(name, set))?;
            print(&row::head())?;
        }
        let accounting = set.accounting.iter().cloned().map(Ok).chain(set.losses.iter().cloned().map(Err));
        let first = std::iter::once(Ok(set.meta_dnode.clone()));
        let is_alone = !self.parts.dnode && !self.parts.content && !self.parts.blocks;
        for object in first.chain(accounting).chain(set.objects()) {
            match object {
                Ok(object) => self.object(named, &object, !is_alone)?,
                Err(loss) => self.lose_dnodes(named, &loss),
            }
        }
        if !is_json {
            print("\n")?;
        }
        Ok(())
    }

    fn lose(&mut self, name: &str, loss: &Loss) {
        // what is lost of the MOS says so itself
        let name = if name == MOS { String::new() } else { format!("{}: ", plain(name)) };
        self.session.warn(format!("{name}{loss}"));
    }

    /// Says that a dataset is locked, once.
    fn lock(&mut self, name: &str, needs: Option<&NeededKey>) {
        match needs {
            Some(key) => self.session.lock_objects(key),
            None => self.session.warn(format!("{}: locked: its key was not given", plain(name))),
        }
    }

    /// The same for what listing objects comes upon: with the objects that are lost.
    fn lose_dnodes(&mut self, named: &Named, loss: &Loss) {
        let Named { name, set, .. } = named;
        self.lose(name, loss);
        if let Some((first, last)) = dnodes_below(set, loss) {
            self.session.warn(format!("{}: objects {first} to {last} are not listed for that", plain(name)));
        }
    }

    fn one(&mut self, named: &Named, number: i64) -> Result<(), Failure> {
        let Named { name, set, needs } = named;
        let object = find(set, number)?;
        if let Some(path) = &self.options.dump {
            if is_locked(set, &object) {
                let why = || Error::locked(format!("{}: locked", object.at));
                let error = needs.clone().map_or_else(why, Error::needs_key);
                return Err(Failure(Exit::Damaged, told_of_objects(&error)));
            }
            for loss in dump::write(&object, path)? {
                self.lose(name, &loss);
            }
            return Ok(());
        }
        if let Some(path) = &self.options.look.html {
            let is_dnode =
                self.options.dnode || is_locked(set, &object) || block::structure(&object).is_none();
            let at = object.at.to_string();
            content::page(
                &if is_dnode {
                    block::dnode(&object, at, has_sealed_dnodes(&set.meta_dnode))
                } else {
                    block::whole(&object, at, MOST_CONTENT)
                },
                path,
            )?;
            if self.options.look.is_page_only() {
                return Ok(());
            }
        }
        if !self.session.global.json {
            print(&row::head())?;
        }
        self.object(named, &object, true)
    }

    /// A row, and below it the parts that are asked for.
    fn object(&mut self, named: &Named, object: &Object, is_apart: bool) -> Result<(), Failure> {
        let Named { name, set, needs } = named;
        let row = Row::of(name, object);
        let Parts { dnode, content, blocks } = self.parts;
        let look = &self.options.look;
        let form = Form { look, is_json: self.session.global.json };
        // one that was named may be a large one
        let most = if self.options.object.is_some() { MOST_CONTENT } else { MOST_OF_EACH };
        let mut dnode = dnode.then(|| content::dnode(object, &form, has_sealed_dnodes(&set.meta_dnode)));
        let is_locked = is_locked(set, object);
        let mut content = content.then(|| match is_locked {
            true => content::locked(object),
            false => content::content(object, &form, most),
        });
        let hides_bonus = dnode.is_some() && set.is_locked() && object.bonustype.is_encrypted();
        if hides_bonus || (content.is_some() && (is_locked || has_sealed_dnodes(object))) {
            self.lock(name, needs.as_ref());
        }
        let is_json = self.session.global.json;
        if is_json {
            let mut line = serde_json::to_value(&row).unwrap_or_default();
            if let Value::Object(line) = &mut line {
                let mut add = |key: &str, told: &mut Option<Told>| {
                    if let Some(told) = told {
                        line.insert(key.into(), std::mem::take(&mut told.json));
                    }
                };
                add("dnode", &mut dnode);
                add("content", &mut content);
                if blocks {
                    let all = object.tree().map(|(block, _)| blocks::json(&block)).collect();
                    line.insert("blocks".into(), Value::Array(all));
                }
            }
            print_line(&line)?;
        } else {
            print(&row.text())?;
        }
        for (title, told) in [("dnode", &dnode), ("content", &content)] {
            let Some(told) = told else { continue };
            if !is_json {
                section(title)?;
                print(&indented(&told.text))?;
            }
            told.doubts.iter().for_each(|doubt| self.session.warn(format!("{}: {doubt}", plain(name))));
            if let Some(note) = &told.note {
                anstream::eprintln!("{DIM}{note}{DIM:#}");
            }
        }
        if blocks {
            self.blocks(name, object)?;
        }
        if is_apart && !is_json { print("\n").map(drop) } else { Ok(()) }
    }

    fn blocks(&mut self, name: &str, object: &Object) -> Result<(), Failure> {
        let is_json = self.session.global.json;
        if !is_json {
            section("blocks")?;
            print(&indented(&blocks::head()))?;
        }
        for (block, loss) in object.tree() {
            if !is_json {
                print(&indented(&blocks::text(object, &block)))?;
            }
            if let Some(loss) = loss {
                self.lose(name, &loss);
            }
        }
        Ok(())
    }

    /// The block of the object set itself.
    fn own_block(&mut self, named: &Named) -> Result<(), Failure> {
        let Named { name, set, .. } = named;
        let block = set.block();
        let doubts = block.faults.iter().map(ToString::to_string).collect();
        let found = Found {
            name: name.clone(),
            bytes: block.bytes.clone(),
            at: 0,
            order: Some(block.order),
            structure: Some("objset"),
            doubts,
            note: None,
            is_sealed: false,
        };
        if let Some(path) = &self.options.look.html {
            content::page(&found, path)?;
            if self.options.look.is_page_only() {
                return Ok(());
            }
        }
        let told =
            content::of_found(&found, &Form { look: &self.options.look, is_json: self.session.global.json });
        told.doubts.iter().for_each(|doubt| self.session.warn(format!("{}: {doubt}", plain(name))));
        if self.session.global.json {
            return print_line(
                &json!({ "dataset": name, "pointer": set.pointer.to_string(), "objset": told.json }),
            );
        }
        print(&headline(name, set))?;
        print(&format!("{}\n", told.text)).map(drop)
    }
}

/// The numbers of the objects whose dnodes are below a block that is lost.
fn dnodes_below(set: &ObjectSet, loss: &Loss) -> Option<(u64, u64)> {
    let meta = &set.meta_dnode;
    let slot = u64::try_from(SLOT_SIZE).ok()?;
    let level = u32::try_from(loss.at.level).ok().filter(|_| loss.at.at == meta.at)?;
    let fan = meta.indirect_size().checked_div(u64::try_from(BLKPTR_SIZE).ok()?)?;
    let count = fan.checked_pow(level)?.checked_mul(meta.block_size.checked_div(slot)?)?;
    let first = loss.at.blkid.checked_mul(count)?;
    let end = first.checked_add(count)?.min(Row::of("", meta).lsize.checked_div(slot)?);
    Some((first, end.checked_sub(1)?))
}

/// Whether the content of an object is ciphertext.
fn is_locked(set: &ObjectSet, object: &Object) -> bool {
    set.is_locked() && object.r#type.is_encrypted() && object.r#type != ObjectType::DNODE
}

/// Bytes of the content of each object that are decoded where all are.
const MOST_OF_EACH: u64 = 512 << 10;

/// Object `number`, also those that no dnode block has.
fn find(set: &ObjectSet, number: i64) -> Result<Object, Failure> {
    let none = || Failure(Exit::Nothing, format!("no object {number}"));
    match u64::try_from(number) {
        Ok(0) => Ok(set.meta_dnode.clone()),
        Ok(number) => Ok(set.object(number).map_err(Error::from)?),
        Err(_) => set.accounting.iter().find(|object| object.at.object == number).cloned().ok_or_else(none),
    }
}

fn headline(name: &str, set: &ObjectSet) -> String {
    let (r#type, pointer) = (set.r#type, &set.pointer);
    let id = if set.id == 0 { String::new() } else { format!("dataset {}, ", set.id) };
    let count = Pointer::fill(pointer);
    let name = plain(name);
    format!("{TITLE}{name}{TITLE:#}  {type}, {id}{count} objects\n{DIM}{pointer}{DIM:#}\n")
}

fn section(title: &str) -> Result<(), Failure> {
    print(&format!("    {TITLE}{title}{TITLE:#}\n")).map(drop)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}
