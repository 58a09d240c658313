import {
  type BudgetName,
  budgetKey,
  type DeclaredBudget,
  declaredBudgets,
} from '#shared/offers/budget.ts'
import { unpackRelease } from '#shared/release.ts'
import type { Environment } from '../environment.ts'
import { canaryTag, liveTag } from '../publishing/tags.ts'

/** Of releases that answer, two a site; past it they are read again. */
const releasesMax = 200

type Budgets = ReadonlyMap<string, DeclaredBudget>

/** The budgets that a site's releases declare: a policy that changes one changes it for every POP at once. */
export class DeclaredBudgets {
  readonly #environment: Pick<Environment, 'registry' | 'blobs'>
  /** By digest, which never changes what it means. */
  readonly #read = new Map<string, Budgets>()

  constructor(environment: Pick<Environment, 'registry' | 'blobs'>) {
    this.#environment = environment
  }

  /** Those of the live release, and those that only its canary has. */
  async ofSite(site: string): Promise<Budgets> {
    const { registry } = this.#environment
    const [live, canary] = await Promise.all([
      registry.tag(site, liveTag),
      registry.lastMove(site, canaryTag),
    ])
    const tried = canary && canary.share !== 0 ? await this.#of(canary.digest) : []
    return new Map([...tried, ...(live === null ? [] : await this.#of(live))])
  }

  async find(site: string, name: BudgetName): Promise<DeclaredBudget | null> {
    return (await this.ofSite(site)).get(budgetKey(name)) ?? null
  }

  async #of(digest: string): Promise<Budgets> {
    const known = this.#read.get(digest)
    if (known) return known
    const bytes = await this.#environment.blobs.get(digest)
    if (bytes === null) return new Map()
    const budgets = declaredBudgets(unpackRelease(new Uint8Array(bytes)).policy.placements)
    if (this.#read.size >= releasesMax) this.#read.clear()
    this.#read.set(digest, budgets)
    return budgets
  }
}
