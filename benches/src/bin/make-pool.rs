//! Makes the images of a pool as large as one likes, where no real one is at hand.
//!
//! `cargo run --release --manifest-path benches/Cargo.toml --bin make-pool -- FOLDER --data 4G`

use std::path::PathBuf;

use clap::Parser;
use zfsp_benches::pool::{Attributes, Plan, Shape, make};

#[derive(Debug, Parser)]
struct Args {
    /// Where the images go: it is made if it is not there
    folder: PathBuf,
    /// Bytes of data
    #[arg(long, default_value = "4G", value_parser = bytes)]
    data: u64,
    /// Bytes of a file
    #[arg(long, default_value = "1G", value_parser = bytes)]
    file: u64,
    /// Bytes of a block of a file
    #[arg(long, default_value = "128K", value_parser = bytes)]
    record: u64,
    /// Blocks of files that lz4 halves
    #[arg(long)]
    packed: bool,
    /// Files in a directory
    #[arg(long, default_value = "1000")]
    in_a_directory: u64,
    /// System attributes, as ZPL 5 has them, and not znodes
    #[arg(long)]
    system_attributes: bool,
    /// `disk`, `mirror` of two, or `raidz1` of three
    #[arg(long, default_value = "disk", value_parser = shape)]
    shape: Shape,
    /// log2 of the smallest allocation
    #[arg(long, default_value = "12")]
    ashift: u32,
    /// Name of the pool
    #[arg(long, default_value = "big")]
    name: String,
}

fn main() -> std::io::Result<()> {
    let Args { folder, data, file, record, packed, in_a_directory, system_attributes, shape, ashift, name } =
        Args::parse();
    std::fs::create_dir_all(&folder)?;
    let attributes = if system_attributes { Attributes::System } else { Attributes::Znode };
    let record = record as usize;
    let plan =
        Plan { name, shape, ashift, data, file, record, is_packed: packed, in_a_directory, attributes };
    for path in make(&folder, &plan)? {
        println!("{}", path.display());
    }
    Ok(())
}

fn bytes(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.strip_suffix(['K', 'M', 'G']) {
        Some(digits) => (
            digits,
            if text.ends_with('K') {
                10
            } else if text.ends_with('M') {
                20
            } else {
                30
            },
        ),
        None => (text, 0),
    };
    digits.parse::<u64>().map(|n| n << shift).map_err(|error| error.to_string())
}

fn shape(text: &str) -> Result<Shape, String> {
    match text {
        "disk" => Ok(Shape::Disk),
        "mirror" => Ok(Shape::Mirror(2)),
        "raidz1" => Ok(Shape::Raidz1(3)),
        _ => Err("disk, mirror or raidz1".into()),
    }
}
