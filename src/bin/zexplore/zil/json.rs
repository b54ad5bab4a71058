//! What a program reads: a line for each header, block and record.

use serde::Serialize;
use serde_json::{Map, Value, json};
use zfsp::decode::Decoded;
use zfsp::view::json::document;
use zfsp::zil::{Fate, IntentLog, LogBlock, Sealing, Standing};
use zfsp_grammar::blkptr::Pointer;
use zfsp_grammar::zil::create::NewObject;
use zfsp_grammar::zil::record::{Body, Record};
use zfsp_grammar::znode::Time;

use super::word;
use super::words::what;

/// Where a log starts.
pub(super) fn header(log: &IntentLog, name: &str, fields: Option<&Decoded<'_>>) -> Value {
    let header = &log.header;
    let (state, first) = match log.standing {
        Standing::Pending(first) => ("pending", Some(first.0)),
        Standing::Synced => ("synced", None),
        Standing::Checkpointed => ("checkpointed", None),
    };
    let claimed = (header.claim_txg.0 != 0).then_some(header.claim_blk_seq);
    json!({
        "kind": "log", "dataset": name, "objset": log.objset, "state": state, "first_txg": first,
        "claim_txg": header.claim_txg.0, "claim_blk_seq": claimed, "claim_lr_seq": header.last_seq(),
        "replay_seq": header.replay_seq, "pointer": header.log.to_string(), "fields": tree(fields),
    })
}

/// A block of a log.
pub(super) fn block(name: &str, block: &LogBlock, fields: Option<&Decoded<'_>>) -> Value {
    json!({
        "kind": "block", "dataset": name, "block": block.seq, "size": block.bytes().len(),
        "records": block.records().count(), "encrypted": block.sealing != Sealing::InClear, "locked": block.sealing == Sealing::Locked, "claimed": block.was_claimed,
        "damage": block.damage.as_ref().map(ToString::to_string),
        "pointer": Pointer::Block(block.pointer).to_string(), "fields": tree(fields),
    })
}

fn tree(decoded: Option<&Decoded<'_>>) -> Value {
    let json = |decoded| serde_json::to_value(document(decoded)).unwrap_or_default();
    decoded.map(json).unwrap_or_default()
}

/// A record.
pub(super) fn record(name: &str, block: &LogBlock, record: &Record<'_>, fate: &Fate) -> Value {
    let txtype = record.kind.txtype();
    let why = if let Fate::Ends(flaw) = fate { Some(flaw.to_string()) } else { None };
    let mut line = Line(Map::new());
    line.add("kind", "record");
    line.add("dataset", name);
    line.add("block", block.seq);
    line.add("seq", record.seq);
    line.add("txg", record.txg.0);
    line.add("type", txtype.to_string());
    line.add("length", record.reclen.0);
    line.add("replay", *fate == Fate::Pending);
    line.add("fate", word(fate).1);
    line.add("why", why);
    line.add("what", what(block, record));
    if block.sealing == Sealing::Locked {
        line.add("locked", true);
    } else if let Some(body) = &record.body {
        line.body(body);
    }
    line.0.into()
}

struct Line(Map<String, Value>);

impl Line {
    fn add(&mut self, key: &str, value: impl Serialize) {
        self.0.insert(key.into(), serde_json::to_value(value).unwrap_or_default());
    }

    fn body(&mut self, body: &Body<'_>) {
        match body {
            Body::Create(it) => self.created(&it.object, Some(&it.name)),
            Body::Mkdir(it) => self.created(&it.object, Some(&it.name)),
            Body::Mkxattr(it) => self.created(&it.object, None),
            Body::CreateAttr(it) => self.created(&it.object, Some(&it.name)),
            Body::CreateAcl(it) => self.created(&it.object, Some(&it.name)),
            Body::CreateAclAttr(it) => self.created(&it.object, Some(&it.name)),
            Body::Symlink(it) => {
                self.created(&it.object, Some(&it.name));
                self.add("target", it.target.to_string());
            }
            Body::Remove(it) => {
                self.add("directory", it.doid.0);
                self.add("name", it.name.to_string());
            }
            Body::Link(it) => {
                self.add("directory", it.doid.0);
                self.add("object", it.link_obj.0);
                self.add("name", it.name.to_string());
            }
            Body::Rename(it) => self.moved([it.sdoid.0, it.tdoid.0], [&it.source, &it.target]),
            Body::Whiteout(it) => {
                self.moved([it.sdoid.0, it.tdoid.0], [&it.source, &it.target]);
                self.add("object", it.wfoid.object().0);
            }
            Body::Write(it) => {
                self.range(it.foid.object().0, it.offset.0, it.length.0);
                self.add("immediate", it.is_immediate());
                self.add("pointer", (!it.is_immediate()).then(|| it.blkptr.to_string()));
            }
            Body::Truncate(it) => self.range(it.foid.object().0, it.offset.0, it.length.0),
            Body::CloneRange(it) => {
                self.range(it.foid.object().0, it.offset.0, it.length.0);
                self.add("pointers", it.bps.iter().map(Pointer::to_string).collect::<Vec<_>>());
            }
            Body::Setattr(it) => {
                let mask = it.mask;
                self.add("object", it.foid.object().0);
                self.add("mode", mask.mode().then(|| format!("{:04o}", it.mode.0 & 0o7777)));
                self.add("uid", mask.uid().then(|| it.uid.to_string()));
                self.add("gid", mask.gid().then(|| it.gid.to_string()));
                self.add("size", mask.size().then_some(it.size.0));
                self.add("atime", mask.atime().then(|| time(&it.atime)));
                self.add("mtime", mask.mtime().then(|| time(&it.mtime)));
            }
            Body::Setsaxattr(it) => {
                self.add("object", it.foid.object().0);
                self.add("name", it.name.to_string());
                self.add("size", it.size.0);
            }
            Body::AclV0(it) => self.add("object", it.foid.object().0),
            Body::Acl(it) => self.add("object", it.foid.object().0),
            Body::Unknown(_) | Body::Ciphertext(_) | Body::EncryptedWrite(_) | Body::EncryptedClone(_) => {}
        }
    }

    fn created(&mut self, object: &NewObject, name: Option<&dyn ToString>) {
        self.add("object", object.foid.object().0);
        self.add("directory", object.doid.0);
        self.add("name", name.map(ToString::to_string));
        self.add("mode", format!("{:06o}", object.mode.0));
        self.add("uid", object.uid.to_string());
        self.add("gid", object.gid.to_string());
        self.add("generation", object.generation);
        self.add("crtime", time(&object.crtime));
        self.add("rdev", object.rdev);
    }

    fn moved(&mut self, [from, to]: [u64; 2], [source, target]: [&dyn ToString; 2]) {
        self.add("directory", from);
        self.add("name", source.to_string());
        self.add("new_directory", to);
        self.add("new_name", target.to_string());
    }

    /// Bytes of a file that change.
    fn range(&mut self, object: u64, offset: u64, bytes: u64) {
        self.add("object", object);
        self.add("offset", offset);
        self.add("bytes", bytes);
    }
}

fn time(time: &Time) -> [i128; 2] {
    [time.sec.0.cast_signed().into(), time.nsec.into()]
}
