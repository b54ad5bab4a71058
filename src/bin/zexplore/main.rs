//! `zexplore`: explores whole pools from their images or disks, without importing them.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a program prints

use std::process::ExitCode;

use clap::Parser;

mod args;
mod auxiliary;
mod bp;
mod cat;
#[path = "../common/mod.rs"]
mod common;
mod config;
mod copies;
mod datasets;
mod diff;
mod dva;
mod entry;
mod errors;
mod extract;
mod features;
mod find;
mod get;
mod history;
mod interrupt;
mod items;
mod keys;
mod label;
mod ls;
mod manifest;
mod manual;
mod mount;
mod names;
mod nvlist;
mod objset;
mod overview;
mod place;
mod said;
mod session;
mod shown;
mod stat;
mod style;
mod summary;
mod table;
mod tree;
mod uberblocks;
mod vdevs;
mod verify;
mod zil;

use args::{Args, Command};
use common::exit::{Exit, Failure, end};
use session::Session;

fn main() -> ExitCode {
    let mut args = Args::parse();
    if let Some(Command::Mount(options)) = &mut args.command {
        options.settle(&mut args.global);
    }
    style::choose(args.global.color);
    end("zexplore", run(&args))
}

fn run(args: &Args) -> Result<Exit, Failure> {
    if let Some(Command::Mount(options)) = &args.command
        && let Some(started) = mount::start(options)
    {
        return started;
    }
    let mut session = Session::new(&args.global)?;
    match args.command.as_ref().unwrap_or(&Command::Summary) {
        Command::Summary => summary::run(&mut session),
        Command::Label(options) => label::run(&mut session, options),
        Command::Uberblocks(options) => uberblocks::run(&mut session, options),
        Command::Verify(options) => verify::run(&mut session, options),
        Command::Config(options) => config::run(&mut session, options),
        Command::Datasets(options) => datasets::run(&mut session, options),
        Command::Get(options) => get::run(&mut session, options),
        Command::History(options) => history::run(&mut session, options),
        Command::Keys(options) => keys::run(&mut session, options),
        Command::Zil(options) => zil::run(&mut session, options),
        Command::Errors(options) => errors::run(&mut session, options),
        Command::Objset(options) => objset::run(&mut session, options),
        Command::Dva(options) => dva::run(&mut session, options),
        Command::Bp(options) => bp::run(&mut session, options),
        Command::Ls(options) => ls::run(&mut session, options),
        Command::Tree(options) => tree::run(&mut session, options),
        Command::Cat(options) => cat::run(&mut session, options),
        Command::Stat(options) => stat::run(&mut session, options),
        Command::Find(options) => find::run(&mut session, options),
        Command::Diff(options) => diff::run(&mut session, options),
        Command::Manifest(options) => manifest::run(&mut session, options),
        Command::Extract(options) => extract::run(&mut session, options),
        Command::Mount(options) => mount::run(&mut session, options),
        Command::Completions { shell } => manual::completions(*shell),
        Command::Man { command } => manual::page(command.as_deref()),
    }
}
