//! The knee of a curve that falls.

/// Where the values, which never rise, are furthest below the chord from the first to the last,
/// both axes from 0 to 1; the last where none is below, and `None` where they do not fall.
pub(super) fn knee(values: &[u64]) -> Option<usize> {
    let (first, last) = (*values.first()?, *values.last()?);
    if first == last {
        return None;
    }
    let width = (values.len() - 1) as i128;
    let height = i128::from(first - last);
    // 1 - x - y, times width and height, so that it is exact and the first of equals is found.
    let below = |at: usize, value: u64| {
        width * height - at as i128 * height - i128::from(value - last) * width
    };
    let points = values.iter().enumerate();
    let deepest = points.rev().max_by_key(|(at, value)| below(*at, **value));
    deepest.map(|(at, value)| if below(at, *value) > 0 { at } else { values.len() - 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_knee_is_where_the_curve_stops_falling() {
        assert_eq!(knee(&[100, 90, 10, 9, 8, 0]), Some(2));
        // A loop: nothing helps until all of it fits.
        assert_eq!(knee(&[100, 100, 100, 0, 0, 0, 0]), Some(3));
        // At once.
        assert_eq!(knee(&[100, 0, 0]), Some(1));
    }

    #[test]
    fn of_equals_the_smallest_is_the_knee() {
        assert_eq!(knee(&[9, 3, 0, 0]), Some(1));
        assert_eq!(knee(&[12, 4, 2, 0]), Some(1));
    }

    #[test]
    fn a_curve_that_falls_evenly_or_at_its_end_has_its_knee_there() {
        assert_eq!(knee(&[10, 5, 0]), Some(2));
        assert_eq!(knee(&[10, 10, 10, 0]), Some(3));
    }

    #[test]
    fn a_curve_that_does_not_fall_has_none() {
        assert_eq!(knee(&[]), None);
        assert_eq!(knee(&[5]), None);
        assert_eq!(knee(&[5, 5, 5]), None);
    }
}
