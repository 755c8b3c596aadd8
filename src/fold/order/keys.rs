//! The keys of an order, bound to a header.

use std::collections::{BTreeMap, BTreeSet};

use bumpalo::Bump;

use super::key::{self, Direction};
use super::portion::{self, Portion};
use crate::expr::{BATCH, Batch, Node, Operand, ProgramError, Scope, ast, columns, parse, renew};
use crate::fold::groups::encode_key;
use crate::record::{Faults, Header, Layout, Records};
use crate::value::Value;

/// The keys by which records are ordered.
pub struct Keys {
    keys: Vec<(Node, Direction)>,
}

/// If the keys of a block take more bytes than this, its remaining records wait.
const MOST: usize = 8 << 20;

/// Memory that is reused from block to block.
#[derive(Default)]
pub struct Scratch {
    arena: Bump,
    selection: Vec<u32>,
    sound: Vec<u32>,
    key: Vec<u8>,
}

/// Keys as written: expressions, reversed by a `-` before or a `desc` after one, or a list of columns with globs
/// and ranges.
pub struct Program<'t> {
    text: &'t str,
    expressions: Result<Vec<ast::Key>, ProgramError>,
    columns: Option<Vec<columns::Selector>>,
}

impl<'t> Program<'t> {
    /// Parses the keys.
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

    /// Binds the keys to a header. `direction` applies to keys that are not reversed.
    ///
    /// # Errors
    /// A column or function does not exist.
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
    /// Returns all columns of a header as keys.
    pub fn all(header: &Header) -> Self {
        let names = header.names().iter().enumerate();
        let key =
            |(place, name): (usize, &String)| (Node::column(place, name), Direction::default());
        Keys {
            keys: names.map(key).collect(),
        }
    }

    /// Returns the layout of the fields that the keys read, for records with `columns` fields.
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

    /// Calls `each` with every record that has no fault, and its key.
    pub fn of_records(
        &self,
        records: &Records<'_>,
        faults: &mut Faults,
        scratch: &mut Scratch,
        each: impl FnMut(u32, &[u8]),
    ) {
        self.with_keys(records, faults, scratch, key::push, each);
    }

    /// Calls `each` with every record that has no fault, and bytes that are equal for two records exactly if their
    /// keys are equal.
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

    /// Adds the records of a block to a portion, if the prefix of their key is at most `most`.
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
