//! Moments, as people give them to programs.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

/// Seconds since 1970 from a day, a day and a time of it, or a number of seconds; UTC, unless another zone is told.
pub(crate) fn moment(text: &str) -> Result<i64, String> {
    let utc = |moment: DateTime| TimeZone::UTC.to_timestamp(moment).ok();
    // `zpool history` has a dot between day and time
    let dotted = text.split_once('.').filter(|(day, _)| day.parse::<Date>().is_ok());
    let text = dotted.map_or_else(|| text.to_owned(), |(day, time)| format!("{day}T{time}"));
    let stamp = || text.parse::<Timestamp>().ok();
    let local = || utc(text.parse::<DateTime>().ok()?);
    let day = || utc(text.parse::<Date>().ok()?.to_datetime(Time::midnight()));
    let seconds = || text.strip_prefix('@').unwrap_or(&text).parse().ok();
    let read = stamp().or_else(local).or_else(day).map(Timestamp::as_second);
    read.or_else(seconds).ok_or_else(|| {
        format!(
            "'{text}' is no time: try 2026-11-22, '2026-11-22 13:00', 2026-11-22T13:00:00Z or @1795352511"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn moments() {
        for (text, wanted) in [
            ("1795356048", 1_795_356_048),
            ("@1795356048", 1_795_356_048),
            ("@-1", -1),
            ("1970-01-01", 0),
            ("2026-11-22T13:01:30", 1_795_352_490),
            ("2026-11-22T13:01:30Z", 1_795_352_490),
            ("2026-11-22.13:01:30", 1_795_352_490),
            ("2026-11-22T14:01:30+01:00", 1_795_352_490),
            ("2024-02-29 01:00", 1_709_168_400),
        ] {
            assert_eq!(moment(text), Ok(wanted), "{text}");
        }
        for wrong in ["", "yesterday", "2026-02-30", "2026-11-22T1:2:3:4", "2026-13-01"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
