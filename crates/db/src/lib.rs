//! The only door to SQL engines.
