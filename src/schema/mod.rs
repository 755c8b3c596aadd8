//! What columns are: types found from values, and the rules that values are held to.
//!
//! | file | what it answers |
//! |---|---|
//! | [`types`], [`plain`] | what a column is, from all that it holds |
//! | [`rule`] | whether a value fits the type that a table's column has |
//! | [`json_values`] | whether JSON keeps its values in a database |

pub mod json_values;
pub mod plain;
pub mod rule;
pub mod types;

pub use rule::Fit;
