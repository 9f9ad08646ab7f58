//! Time of this thread, and contenders that take turns.

/// Time that one measurement of one contender takes at least, seconds.
const SLICE: f64 = 0.002;

/// Something to be measured: a name, and one call that handles a block.
pub struct Contender<'a> {
    name: &'static str,
    call: Box<dyn FnMut() + 'a>,
}

impl<'a> Contender<'a> {
    pub fn new(name: &'static str, call: impl FnMut() + 'a) -> Self {
        Self { name, call: Box::new(call) }
    }
}

/// Keeps this thread on the processor it is on.
pub fn pin() {
    // SAFETY: a set of processors is plain bytes, and the calls get its address and size.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(libc::sched_getcpu().max(0) as usize, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &set);
    }
}

fn now() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Median speed of each, GB/s, of nine rounds in which all take a turn.
pub fn measure(bytes: usize, contenders: Vec<Contender<'_>>) -> Vec<(&'static str, f64)> {
    measure_rounds(bytes, contenders, 9)
}

/// The same of `rounds`; a first round warms up and is not counted.
pub fn measure_rounds(bytes: usize, mut contenders: Vec<Contender<'_>>, rounds: usize) -> Vec<(&'static str, f64)> {
    let slice = if rounds < 9 { SLICE / 10.0 } else { SLICE };
    let calls: Vec<usize> = contenders.iter_mut().map(|contender| calls_in(slice, &mut contender.call)).collect();
    let mut speeds = vec![Vec::new(); contenders.len()];
    for _ in 0..rounds {
        for (at, contender) in contenders.iter_mut().enumerate() {
            let start = now();
            (0..calls[at]).for_each(|_| (contender.call)());
            speeds[at].push((calls[at] * bytes) as f64 / (now() - start) / 1e9);
        }
    }
    for speeds in &mut speeds {
        speeds.sort_by(f64::total_cmp);
    }
    contenders.iter().zip(speeds).map(|(contender, speeds)| (contender.name, speeds[rounds / 2])).collect()
}

fn calls_in(slice: f64, call: &mut dyn FnMut()) -> usize {
    let mut calls = 1;
    loop {
        let start = now();
        (0..calls).for_each(|_| call());
        if now() - start > slice {
            return calls;
        }
        calls *= 2;
    }
}
