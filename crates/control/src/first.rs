//! What an installation begins with: an account, a project and its keys, all or none of them.

use millimetric_core::ids::AccountId;
use millimetric_core::time::Timestamp;

use crate::{Actor, Control, ControlError, Name, NewKey, NewProject, Project, accounts, keys, projects};

impl Control {
    /// Creates an account of this name, the project in it, and keys of the project; `None` if there is an account
    /// already. Of servers that start together, one creates them.
    pub async fn create_first(
        &self,
        name: Name,
        project: NewProject,
        keys: Vec<NewKey>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<Project>, ControlError> {
        let account: AccountId = project.account_id;
        let mut change = self.begin_change().await?;
        if accounts::exist(&mut change).await? {
            return Ok(None);
        }
        accounts::add(&mut change, account, name, by, now).await?;
        let project = projects::changes::add(&mut change, project, by, now).await?;
        for key in keys {
            keys::changes::add(&mut change, key, by, now).await?;
        }
        change.commit().await?;
        Ok(Some(project))
    }
}
