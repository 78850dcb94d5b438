import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe } from 'vitest'
import { type S3UnderTest, s3Suite } from '../releaser/s3-suite.js'
import { interopPython } from './python.js'

let child: ChildProcess
let server: S3UnderTest

beforeAll(async () => {
  child = spawn(interopPython()!, [join(import.meta.dirname, 's3-moto.py')], { stdio: ['pipe', 'pipe', 'ignore'] })
  const [line] = (await once(createInterface(child.stdout!), 'line')) as [string]
  const credentials = { accessKeyId: 'testing', secretAccessKey: 'testing' }
  server = { ...(JSON.parse(line) as Pick<S3UnderTest, 'endpoint' | 'bucket'>), credentials }
})
afterAll(async () => {
  child.stdin!.end()
  await once(child, 'exit')
})

describe("moto's server", () => s3Suite(() => server))
