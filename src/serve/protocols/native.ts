import type { Json } from '../../core/index.js'
import { openApiDocument } from '../openapi.js'
import type { Protocol, Served } from '../protocol.js'
import { members } from './request.js'

/** The protocol of this package: `POST /v1/predict`, described by `/openapi.json`. */
export const native = (served: Served): Protocol => ({
  name: 'sheikh',
  routes: [
    {
      method: 'POST',
      path: '/v1/predict',
      async answer(call) {
        const { inputs } = members(call.body, ['inputs'])
        const predictions = await served.predict(inputs as readonly Json[], call)
        const { version, bundle } = served.release
        return { json: { id: call.id, release: { version, bundle }, predictions } }
      },
    },
    { method: 'GET', path: '/openapi.json', answer: async () => ({ json: openApiDocument(served) }) },
    { method: 'GET', path: '/healthz', isHealth: true, answer: async () => ({ json: { status: 'alive' } }) },
    {
      method: 'GET',
      path: '/readyz',
      isHealth: true,
      answer: async () =>
        served.isReady() ? { json: { status: 'ready' } } : { json: { status: 'stopping' }, status: 503 },
    },
  ],
})
