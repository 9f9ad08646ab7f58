//! The system call filter: a list of what no learner's program needs, because a list of what they need breaks with the
//! next version of Java or Node.
//!
//! One hand-made program of classic BPF rather than a generated one: it has to look at the architecture and at x32 numbers
//! first, or the list could be walked around, and to give three different answers. Source: seccomp(2).

use std::io;

use nix::libc::{self, c_long, sock_filter, sock_fprog};

/// These end the program: nobody calls them by chance.
const KILLED: &[c_long] = &[
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_bpf,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    libc::SYS_open_by_handle_at,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_fanotify_init,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_kexec_file_load,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
];
/// These fail with EPERM: libraries try them and go on without.
const REFUSED: &[c_long] = &[
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_personality,
    libc::SYS_name_to_handle_at,
    libc::SYS_chroot,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    libc::SYS_mbind,
    libc::SYS_set_mempolicy,
];
/// These don't exist here. `clone3` hides its flags behind a pointer, so that libc has to come by `clone`; libuv tries
/// io_uring at every start of Node and would not survive being killed for it.
const MISSING: &[c_long] =
    &[libc::SYS_clone3, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];

const NAMESPACE_FLAGS: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u32;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;
/// Numbers from here on are the x32 calls, a second set of doors to the same rooms.
#[cfg(target_arch = "x86_64")]
const X32: u32 = 0x4000_0000;

// Where the fields of `struct seccomp_data` are, in bytes; arguments by their lower halves (little-endian).
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const ARGUMENT_0: u32 = 16;
const ARGUMENT_1: u32 = 24;

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const IS: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const IS_AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const HAS_BITS: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
const SKIP: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
const ANSWER: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
/// Calls that are compared one by one at the end of a search.
const LEAF: usize = 3;

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;

const fn fail(errno: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | errno as u32
}

