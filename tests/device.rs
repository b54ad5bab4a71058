//! Devices: folders of real images are found, and what is left of a packed image that is cut short is read.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::disallowed_methods)] // reads images as they are packed

mod common;

use common::transcript::transcript;
use common::{fixture, unpacked};
use zfsp::device::{Device, find};
use zfsp::error::Error;

#[test]
fn a_folder_gives_all_its_images_and_nothing_else() {
    for name in ["draid1", "simple", "names", "removed"] {
        let fixture = fixture(name);
        let found = find(std::slice::from_ref(&fixture.folder));
        assert!(found.errors.is_empty(), "{:?}", found.errors);
        let names: Vec<&str> = found.devices.iter().map(Device::name).collect();
        let images = fixture.images();
        let expected: Vec<&str> = images.iter().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(names, expected);
        for (device, image) in found.devices.iter().zip(&images) {
            assert!(device.loss().is_none());
            let plain = Device::open(&unpacked(image)).unwrap();
            assert_eq!(device.len(), plain.len());
            for at in [0, 4 << 20, device.len() - (1 << 20)] {
                assert_eq!(device.read_vec(at, 1 << 20).unwrap(), plain.read_vec(at, 1 << 20).unwrap());
            }
        }
    }
}

/// Cut short, an image keeps the size that it states, so that the labels at its end are looked for where they were.
#[test]
fn a_packed_image_that_is_cut_short_keeps_its_size() {
    let image = &fixture("simple").images()[0];
    let packed = std::fs::read(image).unwrap();
    let plain = Device::open(&unpacked(image)).unwrap();
    let mut last = 0;
    for parts in 1..8 {
        let device = Device::from_reader("cut", &packed[..packed.len() * parts / 8]).unwrap();
        assert_eq!(device.len(), plain.len());
        let loss = device.loss().unwrap();
        assert!(matches!(loss, Error::Corrupt { .. }), "{loss}");
        let from = loss.place().offset.unwrap();
        assert!(from >= last && from > 0, "more of the file gives more of the image");
        last = from;
        let len = usize::try_from(from).unwrap();
        assert!(device.read_vec(0, len).unwrap() == plain.read_vec(0, len).unwrap(), "{parts}");
        let error = device.read_vec(device.len() - 512, 512).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error}");
    }
}

/// What is read of it says whether it is whole: by the exit code, and on standard error.
#[test]
fn decoding_tells_what_a_damaged_image_has_lost() {
    let image = &fixture("simple").images()[0];
    let mut packed = std::fs::read(image).unwrap();
    packed.truncate(packed.len() / 2);
    let mut doubtful = {
        let bytes = Device::open(&unpacked(image)).unwrap().read_vec(0x2000, 0x2000).unwrap();
        ruzstd::encoding::compress_to_vec(&bytes[..], ruzstd::encoding::CompressionLevel::Fastest)
    };
    *doubtful.last_mut().unwrap() ^= 1;
    let all = [
        transcript("zfsp-decode bootenv --at 0x2000 -", Some(&packed)),
        transcript("zfsp-decode bootenv --at 0x3fc2000 -", Some(&packed)),
        transcript("zfsp-decode bootenv --base 0x2000 -", Some(&doubtful)),
    ];
    insta::assert_snapshot!("cut_short", all.join("\n"));
}
