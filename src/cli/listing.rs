//! What the language can call, as a page to read.

use crate::expr::{functions, sequence};
use crate::fold;

/// The functions of one record, behind `more` that a program can call.
pub(super) fn of_functions(more: String) -> String {
    let mut page = more;
    if !page.is_empty() {
        page.push_str("\nFunctions, over one record:\n");
    }
    for function in functions::all() {
        let call = format!("{}({})", function.name, function.parameters);
        page.push_str(&entry(&call, function.aliases, function.purpose));
        let (expression, result) = function.example;
        page.push_str(&format!("      {expression}  is  {result}\n"));
    }
    page
}

/// The functions that go by the records before.
pub fn sequences() -> String {
    let mut page =
        "Over the records up to this one (with --by, those with the same keys); they take in all\n\
                    records, also those for which an 'if' around them chooses something else:\n"
            .to_owned();
    for function in sequence::all() {
        let call = format!("{}({})", function.name, function.parameters);
        page.push_str(&entry(&call, &[], function.purpose));
    }
    page
}

/// The aggregate functions.
pub fn aggregates() -> String {
    let mut page = "Aggregates, over the records of a group; nulls are skipped:\n".to_owned();
    for aggregate in fold::functions::all() {
        let call = format!("{}({})", aggregate.name, aggregate.parameters);
        page.push_str(&entry(&call, aggregate.aliases, aggregate.purpose));
    }
    page
}

fn entry(call: &str, aliases: &[&str], purpose: &str) -> String {
    let also = match aliases {
        [] => String::new(),
        names => format!(" (also {})", names.join(", ")),
    };
    format!("  {call:<34}{purpose}{also}\n")
}
