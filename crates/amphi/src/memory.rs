//! Memory goes back to the system when it is freed, as far as it can.
//!
//! glibc gives each thread an arena, up to eight for each processor, and what is freed in one serves no other. There
//! are more threads here than work at a time, so one for each processor will do.
//!
//! It also raises the size from which it maps a block by itself to the largest block that was ever freed. After the
//! first password was hashed, which takes 19 MiB, that much would stay with the process for as long as it lives.

/// Blocks of this size and more are mapped by themselves. Bytes.
#[cfg(target_env = "gnu")]
const MAPPED_FROM: i32 = 1 << 20;

/// To be called before the first thread.
#[cfg_attr(target_env = "gnu", expect(unsafe_code, reason = "only a call of C sets it"))]
pub(crate) fn give_back_large_blocks() {
    // SAFETY: mallopt takes two numbers and changes nothing but the allocator's settings; there is one thread.
    #[cfg(target_env = "gnu")]
    unsafe {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        nix::libc::mallopt(nix::libc::M_ARENA_MAX, i32::try_from(processors).unwrap_or(i32::MAX));
        nix::libc::mallopt(nix::libc::M_MMAP_THRESHOLD, MAPPED_FROM);
    }
}

/// Gives back what starting needed and nothing needs any more: it lies below blocks that stay.
#[cfg_attr(target_env = "gnu", expect(unsafe_code, reason = "only a call of C does it"))]
pub(crate) fn give_back_freed() {
    // SAFETY: malloc_trim takes a number and may be called by any thread at any time.
    #[cfg(target_env = "gnu")]
    unsafe {
        nix::libc::malloc_trim(0);
    }
}
