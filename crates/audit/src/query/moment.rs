//! Moments as people write them.

use bakerst_model::UnixMillis;

/// Reads a moment: `2026-02-24`, `2026-02-24T09:30`, with seconds and fractions too, in UTC with or
/// without a `Z`; or how long ago, as in `90s`, `15m`, `2h`, `7d`.
#[must_use]
pub fn parse_moment(text: &str, now: UnixMillis) -> Option<UnixMillis> {
    ago(text, now).or_else(|| written(text.strip_suffix('Z').unwrap_or(text)))
}

/// Reads a length of time, such as `90s`, `15m`, `2h` or `7d`, in milliseconds.
#[must_use]
pub fn parse_span(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    digits(number)?.checked_mul(seconds * 1_000)
}

fn ago(text: &str, now: UnixMillis) -> Option<UnixMillis> {
    parse_span(text).map(|span| UnixMillis(now.0.saturating_sub(span)))
}

fn written(text: &str) -> Option<UnixMillis> {
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let mut date = date.splitn(3, '-');
    let (year, month, day) = (digits(date.next()?)?, digits(date.next()?)?, digits(date.next()?)?);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut time = time.splitn(3, ':');
    let (hour, minute) = (digits(time.next()?)?, digits(time.next()?)?);
    let second = time.next().map_or(Some(0), digits)?;
    let known = (1970..=9999).contains(&year) && (1..=12).contains(&month);
    if !known || !(1..=days_of(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 || fraction.len() > 9 {
        return None;
    }
    digits(fraction)?;
    let millis = digits(format!("{fraction:0<3}").get(..3)?)?;
    let seconds = ((days_before(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(UnixMillis(seconds * 1_000 + millis))
}

fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

fn days_of(year: u64, month: u64) -> u64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Days since 1970. Leap days are counted up to the year before.
fn days_before(year: u64, month: u64, day: u64) -> u64 {
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    let years = (year - 1970) * 365 + leaps(year - 1) - leaps(1969);
    let months: u64 = (1..month).map(|month| days_of(year, month)).sum();
    years + months + day - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_771_925_400_123);

    #[track_caller]
    fn check(text: &str, want: &str) {
        let got = parse_moment(text, NOW).map_or("nothing".to_owned(), |at| at.to_string());
        assert_eq!(got, want, "{text}");
    }

    #[test]
    fn moments_are_read_as_people_write_them() {
        check("2026-02-24", "2026-02-24T00:00:00.000Z");
        check("2026-02-24T09:30", "2026-02-24T09:30:00.000Z");
        check("2026-02-24 09:30:05", "2026-02-24T09:30:05.000Z");
        check("2026-02-24T09:30:05.5Z", "2026-02-24T09:30:05.500Z");
        check("2000-02-29T23:59:59.999Z", "2000-02-29T23:59:59.999Z");
        check("30m", "2026-02-24T09:00:00.123Z");
        check("7d", "2026-02-17T09:30:00.123Z");
        for wrong in
            ["", "now", "1w", "-1d", "2026", "2026-13-01", "2026-02-29", "2026-01-01T24:00"]
        {
            check(wrong, "nothing");
        }
        for wrong in ["2026-01-01T09", "2026-01-01T09:30:00.", "2026-01-01T09:30+01:00", "d", "é"]
        {
            check(wrong, "nothing");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(millis in 0..253_402_300_799_999_u64) {
            let at = UnixMillis(millis);
            prop_assert_eq!(parse_moment(&at.to_string(), NOW), Some(at));
        }

        #[test]
        fn no_text_makes_the_reading_fail(text in "\\PC{0,30}|[0-9TZ:. -]{0,30}") {
            let _ = parse_moment(&text, NOW);
        }
    }
}
