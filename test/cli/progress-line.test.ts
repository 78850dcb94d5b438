import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { progressLine, RateMeter } from '../../src/cli/progress-line.js'

const half = { name: 'train', done: 500, total: 1000, unit: 'steps', rate: 25, detail: 'loss 0.342' }

describe('progressLine', () => {
  it('shows the share, the count, the rate, the time left and the detail', () => {
    expect(progressLine(half, 200)).toBe(
      'train [==============>               ]  50 %  500/1000  25 steps/s  20 s left  loss 0.342',
    )
  })

  it('on a narrower terminal shortens the bar, then leaves out the least important parts', () => {
    expect(progressLine(half, 80)).toBe(
      'train [==========>          ]  50 %  500/1000  25 steps/s  20 s left  loss 0.342',
    )
    expect(progressLine(half, 40)).toBe('train  50 %  500/1000  20 s left')
    expect(progressLine(half, 23)).toBe('train  50 %  20 s left')
    expect(progressLine(half, 12)).toBe('train  50 %')
  })

  it('without a unit shows the share and the time left', () => {
    const upload = { name: 'upload model.safetensors', done: 0.25, total: 1, rate: 0.05 }
    expect(progressLine(upload, 70)).toBe(`upload model.safetensors [${'======>'.padEnd(26)}]  25 %  15 s left`)
  })

  it('fits any width, and the start, the end and an unknown rate are lines too', () => {
    const share = fc.record({
      done: fc.nat(5000),
      total: fc.nat(5000),
      rate: fc.option(fc.double({ min: 0, max: 1e9, noNaN: true }), { nil: undefined }),
    })
    fc.assert(
      fc.property(share, fc.integer({ min: 1, max: 200 }), (progress, columns) => {
        const line = progressLine({ ...half, ...progress }, columns)
        expect(line.length).toBeLessThanOrEqual(columns)
        expect(line).not.toMatch(/NaN|Infinity|undefined|\n/)
      }),
    )
    expect(progressLine({ ...half, done: 0, rate: undefined }, 60)).toBe(
      `train [${' '.repeat(26)}]   0 %  0/1000  loss 0.342`,
    )
    expect(progressLine({ ...half, done: 1000 }, 80)).toMatch(/\[=+\] 100 %/)
  })
})

describe('RateMeter', () => {
  it('needs two points, and forgets what is older than 20 seconds', () => {
    const meter = new RateMeter()
    meter.add(0, 10)
    expect(meter.rate()).toBe(undefined)
    meter.add(1000, 11)
    expect(meter.rate()).toBe(1)
    for (let second = 2; second <= 40; second += 1) meter.add(1000 * second, 11 + 50 * (second - 1))
    expect(meter.rate()).toBe(50)
  })
})
