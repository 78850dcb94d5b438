import { describe, expect, it } from 'vitest'
import { sheikh, temporary } from './harness.js'

const address = 'redis://127.0.0.1:1'

describe('the options of a queue', () => {
  it.each([
    [['worker'], /Cannot start a worker: the address of the queue is missing. Give --redis or --postgres/],
    [['worker', '--queue', 'gpu'], /--queue needs an address/],
    [['worker', '--redis', address, '--export', 'make'], /--export names a function of --module/],
    [['worker', '--redis', address, '--password-env', 'SHEIKH_NONE'], /"SHEIKH_NONE" is not set or empty/],
    [['doctor', '--queue', 'gpu'], /Cannot look at the cluster: --queue needs an address/],
    [['tune', '--password-env', 'SHEIKH_NONE'], /Cannot search: --password-env needs an address/],
    [['run', '--workers', '0'], /Cannot run: --workers is "0"/],
    [['run', '--redis', address, '--workers', '2'], /Cannot run: --workers is for this machine.*Give one of them/],
    [['tune', '--redis', address, '--workers', '2'], /Cannot search: --workers is for this machine.*Give one of them/],
  ])('refuses %j', async (parts, message) => {
    const { code, err } = await sheikh(await temporary(), parts)
    expect(err).toMatch(message)
    expect(code).toBe(1)
  })
})
