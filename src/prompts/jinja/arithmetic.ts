// Python's operators: https://docs.python.org/3/reference/expressions.html#binary-arithmetic-operations
import { Fault, unsupported } from './fault.js'
import { formatPercent } from './format.js'
import { handle, scan, toil } from './meter.js'
import type { BinaryOperator } from './syntax.js'
import { isList, isNumber, present, Tuple, toNumber, typeName, type Value } from './values.js'

/** Python refuses to print longer whole numbers, too. */
const maximumDigits = 4300
/** A longer text or list is not made. */
const maximumLength = 10_000_000

export function binary(operator: BinaryOperator, left: Value, right: Value): Value {
  present(left)
  present(right)
  if (operator === '%' && typeof left === 'string')
    return formatPercent(left, right instanceof Tuple ? right.items : [right], right)
  if (operator === '*' && isNumber(left) && !isNumber(right)) return repeat(right, left)
  if (operator === '*' && !isNumber(left) && isNumber(right)) return repeat(left, right)
  if (operator === '+') {
    if (typeof left === 'string' && typeof right === 'string') return left + right
    if (isList(left) && isList(right)) return concatenated(left, right)
    if (left instanceof Tuple && right instanceof Tuple) return new Tuple(concatenated(left.items, right.items))
  }
  if (!isNumber(left) || !isNumber(right))
    throw new Fault(`"${operator}" is not defined for values of type ${typeName(left)} and ${typeName(right)}`)
  const [a, b] = [toNumber(left), toNumber(right)]
  return typeof a === 'bigint' && typeof b === 'bigint' ? whole(operator, a, b) : fraction(operator, a, b)
}

function concatenated(left: readonly Value[], right: readonly Value[]): Value[] {
  handle(left.length + right.length)
  return [...left, ...right]
}

function repeat(value: Value, times: bigint | number | boolean): Value {
  const count = Math.max(0, Number(times))
  if (typeof times === 'number') throw new Fault(`"*" is not defined for values of type ${typeName(value)} and float`)
  const list = value instanceof Tuple ? value.items : value
  if (typeof list !== 'string' && !Array.isArray(list)) throw new Fault(`"*" is not defined for ${typeName(value)}`)
  if (list.length * count > maximumLength) throw new Fault(`"*" gives more than ${maximumLength} characters or items`)
  if (typeof list === 'string') {
    scan(list.length * count)
    return list.repeat(count)
  }
  handle(list.length * count)
  const repeated = Array.from({ length: count }, () => list as readonly Value[]).flat()
  return value instanceof Tuple ? new Tuple(repeated) : repeated
}

/** About what an operation takes with numbers of the maximum length. */
const longNumberSteps = 64
const isShort = (value: bigint) => BigInt.asIntN(64, value) === value

function whole(operator: BinaryOperator, a: bigint, b: bigint): Value {
  if (!isShort(a) || !isShort(b)) toil(longNumberSteps)
  switch (operator) {
    case '+':
      return bounded(a + b)
    case '-':
      return bounded(a - b)
    case '*':
      return bounded(a * b)
    case '//':
      return floorDivide(a, notZero(b))
    case '%':
      return a - floorDivide(a, notZero(b)) * b
    case '/':
      if ([a, notZero(b)].some((number) => BigInt.asIntN(54, number) !== number))
        throw unsupported('a division of whole numbers beyond 2^53')
      return Number(a) / Number(b)
    case '**':
      if (b < 0n) throw unsupported('a negative exponent')
      if (a < -1n || a > 1n) {
        toil(longNumberSteps)
        if (Number(b) * Math.log10(Math.abs(Number(a))) > maximumDigits) throw tooLong()
        return bounded(a ** b)
      }
      return a ** (b % 2n === 0n && b > 0n ? 2n : b % 2n)
  }
}

function fraction(operator: BinaryOperator, left: bigint | number, right: bigint | number): Value {
  const [a, b] = [toFloat(left), toFloat(right)]
  switch (operator) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      return a * b
    case '/':
      return a / notZero(b)
    case '//':
    case '%': {
      // float_divmod of CPython's Objects/floatobject.c
      let rest = a % notZero(b)
      let quotient = (a - rest) / b
      if (rest !== 0 && b < 0 !== rest < 0) {
        rest += b
        quotient -= 1
      } else if (rest === 0) rest = b < 0 ? -0 : 0
      if (operator === '%') return rest
      if (quotient === 0) return a / b < 0 || Object.is(a / b, -0) ? -0 : 0
      const floor = Math.floor(quotient)
      return quotient - floor > 0.5 ? floor + 1 : floor
    }
    case '**':
      // The last digit of a power depends on the C library.
      throw unsupported('a power of fractions')
  }
}

export function toFloat(value: bigint | number): number {
  const float = Number(value)
  if (typeof value === 'bigint' && !Number.isFinite(float))
    throw new Fault('a whole number is too large for a fraction')
  return float
}

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient
}

function notZero<N extends bigint | number>(divisor: N): N {
  if (Number(divisor) === 0) throw new Fault('it divides by zero')
  return divisor
}

const tooLong = () => new Fault(`a whole number has more than ${maximumDigits} digits`)
const bound = 10n ** BigInt(maximumDigits)
function bounded(value: bigint): bigint {
  if (value >= bound || value <= -bound) throw tooLong()
  return value
}

/** Rounds half to even at a decimal place, from the exact value, as Python's round() and "%.2f" do. */
export function roundHalfEven(value: number, places: number): string {
  toil(8)
  const negative = value < 0 || Object.is(value, -0)
  // value = mantissa / 2 ** shift, exactly.
  let shift = 0
  let mantissa = Math.abs(value)
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2
    shift += 1
  }
  const scale = 10n ** BigInt(Math.abs(places))
  const numerator = BigInt(mantissa) * (places < 0 ? 1n : scale)
  const denominator = (1n << BigInt(shift)) * (places < 0 ? scale : 1n)
  let quotient = numerator / denominator
  const twice = 2n * (numerator % denominator)
  if (twice > denominator || (twice === denominator && quotient % 2n === 1n)) quotient += 1n
  const digits = String(places < 0 ? quotient * scale : quotient).padStart(Math.max(0, places) + 1, '0')
  const point = digits.length - Math.max(0, places)
  return `${negative ? '-' : ''}${digits.slice(0, point)}${places > 0 ? `.${digits.slice(point)}` : ''}`
}
