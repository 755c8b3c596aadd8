//! Columns of the stream, and what those of the table take.

use crate::schema::rule::Rule;
use crate::schema::types::ColumnKind;

/// One column of the stream, and what the table's takes.
#[derive(Clone, Debug)]
pub struct CopyColumn {
    /// Its name, for faults.
    pub name: String,
    /// What it takes.
    pub rule: Rule,
    /// Whether it must not be null, being part of the key.
    pub is_key: bool,
    /// How COPY's binary format has its values; none where that is not known here.
    pub form: Option<BinaryForm>,
}

/// How a type's values look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryForm {
    /// An integer of so many bytes.
    Integer(u8),
    /// Groups of four decimal digits.
    Numeric,
    /// A double.
    Double,
    /// One byte.
    Boolean,
    /// Days.
    Date,
    /// Microseconds, with or without a zone.
    Time,
    /// The text itself.
    Text,
    /// 16 bytes.
    Uuid,
}

impl BinaryForm {
    /// The form of a type by its catalog name; none of one that is not written here.
    pub fn of(type_name: &str) -> Option<Self> {
        Some(match type_name {
            "int2" => BinaryForm::Integer(2),
            "int4" => BinaryForm::Integer(4),
            "int8" => BinaryForm::Integer(8),
            "numeric" => BinaryForm::Numeric,
            "float8" => BinaryForm::Double,
            "bool" => BinaryForm::Boolean,
            "date" => BinaryForm::Date,
            "timestamp" | "timestamptz" => BinaryForm::Time,
            "text" | "varchar" | "bpchar" => BinaryForm::Text,
            "uuid" => BinaryForm::Uuid,
            _ => return None,
        })
    }

    /// The form of the type that is made for a kind.
    pub fn found(kind: ColumnKind) -> Self {
        match kind {
            ColumnKind::Text => BinaryForm::Text,
            ColumnKind::Boolean => BinaryForm::Boolean,
            ColumnKind::Integer => BinaryForm::Integer(8),
            ColumnKind::Decimal => BinaryForm::Numeric,
            ColumnKind::Double => BinaryForm::Double,
            ColumnKind::Date => BinaryForm::Date,
            ColumnKind::Civil | ColumnKind::Instant => BinaryForm::Time,
        }
    }
}