const fn op(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// The filter, built once and handed to the kernel for every room.
#[derive(Clone, Debug)]
pub(super) struct Filter(Vec<sock_filter>);

impl Filter {
    pub(super) fn new() -> Self {
        let mut program =
            vec![op(LOAD, ARCH, 0, 0), op(IS, ARCHITECTURE, 1, 0), op(ANSWER, KILL, 0, 0), op(LOAD, NUMBER, 0, 0)];
        #[cfg(target_arch = "x86_64")]
        program.extend([op(IS_AT_LEAST, X32, 0, 1), op(ANSWER, KILL, 0, 0)]);
        let lists = [(KILLED, KILL), (REFUSED, fail(libc::EPERM)), (MISSING, fail(libc::ENOSYS))];
        let mut calls: Vec<_> =
            lists.iter().flat_map(|(calls, answer)| calls.iter().map(|&call| (call as u32, *answer))).collect();
        calls.sort_unstable();
        program.extend(search(&calls, 0));
        program.extend(arguments());
        program.push(op(ANSWER, ALLOW, 0, 0));
        Self(program)
    }

    /// Puts the calling process and all it starts behind the filter, for good. It must have given up new privileges.
    pub(super) fn enter(&self) -> io::Result<()> {
        let length = u16::try_from(self.0.len()).map_err(io::Error::other)?;
        let program = sock_fprog { len: length, filter: self.0.as_ptr().cast_mut() };
        // SAFETY: the kernel copies `length` instructions from the vector, which outlives the call.
        let done = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

/// Finds the number among `calls`, which are in order, and answers; `beyond` instructions behind its end it goes on when
/// there is none. A search rather than a list: for each process that enters, the kernel walks the filter with every
/// number there is, to learn which need no filter. With a list that took a tenth of a room's time.
fn search(calls: &[(u32, u32)], beyond: usize) -> Vec<sock_filter> {
    let (lower, upper) = calls.split_at(calls.len() / 2);
    match upper.first() {
        Some(&(middle, _)) if calls.len() > LEAF => {
            let upper = search(upper, beyond);
            let lower = search(lower, upper.len() + beyond);
            let over = u8::try_from(lower.len()).expect("half of the calls are fewer than a jump can skip");
            [vec![op(IS_AT_LEAST, middle, over, 0)], lower, upper].concat()
        }
        _ => {
            let each = calls.iter().flat_map(|&(call, answer)| [op(IS, call, 0, 1), op(ANSWER, answer, 0, 0)]);
            each.chain([op(SKIP, beyond as u32, 0, 0)]).collect()
        }
    }
}

/// What is told by arguments: namespaces by clone, kinds of sockets, typing into a terminal from behind, and line
/// disciplines, which the kernel loads for whoever asks.
fn arguments() -> Vec<sock_filter> {
    let families = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6];
    // Each part skips itself when the number is another's, and answers otherwise.
    let mut program = vec![
        op(IS, libc::SYS_clone as u32, 0, 4),
        op(LOAD, ARGUMENT_0, 0, 0),
        op(HAS_BITS, NAMESPACE_FLAGS, 0, 1),
        op(ANSWER, fail(libc::EPERM), 0, 0),
        op(ANSWER, ALLOW, 0, 0),
    ];
    for call in [libc::SYS_socket, libc::SYS_socketpair] {
        program.extend([
            op(IS, call as u32, 0, 6),
            op(LOAD, ARGUMENT_0, 0, 0),
            op(IS, families[0] as u32, 3, 0),
            op(IS, families[1] as u32, 2, 0),
            op(IS, families[2] as u32, 1, 0),
            op(ANSWER, fail(libc::EAFNOSUPPORT), 0, 0),
            op(ANSWER, ALLOW, 0, 0),
        ]);
    }
    program.extend([
        op(IS, libc::SYS_ioctl as u32, 0, 6),
        op(LOAD, ARGUMENT_1, 0, 0),
        op(IS, libc::TIOCSTI as u32, 2, 0),
        op(IS, libc::TIOCLINUX as u32, 1, 0),
        op(IS, libc::TIOCSETD as u32, 0, 1),
        op(ANSWER, fail(libc::EPERM), 0, 0),
        op(ANSWER, ALLOW, 0, 0),
    ]);
    program
}

/// Whether this kernel takes filters that kill.
pub(super) fn is_available() -> bool {
    let action = KILL;
    // SAFETY: the kernel reads one number.
    unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const action) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the filter answers, by the rules of classic BPF; only the instructions that it uses.
    fn answer(filter: &Filter, arch: u32, number: u32, arguments: [u32; 2]) -> u32 {
        walk(filter, arch, number, arguments).0
    }

    /// The answer, and after how many instructions.
    fn walk(filter: &Filter, arch: u32, number: u32, arguments: [u32; 2]) -> (u32, usize) {
        let (mut at, mut accumulator) = (0_usize, 0);
        for steps in 1.. {
            let sock_filter { code, jt, jf, k } = filter.0[at];
            at += 1;
            let jump = |is: bool| usize::from(if is { jt } else { jf });
            match code {
                LOAD => {
                    accumulator = match k {
                        NUMBER => number,
                        ARCH => arch,
                        ARGUMENT_0 => arguments[0],
                        ARGUMENT_1 => arguments[1],
                        _ => panic!("loads from {k}"),
                    };
                }
                IS => at += jump(accumulator == k),
                HAS_BITS => at += jump(accumulator & k != 0),
                IS_AT_LEAST => at += jump(accumulator >= k),
                SKIP => at += k as usize,
                ANSWER => return (k, steps),
                _ => panic!("instruction {code}"),
            }
        }
        panic!("no answer");
    }

    #[test]
    fn each_call_gets_its_answer() {
        let filter = Filter::new();
        let of = |call: c_long, arguments| answer(&filter, ARCHITECTURE, call as u32, arguments);
        assert_eq!(of(libc::SYS_read, [0, 0]), ALLOW);
        assert_eq!(of(libc::SYS_mount, [0, 0]), KILL);
        assert_eq!(of(libc::SYS_unshare, [0, 0]), fail(libc::EPERM));
        assert_eq!(of(libc::SYS_clone3, [0, 0]), fail(libc::ENOSYS));
        assert_eq!(of(libc::SYS_clone, [libc::SIGCHLD as u32, 0]), ALLOW);
        assert_eq!(of(libc::SYS_clone, [libc::CLONE_NEWUSER as u32, 0]), fail(libc::EPERM));
        assert_eq!(of(libc::SYS_socket, [libc::AF_INET6 as u32, 0]), ALLOW);
        assert_eq!(of(libc::SYS_socket, [libc::AF_NETLINK as u32, 0]), fail(libc::EAFNOSUPPORT));
        assert_eq!(of(libc::SYS_socketpair, [libc::AF_UNIX as u32, 0]), ALLOW);
        assert_eq!(of(libc::SYS_ioctl, [0, libc::TIOCSTI as u32]), fail(libc::EPERM));
        assert_eq!(of(libc::SYS_ioctl, [0, libc::TIOCLINUX as u32]), fail(libc::EPERM));
        assert_eq!(of(libc::SYS_ioctl, [0, libc::TIOCSETD as u32]), fail(libc::EPERM));
        assert_eq!(of(libc::SYS_ioctl, [0, libc::TCGETS as u32]), ALLOW);
    }

    #[test]
    fn every_listed_call_is_found_and_no_other_in_few_steps() {
        let filter = Filter::new();
        for number in 0..600 {
            let call = c_long::from(number);
            let listed = [(KILLED, KILL), (REFUSED, fail(libc::EPERM)), (MISSING, fail(libc::ENOSYS))];
            let wanted = listed.iter().find(|(calls, _)| calls.contains(&call)).map_or(ALLOW, |(_, answer)| *answer);
            let arguments = [libc::AF_UNIX as u32, 0];
            let (answer, steps) = walk(&filter, ARCHITECTURE, number, arguments);
            assert_eq!(answer, wanted, "call {number}");
            assert!(steps <= 32, "call {number} takes {steps} steps");
        }
    }

    #[test]
    fn other_doors_to_the_same_calls_are_shut() {
        let filter = Filter::new();
        assert_eq!(answer(&filter, 0x4000_0003, libc::SYS_read as u32, [0, 0]), KILL);
        #[cfg(target_arch = "x86_64")]
        assert_eq!(answer(&filter, ARCHITECTURE, X32 + 1, [0, 0]), KILL);
    }
}
