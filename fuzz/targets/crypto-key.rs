#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zfsp_fuzz::run("crypto-key", input));
