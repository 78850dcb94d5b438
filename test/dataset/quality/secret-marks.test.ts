import { setImmediate } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { SecretScanner } from '../../../src/dataset/quality/secrets.js'
import { plantedSecrets } from './planted-secrets.js'

it('a scan leaves no marks in the process: secretlint would search all of them again and again', async () => {
  const found: string[] = []
  const scanner = new SecretScanner<string>((_, rule) => found.push(rule))
  for (let scan = 0; scan < 3; scan += 1) {
    await scanner.add(`${scan}`, Object.values(plantedSecrets).join('\n'))
    await scanner.flush()
  }
  await setImmediate()
  expect(found.length).toBeGreaterThan(0)
  expect(performance.getEntriesByType('mark').map(({ name }) => name)).toEqual([])
})
