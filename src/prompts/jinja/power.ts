import { binary } from './arithmetic.js'
import { unsupported } from './fault.js'
import type { Expression } from './syntax.js'
import type { Value } from './values.js'

/**
 * Jinja2 writes a constant without parentheses into the Python code that it makes, so the sign of a negative one is applied
 * after the power: `{{ (-2) ** n }}` is −4 for n = 2, and `{{ (-2) ** 2 }}`, which is all constant, is 4.
 */
export function powerOf(node: Expression & { readonly type: 'binary' }, left: Value, right: Value): Value {
  if (typeof left !== 'bigint' || left >= 0n) return binary('**', left, right)
  const [base, exponent] = [foldingOf(node.left), foldingOf(node.right)]
  if (base === 'code' || (base === 'constant' && exponent === 'constant')) return binary('**', left, right)
  if (base === 'unknown' || exponent === 'unknown') throw unsupported('a power of a negative constant')
  return binary('-', 0n, binary('**', -left, right))
}

/** What Jinja2's optimizer makes of an expression before it runs: a constant, code, or one that cannot be told from here. */
type Folding = 'constant' | 'code' | 'unknown'

/** As jinja2/optimizer.py: an expression of constants alone becomes one constant, and a name never does. */
function foldingOf(node: Expression): Folding {
  switch (node.type) {
    case 'constant':
      return 'constant'
    case 'name':
      return 'code'
    case 'list':
    case 'tuple':
      return together(node.items)
    case 'dict':
      return together(node.entries.flat())
    case 'attribute':
      return foldingOf(node.object)
    case 'item':
      return together([node.object, node.key])
    case 'compare':
      return together([node.left, ...node.comparisons.map(({ right }) => right)])
    case 'binary':
      return together([node.left, node.right])
    case 'concatenation':
      return together(node.parts)
    case 'not':
    case 'negative':
    case 'positive':
      return foldingOf(node.operand)
    default:
      // Some filters are called early and others are not; `or` and `if` may never look at their other part.
      return 'unknown'
  }
}

function together(parts: readonly Expression[]): Folding {
  const foldings = parts.map(foldingOf)
  if (foldings.includes('unknown')) return 'unknown'
  return foldings.includes('code') ? 'code' : 'constant'
}
