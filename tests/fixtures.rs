//! Every fixture is whole: the other tests lean on that.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // a test may fail loudly

mod common;

use common::{each, fixtures, root, stem, unpacked};
use zfsp::device::Device;

/// ZFS refuses smaller devices.
const SMALLEST_DEVICE: u64 = 64 << 20;
const SECTOR: u64 = 512;

#[test]
fn each_folder_is_a_pool() {
    let pools: Vec<String> = fixtures().into_iter().map(|fixture| fixture.name).collect();
    for entry in std::fs::read_dir(root()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let is_known = pools.iter().any(|pool| pool == name) || name == "make";
        assert!(is_known || !path.is_dir(), "{name} has no NOTES");
    }
}

#[test]
fn each_pool_has_images_and_what_zdb_says() {
    each(fixtures(), |fixture| {
        let name = &fixture.name;
        let text = |file: &str| fixture.text(file).filter(|text| !text.trim().is_empty());
        text("NOTES").ok_or_else(|| format!("{name}: NOTES are empty"))?;
        text("zdb/pool.txt").ok_or_else(|| format!("{name}: no zdb/pool.txt"))?;
        let images = fixture.images();
        if images.is_empty() {
            return Err(format!("{name}: no image"));
        }
        for image in images {
            let label = format!("zdb/label.{}.txt", stem(&image));
            text(&label).ok_or_else(|| format!("{name}: no {label}"))?;
        }
        Ok(())
    });
}

#[test]
fn each_image_unpacks_to_a_device() {
    let images: Vec<_> = fixtures().iter().flat_map(common::Fixture::images).collect();
    each(images, |image| {
        let len = Device::open(&unpacked(image)).unwrap().len();
        let is_device = len >= SMALLEST_DEVICE && len.is_multiple_of(SECTOR);
        is_device.then_some(()).ok_or_else(|| format!("{}: {len} bytes", image.display()))
    });
}
