import { afterEach, beforeEach, expect, vi } from 'vitest'

// A library that prints is a library that cannot be embedded: stray console output fails the test that caused it.
const methods = ['log', 'info', 'warn', 'error', 'debug'] as const
let printed: string[] = []

beforeEach(() => {
  printed = []
  for (const method of methods)
    vi.spyOn(console, method).mockImplementation((...parts: unknown[]) => {
      printed.push(`console.${method}: ${parts.map(String).join(' ')}`)
    })
})

afterEach(() => {
  vi.restoreAllMocks()
  if (printed.length > 0) expect(printed, 'stray console output').toEqual([])
})
