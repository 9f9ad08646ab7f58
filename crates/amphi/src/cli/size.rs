//! Numbers of bytes, as people read and write them.

/// Units below one another by 1024, or by 1000.
const BINARY: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const DECIMAL: [&str; 6] = ["KB", "MB", "GB", "TB", "PB", "EB"];

/// With the largest unit that leaves at least 1, and one digit behind the point below 10: `4.0 GiB`, `512 MiB`.
pub(super) fn size(bytes: u64) -> String {
    match portal::size_scaled(bytes) {
        None => format!("{bytes} B"),
        Some((count, power)) if count < 10.0 => format!("{count:.1} {}", BINARY[power - 1]),
        Some((count, power)) => format!("{count:.0} {}", BINARY[power - 1]),
    }
}

/// Reads a number of bytes: `500`, `20GiB`, `1.5 GB`. A letter alone, as in `10M`, is a binary unit.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.trim_end_matches(|c: char| c.is_alphabetic()).len());
    read(number.trim(), unit).ok_or_else(|| {
        "a size is a number with B, KiB, MiB, GiB, TiB, PiB (K, M, G, T, P for short; KB and so on are by 1000), \
         less than 16 EiB, for example 20GiB"
            .to_owned()
    })
}

fn read(number: &str, unit: &str) -> Option<u64> {
    let place = |units: [&str; 6]| units.iter().position(|name| name.eq_ignore_ascii_case(unit));
    let letter = || BINARY.iter().position(|name| name[..1].eq_ignore_ascii_case(unit));
    let factor = match (unit, place(BINARY).or_else(letter), place(DECIMAL)) {
        ("" | "B" | "b", ..) => 1,
        (_, Some(place), _) => 1_u128 << (10 * (place + 1)),
        (_, None, Some(place)) => 1_000_u128.pow(place as u32 + 1),
        (_, None, None) => return None,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let is_number =
        |digits: &str| !digits.is_empty() && digits.len() <= 20 && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(part) {
        return None;
    }
    let below = part.parse::<u128>().ok()?.checked_mul(factor)? / 10_u128.pow(part.len() as u32);
    u64::try_from(whole.parse::<u128>().ok()?.checked_mul(factor)?.checked_add(below)?).ok()
}

#[cfg(test)]
mod tests {
    use super::{parse_size, size};

    #[test]
    fn sizes_are_read_with_the_units_that_people_write() {
        let good = [
            ("0", 0),
            ("7B", 7),
            ("20GiB", 20 << 30),
            ("1kib", 1024),
            ("10M", 10 << 20),
            ("1.5GiB", 3 << 29),
            ("1 GB", 1_000_000_000),
            ("0.5k", 512),
            ("16777215TiB", 16_777_215 << 40),
        ];
        for (text, bytes) in good {
            assert_eq!(parse_size(text), Ok(bytes), "{text:?}");
        }
        for bad in ["", "GiB", "1,5GiB", "1.GiB", ".5G", "-1", "1 2", "99999999TiB", "5 bananas", "1e9", "0x10"] {
            assert!(parse_size(bad).is_err(), "{bad:?}");
        }
    }

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
