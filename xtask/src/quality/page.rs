//! What is printed and what is kept: one text, readable as it is and as Markdown.

/// The page as far as it is written.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
}

impl Page {
    /// Begins with a title.
    pub(super) fn new(title: &str) -> Self {
        Self { text: format!("# {title}\n") }
    }

    pub(super) fn heading(&mut self, heading: &str) {
        self.text.push_str(&format!("\n## {heading}\n"));
    }

    /// A paragraph, wrapped.
    pub(super) fn text(&mut self, text: &str) {
        const WIDTH: usize = 110;
        let mut column = 0;
        self.text.push('\n');
        for word in text.split_whitespace() {
            if column > 0 {
                let fits = column + 1 + word.len() <= WIDTH;
                self.text.push(if fits { ' ' } else { '\n' });
                column = if fits { column + 1 } else { 0 };
            }
            self.text.push_str(word);
            column += word.len();
        }
        self.text.push('\n');
    }

    /// Nothing is left out in silence.
    pub(super) fn skipped(&mut self, name: &str, why: &str) {
        self.text(&format!("Skipped: {name} ({why})."));
    }

    /// A table whose columns stand under each other; those of numbers to the right.
    pub(super) fn table(&mut self, head: &[&str], rows: &[Vec<String>]) {
        let cell =
            |row: &Vec<String>, at: usize| row.get(at).map_or(0, |cell| cell.chars().count());
        let widths: Vec<usize> = head
            .iter()
            .enumerate()
            .map(|(at, name)| rows.iter().map(|row| cell(row, at)).fold(name.len(), usize::max))
            .collect();
        let is_number = |at: usize| {
            rows.iter().filter_map(|row| row.get(at)).all(|cell| {
                cell.is_empty() || cell == "-" || cell.starts_with(|c: char| c.is_ascii_digit())
            })
        };
        let numbers: Vec<bool> = (0..head.len()).map(is_number).collect();
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let mut line = String::from("|");
            for ((cell, width), number) in cells.zip(&widths).zip(&numbers) {
                let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
                let (before, after) = if *number { (pad.as_str(), "") } else { ("", pad.as_str()) };
                line.push_str(&format!(" {before}{cell}{after} |"));
            }
            line + "\n"
        };
        self.text.push('\n');
        self.text.push_str(&line(&mut head.iter().copied()));
        for (width, number) in widths.iter().zip(&numbers) {
            let colon = if *number { ":" } else { "-" };
            self.text.push_str(&format!("|{}{colon}", "-".repeat(width + 1)));
        }
        self.text.push_str("|\n");
        for row in rows {
            self.text.push_str(&line(&mut row.iter().map(String::as_str)));
        }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

/// A share in percent; a dash where there is nothing to share.
pub(super) fn percent(share: f64) -> String {
    if share.is_nan() { "-".to_owned() } else { format!("{:.1} %", 100.0 * share) }
}

/// A number between nothing and one; a dash where there is none.
pub(super) fn ratio(value: f64) -> String {
    if value.is_nan() { "-".to_owned() } else { format!("{value:.4}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_reads_well_as_text_and_as_markdown() {
        let mut page = Page::new("Title");
        page.heading("Part");
        page.text(&"word ".repeat(30));
        page.skipped("dev", "it is not there");
        let rows = [["a", "1.5 %"], ["longer", "-"]].map(|row| row.map(str::to_owned).to_vec());
        page.table(&["name", "share"], &rows);
        let words = |count: usize| vec!["word"; count].join(" ");
        let want = format!(
            "# Title\n\n## Part\n\n{}\n{}\n\nSkipped: dev (it is not there).\n\n\
             | name   | share |\n|--------|------:|\n| a      | 1.5 % |\n| longer |     - |\n",
            words(22),
            words(8)
        );
        assert_eq!(page.into_text(), want);
    }

    #[test]
    fn numbers_are_written_short() {
        assert_eq!((percent(0.1234), percent(f64::NAN)), ("12.3 %".to_owned(), "-".to_owned()));
        assert_eq!((ratio(0.5), ratio(f64::NAN)), ("0.5000".to_owned(), "-".to_owned()));
    }
}
