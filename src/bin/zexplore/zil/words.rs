//! Records in words: one a line.

use zfsp::zil::{LogBlock, Sealing};
use zfsp_grammar::blkptr::Pointer;
use zfsp_grammar::spec::Describe;
use zfsp_grammar::tree::Value;
use zfsp_grammar::zil::create::NewObject;
use zfsp_grammar::zil::record::{Body, Record, TxType};

use super::{Fate, count, word};
use crate::common::block::first_copy;
use crate::style::{BAD, DIM, plain};

/// The heads of the columns.
pub(super) fn head() -> String {
    format!("\n  {DIM}{:>8}  {:>8}  {:<18}  {:<11}  WHAT{DIM:#}\n", "SEQ", "TXG", "TYPE", "FATE")
}

/// The line of a record.
pub(super) fn record(block: &LogBlock, record: &Record<'_>, fate: &Fate) -> String {
    let (style, fate) = word(fate);
    let (seq, txg, kind) = (record.seq, record.txg.0, name(record.kind.txtype()));
    let what = what(block, record);
    format!("  {seq:>8}  {txg:>8}  {kind:<18}  {style}{fate:<11}{style:#}  {}\n", plain(&what))
}

/// The line of a block.
pub(super) fn block(block: &LogBlock) -> String {
    let records = count(u64::try_from(block.records().count()).unwrap_or_default(), "record");
    let size = block.bytes().len();
    let claimed = if block.was_claimed { ", claimed" } else { "" };
    let encrypted = match block.sealing {
        Sealing::InClear => "",
        Sealing::Locked => ", locked",
        Sealing::Opened => ", decrypted",
    };
    let damage = if block.damage.is_some() { format!(", {BAD}unproven{BAD:#}") } else { String::new() };
    let pointer = Pointer::Block(block.pointer);
    format!(
        "  {DIM}block {} {}: {size:#x} bytes, {records}{encrypted}{claimed}{DIM:#}{damage}\n",
        block.seq,
        first_copy(&pointer)
    )
}

fn name(txtype: TxType) -> String {
    txtype.to_string()
}

/// What a record does.
pub(super) fn what(block: &LogBlock, record: &Record<'_>) -> String {
    let Some(body) = &record.body else { return "its fields contradict each other".into() };
    if block.sealing == Sealing::Locked {
        return match body {
            Body::EncryptedWrite(write) if write.data.is_empty() => {
                format!("locked, {}", by(&write.blkptr))
            }
            Body::Write(write) if write.data.is_empty() => format!("locked, {}", by(&write.blkptr)),
            _ => "locked".into(),
        };
    }
    let said = match body.value() {
        Value::Says(text) => text.to_string(),
        _ => String::new(),
    };
    let case = if record.kind.ci() { ", in any case" } else { "" };
    format!("{said}{case}{}", more(body))
}

/// What the summary of a body leaves out.
fn more(body: &Body<'_>) -> String {
    match body {
        Body::Create(it) => new(&it.object),
        Body::Mkdir(it) => new(&it.object),
        Body::Mkxattr(it) => new(&it.object),
        Body::Symlink(it) => new(&it.object),
        Body::CreateAttr(it) => new(&it.object),
        Body::CreateAcl(it) => new(&it.object),
        Body::CreateAclAttr(it) => new(&it.object),
        Body::Write(it) if !it.is_immediate() => format!(" {}", first_copy(&it.blkptr)),
        Body::Setattr(it) if it.mask.ctime() => " ctime".into(),
        _ => String::new(),
    }
}

fn by(pointer: &Pointer) -> String {
    format!("by pointer {}", first_copy(pointer))
}

/// Mode, owner and time of a new object.
fn new(object: &NewObject) -> String {
    let NewObject { mode, uid, gid, crtime, rdev, .. } = object;
    let device = if *rdev == 0 { String::new() } else { format!(" rdev={rdev:#x}") };
    format!(", mode={:06o} uid={uid} gid={gid}{device} at {crtime}", mode.0)
}
