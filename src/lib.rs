//! zfsp reads ZFS without ZFS.

pub mod block;
pub mod block_tree;
mod cache;
pub mod checksum;
pub mod compress;
pub mod dataset;
pub mod decode;
pub mod device;
pub mod dump;
pub mod error;
pub mod object;
pub mod objset;
pub mod pool;
pub mod stats;
pub mod vdev;
pub mod verify;
pub mod view;
pub mod walk;
pub mod zap;
