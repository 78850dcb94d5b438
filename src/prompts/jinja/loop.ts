// https://jinja.palletsprojects.com/en/stable/templates/#for
import { Fault } from './fault.js'
import { Callable, isEqual, Loop, otherwise, Undefined, type Value } from './values.js'

/** The variable `loop`, which follows the position of its loop. */
export function loopVariable(list: readonly Value[], index: () => number): Loop {
  let last: readonly Value[] | undefined
  const integer = (value: () => number) => () => BigInt(value())
  return new Loop(
    new Map<string, () => Value>([
      ['index', integer(() => index() + 1)],
      ['index0', integer(index)],
      ['revindex', integer(() => list.length - index())],
      ['revindex0', integer(() => list.length - index() - 1)],
      ['length', integer(() => list.length)],
      ['depth', () => 1n],
      ['depth0', () => 0n],
      ['first', () => index() === 0],
      ['last', () => index() === list.length - 1],
      ['previtem', () => otherwise(list[index() - 1], new Undefined('the item before the first'))],
      ['nextitem', () => otherwise(list[index() + 1], new Undefined('the item after the last'))],
      [
        'cycle',
        () =>
          new Callable('cycle', ({ positional }) => {
            if (positional.length === 0) throw new Fault('loop.cycle needs an argument')
            return positional[index() % positional.length]!
          }),
      ],
      [
        'changed',
        () =>
          new Callable('changed', ({ positional }) => {
            const same =
              last?.length === positional.length && positional.every((value, at) => isEqual(value, last![at]!))
            last = positional
            return !same
          }),
      ],
    ]),
  )
}
