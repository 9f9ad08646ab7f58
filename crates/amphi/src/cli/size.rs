//! Numbers of bytes, as people read them.

/// With the largest unit that leaves at least 1, and one digit behind the point below 10: `4.0 GiB`, `512 MiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // Rounding must not make 1024 of a unit.
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value < 9.95 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_short_and_never_a_thousand_of_a_unit() {
        let wanted = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (10_189, "10 KiB"),
            (1_048_575, "1.0 MiB"),
            (4 << 30, "4.0 GiB"),
            (512 << 20, "512 MiB"),
            (u64::MAX, "16 EiB"),
        ];
        for (bytes, text) in wanted {
            assert_eq!(size(bytes), text);
        }
    }
}
