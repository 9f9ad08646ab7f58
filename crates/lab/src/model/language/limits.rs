//! What one step of a program may use. All processes of the step together, unless a field says otherwise.

use serde::{Deserialize, Deserializer, Serialize};

/// The limits of one step; every one is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// CPU time, ms.
    pub cpu_ms: u64,
    /// Time from start to end, ms.
    pub wall_ms: u64,
    /// Memory, with what is written into the work directory, bytes.
    pub memory_bytes: u64,
    /// Processes and threads at the same time.
    pub processes: u32,
    /// The largest file, bytes.
    pub file_bytes: u64,
    /// Open files of one process.
    pub open_files: u32,
    /// Standard output and error together, bytes.
    pub output_bytes: u64,
}

impl Limits {
    /// Caps that hold nothing back.
    pub const UNCAPPED: Self = Self {
        cpu_ms: u64::MAX,
        wall_ms: u64::MAX,
        memory_bytes: u64::MAX,
        processes: u32::MAX,
        file_bytes: u64::MAX,
        open_files: u32::MAX,
        output_bytes: u64::MAX,
    };

    /// What a program gets where its recipe says nothing else.
    pub(super) fn run() -> Self {
        Self {
            cpu_ms: 10_000,
            wall_ms: 30_000,
            memory_bytes: 256 << 20,
            processes: 64,
            file_bytes: 64 << 20,
            open_files: 256,
            output_bytes: 1 << 20,
        }
    }

    /// What compiling gets where the recipe says nothing else.
    pub(super) fn compile() -> Self {
        Self { cpu_ms: 30_000, wall_ms: 60_000, memory_bytes: 512 << 20, output_bytes: 256 << 10, ..Self::run() }
    }

    /// The lower one of each.
    pub fn capped(&self, caps: &Self) -> Self {
        Self {
            cpu_ms: self.cpu_ms.min(caps.cpu_ms),
            wall_ms: self.wall_ms.min(caps.wall_ms),
            memory_bytes: self.memory_bytes.min(caps.memory_bytes),
            processes: self.processes.min(caps.processes),
            file_bytes: self.file_bytes.min(caps.file_bytes),
            open_files: self.open_files.min(caps.open_files),
            output_bytes: self.output_bytes.min(caps.output_bytes),
        }
    }

    /// Whether each leaves something.
    pub(super) fn is_usable(&self) -> bool {
        let Self { cpu_ms, wall_ms, memory_bytes, processes, file_bytes, open_files, output_bytes } = *self;
        [cpu_ms, wall_ms, memory_bytes, processes.into(), file_bytes, open_files.into(), output_bytes]
            .iter()
            .all(|&limit| limit > 0)
    }
}

/// What a recipe says; the rest stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    cpu_ms: Option<u64>,
    wall_ms: Option<u64>,
    memory_bytes: Option<u64>,
    processes: Option<u32>,
    file_bytes: Option<u64>,
    open_files: Option<u32>,
    output_bytes: Option<u64>,
}

impl Written {
    fn over(self, limits: Limits) -> Limits {
        Limits {
            cpu_ms: self.cpu_ms.unwrap_or(limits.cpu_ms),
            wall_ms: self.wall_ms.unwrap_or(limits.wall_ms),
            memory_bytes: self.memory_bytes.unwrap_or(limits.memory_bytes),
            processes: self.processes.unwrap_or(limits.processes),
            file_bytes: self.file_bytes.unwrap_or(limits.file_bytes),
            open_files: self.open_files.unwrap_or(limits.open_files),
            output_bytes: self.output_bytes.unwrap_or(limits.output_bytes),
        }
    }
}

pub(super) fn compile_limits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Limits, D::Error> {
    Ok(Written::deserialize(deserializer)?.over(Limits::compile()))
}

pub(super) fn run_limits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Limits, D::Error> {
    Ok(Written::deserialize(deserializer)?.over(Limits::run()))
}
