//! Aligned columns. A column without content is left out.

use std::borrow::Cow;
use std::fmt;

use anstyle::Style;

use crate::style::{DIM, plain};

/// Rows of cells.
#[derive(Debug, Default)]
pub(crate) struct Table {
    indent: usize,
    heads: Vec<(String, Align)>,
    rows: Vec<Row>,
    /// Columns are no narrower.
    widths: Vec<usize>,
}

#[derive(Clone, Debug)]
enum Row {
    Cells(Vec<Cell>),
    /// What stands below a row, across all columns.
    Note(Cell),
}

/// On which side the cells of a column end evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// One text, in one colour.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Table {
    /// With these columns; their heads are shown if any has a text.
    pub(crate) fn new(heads: &[(impl AsRef<str>, Align)]) -> Self {
        let heads = heads.iter().map(|(head, align)| (head.as_ref().to_owned(), *align)).collect();
        Self { heads, ..Self::default() }
    }
    /// Each row starts behind that many blanks.
    pub(crate) fn indented(self, indent: usize) -> Self {
        Self { indent, ..self }
    }
    /// Columns are at least so wide: those of a part as wide as those of the whole.
    pub(crate) fn at_least(self, widths: &[usize]) -> Self {
        Self { widths: widths.to_vec(), ..self }
    }
    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(Row::Cells(cells.into_iter().collect()));
    }
    /// Adds a line of its own below the last row.
    pub(crate) fn note(&mut self, cell: Cell) {
        self.rows.push(Row::Note(cell));
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl Table {
    /// The rows, each with a text of any width behind it.
    pub(crate) fn beside(&self, labels: &[String]) -> String {
        let text = self.to_string();
        let mut lines = text.lines();
        labels
            .iter()
            .map(|label| match lines.next() {
                Some("") | None => format!("{label}\n"),
                Some(line) => format!("{line}  {label}\n"),
            })
            .collect()
    }
}

impl Cell {
    pub(crate) fn new(text: impl fmt::Display) -> Self {
        let mut text = text.to_string();
        if let Cow::Owned(escaped) = plain(&text) {
            text = escaped;
        }
        Self { text, style: Style::new() }
    }
    pub(crate) fn styled(style: Style, text: impl fmt::Display) -> Self {
        Self { style, ..Self::new(text) }
    }
    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

impl<T: fmt::Display> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// Blanks between columns.
const GAP: usize = 2;

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_head = !self.is_empty() && self.heads.iter().any(|(head, _)| !head.is_empty());
        let widths = self.widths();
        if has_head {
            let heads: Vec<Cell> = self.heads.iter().map(|(head, _)| Cell::styled(DIM, head)).collect();
            self.line(f, &heads, &widths)?;
        }
        for row in &self.rows {
            match row {
                Row::Cells(cells) => self.line(f, cells, &widths)?,
                Row::Note(Cell { text, style }) => {
                    let indent = self.indent.saturating_add(GAP);
                    writeln!(f, "{:indent$}{style}{text}{style:#}", "")?;
                }
            }
        }
        Ok(())
    }
}

impl Table {
    /// Characters in each column; 0 for those without content.
    pub(crate) fn widths(&self) -> Vec<usize> {
        let cells = || {
            self.rows.iter().filter_map(|row| match row {
                Row::Cells(cells) => Some(cells),
                Row::Note(_) => None,
            })
        };
        let width = |(n, (head, _)): (usize, &(String, Align))| {
            let body = cells().filter_map(|row| row.get(n)).map(Cell::width).max().unwrap_or_default();
            match body.max(self.widths.get(n).copied().unwrap_or_default()) {
                0 => 0,
                width => width.max(head.chars().count()),
            }
        };
        self.heads.iter().enumerate().map(width).collect()
    }

    fn line(&self, f: &mut fmt::Formatter<'_>, row: &[Cell], widths: &[usize]) -> fmt::Result {
        // blanks are written before the next text, so that none end the line
        let mut blanks = self.indent;
        for ((cell, width), (_, align)) in row.iter().zip(widths).zip(&self.heads) {
            if *width == 0 {
                continue;
            }
            let rest = width.saturating_sub(cell.width());
            let (before, after) = if *align == Align::Right { (rest, 0) } else { (0, rest) };
            blanks = blanks.saturating_add(before);
            if !cell.text.is_empty() {
                let Cell { text, style } = cell;
                write!(f, "{:blanks$}{style}{text}{style:#}", "")?;
                blanks = 0;
            }
            blanks = blanks.saturating_add(after).saturating_add(GAP);
        }
        writeln!(f)
    }
}
