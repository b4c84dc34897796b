//! Medians, and figures as they stand in a cell.

/// The value in the middle; none of none.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The value below which this part of them lies, interpolated.
pub(crate) fn quantile(values: &[f64], part: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let at = part * last as f64;
    let (low, high) = (*sorted.get(at.floor() as usize)?, *sorted.get(at.ceil() as usize)?);
    Some(low + (high - low) * at.fract())
}

/// The median with the quartiles in brackets, each by `show`.
pub(crate) fn spread(values: &[f64], show: impl Fn(f64) -> String) -> String {
    match (median(values), quantile(values, 0.25), quantile(values, 0.75)) {
        (Some(middle), Some(low), Some(high)) => {
            format!("{} ({} to {})", show(middle), show(low), show(high))
        }
        _ => "none".to_owned(),
    }
}

/// Seconds, as short as they are meant.
pub(crate) fn time(seconds: f64) -> String {
    match seconds {
        s if s < 0.0995 => format!("{:.0} ms", s * 1e3),
        s if s < 9.95 => format!("{s:.1} s"),
        s => format!("{s:.0} s"),
    }
}

/// What a ratio is above or below one, in percent.
pub(crate) fn change(ratio: f64) -> String {
    format!("{:+.1} %", (ratio - 1.0) * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_interpolated() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[1.0, 2.0]), Some(1.5));
        assert_eq!(quantile(&[0.0, 10.0], 0.25), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn times_are_short() {
        assert_eq!([time(0.0051), time(0.45), time(12.3)], ["5 ms", "0.5 s", "12 s"]);
        assert_eq!(change(0.987), "-1.3 %");
    }
}
