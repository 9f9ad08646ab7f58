//! The Mojette erasure code: any k of k + m fragments give a block back, with XOR and shifts alone.
