//! What the kernel counts and bounds for one slot, over cgroup v2, v1, or whatever part of them there is.
//!
//! A slot's directories are made once and used for room after room: making, joining and removing them costs more than
//! starting a program. All files are opened before the helper turns to its new root, where /sys is out of sight.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Limits;

mod place;

pub(super) use place::Place;

/// Longest of the files read here, in bytes; cpu.stat has about 500.
const FILE_BYTES: usize = 4096;

/// The names one version has for what is read and written here.
struct Names {
    limit: &'static str,
    /// Memory and swap together (v1), or swap alone (v2).
    swap: &'static str,
    peak: &'static str,
    usage: &'static str,
    oom: &'static str,
    cpu: &'static str,
}

const V1: Names = Names {
    limit: "memory.limit_in_bytes",
    swap: "memory.memsw.limit_in_bytes",
    peak: "memory.max_usage_in_bytes",
    usage: "memory.usage_in_bytes",
    oom: "memory.oom_control",
    cpu: "cpuacct.usage",
};

const V2: Names = Names {
    limit: "memory.max",
    swap: "memory.swap.max",
    peak: "memory.peak",
    usage: "memory.current",
    oom: "memory.events",
    cpu: "cpu.stat",
};

/// One slot's part of every hierarchy that helps.
#[derive(Debug, Default)]
pub(super) struct Slot {
    is_v2: bool,
    /// Where a process enters, one for each hierarchy.
    procs: Vec<File>,
    memory: Option<Memory>,
    pids: Option<Pids>,
    cpu: Option<File>,
}

#[derive(Debug)]
struct Memory {
    limit: File,
    swap: Option<File>,
    peak: Option<File>,
    usage: File,
    oom: File,
    set: Written,
}

/// What stands in a file of the kernel's as far as is known here. Kept because writing costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Written {
    /// Nothing was written yet, or the kernel refused.
    #[default]
    Unknown,
    Unlimited,
    Most(u64),
}

impl From<Option<u64>> for Written {
    fn from(most: Option<u64>) -> Self {
        most.map_or(Self::Unlimited, Self::Most)
    }
}

#[derive(Debug)]
struct Pids {
    limit: File,
    usage: File,
    events: File,
    set: Written,
}

/// Counters at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    pub(super) cpu: Duration,
    peak: u64,
    usage: u64,
    oom_kills: u64,
    refused: u64,
}

impl Reading {
    /// Bytes; before any step of a room: what earlier rooms left in the page cache.
    pub(super) fn memory_in_use(&self) -> u64 {
        self.usage
    }
}

/// What a step used and ran into; `None` where nothing counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used {
    pub(super) cpu: Option<Duration>,
    pub(super) memory_peak_bytes: Option<u64>,
    pub(super) was_killed_for_memory: bool,
    pub(super) was_refused_processes: bool,
}

impl Slot {
    /// Opens what the directories of one slot hold, in the order of `CONTROLLERS`; those that are missing are left out.
    fn open(is_v2: bool, [memory, pids, cpu, weight]: [Option<&Path>; 4]) -> io::Result<Self> {
        let names = if is_v2 { &V2 } else { &V1 };
        let mut dirs: Vec<&Path> = [memory, pids, cpu, weight].into_iter().flatten().collect();
        dirs.sort_unstable();
        dirs.dedup();
        let procs = dirs.iter().map(|dir| writable(&dir.join("cgroup.procs"))).collect::<io::Result<_>>()?;
        let memory = memory.map(|dir| Memory::open(names, dir)).transpose()?;
        let pids = pids.map(Pids::open).transpose()?;
        let cpu = cpu.map(|dir| File::open(dir.join(names.cpu))).transpose()?;
        Ok(Self { is_v2, procs, memory, pids, cpu })
    }

    /// Moves the calling process in. What it starts later is born inside, which costs nothing.
    pub(super) fn join(&self) -> io::Result<()> {
        self.procs.iter().try_for_each(|procs| procs.write_all_at(b"0", 0))
    }

    pub(super) fn has_memory(&self) -> bool {
        self.memory.is_some()
    }

    pub(super) fn has_cpu(&self) -> bool {
        self.cpu.is_some()
    }

    /// Sets the limits of the next step. The keeper and the room's init are in here too, and get their own place.
    pub(super) fn limit(&mut self, limits: &Limits) -> io::Result<()> {
        let is_v2 = self.is_v2;
        if let Some(memory) = &mut self.memory {
            memory.limit(limits.memory_bytes, is_v2)?;
        }
        if let Some(pids) = &mut self.pids {
            pids.limit(limits.processes)?;
        }
        Ok(())
    }

    pub(super) fn has_pids(&self) -> bool {
        self.pids.is_some()
    }

    /// Lifts a memory limit that is reached: at it not even the keeper could tell so, because messages take memory.
    /// Whatever the step was, it must be at its end or be told to end.
    pub(super) fn lift_if_full(&mut self) {
        let is_v2 = self.is_v2;
        if let Some(memory) = &mut self.memory
            && let Written::Most(most) = memory.set
            && number(&memory.usage).is_some_and(|usage| usage + most / 16 >= most)
        {
            // Refused: then the message that comes next fails, and the room ends with its keeper.
            let _ = memory.limit(None, is_v2);
        }
    }

