//! Tables to look at: drawn, or in Markdown.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::record::{Block, Faults, Header, Records, field};
use crate::stream::{Flow, Output};

use crate::format::write::form::Form;
use crate::load::{Encoder, Parcel};
use crate::value::parse::is_plain;

/// Records that are collected to find the column widths; later ones are streamed.
const SAMPLE: usize = 1000;

/// The width below which no column is narrowed to fit a terminal.
const NARROWEST: usize = 6;

/// Records as a table, aligned by the width of each character on a terminal.
pub struct TableWriter {
    style: Style,
    names: Vec<String>,
    sample: Vec<Vec<Cell>>,
    layout: Option<Vec<TableColumn>>,
}

#[derive(Clone, Copy)]
enum Style {
    /// Drawn; cut to the terminal's width, if it is for one.
    Drawn(Option<usize>),
    Markdown,
}

struct Cell {
    text: String,
    kind: CellKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CellKind {
    Null = 0,
    Number = 1,
    Text = 2,
}

struct TableColumn {
    width: usize,
    is_number: bool,
}

impl TableWriter {
    /// Draws a table. `width` is that of the terminal, if the table is for one.
    pub fn drawn(width: Option<usize>) -> Self {
        Self::styled(Style::Drawn(width))
    }

    /// Writes Markdown (GitHub's, section 4.10 of its specification).
    pub fn markdown() -> Self {
        Self::styled(Style::Markdown)
    }

    fn styled(style: Style) -> Self {
        TableWriter {
            style,
            names: Vec::new(),
            sample: Vec::new(),
            layout: None,
        }
    }

    /// Fixes the layout by the sample, and writes the header and the sample.
    fn settle(&mut self, out: &mut Vec<u8>) {
        let mut columns: Vec<TableColumn> = self
            .names
            .iter()
            .enumerate()
            .map(|(place, name)| {
                let cells = || self.sample.iter().map(|record| &record[place]);
                let widest = cells().map(|cell| cell.text.width()).max().unwrap_or(0);
                let is_number = cells().all(|cell| cell.kind != CellKind::Text)
                    && cells().any(|cell| cell.kind == CellKind::Number);
                TableColumn {
                    width: widest.max(name.width()),
                    is_number,
                }
            })
            .collect();
        match self.style {
            Style::Markdown => columns
                .iter_mut()
                .for_each(|column| column.width = column.width.max(4)),
            Style::Drawn(None) => {}
            Style::Drawn(Some(width)) => squeeze(&mut columns, width),
        }
        self.write_line(&columns, self.names.iter().map(String::as_str), out);
        self.write_rule(&columns, out);
        for record in std::mem::take(&mut self.sample) {
            self.write_line(&columns, record.iter().map(|cell| cell.text.as_str()), out);
        }
        self.layout = Some(columns);
    }

    fn write_rule(&self, columns: &[TableColumn], out: &mut Vec<u8>) {
        let rules: Vec<String> = columns
            .iter()
            .map(|column| match self.style {
                Style::Drawn(_) => "─".repeat(column.width),
                Style::Markdown if column.is_number => "-".repeat(column.width - 1) + ":",
                Style::Markdown => "-".repeat(column.width),
            })
            .collect();
        self.write_line(columns, rules.iter().map(String::as_str), out);
    }

    fn write_line<'c>(
        &self,
        columns: &[TableColumn],
        cells: impl Iterator<Item = &'c str>,
        out: &mut Vec<u8>,
    ) {
        let mut line = String::new();
        let (before, between, behind) = match self.style {
            Style::Drawn(_) => ("", "  ", ""),
            Style::Markdown => ("| ", " | ", " |"),
        };
        line.push_str(before);
        for (place, (column, text)) in columns.iter().zip(cells).enumerate() {
            if place > 0 {
                line.push_str(between);
            }
            let is_cut = matches!(self.style, Style::Drawn(Some(_))) && text.width() > column.width;
            let cut = if is_cut {
                cut_to(text, column.width)
            } else {
                String::new()
            };
            let text = if is_cut { &cut } else { text };
            let padding = " ".repeat(column.width.saturating_sub(text.width()));
            match column.is_number {
                true => line.extend([padding.as_str(), text]),
                false => line.extend([text, padding.as_str()]),
            }
        }
        line.push_str(behind);
        let mut line = line.trim_end();
        let cut;
        if let Style::Drawn(Some(width)) = self.style
            && line.width() > width
        {
            cut = cut_to(line, width);
            line = &cut;
        }
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
}

/// Narrows the widest columns until all fit.
fn squeeze(columns: &mut [TableColumn], width: usize) {
    let gaps = 2 * columns.len().saturating_sub(1);
    let mut total: usize = columns.iter().map(|column| column.width).sum::<usize>() + gaps;
    while total > width {
        let widest = columns.iter_mut().max_by_key(|column| column.width);
        let Some(widest) = widest.filter(|column| column.width > NARROWEST) else {
            return;
        };
        widest.width -= 1;
        total -= 1;
    }
}

/// Returns the beginning of a text, with an ellipsis, in `width` columns.
fn cut_to(text: &str, width: usize) -> String {
    let mut cut = String::new();
    let mut taken = 1;
    for letter in text.chars() {
        taken += letter.width().unwrap_or(0);
        if taken > width {
            break;
        }
        cut.push(letter);
    }
    cut.push('…');
    cut
}

impl Form for TableWriter {
    fn begin(&mut self, header: &Header, _out: &mut Vec<u8>) {
        let style = self.style;
        self.names = header
            .names()
            .iter()
            .map(|name| shown(name.as_bytes(), style))
            .collect();
    }

