//! Where on this machine slots can have their cgroups: v2 where it has the controllers, else v1, else nowhere.
//!
//! Root makes its directory below the hierarchy's root, named after the helper, so that the next helper can remove it.
//! Others, and root in a service of its own, use the subtree they were given (`Delegate=yes`); there the agent moves into
//! a leaf first, because v2 wants no processes beside directories.

use super::{File, OpenOptions, Path, PathBuf, Slot, fs, io};

use std::io::Write;

/// Prefix of our directories; the helper's process id follows.
const PREFIX: &str = "amphi-";
/// The last one is for its weight alone: all rooms together are one to the scheduler, which shares a busy processor out
/// among sessions or services, so that the agent and the control plane answer while every slot is busy.
const CONTROLLERS: [&str; 4] = ["memory", "pids", "cpuacct", "cpu"];
/// Where the agent is when its own cgroup is given to it.
const LEAF: &str = "agent";

/// The directories that belong to one helper.
#[derive(Debug, Default)]
pub(in super::super) struct Place {
    is_v2: bool,
    /// In the order of `CONTROLLERS`; `None` where the controller isn't to be had.
    dirs: [Option<PathBuf>; 4],
    /// Open, because their paths are out of sight later.
    parents: Vec<(File, String)>,
    slots: usize,
}

impl Place {
    /// Finds the place, makes its directory, and removes those of helpers that are dead.
    pub(in super::super) fn find() -> Self {
        v2().or_else(v1).unwrap_or_default()
    }

    /// Makes the cgroup of slot `index`. Where there is none at all the slot has no counters and no limits.
    pub(in super::super) fn slot(&mut self, index: u32) -> io::Result<Slot> {
        let made = self.dirs.clone().map(|dir| dir.map(|dir| dir.join(format!("slot-{index}"))));
        for dir in made.iter().flatten() {
            dir_make(dir)?;
        }
        self.slots = self.slots.max(index as usize + 1);
        Slot::open(self.is_v2, made.each_ref().map(Option::as_deref))
    }

    /// In words, for what people are told; `None` where there is none.
    pub(in super::super) fn name(&self) -> Option<String> {
        let version = if self.is_v2 { "cgroup v2" } else { "cgroup v1" };
        let missing: Vec<&str> =
            CONTROLLERS.iter().zip(&self.dirs).filter(|(_, dir)| dir.is_none()).map(|(name, _)| *name).collect();
        match missing.len() {
            0 => Some(version.to_owned()),
            4 => None,
            _ => Some(format!("{version} without {}", missing.join(", "))),
        }
    }

    /// Removes all directories; those that still hold a process stay for the next helper to remove.
    pub(in super::super) fn remove(&self) {
        use nix::unistd::{UnlinkatFlags, unlinkat};
        for (parent, name) in &self.parents {
            for slot in 0..self.slots {
                let _ = unlinkat(parent, format!("{name}/slot-{slot}").as_str(), UnlinkatFlags::RemoveDir);
            }
            let _ = unlinkat(parent, name.as_str(), UnlinkatFlags::RemoveDir);
        }
    }
}

fn v2() -> Option<Place> {
    let mount = mounts("cgroup2").into_iter().next()?.0;
    let own = own_path("").map(|path| mount.join(path.trim_start_matches('/')));
    let parent = own.and_then(own_subtree).unwrap_or(mount);
    let has = fs::read_to_string(parent.join("cgroup.controllers")).ok()?;
    let wanted: Vec<&str> =
        ["memory", "pids", "cpu"].into_iter().filter(|name| has.split_whitespace().any(|one| one == *name)).collect();
    // CPU time is counted everywhere; but where v1 has the others, it has more to give.
    if wanted.is_empty() && !mounts("cgroup").is_empty() {
        return None;
    }
    controllers_enable(&parent, &wanted);
    let (dir, name) = own_dir(&parent)?;
    controllers_enable(&dir, &wanted);
    let enabled = fs::read_to_string(dir.join("cgroup.subtree_control")).unwrap_or_default();
    let on = |name: &str| enabled.split_whitespace().any(|one| one == name).then(|| dir.clone());
    let parents = vec![(File::open(&parent).ok()?, name)];
    Some(Place { is_v2: true, dirs: [on("memory"), on("pids"), Some(dir.clone()), on("cpu")], parents, slots: 0 })
}

