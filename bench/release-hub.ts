// A loopback Hub in a process of its own, so that its memory and hashing are not the client's. Ends with its parent.
import { startHub } from '../src/testing/hub/index.js'

const hub = await startHub({ folder: process.argv[2]! })
process.on('message', () => process.send!({ bytesReceived: hub.bytesReceived }))
process.on('disconnect', () => void hub.close().then(() => process.exit()))
process.send!({ url: hub.url })
