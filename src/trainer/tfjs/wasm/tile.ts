import { sizeOf, wasmKernel } from './backend.js'

/** A tensor repeated along its axes. tfjs's reckons every value's place anew: a hundred times slower. */
export const tile = wasmKernel<'x', { readonly reps: readonly number[] }>(
  'Tile',
  ({ inputs: { x }, attrs: { reps }, backend }) => {
    const output = backend.makeOutput(
      x.shape.map((size, axis) => size * reps[axis]!),
      x.dtype,
    )
    const [from, to] = [backend.typedArrayFromHeap(x), backend.typedArrayFromHeap(output)]
    if (to.length === 0) return output
    /** Writes the block of the axes from `axis` on that starts at `source`, and says where it ends. */
    const write = (axis: number, source: number, at: number): number => {
      let end = at
      if (axis === x.shape.length) {
        to[end] = from[source]!
        return end + 1
      }
      const stride = sizeOf(x.shape.slice(axis + 1))
      if (reps.slice(axis + 1).every((times) => times === 1)) {
        const length = x.shape[axis]! * stride
        for (let index = 0; index < length; index += 1) to[end++] = from[source + index]!
      } else for (let index = 0; index < x.shape[axis]!; index += 1) end = write(axis + 1, source + index * stride, end)
      const block = end - at
      for (let time = 1; time < reps[axis]!; time += 1) to.copyWithin(at + time * block, at, at + block)
      return at + reps[axis]! * block
    }
    write(0, 0, 0)
    return output
  },
)
