//! Exports that are to be mounted on nodes.

/// Most bytes of a directory's path.
const DIRECTORY_BYTES_MAX: usize = 190;

/// A mount that an operator asked for, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeMount {
    pub(crate) id: String,
    /// UID of the node.
    pub(crate) node: String,
    pub(crate) export: String,
    pub(crate) directory: String,
    pub(crate) is_read_only: bool,
    /// `false`: it is to be unmounted, and goes once the node says that it is.
    pub(crate) is_wanted: bool,
    /// As the node said last.
    pub(crate) is_mounted: bool,
    /// Why it is not mounted, for people.
    pub(crate) detail: String,
    /// Who asked for it.
    pub(crate) login: String,
    pub(crate) token_id: String,
    /// Sealed.
    pub(crate) token: String,
    /// When its node spoke of it last, or it was to be unmounted; 0: neither yet.
    pub(crate) seen_ms: i64,
    pub(crate) created_ms: i64,
}

/// How a mount stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MountState {
    /// The node has not spoken of it yet.
    Waiting,
    Mounted,
    /// The node tries, and says why it can't.
    Failing,
    Unmounting,
}

impl MountState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Mounted => "mounted",
            Self::Failing => "failing",
            Self::Unmounting => "unmounting",
        }
    }
}

impl NodeMount {
    pub(crate) fn state(&self) -> MountState {
        match (self.is_wanted, self.is_mounted) {
            (false, _) => MountState::Unmounting,
            (true, true) => MountState::Mounted,
            (true, false) if self.detail.is_empty() => MountState::Waiting,
            (true, false) => MountState::Failing,
        }
    }
}

/// What watchers of a node's mounts wait for.
pub(crate) fn topic(node: &str) -> String {
    format!("storage.mounts:{node}")
}

/// The text is no directory to mount on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no directory to mount on. It begins with /, has at most {DIRECTORY_BYTES_MAX} bytes, and no part of it is . or .."
)]
pub struct DirectoryRefusal(pub String);

/// A directory as it is stored: absolute, without a slash at its end.
pub(crate) fn directory_checked(text: &str) -> Result<String, DirectoryRefusal> {
    let text = text.trim_end_matches('/');
    let is_well = text.len() <= DIRECTORY_BYTES_MAX
        && !text.contains(char::is_control)
        && text.strip_prefix('/').is_some_and(|below| below.split('/').all(|part| !matches!(part, "" | "." | "..")));
    let shown = || text.chars().filter(|c| !c.is_control()).take(80).collect();
    if is_well { Ok(text.to_owned()) } else { Err(DirectoryRefusal(shown())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_absolute_and_plain() {
        assert_eq!(directory_checked("/mnt/films/").unwrap(), "/mnt/films");
        assert_eq!(directory_checked("/srv/é b").unwrap(), "/srv/é b");
        for bad in
            ["", "/", "mnt", "./mnt", "/a/../b", "/a/./b", "/a//b", "/a\nb", "/a\0", &format!("/{}", "x".repeat(190))]
        {
            assert!(directory_checked(bad).is_err(), "{bad:?}");
        }
    }
}
