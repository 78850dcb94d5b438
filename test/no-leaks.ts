import { afterEach, beforeEach, expect } from 'vitest'

// A tensor that is left behind is memory that a host never gets back: it fails the test that made it. tfjs keeps its engine here.
const tensors = () =>
  (globalThis as { readonly _tfengine?: { memory(): { readonly numTensors: number } } })._tfengine?.memory()
    .numTensors ?? 0
let before = 0
let allowed = 0

/** For a test that shows what tfjs itself leaves. */
export const allowTensors = (count: number) => {
  allowed = count
}

beforeEach(() => {
  before = tensors()
  allowed = 0
})

afterEach(() => {
  if (tensors() - before > allowed) expect(tensors() - before, 'tensors left behind').toBeLessThanOrEqual(allowed)
})
