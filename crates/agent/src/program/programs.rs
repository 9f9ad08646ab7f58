//! What a node runs programs with: its sandbox, started again when its helper dies.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::sync::OnceCell;
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
    /// The present one: running, being started, or to be started by whoever wants a room first.
    sandbox: Mutex<Arc<OnceCell<Sandbox>>>,
    fences: Vec<String>,
    are_taken: bool,
}

impl Programs {
    /// Starts the sandbox. Where it can't hold programs in, they are taken only when `is_uncontained_allowed`.
    pub(crate) async fn start(config: SandboxConfig, is_uncontained_allowed: bool) -> Result<Self, SandboxError> {
        let sandbox = Sandbox::start(config.clone()).await?;
        let are_taken = is_uncontained_allowed || sandbox.is_contained();
        let fences = sandbox.fences().to_vec();
        Ok(Self { config, fences, are_taken, sandbox: Mutex::new(Arc::new(OnceCell::new_with(Some(sandbox)))) })
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
        let present = self.present();
        match self.started(&present).await?.room(spec).await {
            Err(SandboxError::Ended) => self.started(&self.after(&present)).await?.room(spec).await,
            result => result,
        }
    }

    fn present(&self) -> Arc<OnceCell<Sandbox>> {
        Arc::clone(&self.sandbox.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Starts it unless it is started. Those who come meanwhile wait for the same one.
    async fn started<'a>(&self, sandbox: &'a OnceCell<Sandbox>) -> Result<&'a Sandbox, SandboxError> {
        sandbox.get_or_try_init(|| Sandbox::start(self.config.clone())).await
    }

    /// The one after `ended`, which is the present one unless somebody was here before.
    fn after(&self, ended: &Arc<OnceCell<Sandbox>>) -> Arc<OnceCell<Sandbox>> {
        let mut present = self.sandbox.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&present, ended) {
            tracing::warn!("the sandbox has ended and is started again");
            *present = Arc::default();
        }
        Arc::clone(&present)
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