    fn encoder(&self, _header: &Header) -> Box<dyn Encoder> {
        Box::new(Cells(self.style))
    }

    fn write(
        &mut self,
        block: &Block,
        parcel: &mut Parcel,
        output: &mut Output,
    ) -> anyhow::Result<Flow> {
        let mut out = Vec::new();
        for slice in parcel.made.slices(&block.bytes) {
            let mut cells = read_cells(&slice);
            loop {
                let record: Vec<Cell> = cells.by_ref().take(self.names.len()).collect();
                if record.is_empty() {
                    break;
                }
                match &self.layout {
                    Some(columns) => self.write_line(
                        columns,
                        record.iter().map(|cell| cell.text.as_str()),
                        &mut out,
                    ),
                    None => self.sample.push(record),
                }
                if self.sample.len() == SAMPLE {
                    self.settle(&mut out);
                }
            }
        }
        match out[..] {
            [] => Ok(Flow::More),
            _ => output.write(&out),
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.layout.is_none() {
            self.settle(out);
        }
    }
}

/// Encodes fields as cells: a byte for the kind, the text's length, the text.
struct Cells(Style);

impl Encoder for Cells {
    fn encode(&self, records: &Records<'_>, faults: &mut Faults, parcel: &mut Parcel) {
        parcel.encode_each(records, faults, |record, out| {
            for column in 0..records.columns() {
                let raw = records.field(record, column);
                let kind = match raw {
                    [] => CellKind::Null,
                    _ if is_plain(raw) => CellKind::Number,
                    _ => CellKind::Text,
                };
                let text = shown(&field::content(raw), self.0);
                out.push(kind as u8);
                // Escapes can make the text of a field longer than 4 GiB.
                out.extend_from_slice(&(text.len() as u64).to_le_bytes());
                out.extend_from_slice(text.as_bytes());
            }
            Ok(())
        });
    }
}

fn read_cells(mut bytes: &[u8]) -> impl Iterator<Item = Cell> {
    std::iter::from_fn(move || {
        let (kind, rest) = bytes.split_first()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (text, rest) = rest.split_at_checked(u64::from_le_bytes(*length) as usize)?;
        bytes = rest;
        Some(Cell {
            text: String::from_utf8_lossy(text).into_owned(),
            kind: match kind {
                0 => CellKind::Null,
                1 => CellKind::Number,
                _ => CellKind::Text,
            },
        })
    })
}

/// Returns a text as it is displayed: control characters and Markdown's special characters are escaped.
fn shown(text: &[u8], style: Style) -> String {
    let text = String::from_utf8_lossy(text);
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match (style, letter) {
            (Style::Markdown, '\n') => shown.push_str("<br>"),
            (Style::Markdown, '\r') => {}
            (Style::Markdown, '|' | '\\' | '<') => shown.extend(['\\', letter]),
            _ if letter.is_control() => shown.extend(letter.escape_default()),
            _ => shown.push(letter),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(mut table: TableWriter, names: &[&str], records: &[&[&str]]) -> String {
        let header = Header::new(names.iter().map(|name| (*name).to_owned()).collect());
        let mut out = Vec::new();
        table.begin(&header, &mut out);
        for record in records {
            let cells = record.iter().map(|raw| Cell {
                text: shown(raw.as_bytes(), table.style),
                kind: match raw {
                    &"" => CellKind::Null,
                    raw if is_plain(raw.as_bytes()) => CellKind::Number,
                    _ => CellKind::Text,
                },
            });
            table.sample.push(cells.collect());
        }
        table.end(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_aligned_by_what_is_seen() {
        let table = drawn(
            TableWriter::drawn(None),
            &["도시", "n"],
            &[&["서울", "9.5"], &["Zürich\n", ""], &["x", "10"]],
        );
        assert_eq!(
            table,
            "도시        n\n────────  ───\n서울      9.5\nZürich\\n\nx          10\n"
        );
    }

    #[test]
    fn a_terminal_is_not_overrun() {
        let table = drawn(
            TableWriter::drawn(Some(20)),
            &["a", "text"],
            &[
                &["1", "abcdefghijklmnopqrstuvwxyz"],
                &["2", "서울서울서울서울서울서울"],
            ],
        );
        assert_eq!(table.lines().nth(2).unwrap(), "1  abcdefghijklmnop…");
        assert!(table.lines().all(|line| line.width() <= 20), "{table}");
    }

    #[test]
    fn markdown_is_escaped() {
        let table = drawn(
            TableWriter::markdown(),
            &["a|b", "n"],
            &[&["x\ny", "1"], &["<b>", "22"]],
        );
        assert_eq!(
            table,
            "| a\\|b   |    n |\n| ------ | ---: |\n| x<br>y |    1 |\n| \\<b>   |   22 |\n"
        );
    }
}
