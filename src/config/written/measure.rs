//! Lengths of time and sizes.

use std::time::Duration;

use super::Written;

/// A length of time: `500ms`, `30s`, `10m`, `8h`, `7d`, also in sequence: `1h30m`. Longer than nothing.
#[derive(Debug)]
pub enum LengthOfTime {}

/// A length of time, or `off` for no limit.
#[derive(Debug)]
pub enum LimitOfTime {}

/// A length of time, or `0s`.
#[derive(Debug)]
pub enum AgeOfHsts {}

/// A number of bytes: `512B`, `32KiB`, `10MiB`, `2GiB`; with `kB`, `MB`, `GB` by thousands.
#[derive(Debug)]
pub enum Size {}

/// A number of bytes, or `off` for no limit.
#[derive(Debug)]
pub enum LimitOfSize {}

impl Written for LengthOfTime {
    type Value = Duration;
    const FORMAT: &'static str = "duration";
    const WHAT: &'static str = "a length of time";
    const HINT: &'static str = "write a number and a unit: 500ms, 30s, 10m, 8h or 7d";

    fn read(text: &str) -> Result<Duration, String> {
        let mut whole = Duration::ZERO;
        let mut rest = text;
        while !rest.is_empty() {
            let (number, unit, after) = next(rest)?;
            let milliseconds = time_unit(unit)
                .and_then(|factor| number.checked_mul(factor))
                .ok_or_else(String::new)?;
            whole = whole
                .checked_add(Duration::from_millis(milliseconds))
                .ok_or_else(String::new)?;
            rest = after;
        }
        if whole.is_zero() {
            return Err("it must be longer than nothing".to_owned());
        }
        if whole > Duration::from_secs(3600 * 24 * 366 * 10) {
            return Err("it is longer than ten years".to_owned());
        }
        Ok(whole)
    }
}

impl Written for LimitOfTime {
    type Value = Option<Duration>;
    const FORMAT: &'static str = "duration-or-off";
    const WHAT: &'static str = "a length of time";
    const HINT: &'static str = "write a number and a unit, such as 30s or 10m, or `off` for no limit";

    fn read(text: &str) -> Result<Option<Duration>, String> {
        if text == "off" {
            return Ok(None);
        }
        LengthOfTime::read(text).map(Some)
    }
}

impl Written for AgeOfHsts {
    type Value = Duration;
    const FORMAT: &'static str = "duration-or-zero";
    const WHAT: &'static str = "a length of time";
    const HINT: &'static str = "write a number and a unit, such as 365d, or 0s to make browsers forget";

    fn read(text: &str) -> Result<Duration, String> {
        if text == "0s" {
            return Ok(Duration::ZERO);
        }
        LengthOfTime::read(text)
    }
}

impl Written for Size {
    type Value = u64;
    const FORMAT: &'static str = "size";
    const WHAT: &'static str = "a size";
    const HINT: &'static str = "write a number and a unit: 512B, 32KiB, 10MiB or 2GiB";

    fn read(text: &str) -> Result<u64, String> {
        let (number, unit, rest) = next(text)?;
        let bytes = size_unit(unit)
            .filter(|_| rest.is_empty())
            .and_then(|factor| number.checked_mul(factor))
            .ok_or_else(String::new)?;
        if bytes == 0 {
            return Err("it must be more than nothing".to_owned());
        }
        Ok(bytes)
    }
}

impl Written for LimitOfSize {
    type Value = Option<u64>;
    const FORMAT: &'static str = "size-or-off";
    const WHAT: &'static str = "a size";
    const HINT: &'static str = "write a number and a unit, such as 32KiB or 10MiB, or `off` for no limit";

    fn read(text: &str) -> Result<Option<u64>, String> {
        if text == "off" {
            return Ok(None);
        }
        Size::read(text).map(Some)
    }
}

/// A number, the letters behind it, and the rest.
fn next(text: &str) -> Result<(u64, &str, &str), String> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit());
    let (number, rest) = digits
        .and_then(|end| text.split_at_checked(end))
        .ok_or("the unit is missing")?;
    let number = number.parse().map_err(|_| String::new())?;
    let letters = rest.find(|letter: char| letter.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, after) = rest.split_at_checked(letters).ok_or_else(String::new)?;
    Ok((number, unit, after))
}

fn time_unit(unit: &str) -> Option<u64> {
    match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    }
}

fn size_unit(unit: &str) -> Option<u64> {
    match unit {
        "B" => Some(1),
        "kB" => Some(1000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        let milliseconds = |text| LengthOfTime::read(text).map(|length| length.as_millis());
        for (text, expected) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("10m", 600_000),
            ("8h", 28_800_000),
            ("7d", 604_800_000),
            ("1h30m", 5_400_000),
        ] {
            assert_eq!(milliseconds(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            "0s",
            "30",
            "s",
            "5x",
            "-1s",
            "1.5s",
            " 1s",
            "1 s",
            "30s5",
            "99999999999999999999s",
            "9999999d",
            "1S",
            "1µs",
        ] {
            assert!(LengthOfTime::read(text).is_err(), "{text:?}");
        }
        assert_eq!(LimitOfTime::read("off"), Ok(None));
        assert_eq!(LimitOfTime::read("1s"), Ok(Some(Duration::from_secs(1))));
        assert!(LimitOfTime::read("none").is_err());
    }

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("1B", 1),
            ("2kB", 2000),
            ("32KiB", 32_768),
            ("10MiB", 10_485_760),
            ("2GiB", 2_147_483_648),
        ] {
            assert_eq!(Size::read(text), Ok(expected), "{text}");
        }
        for text in ["", "0B", "32", "32 KiB", "1TiB", "1KiB1B", "-1B", "99999999999GiB"] {
            assert!(Size::read(text).is_err(), "{text:?}");
        }
        assert_eq!(LimitOfSize::read("off"), Ok(None));
    }
}
