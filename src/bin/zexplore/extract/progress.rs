//! How far it is, on a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Files and bytes so far: shown on standard error, if that is a terminal.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
}

/// Between two looks.
const TICK: Duration = Duration::from_millis(100);

impl Progress {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        let style = "{spinner} {msg} files, {bytes} {binary_bytes_per_sec}";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message("0");
        bar.enable_steady_tick(TICK);
        Self { bar }
    }

    /// So many bytes more; any thread may say it.
    pub(super) fn bytes(&self, count: u64) {
        self.bar.inc(count);
    }

    pub(super) fn files(&self, count: u64) {
        if !self.bar.is_hidden() {
            self.bar.set_message(super::grouped(count));
        }
    }

    /// Writes to standard error without a bar in between.
    pub(super) fn aside(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
