// https://jinja.palletsprojects.com/en/stable/templates/#list-of-builtin-tests
import { binary } from './arithmetic.js'
import { Fault, unsupported } from './fault.js'
import { GivenArguments } from './given.js'
import { isCased } from './text.js'
import {
  Callable,
  compare,
  contains,
  type Given,
  isEqual,
  isIterable,
  isList,
  isNumber,
  Loop,
  PyDict,
  PyObject,
  print,
  Range,
  Tuple,
  Undefined,
  type Value,
} from './values.js'

type Test = (value: Value, given: GivenArguments) => boolean

const remainder = (value: Value, divisor: Value) => binary('%', value, divisor)
const equal: Test = (value, given) => isEqual(value, given.required('b'))
const ordered =
  (holds: (order: number) => boolean): Test =>
  (value, given) =>
    holds(compare(value, given.required('b')))
const [lt, le, gt, ge] = [
  ordered((order) => order < 0),
  ordered((order) => order <= 0),
  ordered((order) => order > 0),
  ordered((order) => order >= 0),
]

const tests: ReadonlyMap<string, Test> = new Map<string, Test>(
  Object.entries<Test>({
    defined: (value) => !(value instanceof Undefined),
    undefined: (value) => value instanceof Undefined,
    none: (value) => value === null,
    boolean: (value) => typeof value === 'boolean',
    true: (value) => value === true,
    false: (value) => value === false,
    integer: (value) => typeof value === 'bigint',
    float: (value) => typeof value === 'number',
    number: isNumber,
    string: (value) => typeof value === 'string',
    mapping: (value) => value instanceof PyDict,
    // Undefined and LoopContext have the methods that these tests look for.
    iterable: (value) => isIterable(value) || value instanceof Loop,
    sequence: (value) =>
      typeof value === 'string' ||
      isList(value) ||
      [Tuple, PyDict, Range, Undefined].some((type) => value instanceof type),
    callable: (value) => value instanceof Callable || value instanceof Undefined || value instanceof Loop,
    odd: (value) => isEqual(remainder(value, 2n), 1n),
    even: (value) => isEqual(remainder(value, 2n), 0n),
    divisibleby: (value, given) => isEqual(remainder(value, given.required('num')), 0n),
    lower: (value) => isCased(print(value), 'lower'),
    upper: (value) => isCased(print(value), 'upper'),
    in: (value, given) => contains(given.required('seq'), value),
    sameas(value, given) {
      const other = given.required('other')
      if ([value, other].some((one) => one === null || typeof one === 'boolean')) return value === other
      throw unsupported('the test "is sameas" for other values than true, false and none')
    },
    eq: equal,
    equalto: equal,
    '==': equal,
    ne: (value, given) => !equal(value, given),
    lt,
    lessthan: lt,
    le,
    gt,
    greaterthan: gt,
    ge,
  }),
)

export const testNames: { has(name: string): boolean } = tests

export function applyTest(name: string, value: Value, given: Given): boolean {
  const test = tests.get(name)
  if (test === undefined) throw unsupported(`the test "${name}"`)
  const reader = new GivenArguments(`the test "${name}"`, given)
  const result = test(value, reader)
  reader.end()
  if (value instanceof PyObject && value.type === 'generator' && name === 'in')
    throw new Fault('a value that can be read once cannot be searched for')
  return result
}
