import type { JsonObject } from '../core/index.js'
import { type Operation, type Schema, string } from './operation.js'
import type { Protocol, Route, Served } from './protocol.js'

const headers = {
  'sheikh-release': { description: 'The version of the release that answered.', required: true, schema: string },
  'sheikh-bundle': { description: 'The digest of its bundle.', required: true, schema: string },
  'sheikh-prediction': { description: 'The id of the answer.', required: true, schema: string },
}

/** The body of a refusal that a protocol has no other shape for. */
const ownRefusal: Schema = {
  type: 'object',
  required: ['error'],
  properties: {
    error: { type: 'object', required: ['code', 'message'], properties: { code: string, message: string } },
  },
}

/**
 * The OpenAPI 3.1 document of the server, made from the routes that it has. Routes that can only refuse this model are left
 * out.
 */
export function openApiDocument(served: Served, protocols: readonly Protocol[]): JsonObject {
  const { name, basePath, needsToken, release, components: schemas } = served
  const kind = served.kind()
  const paths: Record<string, Record<string, JsonObject>> = {}
  for (const protocol of protocols)
    for (const route of protocol.routes) {
      const operation = route.operation()
      if (kind !== undefined && operation.kinds?.includes(kind) === false) continue
      paths[route.path] = {
        ...paths[route.path],
        [route.method.toLowerCase()]: operationOf(operation, route, protocol, needsToken),
      }
    }
  return {
    openapi: '3.1.0',
    info: { title: `Predictions of ${name}`, version: release.version },
    ...(basePath !== '' && { servers: [{ url: basePath }] }),
    paths,
    components: { schemas, securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
  } as JsonObject
}

function operationOf(
  { id, description, request, answers }: Operation,
  { isHealth = false }: Route,
  protocol: Protocol,
  needsToken: boolean,
): JsonObject {
  const described = Object.entries(answers).map(([status, answer]) => [status, { ...answer, headers }])
  const refusal = {
    description: 'A refusal, with its reason.',
    headers,
    content: { 'application/json': { schema: protocol.refusal?.schema ?? ownRefusal } },
  }
  return {
    operationId: id,
    tags: [protocol.name],
    ...(description !== undefined && { description }),
    security: needsToken && !isHealth ? [{ bearer: [] }] : [],
    ...(request !== undefined && {
      requestBody: { required: true, content: { 'application/json': { schema: request } } },
    }),
    responses: { ...Object.fromEntries(described), ...(!isHealth && { default: refusal }) },
  }
}
