import { expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { connectionErrors } from '../../src/execute/bullmq/connection-errors.js'

const failure = (code: string, message = 'it failed') => Object.assign(new Error(message), { code })

async function calls(error: Error, patienceMs: number) {
  let attempts = 0
  const { call } = connectionErrors('redis://127.0.0.1', patienceMs)
  const run = async () => {
    attempts += 1
    throw error
  }
  const thrown = await call('read a job', run, callContext()).catch((reason: unknown) => reason)
  return { attempts, thrown }
}

const authority = /the TLS connection to redis:\/\/127\.0\.0\.1 failed .*NODE_EXTRA_CA_CERTS/
const client = /the TLS connection to redis:\/\/127\.0\.0\.1 failed .*only clients with a certificate/

it.each<[string, RegExp]>([
  ['DEPTH_ZERO_SELF_SIGNED_CERT', authority],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', authority],
  ['CERT_HAS_EXPIRED', authority],
  ['ERR_TLS_CERT_ALTNAME_INVALID', authority],
  ['ERR_SSL_WRONG_VERSION_NUMBER', authority],
  ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', authority],
  ['ERR_SSL_UNSUPPORTED_PROTOCOL', authority],
  ['EPROTO', authority],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', client],
  ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', client],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', client],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', client],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED', client],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN', client],
  ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', authority],
])('a TLS connection that fails with %s is not tried again', async (code, message) => {
  const { attempts, thrown } = await calls(failure(code), 60_000)
  expect(attempts).toBe(1)
  expect(thrown).toMatchObject({ code: 'remote-failed', retryable: false, message: expect.stringMatching(message) })
})

it('wrong credentials are not tried again', async () => {
  const { attempts, thrown } = await calls(failure('ERR', 'WRONGPASS invalid username-password pair'), 60_000)
  expect([attempts, (thrown as { code: string }).code]).toEqual([1, 'access-denied'])
})

it.each([
  'ECONNREFUSED',
  'ERR_TLS_HANDSHAKE_TIMEOUT',
  'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR',
  'ERR_SSL_UNEXPECTED_EOF_WHILE_READING',
  'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC',
])('a server that does not answer is tried again: %s', async (code) => {
  const { attempts, thrown } = await calls(failure(code), 100)
  expect(attempts).toBeGreaterThan(1)
  expect(thrown).toMatchObject({ code: 'remote-failed', retryable: true })
})
