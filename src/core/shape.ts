import { isDigest } from './digest.js'
import { isJson } from './json.js'

/** What a value from outside must look like to be a `T`. Members that a shape does not name are left alone. */
export interface Shape<out T> {
  /** The path of the first part that does not fit, such as `verdict.findings.0.check`; `undefined` if all of it fits. */
  readonly misfit: (value: unknown, path: string) => string | undefined
  /** Never there: carries the type. */
  readonly type?: T
}

interface OptionalShape<out T> extends Shape<T | undefined> {
  readonly isOptional: true
}

type TypeOf<S> = S extends Shape<infer T> ? T : never
type Members = Readonly<Record<string, Shape<unknown>>>
type OptionalNames<M extends Members> = { [K in keyof M]: M[K] extends OptionalShape<unknown> ? K : never }[keyof M]
type ObjectOf<M extends Members> = { readonly [K in Exclude<keyof M, OptionalNames<M>>]: TypeOf<M[K]> } & {
  readonly [K in OptionalNames<M>]?: TypeOf<M[K]>
}

/** The path of the first part of `value` that does not fit; `undefined` if it is a `T`. */
export const misfitOf = (shape: Shape<unknown>, value: unknown, name = 'it'): string | undefined =>
  shape.misfit(value, name)

export const fits = <T>(shape: Shape<T>, value: unknown): value is T => shape.misfit(value, '') === undefined

/** A shape by a guard. */
export const shapeOf = <T>(is: (value: unknown) => value is T): Shape<T> => ({
  misfit: (value, path) => (is(value) ? undefined : path),
})

export const text = shapeOf((value) => typeof value === 'string')
export const digest = shapeOf(isDigest)
export const json = shapeOf(isJson)
/** Finite, as every number in JSON is. */
export const finite = shapeOf((value): value is number => Number.isFinite(value))
export const flag = shapeOf((value) => typeof value === 'boolean')

export const word = <const W extends string | number | null>(...words: readonly W[]): Shape<W> =>
  shapeOf((value): value is W => words.includes(value as W))

export const optional = <T>(shape: Shape<T>): OptionalShape<T> => ({
  isOptional: true,
  misfit: (value, path) => (value === undefined ? undefined : shape.misfit(value, path)),
})

export const nullable = <T>(shape: Shape<T>): Shape<T | null> => ({
  misfit: (value, path) => (value === null ? undefined : shape.misfit(value, path)),
})

export const list = <T>(item: Shape<T>): Shape<readonly T[]> => ({
  misfit: (value, path) => (Array.isArray(value) ? first(value.entries(), item, path) : path),
})

export const nonEmptyList = <T>(item: Shape<T>): Shape<readonly [T, ...T[]]> => ({
  misfit: (value, path) => (Array.isArray(value) && value.length > 0 ? first(value.entries(), item, path) : path),
})

/** An object whose members all have one shape. */
export const recordOf = <T>(member: Shape<T>): Shape<Readonly<Record<string, T>>> => ({
  misfit: (value, path) => (isObject(value) ? first(Object.entries(value), member, path) : path),
})

export const object = <const M extends Members>(members: M): Shape<ObjectOf<M>> => ({
  misfit(value, path) {
    if (!isObject(value)) return path
    for (const [name, shape] of Object.entries(members)) {
      const found = shape.misfit(Object.hasOwn(value, name) ? value[name] : undefined, `${path}.${name}`)
      if (found !== undefined) return found
    }
    return undefined
  },
})

/** An object that has the members of both. */
export const both = <A, B>(left: Shape<A>, right: Shape<B>): Shape<A & B> => ({
  misfit: (value, path) => left.misfit(value, path) ?? right.misfit(value, path),
})

/** A union that one member tells apart. */
export const union = <const N extends string, const V extends Readonly<Record<string, Shape<unknown>>>>(
  name: N,
  variants: V,
): Shape<{ [K in keyof V & string]: { readonly [_ in N]: K } & TypeOf<V[K]> }[keyof V & string]> => ({
  misfit(value, path) {
    if (!isObject(value)) return path
    const tag = Object.hasOwn(value, name) ? value[name] : undefined
    const variant = typeof tag === 'string' && Object.hasOwn(variants, tag) ? variants[tag] : undefined
    return variant === undefined ? `${path}.${name}` : variant.misfit(value, path)
  },
})

function first(
  entries: Iterable<readonly [string | number, unknown]>,
  shape: Shape<unknown>,
  path: string,
): string | undefined {
  for (const [name, value] of entries) {
    const found = shape.misfit(value, `${path}.${name}`)
    if (found !== undefined) return found
  }
  return undefined
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
