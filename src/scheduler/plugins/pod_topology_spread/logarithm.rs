//! The natural logarithm, the same on every machine.
//!
//! The standard library leaves its last bit to the platform; Kubernetes' has this one, the
//! classic of fdlibm: x = 2^k · (1 + f), and a polynomial in s = f / (2 + f).

/// The natural logarithm of a whole number above zero, as Go's `math.Log` works it out.
#[expect(clippy::float_arithmetic, reason = "the rule itself is one of floating point")]
#[expect(clippy::excessive_precision, reason = "constants as they are published")]
pub(super) fn ln(number: u32) -> f64 {
    const LN2_HIGH: f64 = 6.931_471_803_691_238_164_90e-01;
    const LN2_LOW: f64 = 1.908_214_929_270_587_700_02e-10;
    const L: [f64; 7] = [
        6.666_666_666_666_735_130e-01,
        3.999_999_999_940_941_908e-01,
        2.857_142_874_366_239_149e-01,
        2.222_219_843_214_978_396e-01,
        1.818_357_216_161_805_012e-01,
        1.531_383_769_920_937_332e-01,
        1.479_819_860_511_658_591e-01,
    ];
    let mut exponent = number.ilog2() + 1;
    let mut fraction = f64::from(number) / f64::from(2_u32).powi(exponent.cast_signed());
    if fraction < std::f64::consts::FRAC_1_SQRT_2 {
        fraction *= 2.0;
        exponent -= 1;
    }
    let (f, k) = (fraction - 1.0, f64::from(exponent));
    let s = f / (2.0 + f);
    let s2 = s * s;
    let s4 = s2 * s2;
    let odd = s2 * (L[0] + s4 * (L[2] + s4 * (L[4] + s4 * L[6])));
    let even = s4 * (L[1] + s4 * (L[3] + s4 * L[5]));
    let half = 0.5 * f * f;
    k * LN2_HIGH - ((half - (s * (half + odd + even) + k * LN2_LOW)) - f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_logarithm() {
        for n in [2, 3, 4, 7, 100, 5_002, 100_002] {
            let (got, want) = (ln(n), f64::from(n).ln());
            assert!((got - want).abs() <= want.abs() * f64::EPSILON, "ln {n}: {got} and {want}");
        }
    }
}