fn v1() -> Option<Place> {
    let mounts = mounts("cgroup");
    let mut place = Place::default();
    for (index, controller) in CONTROLLERS.iter().enumerate() {
        let Some((mount, _)) = mounts.iter().find(|(_, options)| options.iter().any(|option| option == controller))
        else {
            continue;
        };
        let Some((dir, name)) = own_dir(mount) else { continue };
        let Ok(parent) = File::open(mount) else { continue };
        place.dirs[index] = Some(dir);
        place.parents.push((parent, name));
    }
    place.dirs.iter().any(Option::is_some).then_some(place)
}

/// Mount points of a cgroup file system, with their options.
fn mounts(kind: &str) -> Vec<(PathBuf, Vec<String>)> {
    let table = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let rows = table.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (path, fs_type, options) = (fields.next()?, fields.next()?, fields.next()?);
        (fs_type == kind).then(|| (PathBuf::from(path), options.split(',').map(str::to_owned).collect()))
    });
    rows.collect()
}

/// The calling process's cgroup in the v2 hierarchy (`controllers` empty).
fn own_path(controllers: &str) -> Option<String> {
    let table = fs::read_to_string("/proc/self/cgroup").ok()?;
    table.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (names, path) = rest.split_once(':')?;
        (names == controllers).then(|| path.to_owned())
    })
}

/// The subtree that the agent was given, when it is alone in it: it moves into a leaf, or is there from an earlier helper.
fn own_subtree(own: PathBuf) -> Option<PathBuf> {
    if !is_ours_alone(&own) {
        return None;
    }
    if own.ends_with(LEAF) {
        return own.parent().map(Path::to_owned);
    }
    leaf_enter(&own).ok().map(|()| own)
}

/// Whether a cgroup holds the agent and this helper and nobody else, so that they may be moved.
fn is_ours_alone(dir: &Path) -> bool {
    let ours = [std::process::id().to_string(), std::os::unix::process::parent_id().to_string()];
    let inside = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    let mut lines = inside.lines().peekable();
    lines.peek().is_some() && lines.all(|line| ours.iter().any(|own| own == line))
}

fn leaf_enter(own: &Path) -> io::Result<()> {
    let leaf = own.join(LEAF);
    dir_make(&leaf)?;
    for process in [std::os::unix::process::parent_id(), std::process::id()] {
        text_write(&leaf.join("cgroup.procs"), &process.to_string())?;
    }
    Ok(())
}

/// One at a time, because one that is refused would take the others with it. What is on shows later.
fn controllers_enable(dir: &Path, wanted: &[&str]) {
    for name in wanted {
        let _ = text_write(&dir.join("cgroup.subtree_control"), &format!("+{name}"));
    }
}

fn own_dir(parent: &Path) -> Option<(PathBuf, String)> {
    sweep(parent);
    let name = format!("{PREFIX}{}", std::process::id());
    let dir = parent.join(&name);
    dir_make(&dir).ok()?;
    Some((dir, name))
}

/// Removes what helpers that were killed left. The kernel refuses to remove what holds processes.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(owner) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse::<u32>().ok()) else {
            continue;
        };
        if Path::new("/proc").join(owner.to_string()).exists() {
            continue;
        }
        for slot in fs::read_dir(entry.path()).into_iter().flatten().flatten() {
            let _ = fs::remove_dir(slot.path());
        }
        let _ = fs::remove_dir(entry.path());
    }
}

fn dir_make(dir: &Path) -> io::Result<()> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

fn text_write(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes())
}
