//! Exports: who may do what in them.

use portal::{Caller, Role};

use super::ServiceError;
use crate::Storage;
use crate::model::space::Space;
use crate::namespace::Direct;
use crate::queries::space::space_find;

/// What somebody may do in a name space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Right {
    /// It is not theirs to know of.
    Nothing,
    Read,
    Write,
}

impl Space {
    /// Operators and owners may do all; of the tenant it is for, teachers may write and learners read.
    pub(crate) fn right_of(&self, caller: &Caller) -> Right {
        let is_theirs = self.owner.as_deref() == Some(caller.account.as_str());
        let is_of_tenant = self.tenant.as_deref() == Some(caller.tenant.as_str());
        if caller.has(Role::Operator) || is_theirs || (is_of_tenant && caller.has(Role::Teacher)) {
            Right::Write
        } else if is_of_tenant && self.owner.is_none() {
            Right::Read
        } else {
            Right::Nothing
        }
    }
}

/// A name as it is shown to somebody who may have made it up.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(80).collect()
}

impl Storage {
    /// The name space of an export or a snapshot, for the caller's work in it. `wants_write` refuses those who may only
    /// read, and takes the delegation of a mount away first.
    ///
    /// # Errors
    /// `ExportUnknown` also for what the caller may not know of; `ExportReadOnly`.
    pub async fn namespace(&self, caller: &Caller, export: &str, wants_write: bool) -> Result<Direct, ServiceError> {
        let (space, right) = self.space_of(caller, export).await?;
        if wants_write {
            if right < Right::Write || space.is_read_only() {
                return Err(ServiceError::ExportReadOnly(space.name));
            }
            self.delegation_take(space.id).await?;
        }
        Ok(Direct::new(self.clone(), space, right < Right::Write))
    }

    /// A name space that the caller may at least read.
    pub(crate) async fn space_of(&self, caller: &Caller, export: &str) -> Result<(Space, Right), ServiceError> {
        let found = space_find(self.db(), export).await?;
        let unknown = || ServiceError::ExportUnknown(shown(export));
        let space = found.ok_or_else(unknown)?;
        match space.right_of(caller) {
            Right::Nothing => Err(unknown()),
            right => Ok((space, right)),
        }
    }
}
