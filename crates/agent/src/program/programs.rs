//! What a node runs programs with: its sandbox, started again when its helper dies.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::sandbox::{Limits, Room, RoomSpec, Sandbox, SandboxConfig, SandboxError, StepSpec};
use crate::stream::Stream;

/// Bytes of what a probe prints that are read, of each channel.
const CAPTURE_BYTES: u64 = 64 * 1024;
/// Bytes that a probe may write.
const PROBE_BYTES: u64 = 16 * 1024 * 1024;

/// See the module's description.
pub(crate) struct Programs {
    config: SandboxConfig,
    sandbox: Mutex<Sandbox>,
    fences: Vec<String>,
    are_taken: bool,
}

impl Programs {
    /// Starts the sandbox. Where it can't hold programs in, they are taken only when `is_uncontained_allowed`.
    pub(crate) async fn start(config: SandboxConfig, is_uncontained_allowed: bool) -> Result<Self, SandboxError> {
        let sandbox = Sandbox::start(config.clone()).await?;
        let are_taken = is_uncontained_allowed || sandbox.is_contained();
        Ok(Self { config, fences: sandbox.fences().to_vec(), are_taken, sandbox: Mutex::new(sandbox) })
    }

    /// Whether programs are taken at all.
    pub(crate) fn are_taken(&self) -> bool {
        self.are_taken
    }

    /// What holds programs in.
    pub(crate) fn fences(&self) -> &[String] {
        &self.fences
    }

    /// A fresh room; waits while all are taken. A sandbox that has ended is started again.
    pub(crate) async fn room(&self, spec: RoomSpec) -> Result<Room, SandboxError> {
        let sandbox = self.sandbox.lock().await.clone();
        match sandbox.room(spec).await {
            Err(SandboxError::Ended) => self.room_of_another(spec).await,
            result => result,
        }
    }

    async fn room_of_another(&self, spec: RoomSpec) -> Result<Room, SandboxError> {
        let mut sandbox = self.sandbox.lock().await;
        // Somebody else may have started it while this one waited.
        match sandbox.room(spec).await {
            Err(SandboxError::Ended) => {
                tracing::warn!("the sandbox has ended and is started again");
                *sandbox = Sandbox::start(self.config.clone()).await?;
                sandbox.room(spec).await
            }
            result => result,
        }
    }

    /// Runs `argv` in a room of its own and returns the start of both outputs; `None` when it does not start there, fails,
    /// or takes longer than `limit`.
    pub(crate) async fn capture(&self, argv: Vec<String>, limit: Duration) -> Option<(Vec<u8>, Vec<u8>)> {
        let spec = RoomSpec { bytes: PROBE_BYTES, has_network: false };
        let mut room = self.room(spec).await.ok()?;
        let (stdout, their_stdout) = Stream::from_program().ok()?;
        let (stderr, their_stderr) = Stream::from_program().ok()?;
        let stdin = std::fs::File::open("/dev/null").ok()?.into();
        let whole = async {
            let step = StepSpec {
                argv,
                env: Vec::new(),
                limits: Limits::default(),
                stdin,
                stdout: their_stdout,
                stderr: their_stderr,
                is_terminal: false,
            };
            let mut process = room.start(step).await.ok()?;
            let outputs = tokio::join!(read_start(stdout), read_start(stderr));
            (process.wait().await.code == 0).then_some(outputs)
        };
        timeout(limit, whole).await.ok()?
    }
}

/// At the bound the reader is dropped, which ends the writer.
async fn read_start(stream: Stream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What was read until an error is as good as what was read until the end.
    let _ = stream.take(CAPTURE_BYTES).read_to_end(&mut bytes).await;
    bytes
}
