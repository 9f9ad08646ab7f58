//! How a call becomes an operation, and an operation an answer.

use std::ffi::OsStr;
use std::time::Duration;

use fuser::ReplyEmpty;
use nix::errno::Errno;

use super::{Kernel, shape};
use crate::begin::begin;
use crate::model::inode::Ino;
use crate::mount::core::{Aim, Told};
use crate::mount::tree::{Stop, Tree};

impl Kernel {
    /// Begins in this thread what has to wait for others, and leaves the rest to the runtime.
    pub(super) fn begin(&self, work: impl Future<Output = ()> + Send + 'static) {
        let _entered = self.runtime.enter();
        if let Err(rest) = begin(work) {
            self.runtime.spawn(rest);
        }
    }

    /// Does the operation and answers; `reply` gets how long the kernel may keep what it is told.
    pub(super) fn serve<T, O, R>(&self, aim: Aim, mut op: O, reply: R)
    where
        T: Send + 'static,
        O: FnMut(&mut Tree) -> Result<T, Stop> + Send + 'static,
        R: FnOnce(Result<T, Errno>, Duration) + Send + 'static,
    {
        let later = self.core.answer(|kept| match self.core.try_run(aim, &mut op) {
            Some(result) => {
                reply(result, kept);
                None
            }
            None => Some(reply),
        });
        let Some(reply) = later else { return };
        let core = self.core.clone();
        self.runtime.spawn(async move {
            let result = core.run(aim, op).await;
            core.answer(|kept| reply(result, kept));
        });
    }

    pub(super) fn serve_empty(
        &self,
        aim: Aim,
        op: impl FnMut(&mut Tree) -> Result<(), Stop> + Send + 'static,
        reply: ReplyEmpty,
    ) {
        self.serve(aim, op, move |result, _| match result {
            Ok(()) => reply.ok(),
            Err(errno) => reply.error(shape::errno(errno)),
        });
    }
}

/// Tells the kernel that what it was told no longer holds. Blocks; not to be called by who answers the kernel.
pub(crate) fn untell(notifier: &fuser::Notifier, root: Ino, told: &Told) {
    let number = |ino| shape::ino_out(root, ino);
    for (parent, name) in &told.entries {
        // An error means that the kernel knows it no more.
        let _gone = notifier.inval_entry(number(*parent), OsStr::new(name.as_str()));
    }
    for ino in &told.inodes {
        let _gone = notifier.inval_inode(number(*ino), 0, 0);
    }
}
