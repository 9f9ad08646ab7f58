//! A room and `/bin/true` in it, against `bwrap --unshare-all` and against starting it bare, on two threads each.
//!
//! Rounds alternate, so that whatever else the machine does falls on all three; the last line has the medians of the ratios.

use std::process::{Command, Stdio};
use std::time::Instant;

use agent::sandbox::{Limits, RoomSpec, Sandbox, SandboxConfig, StepSpec};

const ROUNDS: usize = 7;
const THREADS: usize = 2;
const BWRAP: [&str; 6] = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"];

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build().expect("a runtime");
    let config = SandboxConfig { exe: env!("CARGO_BIN_EXE_amphi").into(), netns: None, rooms: THREADS as u32 };
    let sandbox = runtime.block_on(Sandbox::start(config)).expect("the helper starts");
    println!("fences: {}", sandbox.fences().join(", "));
    let has_bwrap = Command::new("bwrap").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !has_bwrap {
        println!("skipped: bwrap is not installed (Debian: bubblewrap)");
    }
    let (mut ours, mut bwraps, mut bares) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let rates = (
            runtime.block_on(rate_of_rooms(&sandbox, 300)),
            if has_bwrap { rate_of(&BWRAP, 60) } else { f64::NAN },
            rate_of(&["/bin/true"], 600),
        );
        // The first one warms up.
        if round > 0 {
            println!("rooms {:.0}/s, bwrap {:.0}/s, bare {:.0}/s", rates.0, rates.1, rates.2);
            ours.push(rates.0);
            bwraps.push(rates.1);
            bares.push(rates.2);
        }
    }
    let ratio = |peers: &[f64]| median(ours.iter().zip(peers).map(|(ours, peer)| ours / peer).collect());
    println!(
        "median: rooms {:.0}/s, bwrap {:.0}/s, bare {:.0}/s; rooms are {:.2} × bwrap and {:.2} × bare",
        median(ours.clone()),
        median(bwraps.clone()),
        median(bares.clone()),
        ratio(&bwraps),
        ratio(&bares)
    );
}

/// Rooms made, used once and dropped, a second, by as many tasks as threads.
async fn rate_of_rooms(sandbox: &Sandbox, each: usize) -> f64 {
    let since = Instant::now();
    let tasks: Vec<_> = (0..THREADS)
        .map(|_| {
            let sandbox = sandbox.clone();
            tokio::spawn(async move {
                for _ in 0..each {
                    let spec = RoomSpec { bytes: 64 << 20, has_network: false };
                    let mut room = sandbox.room(spec).await.expect("a room");
                    let exit = room.start(step()).await.expect("it starts").wait().await;
                    assert_eq!(exit.code, 0, "{exit:?}");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("the task ends");
    }
    (THREADS * each) as f64 / since.elapsed().as_secs_f64()
}

fn step() -> StepSpec {
    let null = || std::fs::File::options().read(true).write(true).open("/dev/null").expect("null").into();
    let limits = Limits {
        cpu: Some(std::time::Duration::from_secs(10)),
        memory_bytes: Some(256 << 20),
        processes: Some(64),
        file_bytes: Some(16 << 20),
        open_files: Some(256),
    };
    let argv = vec!["/bin/true".to_owned()];
    StepSpec { argv, env: Vec::new(), limits, stdin: null(), stdout: null(), stderr: null(), is_terminal: false }
}

/// Programs started and waited for a second, by two threads.
fn rate_of(argv: &[&str], each: usize) -> f64 {
    let since = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..each {
                    let mut command = Command::new(argv[0]);
                    let status = command.args(&argv[1..]).stdin(Stdio::null()).stdout(Stdio::null()).status();
                    assert!(status.expect("it starts").success());
                }
            });
        }
    });
    (THREADS * each) as f64 / since.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
