//! Colours and sizes.

use std::fmt;

use anstyle::{AnsiColor, Style};
use clap::ColorChoice;
use zfsp_grammar::config;

pub(crate) use crate::common::output::plain;

/// Titles.
pub(crate) const TITLE: Style = Style::new().bold();
/// Heads of columns, and what is less important.
pub(crate) const DIM: Style = AnsiColor::BrightBlack.on_default();
/// What is as it should be, or is the one that counts.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What is damaged or missing.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What is worth a look.
pub(crate) const ODD: Style = AnsiColor::Yellow.on_default();

/// Colours from here on.
pub(crate) fn choose(choice: ColorChoice) {
    let choice = match choice {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}

/// `text` in a style.
pub(crate) fn styled(style: Style, text: impl fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// `59.5 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    config::size(bytes.cast_signed())
}
