//! Columns of the stream, and what the table's columns accept.

use crate::schema::rule::Rule;
use crate::schema::types::ColumnKind;

/// One column of the stream, and what the table's column accepts.
#[derive(Clone, Debug)]
pub struct CopyColumn {
    /// The name, for faults.
    pub name: String,
    /// Which values the column accepts.
    pub rule: Rule,
    /// Whether null is rejected, because the column is part of the key.
    pub is_key: bool,
    /// How COPY's binary format encodes the values; None if that is not known here.
    pub form: Option<BinaryForm>,
}

/// How COPY's binary format encodes the values of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryForm {
    /// An integer of this many bytes.
    Integer(u8),
    /// Groups of four decimal digits.
    Numeric,
    /// A double.
    Double,
    /// One byte.
    Boolean,
    /// Days since 2000.
    Date,
    /// Microseconds since 2000, with or without a time zone.
    Time,
    /// The text itself.
    Text,
    /// 16 bytes.
    Uuid,
}

impl BinaryForm {
    /// Returns the form of a type by its catalog name; None for types that are not encoded here.
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

    /// Returns the form of the column type that is created for a kind.
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
