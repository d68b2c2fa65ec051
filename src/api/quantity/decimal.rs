//! Decimal numbers: a whole number at a power of ten.

use std::cmp::Ordering;

/// `unscaled * 10^scale`.
#[derive(Clone, Copy)]
pub(super) struct Decimal {
    pub(super) unscaled: i128,
    pub(super) scale: i32,
}

impl Decimal {
    /// How many `10^scale` there are, rounded up, in the low 64 bits.
    ///
    /// Negative numbers are cut and then raised by one where they are short, as Kubernetes does.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go,
    /// `Quantity.ScaledValue`
    pub(super) fn scaled(self, scale: i32) -> i64 {
        let shift = i64::from(self.scale) - i64::from(scale);
        if shift >= 0 {
            let factor = (0..shift.min(64)).fold(1_i64, |f, _| f.wrapping_mul(10));
            return low_bits(self.unscaled).wrapping_mul(factor);
        }
        let Some(divisor) = power_of_ten(-shift) else {
            return i64::from(self.unscaled > 0);
        };
        let is_short = self.unscaled.unsigned_abs() < u128::from(i64::MAX.unsigned_abs());
        let (whole, rest) = if is_short && -shift < 19 {
            (self.unscaled / divisor, self.unscaled % divisor)
        } else {
            (self.unscaled.div_euclid(divisor), self.unscaled.rem_euclid(divisor))
        };
        low_bits(whole).wrapping_add(i64::from(rest != 0))
    }

    /// The sum; the larger one alone when they are too far apart for 128 bits.
    pub(super) fn plus(self, other: Decimal) -> Decimal {
        if other.unscaled == 0 {
            return self;
        }
        if self.unscaled == 0 {
            return other;
        }
        let (high, low) = if self.scale >= other.scale { (self, other) } else { (other, self) };
        let shift = i64::from(high.scale) - i64::from(low.scale);
        let aligned = power_of_ten(shift).and_then(|f| high.unscaled.checked_mul(f));
        let Some(aligned) = aligned else { return high };
        Decimal { unscaled: aligned.saturating_add(low.unscaled), scale: low.scale }
    }

    pub(super) fn compare(self, other: Decimal) -> Ordering {
        if self.scale < other.scale {
            return other.compare(self).reverse();
        }
        let signs = self.unscaled.signum().cmp(&other.unscaled.signum());
        if signs.is_ne() || self.unscaled == 0 {
            return signs;
        }
        let shift = i64::from(self.scale) - i64::from(other.scale);
        match power_of_ten(shift).and_then(|f| self.unscaled.checked_mul(f)) {
            Some(aligned) => aligned.cmp(&other.unscaled),
            None => self.unscaled.cmp(&0),
        }
    }

    /// Rounded away from zero to a whole number of `10^scale`, and written with that scale where
    /// it fits.
    pub(super) fn rounded_to(self, scale: i32) -> Decimal {
        let shift = i64::from(self.scale) - i64::from(scale);
        if shift >= 0 {
            let aligned = power_of_ten(shift).and_then(|f| self.unscaled.checked_mul(f));
            return aligned.map_or(self, |unscaled| Decimal { unscaled, scale });
        }
        let unscaled = match power_of_ten(-shift) {
            Some(divisor) => {
                let short = self.unscaled % divisor != 0;
                self.unscaled / divisor + if short { self.unscaled.signum() } else { 0 }
            }
            None => self.unscaled.signum(),
        };
        Decimal { unscaled, scale }
    }

    /// Without factors of ten.
    pub(super) fn reduced(mut self) -> Decimal {
        while self.unscaled != 0 && self.unscaled % 10 == 0 {
            self.unscaled /= 10;
            self.scale = self.scale.saturating_add(1);
        }
        self
    }
}

/// How many `10^to` there are in `value * 10^from`, rounded away from zero.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/resource/amount.go,
/// `int64Amount.AsScaledInt64`
pub(super) fn scaled_small(value: i64, from: i32, to: i32) -> i64 {
    let shift = i64::from(from) - i64::from(to);
    if shift < 0 {
        let rounded = Decimal { unscaled: i128::from(value), scale: from }.rounded_to(to);
        return low_bits(rounded.unscaled);
    }
    if value == 0 {
        return 0;
    }
    let factor = u32::try_from(shift).ok().and_then(|s| 10_i64.checked_pow(s));
    match (factor.and_then(|f| value.checked_mul(f)), factor) {
        (Some(n), _) => n,
        // Kubernetes multiplies by these at once and does not look at the overflow.
        (None, Some(f)) if matches!(shift, 1 | 2 | 3 | 6 | 9) && value != i64::MIN => {
            value.wrapping_mul(f)
        }
        (None, _) => 0,
    }
}

/// The sum of two `(value, scale)` if it fits.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/resource/amount.go,
/// `int64Amount.Add`
pub(super) fn add_small(a: (i64, i32), b: (i64, i32)) -> Option<(i64, i32)> {
    if b.0 == 0 {
        return Some(a);
    }
    if a.0 == 0 {
        return Some(b);
    }
    let (high, low) = if a.1 >= b.1 { (a, b) } else { (b, a) };
    let shift = u32::try_from(i64::from(high.1) - i64::from(low.1)).ok()?;
    let aligned = high.0.checked_mul(10_i64.checked_pow(shift)?)?;
    Some((aligned.checked_add(low.0)?, low.1))
}

/// `10^n` if it fits.
pub(super) fn power_of_ten(n: i64) -> Option<i128> {
    10_i128.checked_pow(u32::try_from(n).ok()?)
}

/// The low 64 bits, as a number with a sign.
#[expect(clippy::cast_possible_truncation, reason = "Kubernetes' overflow is wanted")]
fn low_bits(n: i128) -> i64 {
    n as i64
}