    /// CPU time that everything in the slot ever used.
    pub(super) fn cpu(&self) -> Option<Duration> {
        let file = self.cpu.as_ref()?;
        let text = read(file)?;
        if self.is_v2 {
            return value_of(&text, "usage_usec").map(Duration::from_micros);
        }
        text.trim().parse().ok().map(Duration::from_nanos)
    }

    /// Counters before a step. Starts the peak anew where the kernel lets us (v1, and v2 since Linux 6.12).
    pub(super) fn begin(&self) -> Reading {
        if let Some(peak) = self.memory.as_ref().and_then(|memory| memory.peak.as_ref()) {
            // Where that is refused, `used` sees it by the peak that did not move.
            let _ = peak.write_all_at(b"0", 0);
        }
        self.read()
    }

    /// What was used since `before`, of memory above `base` bytes. Everything of the step must be dead.
    pub(super) fn used(&self, before: &Reading, base: u64) -> Used {
        let now = self.read();
        // A peak that was not reset and not passed says nothing about this step.
        let is_peak_ours = now.peak > before.peak || before.peak <= before.usage.saturating_add(before.usage / 8);
        Used {
            cpu: self.cpu.as_ref().map(|_| now.cpu.saturating_sub(before.cpu)),
            // The kernel charges in batches: a small program may be charged nothing of its own, which tells nothing of it.
            memory_peak_bytes: (now.peak > base && is_peak_ours).then(|| now.peak - base),
            was_killed_for_memory: now.oom_kills > before.oom_kills,
            was_refused_processes: now.refused > before.refused,
        }
    }

    fn read(&self) -> Reading {
        let memory = self.memory.as_ref();
        Reading {
            cpu: self.cpu().unwrap_or_default(),
            peak: memory.and_then(|memory| memory.peak.as_ref()).and_then(number).unwrap_or_default(),
            usage: memory.and_then(|memory| number(&memory.usage)).unwrap_or_default(),
            oom_kills: memory.and_then(|memory| value_of(&read(&memory.oom)?, "oom_kill")).unwrap_or_default(),
            refused: self.pids.as_ref().and_then(|pids| value_of(&read(&pids.events)?, "max")).unwrap_or_default(),
        }
    }
}

impl Memory {
    fn open(names: &Names, dir: &Path) -> io::Result<Self> {
        Ok(Self {
            limit: writable(&dir.join(names.limit))?,
            // Not there when the kernel doesn't count swap; then none is used without bound either.
            swap: writable(&dir.join(names.swap)).ok(),
            peak: writable(&dir.join(names.peak)).or_else(|_| File::open(dir.join(names.peak))).ok(),
            usage: File::open(dir.join(names.usage))?,
            oom: File::open(dir.join(names.oom))?,
            set: Written::Unknown,
        })
    }

    fn limit(&mut self, bytes: Option<u64>, is_v2: bool) -> io::Result<()> {
        if self.set == bytes.into() {
            return Ok(());
        }
        self.set = Written::Unknown;
        let unlimited = if is_v2 { "max" } else { "-1" };
        let text = bytes.map_or_else(|| unlimited.to_owned(), |bytes| bytes.to_string());
        let swap = |text: &str| self.swap.as_ref().map(|file| file.write_all_at(text.as_bytes(), 0));
        if is_v2 {
            let _ = swap("0");
        } else {
            // The sum may never be below memory alone: first when the limit grows, last when it shrinks.
            let _ = swap(&text);
        }
        self.limit.write_all_at(text.as_bytes(), 0)?;
        if !is_v2 {
            let _ = swap(&text);
        }
        self.set = bytes.into();
        Ok(())
    }
}

impl Pids {
    fn open(dir: &Path) -> io::Result<Self> {
        Ok(Self {
            limit: writable(&dir.join("pids.max"))?,
            usage: File::open(dir.join("pids.current"))?,
            events: File::open(dir.join("pids.events"))?,
            set: Written::Unknown,
        })
    }

    fn limit(&mut self, processes: Option<u32>) -> io::Result<()> {
        let ours = number(&self.usage).unwrap_or_default();
        let most = processes.map(|most| u64::from(most) + ours);
        if self.set == most.into() {
            return Ok(());
        }
        self.set = Written::Unknown;
        self.limit.write_all_at(most.map_or_else(|| "max".to_owned(), |most| most.to_string()).as_bytes(), 0)?;
        self.set = most.into();
        Ok(())
    }
}

fn writable(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path).or_else(|_| OpenOptions::new().write(true).open(path))
}

fn read(file: &File) -> Option<String> {
    let mut bytes = [0; FILE_BYTES];
    let length = file.read_at(&mut bytes, 0).ok()?;
    String::from_utf8(bytes.get(..length)?.to_vec()).ok()
}

fn number(file: &File) -> Option<u64> {
    read(file)?.trim().parse().ok()
}

/// The number behind `key` in a file of `key number` lines.
fn value_of(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests;
