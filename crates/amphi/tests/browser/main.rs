//! The pages in headless Chromium, served by `amphi up`, as people with a mouse, a keyboard, a phone or a screen reader
//! use them. With `AMPHI_SCREENSHOTS=DIR`, [`screenshots`] writes a picture of every page.
#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute; what they stand on here has none")]

mod accessible;
mod batches;
mod classrooms;
mod files;
mod keyboard;
mod learner;
mod look;
mod own_origin;
mod pages;
mod programs;
mod restart;
mod screenshots;
mod site;
