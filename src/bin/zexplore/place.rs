//! Places that the user names: paths across datasets, datasets, objects.

use std::ffi::OsString;

use zfsp::namespace::escape::unescaped;
use zfsp::namespace::{Links, Location, Namespace, Place};

use crate::common::exit::Failure;
use crate::session::Session;

/// For the help of commands that take a place.
pub(crate) const PLACES: &str = "\
Places:
  /a/b/file          across datasets, as if all were mounted: a dataset wins over a directory
  /a/.zfs/snapshot/s in a snapshot; also /a@s
  pool/a@s:/b/file   in this dataset and no other
  pool/a:#17         an object by its number
  pool/a             its root directory, or the volume
Names that are no UTF-8 are written as they are printed: \\xNN";

/// The place that is named, in a pool; what is lost of its dataset is a warning.
pub(crate) fn locate(
    session: &mut Session<'_>,
    names: &Namespace<'_>,
    place: &OsString,
    links: Links,
) -> Result<Location, Failure> {
    let location = names.locate(&unescaped(place.as_encoded_bytes()), links)?;
    tell(session, &location);
    Ok(location)
}

/// The same for who can do nothing with a dataset that is lost or locked.
pub(crate) fn locate_readable(
    session: &mut Session<'_>,
    names: &Namespace<'_>,
    place: &OsString,
    links: Links,
) -> Result<Location, Failure> {
    let location = names.locate(&unescaped(place.as_encoded_bytes()), links)?;
    if let Place::Lost(error) = &location.place {
        return Err(error.as_ref().into());
    }
    tell(session, &location);
    Ok(location)
}

fn tell(session: &mut Session<'_>, location: &Location) {
    match &location.place {
        Place::Inode(inode) => inode.fs().losses().iter().for_each(|loss| session.warn(loss)),
        Place::Volume(volume) => volume.losses.iter().for_each(|loss| session.warn(loss)),
        Place::Lost(error) => session.lose(error),
    }
}
