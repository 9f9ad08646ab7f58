//! Aligned tables. On a terminal the widest columns are cut so that a row stays one line; in a pipe nothing is cut.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::terminal::{Colour, paint, plain};

const GAP: &str = "  ";
const NARROWEST: usize = 6;

/// Text and, on a terminal, its colour.
pub(super) struct Cell {
    text: String,
    colour: Option<Colour>,
}

impl Cell {
    pub(super) fn coloured(text: impl AsRef<str>, colour: Option<Colour>) -> Self {
        Self { text: plain(text.as_ref()), colour }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::coloured(text, None)
    }
}

/// Rows below a line of titles.
pub(super) struct Table {
    titles: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    /// The column that is never cut: what is copied from a table has to be whole.
    whole: Option<usize>,
}

impl Table {
    pub(super) fn new(titles: &[&'static str]) -> Self {
        Self { titles: titles.to_vec(), rows: Vec::new(), whole: None }
    }

    /// Never cuts the column of this index.
    pub(super) fn whole(mut self, index: usize) -> Self {
        self.whole = Some(index);
        self
    }

    /// One cell for each title.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let cells: Vec<Cell> = cells.into_iter().collect();
        debug_assert_eq!(cells.len(), self.titles.len());
        self.rows.push(cells);
    }

    /// `width` in columns of the terminal; without it nothing is cut.
    pub(super) fn render(&self, width: Option<usize>, colours: bool) -> String {
        let widths = self.widths(width);
        let mut text = String::new();
        let titles: Vec<Cell> = self.titles.iter().map(|title| Cell::coloured(title, Some(Colour::Faint))).collect();
        for cells in std::iter::once(&titles).chain(&self.rows) {
            let last = cells.len().saturating_sub(1);
            for (index, (cell, &width)) in cells.iter().zip(&widths).enumerate() {
                let shown = cut(&cell.text, width);
                let padding = if index == last { 0 } else { width - shown.width() };
                text.push_str(&paint(&shown, cell.colour.filter(|_| colours)));
                if index < last {
                    text.push_str(&" ".repeat(padding));
                    text.push_str(GAP);
                }
            }
            // A row whose last cells are empty leaves no blanks behind.
            text.truncate(text.trim_end_matches(' ').len());
            text.push('\n');
        }
        text
    }

    fn widths(&self, limit: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> = self.titles.iter().map(|title| title.width()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.text.width());
            }
        }
        let Some(limit) = limit else { return widths };
        let gaps = GAP.len() * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > limit {
            let cuttable = widths.iter_mut().enumerate().filter(|(index, _)| Some(*index) != self.whole);
            match cuttable.map(|(_, width)| width).max() {
                Some(widest) if *widest > NARROWEST => *widest -= 1,
                _ => break,
            }
        }
        widths
    }
}

/// At most `width` columns of `text`, the cut marked.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut used = 1;
    let mut kept: String = text
        .chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= width
        })
        .collect();
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["NAME", "TOOL", "NODE"]);
        table.row(["a rather long name".into(), "ping".into(), "".into()]);
        table.row([Cell::coloured("été 日本", Some(Colour::Red)), "mtr".into(), "lab-a".into()]);
        table
    }

    #[test]
    fn columns_line_up_whatever_the_script() {
        let expected = "NAME                TOOL  NODE\n\
                        a rather long name  ping\n\
                        été 日本            mtr   lab-a\n";
        assert_eq!(table().render(None, false), expected);
    }

    #[test]
    fn the_widest_column_gives_way() {
        let expected = "NAME     TOOL  NODE\n\
                        a rath…  ping\n\
                        été 日…  mtr   lab-a\n";
        assert_eq!(table().render(Some(20), false), expected);
        assert!(table().whole(0).render(Some(5), false).contains("a rather long name  ping"));
        assert!(table().render(Some(5), false).contains("a rat…"), "never below {NARROWEST} columns");
    }

    #[test]
    fn colours_take_no_width_and_control_characters_never_show() {
        let mut table = Table::new(&["A", "B"]);
        table.row([Cell::coloured("x\u{1b}[2J\u{9b}y\n", Some(Colour::Red)), "z".into()]);
        let text = table.render(None, true);
        assert_eq!(text, "\u{1b}[2mA\u{1b}[0m      \u{1b}[2mB\u{1b}[0m\n\u{1b}[31mx[2Jy\u{1b}[0m  z\n");
    }
}
