//! Which of the checkpoints that arrived with the records a load commits.

use anyhow::bail;

use crate::trust::Checkpoint;

/// Which checkpoint the user expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim<'n> {
    /// Any: nothing is committed, so checkpoints are ignored.
    Whatever,
    /// None.
    Nothing,
    /// The one with this name.
    Named(&'n str),
}

impl Claim<'_> {
    /// Returns the checkpoint to commit.
    ///
    /// # Errors
    /// A checkpoint arrived that would be lost, or the named one did not arrive.
    pub fn take(self, came: Vec<Checkpoint>) -> anyhow::Result<Option<Checkpoint>> {
        let wanted = match self {
            Claim::Whatever => return Ok(None),
            Claim::Nothing => None,
            Claim::Named(name) => Some(name),
        };
        let (mut own, strange): (Vec<_>, Vec<_>) = came
            .into_iter()
            .partition(|checkpoint| Some(checkpoint.name.as_str()) == wanted);
        match (strange.first(), wanted) {
            (Some(strange), None) => bail!(
                "the records come from 'extract --resume', and how far it read must be committed with them: give --resume-name {}",
                strange.name
            ),
            (Some(strange), Some(wanted)) => bail!(
                "a checkpoint of '{}' came with the records, and --resume-name says '{wanted}'",
                strange.name
            ),
            _ => {}
        }
        match (own.pop(), wanted) {
            (Some(checkpoint), _) if own.is_empty() => Ok(Some(checkpoint)),
            (Some(checkpoint), _) => bail!(
                "more than one checkpoint of '{}' came with the records: one extract --resume at a time",
                checkpoint.name
            ),
            (None, Some(wanted)) => bail!(
                "no checkpoint of '{wanted}' came with the records; 'extract --resume TARGET#{wanted}' sends one, and a foreign program in between loses it, unless 'balance -n 1 -- COMMAND' runs it"
            ),
            (None, None) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_and_what_was_named_must_agree() {
        let of = |name: &str| Checkpoint {
            name: name.to_owned(),
            from: None,
            to: 1.into(),
        };
        let take = |claim: Claim<'_>, came: &[&str]| {
            let taken = claim.take(came.iter().map(|name| of(name)).collect());
            taken
                .map(|checkpoint| checkpoint.map(|checkpoint| checkpoint.name))
                .map_err(|error| error.to_string())
        };
        assert_eq!(take(Claim::Whatever, &["a"]), Ok(None));
        assert_eq!(take(Claim::Nothing, &[]), Ok(None));
        assert_eq!(take(Claim::Named("a"), &["a"]), Ok(Some("a".to_owned())));
        for (claim, came, words) in [
            (Claim::Nothing, &["a"][..], "--resume-name a"),
            (Claim::Named("a"), &["b"], "of 'b'"),
            (Claim::Named("a"), &["a", "b"], "of 'b'"),
            (Claim::Named("a"), &["a", "a"], "more than one"),
            (Claim::Named("a"), &[], "no checkpoint"),
        ] {
            let error = take(claim, came).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
