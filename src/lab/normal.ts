/**
 * The standard normal distribution from its other end: what a share of all lies below. By the rational
 * approximations of P. J. Acklam, good to 1.2e-9 of the value; infinite at 0 and 1.
 */
export function normalQuantile(share: number): number {
  if (share > 1 - TAIL) return -lowTail(1 - share)
  if (share < TAIL) return lowTail(share)
  const off = share - 0.5
  const square = off * off
  return (polynomial(MIDDLE_OVER, square) * off) / polynomial(MIDDLE_UNDER, square)
}

function lowTail(share: number): number {
  const root = Math.sqrt(-2 * Math.log(share))
  // Its quotient tends to a finite one, as fast as the root grows.
  return root === Infinity ? -root : polynomial(TAIL_OVER, root) / polynomial(TAIL_UNDER, root)
}

function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduce((sum, coefficient) => sum * x + coefficient, 0)
}

const TAIL = 0.02425

const MIDDLE_OVER = [
  -3.969683028665376e1, 2.209460984245205e2, -2.759285104469687e2, 1.38357751867269e2,
  -3.066479806614716e1, 2.506628277459239,
]
const MIDDLE_UNDER = [
  -5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1,
  -1.328068155288572e1, 1,
]
const TAIL_OVER = [
  -7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838, -2.549732539343734,
  4.374664141464968, 2.938163982698783,
]
const TAIL_UNDER = [
  7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1,
]
