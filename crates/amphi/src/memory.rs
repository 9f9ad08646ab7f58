//! Large blocks go back to the system when they are freed.
//!
//! glibc raises the size from which it maps a block by itself to the largest block that was ever freed. After the first
//! password was hashed, which takes 19 MiB, that much would stay with the process for as long as it lives.

/// Blocks of this size and more are mapped by themselves. Bytes.
#[cfg(target_env = "gnu")]
const MAPPED_FROM: i32 = 1 << 20;

/// To be called before the first thread.
#[cfg_attr(target_env = "gnu", expect(unsafe_code, reason = "only a call of C sets it"))]
pub(crate) fn give_back_large_blocks() {
    // SAFETY: mallopt takes two numbers and changes nothing but the allocator's settings; there is one thread.
    #[cfg(target_env = "gnu")]
    unsafe {
        nix::libc::mallopt(nix::libc::M_MMAP_THRESHOLD, MAPPED_FROM);
    }
}
