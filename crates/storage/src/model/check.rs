//! What an effect may hold, whoever sends it.

use super::effect::Effect;
use super::inode::{Inode, Kind};
use super::stripe::{Layout, SPAN_BYTES, Stripe};

/// Largest file, bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 46;
/// Longest target of a symbolic link, bytes, as on Linux.
pub const TARGET_BYTES_MAX: usize = 4_095;
/// Longest name of an extended attribute, bytes, as on Linux.
pub const XATTR_NAME_BYTES_MAX: usize = 255;
/// Longest value of an extended attribute, bytes, as on Linux.
pub const XATTR_BYTES_MAX: usize = 64 * 1024;

impl Effect {
    /// Looks at the effect alone. `layout` is the volume's. Errors: what is wrong, for a program's author.
    pub(crate) fn check(&self, layout: Layout) -> Result<(), String> {
        match self {
            Self::InodePut(inode) => check_inode(inode),
            Self::StripePut { ino, number, stripe } => {
                check_number(*number)?;
                check_stripe(stripe, layout).map_err(|fault| format!("stripe {number} of {ino}: {fault}"))
            }
            Self::StripesMove { number, .. } => check_number(*number),
            Self::StripeCut { number, end, .. } => [Some(*number), *end].into_iter().flatten().try_for_each(|number| {
                if number <= STRIPES_MAX { Ok(()) } else { Err(format!("there is no stripe {number}")) }
            }),
            Self::XattrPut { name, value, .. } => {
                check_xattr(name)?;
                if value.len() > XATTR_BYTES_MAX {
                    return Err(format!("the attribute {name:?} has {} bytes; {XATTR_BYTES_MAX} may be", value.len()));
                }
                Ok(())
            }
            Self::XattrRemove { name, .. } => check_xattr(name),
            Self::InodeRemove { .. }
            | Self::EntryAdd { .. }
            | Self::EntryRemove { .. }
            | Self::DirectoryEmpty { .. } => Ok(()),
        }
    }
}

/// Stripes that the largest file has.
const STRIPES_MAX: u64 = FILE_BYTES_MAX / SPAN_BYTES as u64;

fn check_number(number: u64) -> Result<(), String> {
    if number < STRIPES_MAX { Ok(()) } else { Err(format!("stripe {number} is beyond the largest file")) }
}

fn check_inode(inode: &Inode) -> Result<(), String> {
    let fault = match (&inode.target, inode.kind) {
        _ if inode.ino < 1 => "its number is no number",
        _ if inode.version < 0 || inode.version == i64::MAX => "its version is none",
        _ if inode.mode > 0o7777 => "its mode has more than permission bits",
        _ if inode.size > FILE_BYTES_MAX => "its size is beyond the largest file",
        (Some(target), Kind::Symlink) if target.is_empty() || target.len() > TARGET_BYTES_MAX => {
            "its target is too long"
        }
        (Some(target), Kind::Symlink) if target.contains('\0') => "its target has a NUL character",
        (None, Kind::Symlink) => "it is a symbolic link without a target",
        (Some(_), kind) if kind != Kind::Symlink => "it has a target and is no symbolic link",
        (_, _) => return Ok(()),
    };
    Err(format!("inode {}: {fault}", inode.ino))
}

fn check_stripe(stripe: &Stripe, layout: Layout) -> Result<(), &'static str> {
    let code = &stripe.code;
    if stripe.id < 1 {
        return Err("its id is none");
    }
    if code.parity != layout.parity() || (code.data != layout.data() && code.data != 1) {
        return Err("it is not coded as its volume is");
    }
    if code.bytes == 0 || code.bytes as usize > SPAN_BYTES || code.geometry().is_err() {
        return Err("its code is none");
    }
    if ![8, 64].contains(&code.element_bytes) || stripe.stores.len() != code.units() {
        return Err("it is not on as many stores as it has units");
    }
    let is_twice = |place: usize| stripe.stores[..place].contains(&stripe.stores[place]);
    if stripe.stores.iter().any(|store| *store < 1) || (0..stripe.stores.len()).any(is_twice) {
        return Err("each of its units needs a store of its own");
    }
    Ok(())
}

fn check_xattr(name: &str) -> Result<(), String> {
    if name.is_empty() || name.len() > XATTR_NAME_BYTES_MAX || name.contains('\0') {
        return Err(format!("an attribute's name has 1 to {XATTR_NAME_BYTES_MAX} bytes and no NUL character"));
    }
    Ok(())
}
