"""Exponentials of many numbers at a time, in a form that compiles to vector instructions."""

from tsinit.kernels._jit import kernel

_LOG2_E = 1.4426950408889634
# log 2 in two parts, the first exact times any exponent.
_LOG2_HIGH, _LOG2_LOW = 6.93145751953125e-1, 1.42860682030941723212e-6
# Added to a double it leaves the nearest whole number in the lowest bits.
_ROUND = 6755399441055744.0
_MIN_EXPONENT = -708.0  # below, the result is no normal number
_BIAS, _MANTISSA = 1023, 52
# exp(r) = 1 + 2 r P(r^2) / (Q(r^2) - r P(r^2)) for |r| <= log(2) / 2 (Padé; Moshier, "Methods and programs
# for mathematical functions", 1989).
_P0, _P1, _P2 = 1.26177193074810590878e-4, 3.02994407707441961300e-2, 9.99999999999999999910e-1
_Q0, _Q1, _Q2, _Q3 = (
    3.00198505138664455042e-6,
    2.52448340349684104192e-3,
    2.27265548208155028766e-1,
    2.0,
)


@kernel
def exponentials(x, n, power, bits):
    """Replace x[:n], at most 0, by exp(x[:n]) up to two units in the last place; 0 below -708.

    power : workspace of n doubles; bits : the same memory as int64.
    """
    for i in range(n):
        power[i] = x[i] * _LOG2_E + _ROUND
    for i in range(n):
        m = power[i] - _ROUND
        r = x[i] - m * _LOG2_HIGH - m * _LOG2_LOW
        s = r * r
        p = r * ((_P0 * s + _P1) * s + _P2)
        q = ((_Q0 * s + _Q1) * s + _Q2) * s + _Q3
        x[i] = 0.0 if x[i] < _MIN_EXPONENT else 1.0 + 2.0 * p / (q - p)
    for i in range(n):
        bits[i] = (bits[i] + _BIAS) << _MANTISSA
    for i in range(n):
        # Where x was too low the power is anything.
        x[i] = 0.0 if x[i] == 0.0 else x[i] * power[i]
