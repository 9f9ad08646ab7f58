//! Decides which member of a pool gets the next piece of work. Pure: no clock, no randomness, no I/O of its own.
