import { SheikhError } from '../core/index.js'
import type { Page } from './answers.js'

const perPage = 50

/** @param page from 1. @throws `not-found` for a page that does not exist. */
export function pageOf<Item>(all: readonly Item[], page: number, what: string): Page<Item> {
  const pages = Math.max(1, Math.ceil(all.length / perPage))
  if (!(Number.isSafeInteger(page) && page >= 1 && page <= pages))
    throw new SheikhError('not-found', `Cannot show this page of the ${what}: there are ${pages}, from 1.`)
  return { items: all.slice((page - 1) * perPage, page * perPage), page, pages, total: all.length }
}
