//! What the language can call, as a page to read.

use crate::expr::functions;
use crate::fold;

/// The functions, and with `aggregates` what `aggregate` adds to them.
pub(super) fn of_functions(aggregates: bool) -> String {
    let mut page = String::new();
    if aggregates {
        page.push_str("Aggregates, over the records of a group; nulls are skipped:\n");
        for aggregate in fold::functions::all() {
            let call = format!("{}({})", aggregate.name, aggregate.parameters);
            page.push_str(&entry(&call, aggregate.aliases, aggregate.purpose));
        }
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

fn entry(call: &str, aliases: &[&str], purpose: &str) -> String {
    let also = match aliases {
        [] => String::new(),
        names => format!(" (also {})", names.join(", ")),
    };
    format!("  {call:<34}{purpose}{also}\n")
}
