// `npm run api`: writes docs/api.txt.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatPublicApi, readPublicApi } from './public-api.js'

writeFileSync(join(import.meta.dirname, '../../docs/api.txt'), formatPublicApi(readPublicApi()))
