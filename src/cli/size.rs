//! Sizes for people.

/// A size in bytes, in the largest binary unit of which it is one at least.
pub(crate) fn size(bytes: f64) -> String {
    let units = [("TiB", 4), ("GiB", 3), ("MiB", 2), ("KiB", 1)];
    let unit = units.into_iter().map(|(name, power)| (name, 1024_f64.powi(power))).find(|(_, unit)| bytes >= *unit);
    unit.map_or_else(|| format!("{bytes:.0} B"), |(name, unit)| format!("{:.1} {name}", bytes / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_told_in_the_unit_that_fits() {
        let sizes = [0.0, 1023.0, 1024.0, 1.5e9, 3e12].map(size);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "1.4 GiB", "2.7 TiB"]);
    }
}
