//! What the tests stand on: database engines on private ports, a manual clock, a whole Amphi in one process.
