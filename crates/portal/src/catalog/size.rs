//! Numbers of bytes in the reader's language: in binary units. The command line rounds them in the same way.

use super::{Arg, Catalog};
use crate::model::locale::Locale;

/// Keys of the units, each 1024 of the one before.
const UNITS: [&str; 6] = ["size-kib", "size-mib", "size-gib", "size-tib", "size-pib", "size-eib"];

/// `bytes` in the largest unit that leaves at least 1: how many, to tenths below 10 and else whole, and which power of 1024 the
/// unit is. `None`: less than 1024.
pub fn size_scaled(bytes: u64) -> Option<(f64, usize)> {
    if bytes < 1024 {
        return None;
    }
    let (mut count, mut power) = (bytes as f64 / 1024.0, 1);
    // Rounding must not make 1024 of a unit.
    while count >= 1023.5 && power < UNITS.len() {
        count /= 1024.0;
        power += 1;
    }
    Some((if count < 9.95 { (count * 10.0).round() / 10.0 } else { count.round() }, power))
}

impl Catalog {
    /// `bytes` as [`size_scaled`] has it: `4.0 GiB`, `512 MiB`.
    pub fn size(&self, locale: Locale, bytes: u64) -> String {
        let Some((count, power)) = size_scaled(bytes) else {
            return self.with(locale, "size-bytes", &[("count", bytes.into())]);
        };
        let count = if count < 10.0 { Arg::Tenths(count) } else { Arg::Number(count) };
        self.with(locale, UNITS[power - 1], &[("count", count)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_command_line_in_both_languages() {
        let en = include_str!("../../locales/en/portal.ftl");
        let fr = include_str!("../../locales/fr/portal.ftl");
        let catalog = Catalog::new([(Locale::En, en), (Locale::Fr, fr)]).unwrap();
        let wanted = [
            (0, "0 bytes", "0 octet"),
            (1, "1 byte", "1 octet"),
            (1023, "1,023 bytes", "1\u{202f}023 octets"),
            (1024, "1.0 KiB", "1,0 Kio"),
            (10_189, "10 KiB", "10 Kio"),
            (700_001, "684 KiB", "684 Kio"),
            (1_048_575, "1.0 MiB", "1,0 Mio"),
            (4 << 30, "4.0 GiB", "4,0 Gio"),
            (512 << 20, "512 MiB", "512 Mio"),
            (3 << 39, "1.5 TiB", "1,5 Tio"),
            (7 << 50, "7.0 PiB", "7,0 Pio"),
            (u64::MAX, "16 EiB", "16 Eio"),
        ];
        for (bytes, english, french) in wanted {
            let unbroken = |text: String| text.replace('\u{a0}', " ");
            assert_eq!(unbroken(catalog.size(Locale::En, bytes)), english);
            assert_eq!(unbroken(catalog.size(Locale::Fr, bytes)), french);
        }
    }
}
