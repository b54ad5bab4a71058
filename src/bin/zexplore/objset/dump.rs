//! The content of an object into a file: holes stay holes where the file system has such.

use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use zfsp::decode::content;
use zfsp::file::{Content, File};
use zfsp::object::{Loss, Object};

use crate::common::exit::{Exit, Failure};
use crate::common::output::{create, written};

/// Writes the content to `path`; what is lost is zeros there, and returned.
pub(super) fn write(object: &Object, path: &Path) -> Result<Vec<Loss>, Failure> {
    let length = object.dnode().and_then(|dnode| content::length(&dnode.bonus));
    let length =
        length.and_then(|length| u64::try_from(length).ok()).map_or(object.size(), |n| n.min(object.size()));
    let file = File::new(object.clone(), length);
    let mut losses = Vec::new();
    if path.as_os_str() == "-" {
        let mut out = io::stdout().lock();
        written(file.stream(0..length, |chunk| {
            keep(&chunk.content, &mut losses);
            chunk.write(&mut out)
        }))?;
    } else {
        let failure = |e: io::Error| Failure(Exit::Nothing, format!("{}: {e}", path.display()));
        let mut out = create(path).map_err(failure)?;
        file.stream(0..length, |chunk| {
            keep(&chunk.content, &mut losses);
            match &chunk.content {
                Content::Data(bytes) => {
                    out.seek(SeekFrom::Start(chunk.range.start))?;
                    out.write_all(bytes)
                }
                Content::Hole | Content::Lost(_) => Ok(()),
            }
        })
        .and_then(|()| out.set_len(length))
        .map_err(failure)?;
    }
    Ok(losses)
}

fn keep(content: &Content, losses: &mut Vec<Loss>) {
    if let Content::Lost(loss) = content {
        losses.push(loss.clone());
    }
}
