import { pathToFileURL } from 'node:url'
import { createBranch, createRepo, datasetInfo, deleteBranch, listFiles, uploadFiles } from '@huggingface/hub'

/** The run's place in the repository, which goes with all that lies there. */
export function runBranch(name, branch) {
  const repo = { type: 'dataset', name }
  let hasBegun = false

  async function largeFiles(hub, revision) {
    const oids = new Set()
    for await (const { lfs } of listFiles({ ...hub, repo, revision, recursive: true })) if (lfs) oids.add(lfs.oid)
    return oids
  }

  async function ask(hub, path, body) {
    const response = await hub.fetch(`${hub.hubUrl}/api/datasets/${name}/${path}`, {
      headers: { authorization: `Bearer ${hub.accessToken}`, 'content-type': 'application/json' },
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`HTTP ${response.status} for ${path}`)
    return response.json()
  }

  return {
    async create(hub) {
      const info = () => datasetInfo({ ...hub, name })
      const found = await info().catch(async (error) => {
        if (error.statusCode !== 404) throw error
        await createRepo({ ...hub, repo, visibility: 'private' }).catch(unless(409))
        return info()
      })
      if (!found.private) throw new Error(`${name} is public, and your rows would be too: name a private repository`)
      // Not after it: the answer may be lost.
      hasBegun = true
      await createBranch({ ...hub, repo, branch, empty: true, overwrite: true })
    },

    /** @returns the commit */
    async send(files, hub) {
      const contents = files.map(({ path, from, text }) => ({
        path,
        content: from ? pathToFileURL(from) : new Blob([text]),
      }))
      const sent = await uploadFiles({
        ...hub,
        repo,
        branch,
        files: contents,
        commitTitle: 'What the job needs',
        useWebWorkers: false,
      })
      return sent.commit.oid
    },

    async remove(hub) {
      if (!hasBegun) return
      const large = (await largeFiles(hub, branch).catch(unless(404))) ?? new Set()
      await deleteBranch({ ...hub, repo, branch }).catch(unless(404))
      // A branch goes without its large files. Those that another run sent too are still needed.
      if (large.size === 0) return
      for (const { name: other } of (await ask(hub, 'refs')).branches)
        for (const oid of await largeFiles(hub, encodeURIComponent(other))) large.delete(oid)
      if (large.size > 0) await ask(hub, 'lfs-files/batch', { deletions: { sha: [...large], rewriteHistory: false } })
    },
  }
}

const unless = (status) => (error) => {
  if (error.statusCode !== status) throw error
}
