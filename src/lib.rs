//! zfsp reads ZFS without ZFS.

pub mod checksum;
pub mod compress;
pub mod decode;
pub mod device;
pub mod dump;
pub mod error;
pub mod vdev;
pub mod view;
