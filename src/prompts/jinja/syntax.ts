/** Every node has the offset of its first character in the template, with newlines normalised to `\n`. */
interface At {
  readonly at: number
}

export interface Arguments {
  readonly positional: readonly Expression[]
  readonly named: readonly { readonly name: string; readonly value: Expression }[]
  /** `f(*list)` and `f(**mapping)`. */
  readonly spread?: Expression | undefined
  readonly namedSpread?: Expression | undefined
}

export interface Comparison {
  readonly operator: '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | 'not in'
  readonly right: Expression
}

export type BinaryOperator = '+' | '-' | '*' | '/' | '//' | '%' | '**'

export type Expression = At &
  (
    | { readonly type: 'constant'; readonly value: string | bigint | number | boolean | null }
    | { readonly type: 'name'; readonly name: string }
    | { readonly type: 'list' | 'tuple'; readonly items: readonly Expression[] }
    | { readonly type: 'dict'; readonly entries: readonly (readonly [Expression, Expression])[] }
    | { readonly type: 'attribute'; readonly object: Expression; readonly name: string }
    | { readonly type: 'item'; readonly object: Expression; readonly key: Expression }
    | {
        readonly type: 'slice'
        readonly object: Expression
        readonly bounds: readonly [Expression | undefined, Expression | undefined, Expression | undefined]
      }
    | { readonly type: 'call'; readonly callee: Expression; readonly arguments: Arguments }
    | { readonly type: 'filter'; readonly operand: Expression; readonly name: string; readonly arguments: Arguments }
    | { readonly type: 'test'; readonly operand: Expression; readonly name: string; readonly arguments: Arguments }
    | { readonly type: 'compare'; readonly left: Expression; readonly comparisons: readonly Comparison[] }
    | {
        readonly type: 'binary'
        readonly operator: BinaryOperator
        readonly left: Expression
        readonly right: Expression
      }
    | { readonly type: 'concatenation'; readonly parts: readonly Expression[] }
    | { readonly type: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
    | { readonly type: 'not' | 'negative' | 'positive'; readonly operand: Expression }
    | {
        readonly type: 'conditional'
        readonly test: Expression
        readonly value: Expression
        readonly otherwise?: Expression | undefined
      }
  )

/** What `set` and `for` assign to. */
export type Target = At &
  (
    | { readonly type: 'name'; readonly name: string }
    | { readonly type: 'namespace'; readonly object: string; readonly name: string }
    | { readonly type: 'tuple'; readonly items: readonly Target[] }
  )

export interface Parameter extends At {
  readonly name: string
  readonly fallback?: Expression | undefined
}

export type FilterCall = At & { readonly name: string; readonly arguments: Arguments }

export type Statement = At &
  (
    | { readonly type: 'text'; readonly text: string }
    | { readonly type: 'output'; readonly value: Expression }
    | {
        readonly type: 'if'
        readonly branches: readonly { readonly test: Expression; readonly body: Body }[]
        readonly otherwise: Body
      }
    | {
        readonly type: 'for'
        readonly target: Target
        readonly iterable: Expression
        readonly filter?: Expression | undefined
        readonly body: Body
        readonly otherwise: Body
      }
    | { readonly type: 'set'; readonly target: Target; readonly value: Expression }
    | {
        readonly type: 'set-block'
        readonly target: Target
        readonly filters: readonly FilterCall[]
        readonly body: Body
      }
    | { readonly type: 'with'; readonly values: readonly (readonly [Target, Expression])[]; readonly body: Body }
    | { readonly type: 'macro'; readonly name: string; readonly parameters: readonly Parameter[]; readonly body: Body }
    | {
        readonly type: 'call-block'
        readonly call: Expression & { readonly type: 'call' }
        readonly parameters: readonly Parameter[]
        readonly body: Body
      }
    | { readonly type: 'filter-block'; readonly filters: readonly FilterCall[]; readonly body: Body }
    | { readonly type: 'scope'; readonly body: Body }
    | { readonly type: 'break' | 'continue' }
  )

export type Body = readonly Statement[]
