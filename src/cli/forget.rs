//! `load TARGET --forget NAME`.

use clap::Args;

use super::Usage;
use crate::connector::stores::Store;
use crate::stream::Summary;

/// The flag that removes a checkpoint instead of loading.
#[derive(Args, Clone, Debug)]
pub struct ForgetFlag {
    /// Load nothing; forget how far NAME was loaded into TARGET, so that its next load starts over
    #[arg(
        long,
        value_name = "NAME",
        conflicts_with_all = ["files", "table", "to", "mode", "key", "require_clean", "resume_name",
            "exit_if_empty", "delimiter", "threads", "on_error", "rejects", "max_rejects",
            "accept_unclean"]
    )]
    forget: Option<String>,
}

impl ForgetFlag {
    /// Forgets, if that is asked: the whole run.
    ///
    /// # Errors
    /// A wrong usage: the target keeps no checkpoints, or names a table. There is no such checkpoint.
    pub fn run(&self, target: &str) -> anyhow::Result<Option<Summary>> {
        let Some(name) = &self.forget else {
            return Ok(None);
        };
        let (store, table) = Store::parse(target).map_err(Usage::error)?;
        if let Some(table) = table {
            return Err(Usage::error(format!(
                "--forget goes by the name alone; leave out the table '{table}': load {} --forget {name}",
                store.shown()
            )));
        }
        let records = match store.forget(name)? {
            Some(place) => format!("the records that are in '{place}' stay"),
            None => "the records that were loaded stay".to_owned(),
        };
        Ok(Some(Summary {
            notices: vec![format!(
                "'{name}' is forgotten: its next load reads the source from the start; {records}"
            )],
            ..Summary::default()
        }))
    }
}
