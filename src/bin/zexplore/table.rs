//! Aligned columns. A column without content is left out.

use std::fmt;

use anstyle::Style;

use crate::style::{DIM, plain};

/// Rows of cells.
#[derive(Debug, Default)]
pub(crate) struct Table {
    indent: usize,
    heads: Vec<(String, Align)>,
    rows: Vec<Row>,
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
        Self { text: plain(&text.to_string()).into_owned(), style: Style::new() }
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
        let heads: Vec<Cell> = self.heads.iter().map(|(head, _)| Cell::styled(DIM, head)).collect();
        let cells = || {
            self.rows.iter().filter_map(|row| match row {
                Row::Cells(cells) => Some(cells),
                Row::Note(_) => None,
            })
        };
        let widths: Vec<usize> = (0..self.heads.len())
            .map(|n| {
                let body = cells().filter_map(|row| row.get(n)).map(Cell::width).max();
                match (body.unwrap_or_default(), heads.get(n)) {
                    (0, _) => 0,
                    (width, head) => width.max(head.map_or(0, Cell::width)),
                }
            })
            .collect();
        if has_head {
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
