//! The keys of a program, bound to a header.

use std::collections::{BTreeMap, BTreeSet};

use bumpalo::Bump;

use super::key::{self, Direction};
use super::portion::{self, Portion};
use crate::expr::{BATCH, Batch, Node, Operand, ProgramError, Scope, ast, columns, parse, renew};
use crate::fold::groups::encode_key;
use crate::record::{Faults, Header, Layout, Records};
use crate::value::Value;

/// What records are ordered by.
pub struct Keys {
    keys: Vec<(Node, Direction)>,
}

/// If keys are longer than this together, the records after them wait.
const MOST: usize = 8 << 20;

/// Memory that is used from block to block.
#[derive(Default)]
pub struct Scratch {
    arena: Bump,
    selection: Vec<u32>,
    sound: Vec<u32>,
    key: Vec<u8>,
}

/// Keys as they are written: expressions, `-` before one or `desc` behind it turning it around, or a
/// list of columns with globs and ranges.
pub struct Program<'t> {
    text: &'t str,
    expressions: Result<Vec<ast::Key>, ProgramError>,
    columns: Option<Vec<columns::Selector>>,
}

impl<'t> Program<'t> {
    /// Reads the keys.
    ///
    /// # Errors
    /// They are neither.
    pub fn parse(text: &'t str) -> Result<Self, ProgramError> {
        let columns = columns::parse(text).ok();
        let is_list = columns.is_some() && (text.contains(['*', '?']) || text.contains(".."));
        let expressions = match parse::keys(text) {
            Err(error) if !is_list => return Err(error),
            expressions => expressions,
        };
        Ok(Program {
            text,
            expressions,
            columns,
        })
    }

    /// Binds them to a header. `direction` is that of all that are not turned around.
    ///
    /// # Errors
    /// There is no such column or function.
    pub fn resolve(
        self,
        header: &Header,
        settings: &BTreeMap<String, String>,
        direction: Direction,
    ) -> Result<Keys, ProgramError> {
        let scope = Scope {
            text: self.text,
            header,
            settings,
        };
        let bound = self.expressions.and_then(|keys| {
            let bind = |key: &ast::Key| {
                let is_descending = direction.is_descending != key.is_descending;
                let direction = Direction {
                    is_descending,
                    ..direction
                };
                match key.expr.is_constant() {
                    true => Err(ProgramError::constant_key(self.text, &key.expr)),
                    false => Ok((scope.resolve(&key.expr)?.compared(), direction)),
                }
            };
            keys.iter().map(bind).collect::<Result<Vec<_>, _>>()
        });
        let keys = bound.or_else(|error| {
            let selected = self
                .columns
                .map(|columns| columns::resolve(&columns, header.names()));
            let Some(Ok(selected)) = selected else {
                return Err(error);
            };
            let column = |selected: columns::Selected| {
                let name = &header.names()[selected.index];
                (Node::column(selected.index, name), direction)
            };
            Ok(selected.into_iter().map(column).collect())
        })?;
        Ok(Keys { keys })
    }
}

impl Keys {
    /// All columns of a header.
    pub fn all(header: &Header) -> Self {
        let names = header.names().iter().enumerate();
        let key =
            |(place, name): (usize, &String)| (Node::column(place, name), Direction::default());
        Keys {
            keys: names.map(key).collect(),
        }
    }

    /// The fields that it looks at, of records of so many.
    pub fn layout(&self, columns: usize) -> Layout {
        let mut looked_at = BTreeSet::new();
        self.keys
            .iter()
            .for_each(|(node, _)| node.add_columns(&mut looked_at));
        Layout::of(
            columns,
            looked_at.into_iter().map(|column| (column, column)),
        )
    }

    /// Gives each record that no fault was found with, and its key, to `each`.
    pub fn of_records(
        &self,
        records: &Records<'_>,
        faults: &mut Faults,
        scratch: &mut Scratch,
        each: impl FnMut(u32, &[u8]),
    ) {
        self.with_keys(records, faults, scratch, key::push, each);
    }

    /// Gives each record that no fault was found with, and bytes that are the same for two of them just
    /// where their keys count as one, to `each`.
    pub fn identities_of_records(
        &self,
        records: &Records<'_>,
        faults: &mut Faults,
        scratch: &mut Scratch,
        each: impl FnMut(u32, &[u8]),
    ) {
        let push = |value: &Value<'_>, _, out: &mut Vec<u8>| encode_key(value, out);
        self.with_keys(records, faults, scratch, push, each);
    }

    #[inline(always)]
    fn with_keys(
        &self,
        records: &Records<'_>,
        faults: &mut Faults,
        scratch: &mut Scratch,
        push: impl Fn(&Value<'_>, Direction, &mut Vec<u8>),
        mut each: impl FnMut(u32, &[u8]),
    ) {
        let Scratch {
            arena,
            selection,
            sound,
            key,
        } = scratch;
        faults.select_all(selection);
        let mut made = 0;
        for chunk in selection.chunks(BATCH) {
            if made > MOST {
                faults.leave_from(chunk[0]);
            }
            if faults.left().is_some() {
                break;
            }
            renew(arena);
            let batch = Batch::over(*records, arena);
            let values: Vec<(Operand<'_>, Direction)> = self
                .keys
                .iter()
                .map(|(node, direction)| (node.evaluate(&batch, chunk, faults), *direction))
                .collect();
            sound.clear();
            sound.extend_from_slice(chunk);
            faults.settle(sound);
            let mut left = sound.iter().peekable();
            for (place, &record) in chunk.iter().enumerate() {
                if left.next_if_eq(&&record).is_none() {
                    continue;
                }
                key.clear();
                for (values, direction) in &values {
                    push(&values.get(place, record), *direction, key);
                }
                made += key.len();
                each(record, key);
            }
        }
    }

    /// Adds the records of a block to a portion, those whose key begins with at most `most`.
    pub fn add_records(
        &self,
        records: &Records<'_>,
        faults: &mut Faults,
        scratch: &mut Scratch,
        (portion, most): (&mut Portion, u64),
    ) {
        self.of_records(records, faults, scratch, |record, key| {
            if portion::prefix(key) <= most {
                portion.push(key, records.raw(record as usize));
            }
        });
    }
}
