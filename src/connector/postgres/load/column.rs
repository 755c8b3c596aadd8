//! Columns of the stream, and what those of the table take.

use crate::schema::rule::Rule;
use crate::schema::types::Kind;

/// One column of the stream, and what the table's takes.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name, for faults.
    pub name: String,
    /// What it takes.
    pub rule: Rule,
    /// Whether it must not be null, being part of the key.
    pub is_key: bool,
    /// How COPY's binary format has its values; none where that is not known here.
    pub form: Option<Form>,
}

/// How a type's values look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
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

impl Form {
    /// The form of a type by its catalog name; none of one that is not written here.
    pub fn of(type_name: &str) -> Option<Self> {
        Some(match type_name {
            "int2" => Form::Integer(2),
            "int4" => Form::Integer(4),
            "int8" => Form::Integer(8),
            "numeric" => Form::Numeric,
            "float8" => Form::Double,
            "bool" => Form::Boolean,
            "date" => Form::Date,
            "timestamp" | "timestamptz" => Form::Time,
            "text" | "varchar" | "bpchar" => Form::Text,
            "uuid" => Form::Uuid,
            _ => return None,
        })
    }

    /// The form of the type that is made for a kind.
    pub fn found(kind: Kind) -> Self {
        match kind {
            Kind::Text => Form::Text,
            Kind::Boolean => Form::Boolean,
            Kind::Integer => Form::Integer(8),
            Kind::Decimal => Form::Numeric,
            Kind::Double => Form::Double,
            Kind::Date => Form::Date,
            Kind::Civil | Kind::Instant => Form::Time,
        }
    }
}
