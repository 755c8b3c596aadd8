//! Lines whose fields are at fixed positions, counted in characters.

use std::ops::Range;

use crate::format::entry::{Flag, Format, Read, Said};
use crate::format::picked::{Picked, shown};
use crate::format::read::{Asked, Reader, Way};
use crate::record::Fault;
use crate::stream::{Convert, Summary};

/// This format's entry in the table.
pub const FORMATS: &[Format] = &[Format {
    name: "fixed",
    aliases: &["fwf"],
    endings: &[],
    flags: &[
        Flag {
            name: "widths",
            value: "N,N,...",
            help: "--from fixed: how many characters wide each field is: 8,2,10",
        },
        Flag {
            name: "positions",
            value: "A-B,...",
            help: "--from fixed: where each field stands, from 1, both ends included: 1-8,9-10,20-",
        },
    ],
    takes_names: true,
    read: Read::Units(read),
}];

fn read(said: &Said<'_>) -> Result<Box<dyn Reader>, String> {
    let (fields, covers_all) = match ((said.flag)("widths"), (said.flag)("positions")) {
        (Some(_), Some(_)) => return Err("give --widths or --positions, not both".to_owned()),
        (Some(widths), None) => (of_widths(widths)?, true),
        (None, Some(positions)) => (of_positions(positions)?, false),
        (None, None) => {
            return Err(
                "--from fixed: give --widths 8,2,10 or --positions 1-8,9-10,20-".to_owned(),
            );
        }
    };
    let names = match said.names {
        [] => (1..=fields.len())
            .map(|number| format!("column_{number}"))
            .collect(),
        names if names.len() == fields.len() => names.to_vec(),
        names => {
            return Err(format!(
                "--names has {}, and the lines have {}",
                crate::record::counted(names.len(), "name"),
                crate::record::counted(fields.len(), "field")
            ));
        }
    };
    Ok(Box::new(Fixed {
        fields,
        covers_all,
        names,
    }))
}

/// Returns consecutive fields of these widths.
fn of_widths(text: &str) -> Result<Vec<Range<usize>>, String> {
    let mut end = 0;
    text.split(',')
        .map(|width| match width.trim().parse() {
            Ok(width @ 1..=MOST) => {
                let start = end;
                end += width;
                Ok(start..end)
            }
            _ => Err(format!("--widths: '{width}' is not a width in characters")),
        })
        .collect()
}

/// Returns fields from a first to a last character; without a last one, a field reaches to the end of the line.
fn of_positions(text: &str) -> Result<Vec<Range<usize>>, String> {
    let field = |position: &str| {
        let (first, last) = match position.trim().split_once('-') {
            Some((first, "")) => (first.parse().ok()?, usize::MAX),
            Some((first, last)) => (first.parse().ok()?, last.parse().ok()?),
            None => {
                let place = position.trim().parse().ok()?;
                (place, place)
            }
        };
        let is_one = |place: usize| (1..=MOST).contains(&place) || place == usize::MAX;
        (is_one(first) && is_one(last) && first <= last).then(|| first - 1..last)
    };
    text.split(',')
        .map(|position| {
            field(position).ok_or_else(|| {
                format!("--positions: '{position}' is not a position (1-8, from 1; 20- to the end)")
            })
        })
        .collect()
}

/// The largest width or position, in characters.
const MOST: usize = 1 << 30;

struct Fixed {
    /// The ranges of the fields, in characters from 0.
    fields: Vec<Range<usize>>,
    /// Whether only blanks may follow the last field.
    covers_all: bool,
    names: Vec<String>,
}

impl Reader for Fixed {
    fn run(self: Box<Self>, asked: &Asked<'_>, way: Way<'_>) -> anyhow::Result<Summary> {
        let Fixed {
            fields,
            covers_all,
            names,
        } = *self;
        let ends = fields.iter().map(|field| field.end);
        let end = ends.max().unwrap_or_default();
        let cut = |picked| Cutting {
            end: covers_all.then_some(end),
            fields,
            picked,
        };
        asked.lines(names, cut, way)
    }
}

/// Converts lines to records.
struct Cutting {
    fields: Vec<Range<usize>>,
    /// The character after which only blanks may follow.
    end: Option<usize>,
    picked: Picked,
}

impl Convert for Cutting {
    /// Where each character of a line that is not ASCII begins, and where the line ends.
    type Scratch = Vec<usize>;

    fn scratch(&self) -> Vec<usize> {
        Vec::new()
    }

    fn unit(
        &self,
        starts: &mut Vec<usize>,
        line: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<usize, Fault> {
        starts.clear();
        if !line.is_ascii() {
            let begins = |(_, byte): &(usize, &u8)| **byte & 0xC0 != 0x80;
            starts.extend(line.iter().enumerate().filter(begins).map(|(at, _)| at));
            starts.push(line.len());
        }
        // The byte at which a character begins; the end of the line if there are fewer characters.
        let at = |character: usize| match starts.is_empty() {
            true => character.min(line.len()),
            false => starts.get(character).copied().unwrap_or(line.len()),
        };
        if let Some(end) = self.end
            && !line[at(end)..].trim_ascii().is_empty()
        {
            let rest = shown(line[at(end)..].trim_ascii());
            return Err(Fault::new(format!(
                "the line goes on after the last field, at character {}: {rest}",
                end + 1
            )));
        }
        let field = |place: usize| {
            let field = &self.fields[place];
            line[at(field.start)..at(field.end)].trim_ascii()
        };
        self.picked.write(field, out);
        Ok(line.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(fields: Vec<Range<usize>>, end: Option<usize>, line: &str) -> Result<String, String> {
        let cutting = Cutting {
            picked: Picked {
                picks: (0..fields.len()).collect(),
                nulls: Vec::new(),
            },
            fields,
            end,
        };
        let mut out = Vec::new();
        let done = cutting.unit(&mut Vec::new(), line.as_bytes(), &mut out);
        let text = String::from_utf8(out).unwrap();
        done.map(|_| text).map_err(|fault| fault.to_string())
    }

    #[test]
    fn fields_are_cut_by_characters() {
        let widths = of_widths("8,2,10").unwrap();
        assert_eq!(widths, [0..8, 8..10, 10..20]);
        for (line, record) in [
            ("20260102 7Ann, B.  ", "20260102,7,\"Ann, B.\"\n"),
            ("äöüß    éé日本語 ", "äöüß,éé,日本語\n"),
            ("20260102", "20260102,,\n"),
            ("20260102 7Ann       \t ", "20260102,7,Ann\n"),
        ] {
            assert_eq!(cut(widths.clone(), Some(20), line).as_deref(), Ok(record));
        }
        let error = cut(widths, Some(20), "20260102 7Ann       more").unwrap_err();
        assert_eq!(
            error,
            "the line goes on after the last field, at character 21: 'more'"
        );
        let positions = of_positions("9-10, 1-4,12-,3").unwrap();
        assert_eq!(
            cut(positions, None, "20260102 7-Ann of Kent").as_deref(),
            Ok("7,2026,Ann of Kent,2\n")
        );
    }

    #[test]
    fn what_is_no_position_is_refused() {
        for text in ["", "0-3", "4-3", "a", "1-b", "-3", "1,,2"] {
            assert!(of_positions(text).is_err(), "{text}");
        }
        for text in ["", "0", "-1", "3,x", "8;2"] {
            assert!(of_widths(text).is_err(), "{text}");
        }
    }
}
