//! The types of columns, found from values, and the rules that values are checked against.
//!
//! | file | what it does |
//! |---|---|
//! | [`types`], [`plain`] | finds the type of a column from all its values |
//! | [`rule`] | checks whether a value fits the type of a table's column |
//! | [`json_values`] | checks whether JSON keeps its values in a database |

pub mod json_values;
pub mod plain;
pub mod rule;
pub mod types;

pub use rule::Fit;
