//! zfsp reads ZFS without ZFS.
